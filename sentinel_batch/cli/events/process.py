"""Command ``events process``."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from sentinel_batch.cli.audio.options import Enrollment
from sentinel_batch.cli.audio.ruling import Customer, Facts, gather_context
from sentinel_batch.cli.events.options import JUDGED, Judged, open_handler
from sentinel_batch.cli.option_groups import grouped
from sentinel_batch.cli.output import Output
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import NoInputError, UsageError

QueueType = Literal["sqs", "rabbitmq", "kafka", "redis"]


@with_session
@grouped("judged", Judged, JUDGED)
def process(
    session: Session,
    judged: Judged,
    event_file: Annotated[
        Path | None,
        typer.Option("--event-file", metavar="FILE", help="The event, as JSON, bare or as its queue shows it."),
    ] = None,
    queue_type: Annotated[
        QueueType | None,
        typer.Option(
            "--queue-type",
            metavar="KIND",
            help="Queue of the message in the file: sqs, rabbitmq, kafka or redis.",
        ),
    ] = None,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Make up the event from the options that follow.")
    ] = False,
    audio: Annotated[
        Path | None, typer.Option("--audio", metavar="FILE", help="The recording of the simulated event.")
    ] = None,
    event_type: Annotated[
        str | None, typer.Option("--event-type", metavar="TYPE", help="Its type, such as transaction_verification.")
    ] = None,
    customer_id: Customer = None,
    enrollment_id: Enrollment = None,
    fields: Facts = None,
) -> None:
    """Process one event here and now, from a file or made up, and print its result; no queue is asked or told.

    Recordings that the event of a file names are looked for below the current folder, unless --audio-folder names
    another.
    """
    from audio_batch.events import parse_event

    if simulate:
        facts = {"customer_id": customer_id, "enrollment_id": enrollment_id}
        body, folder = _make_up(audio, event_type, facts, gather_context(fields))
    else:
        body, folder = _read_event(event_file, queue_type), judged.audio_folder or Path()
    event = parse_event(body)
    with open_handler(session, replace(judged, audio_folder=folder)) as handler:
        result = handler.judge(event)
    if session.output.as_json:
        session.output.document(result)
    else:
        _print(session.output, result)


def _make_up(
    audio: Path | None, kind: str | None, facts: dict[str, Any], context: dict[str, Any]
) -> tuple[bytes, Path]:
    if audio is None or kind is None:
        hint = "Type: sentinel-batch events process --simulate --event-type transaction_verification --audio call.wav"
        raise UsageError("--simulate needs --audio and --event-type.", hint=hint)
    event = {
        "event_id": f"simulated-{secrets.token_hex(8)}",
        "event_type": kind,
        "audio_path": audio.name,
        "context": context,
        **facts,
    }
    return json.dumps(event).encode(), audio.absolute().parent


def _read_event(file: Path | None, queue: str | None) -> bytes:
    if file is None:
        raise UsageError("There is no event.", hint="Name one with --event-file FILE, or make one up with --simulate.")
    try:
        text = file.read_bytes()
    except OSError as error:
        hint = "Name a JSON file."
        raise NoInputError(f"The event file {str(file)!r} cannot be read: {error.strerror}.", hint=hint) from error
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return text  # What is wrong with it is said where events are read.
    return _unwrap(document, queue)


def _unwrap(document: Any, queue: str | None) -> bytes:
    """Return the event inside a message as the tools of its queue print it; what is none of these is the event."""
    found = document
    for key in ("Messages", "Records", "messages"):
        if isinstance(found, dict) and isinstance(found.get(key), list) and len(found[key]) == 1:
            found = found[key][0]
    names = {
        "sqs": ("Body", "body"),
        "rabbitmq": ("payload",),
        "kafka": ("value", "payload"),
        "redis": ("fields", "event"),
    }
    for name in names.get(queue or "", ()):
        if isinstance(found, dict) and "event_type" not in found and name in found:
            found = found[name]
    return found.encode() if isinstance(found, str) else json.dumps(found).encode()


def _print(out: Output, result: dict[str, Any]) -> None:
    decision, voice = result["decision"], result["deepfake"] or {}
    out.line(f"Event    {result['event_id']}")
    out.line(f"Type     {result['event_type']} (policy {decision['policy']} {decision['policy_version']})")
    out.line(f"Status   {result['status']}")
    if voice:
        score = "none" if voice["score"] is None else f"{voice['score']:.3f}"
        out.line(f"Score    {score} ({voice['label']}, confidence {voice['confidence']:.2f})")
    if result["mfa"] is not None:
        out.line(f"Voice    {'verified' if result['mfa']['verified'] else 'not verified'}")
    out.line(f"Action   {decision['action']}")
    for rule in decision["rules_fired"]:
        out.line(f"Rule     {rule['id']}: {rule['reason']} ({rule['action']})")
    if result["error"] is not None:
        out.error(f"{result['error']['stage']}: {result['error']['message']}")
    if result["sar"] is not None:
        out.line(f"Report   {result['sar']['case_id']} (draft)")
