"""Command ``remote golden-path``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from sentinel_batch.cli.audio.options import PolicyName
from sentinel_batch.cli.audio.ruling import Facts, gather_context
from sentinel_batch.cli.remote.connection import (
    Audio,
    Connection,
    Enrollment,
    NoValidate,
    SessionId,
    with_connection,
)
from sentinel_batch.cli.remote.delivery import Delivery, check_before_sending, with_delivery
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode


@with_session
@with_delivery
@with_connection()
def golden_path(
    session: Session,
    connection: Connection,
    delivery: Delivery,
    audio: Audio,
    enrollment_id: Enrollment = None,
    session_id: SessionId = None,
    sar: Annotated[
        Literal["auto", "never", "always"],
        typer.Option(
            "--sar",
            metavar="auto|never|always",
            help="Submit a report; auto does so for what is escalated, blocked or scored above 0.8.",
        ),
    ] = "never",
    policy: PolicyName = "voice_only",
    fields: Facts = None,
    no_validate: NoValidate = False,
) -> ExitCode:
    """Go the whole way: score, verify, decide by a policy, report if asked; prints one JSON document.

    Exit codes: 3 the recording was scored, but a verification or report that was asked for failed; others as for score.
    """
    from audio_batch.remote import follow_golden_path

    with connection.open() as client:
        check_before_sending(audio, skip=no_validate)
        result = follow_golden_path(
            client,
            audio,
            enrollment_id=enrollment_id,
            session_id=session_id,
            sar=sar,
            policy=policy,
            context=gather_context(fields),
        )
    delivery.give(session.output, result, always_json=True)
    return ExitCode.PARTLY_DONE if result["diagnostics"]["errors"] else ExitCode.DONE
