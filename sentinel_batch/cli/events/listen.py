"""Command ``events listen``."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.audio.options import KeyFile, Model, Profile, Store
from sentinel_batch.cli.events.options import (
    AllowHost,
    AllowHttp,
    AllowPrivate,
    Attempts,
    AudioFolder,
    FetchSeconds,
    KeepDays,
    MaxAudio,
    MetricsHost,
    MetricsPort,
    PolicyFor,
    Results,
    SarDrafts,
    StoreFile,
    Workers,
    find_events_store,
    make_recordings,
    open_handler,
    open_metrics,
    show_tally,
)
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from audio_batch.events.signing import Signer

SECRET_VARIABLE = "SENTINEL_WEBHOOK_SECRET"  # noqa: S105 - the name of the variable
"""Environment variable with the secret of senders."""


@with_session
def listen(
    session: Session,
    host: Annotated[str, typer.Option("--host", metavar="NAME", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", min=1, max=65535, help="Port to listen on.")] = 8001,
    secret_file: Annotated[
        Path | None,
        typer.Option(
            "--secret-file", metavar="FILE", help=f"Secrets of senders, a line each [env {SECRET_VARIABLE}: one]."
        ),
    ] = None,
    replay_seconds: Annotated[
        float, typer.Option("--replay-seconds", metavar="N", min=1, help="How old a signed request may be.")
    ] = 300.0,
    results: Results = None,
    audio_folder: AudioFolder = None,
    allow_host: AllowHost = None,
    allow_http: AllowHttp = False,
    allow_private: AllowPrivate = False,
    max_audio: MaxAudio = 256,
    fetch_seconds: FetchSeconds = 60.0,
    policy_for: PolicyFor = None,
    enrollments: Store = None,
    key_file: KeyFile = None,
    model: Model = None,
    profile: Profile = "telephone",
    sar_drafts: SarDrafts = None,
    workers: Workers = 1,
    attempts: Attempts = 5,
    store: StoreFile = None,
    keep_days: KeepDays = 90.0,
    metrics_host: MetricsHost = "127.0.0.1",
    metrics_port: MetricsPort = None,
) -> ExitCode:
    """Take signed events over HTTP (POST /api/v1/voice/events), and work them off as consume does.

    An event is on the disk when it is answered. Dead letters are appended to a file beside the store. Exit code 3:
    there were dead letters.
    """
    from audio_batch.events import Consumer, EventStore, InboxSource, Limits, open_sink
    from sentinel_batch.service.listening import listen_for_events
    from sentinel_batch.service.webhook import create_webhook

    signer = _make_signer(secret_file, replay_seconds)
    recordings = make_recordings(audio_folder, allow_host, allow_http, allow_private, max_audio, fetch_seconds)
    sink = open_sink(results, workers=workers) if results else None
    path = find_events_store(session, store)
    with (
        open_handler(
            session, recordings, policies=policy_for, store=enrollments, key_file=key_file, model=model,
            profile=profile, sar_drafts=sar_drafts, workers=workers,
        ) as handler,
        open_metrics(metrics_host, metrics_port) as metrics,
        closing(EventStore(path)) as kept,
    ):  # fmt: skip
        inbox = InboxSource(kept, path.with_suffix(".dead.jsonl"))
        limits = Limits(workers, attempts, keep_days=keep_days)
        consumer = Consumer(inbox, kept, handler, sink=sink, limits=limits, metrics=metrics, log=session.output.log)
        session.output.note(f"Taking events at http://{host}:{port} (Ctrl-C ends it)")
        router = create_webhook(kept, signer, wake=inbox.wake)
        return show_tally(session.output, listen_for_events(consumer, router, host=host, port=port))


def _make_signer(file: Path | None, window: float) -> Signer:
    from audio_batch.events.signing import Signer

    try:
        text = file.read_text(encoding="utf-8") if file is not None else os.environ.get(SECRET_VARIABLE, "")
    except (OSError, UnicodeDecodeError) as error:
        hint = "Name a text file with a secret in each line."
        raise UsageError(f"--secret-file {str(file)!r} cannot be read: {error}.", hint=hint) from error
    return Signer([line.strip().encode() for line in text.splitlines() if line.strip()], window)
