"""Command ``remote score``."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import typer

from audio_batch.remote import wire
from sentinel_batch.cli.remote.connection import (
    Audio,
    Connection,
    Enrollment,
    NoValidate,
    SessionId,
    with_connection,
)
from sentinel_batch.cli.remote.delivery import Delivery, check_before_sending, describe, with_delivery
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import UsageError

Decision = Annotated[
    Literal["allow", "deny", "review"] | None,
    typer.Option("--decision", metavar="|".join(wire.DECISIONS), help="Decision of the report."),
]
Reason = Annotated[str | None, typer.Option("--reason", metavar="TEXT", help="Why, in words, for the report.")]
REPORT_REASON = "Manual review requested"


@with_session
@with_delivery
@with_connection()
def score(
    session: Session,
    connection: Connection,
    delivery: Delivery,
    audio: Audio,
    enrollment_id: Enrollment = None,
    session_id: SessionId = None,
    decision: Decision = None,
    reason: Reason = None,
    sar: Annotated[
        Literal["never", "always"] | None,
        typer.Option(
            "--sar",
            metavar="never|always",
            help="Submit a report on the session [default always with both --decision and --reason, else never].",
        ),
    ] = None,
    no_validate: NoValidate = False,
) -> None:
    """Have a recording scored; its voice verified and a report submitted, if asked.

    Exit codes: 1 the file is not valid or the server gave no answer, 2 there is no key, 4 there is no file.
    """
    if sar is None and (decision is None) is not (reason is None):
        missing = "--reason" if reason is None else "--decision"
        raise UsageError(
            f"Half a report was given: {missing} is missing.",
            hint=f"Give {missing}, too, or say --sar always (a report all the same) or --sar never (none).",
        )
    reported = sar == "always" or (sar is None and decision is not None and reason is not None)
    if reported and session_id is None:
        raise UsageError("A report needs a session.", hint="Name it: --session-id ID.")
    results: dict[str, Any] = {}
    known = {"session_id": session_id} if session_id is not None else {}
    with connection.open() as client:
        check_before_sending(audio, skip=no_validate)
        results["deepfake"] = client.detect_deepfake(audio, {**known, "channel": "web"})
        if enrollment_id is not None:
            results["mfa"] = client.verify_mfa(audio, enrollment_id, {**known, "channel": "ivr"})
        if reported and session_id is not None:
            words = reason or REPORT_REASON
            results["sar"] = client.submit_sar(session_id, decision or "review", words, {"source": "sentinel-batch"})
    delivery.give(session.output, results, describe(results))
