"""Command ``serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sentinel_batch.cli.session import Session, with_session


@with_session
def serve(
    session: Session,
    host: Annotated[str, typer.Option("--host", metavar="NAME", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", min=1, max=65535, help="Port to listen on.")] = 8000,
    insecure_local: Annotated[
        bool, typer.Option("--insecure-local", help="Let everybody on this machine in, without a key.")
    ] = False,
    workers_for_jobs: Annotated[
        int, typer.Option("--workers-for-jobs", metavar="N", min=1, max=16, help="Processes that do the long jobs.")
    ] = 1,
    max_upload: Annotated[
        int, typer.Option("--max-upload", metavar="MB", min=1, help="Largest file that is taken.")
    ] = 4096,
    requests_per_minute: Annotated[
        int, typer.Option("--requests-per-minute", metavar="N", min=1, max=1_000_000, help="Of each key.")
    ] = 6000,
    answer_within: Annotated[
        float, typer.Option("--answer-within", metavar="SECONDS", min=0.1, help="Longest wait for a question's answer.")
    ] = 10.0,
    keep_answers: Annotated[
        int, typer.Option("--keep-answers", metavar="MB", min=0, help="Memory for answers that are still true.")
    ] = 64,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option("--allow-origin", metavar="ORIGIN", help="Web pages that may call it: https://desk.example."),
    ] = None,
    show_numbers: Annotated[
        bool, typer.Option("--show-numbers", help="Show readers whole numbers; they are masked otherwise.")
    ] = False,
    voice_workers: Annotated[
        int | None,
        typer.Option(
            "--voice-workers",
            metavar="N",
            min=1,
            max=64,
            help="Processes that listen to recordings, started at once [default: one per core, with the first one].",
        ),
    ] = None,
    voice_queue: Annotated[
        int, typer.Option("--voice-queue", metavar="N", min=0, max=10_000, help="Recordings that may wait for them.")
    ] = 16,
    voice_seconds: Annotated[
        float, typer.Option("--voice-seconds", metavar="S", min=1, max=3600, help="Longest answer on a recording.")
    ] = 60.0,
    voice_upload: Annotated[
        int, typer.Option("--voice-upload", metavar="MB", min=1, max=4096, help="Largest recording that is taken.")
    ] = 100,
    keep_recordings: Annotated[
        Path | None,
        typer.Option("--keep-recordings", metavar="DIR", help="Move recordings there once answered, for the night."),
    ] = None,
    mock: Annotated[
        bool, typer.Option("--mock", help="Stand in for the voice API instead: no lake, no engine, invented scores.")
    ] = False,
    mock_seed: Annotated[
        int, typer.Option("--mock-seed", metavar="N", help="What the mock's scores and faults follow from.")
    ] = 0,
) -> None:
    """Answer the Sentinel API and the voice API over HTTP, from the same lake.

    Keys are made with keys add; without one it starts with --insecure-local only. docs/service.md and
    docs/voice-server.md describe it.
    """
    from sentinel_batch.service import ServiceSettings, serve_mock
    from sentinel_batch.service import serve as listen
    from sentinel_batch.service.settings import service_folder

    if mock:
        session.output.note(f"A mock of the voice API at http://{host}:{port}, key mock_api_key_12345 (Ctrl-C ends it)")
        serve_mock(host, port, mock_seed)
        return

    desk = session.desk()
    if not isinstance(desk.config.lake, str):
        desk = desk.configure(lake=service_folder(desk).parent)
    settings = ServiceSettings(
        desk=desk,
        host=host,
        port=port,
        insecure_local=insecure_local,
        job_workers=workers_for_jobs,
        max_upload=max_upload << 20,
        requests_per_minute=requests_per_minute,
        answer_seconds=answer_within,
        kept_answers=keep_answers << 20,
        allowed_origins=tuple(allow_origin or ()),
        mask_numbers=not show_numbers,
        voice_workers=voice_workers,
        voice_queue=voice_queue,
        voice_seconds=voice_seconds,
        voice_upload=voice_upload << 20,
        voice_keep=keep_recordings,
    )
    session.output.note(f"Serving {desk.config.lake} at http://{host}:{port} (Ctrl-C ends it)")
    listen(settings)
