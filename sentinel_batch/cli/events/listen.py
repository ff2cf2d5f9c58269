"""Command ``events listen``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.events.options import CONSUMED, JUDGED, Consumed, Judged, prepared, show_tally
from sentinel_batch.cli.option_groups import grouped
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from audio_batch.events.signing import Signer

SECRET_VARIABLE = "SENTINEL_WEBHOOK_SECRET"  # noqa: S105 - the name of the variable
"""Environment variable with the secret of senders."""


@with_session
@grouped("judged", Judged, JUDGED)
@grouped("consumed", Consumed, CONSUMED)
def listen(
    session: Session,
    judged: Judged,
    consumed: Consumed,
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
) -> ExitCode:
    """Take signed events over HTTP (POST /api/v1/voice/events), and work them off as consume does.

    An event is on the disk when it is answered. Dead letters are appended to a file beside the store. Exit code 3:
    there were dead letters.
    """
    from audio_batch.events import Consumer, InboxSource
    from sentinel_batch.service.listening import listen_for_events
    from sentinel_batch.service.webhook import create_webhook

    signer = _make_signer(secret_file, replay_seconds)
    with prepared(session, judged, consumed) as parts:
        inbox = InboxSource(parts.store, parts.path.with_suffix(".dead.jsonl"))
        router = create_webhook(parts.store, signer, wake=inbox.wake)
        consumer = Consumer(inbox, parts.store, parts.handler, **parts.settings)
        session.output.note(f"Taking events at http://{host}:{port} (Ctrl-C ends it)")
        tally = listen_for_events(consumer, router, host=host, port=port)
    return show_tally(session.output, tally)


def _make_signer(file: Path | None, window: float) -> Signer:
    from audio_batch.events.signing import Signer

    try:
        text = file.read_text(encoding="utf-8") if file is not None else os.environ.get(SECRET_VARIABLE, "")
    except (OSError, UnicodeDecodeError) as error:
        hint = "Name a text file with a secret in each line."
        raise UsageError(f"--secret-file {str(file)!r} cannot be read: {error}.", hint=hint) from error
    return Signer([line.strip().encode() for line in text.splitlines() if line.strip()], window)
