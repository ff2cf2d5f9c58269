"""Command ``remote verify``."""

from __future__ import annotations

from typing import Annotated

import typer

from sentinel_batch.cli.remote.connection import (
    Audio,
    Connection,
    NoValidate,
    SessionId,
    with_connection,
)
from sentinel_batch.cli.remote.delivery import Delivery, check_before_sending, describe, with_delivery
from sentinel_batch.cli.session import Session, with_session


@with_session
@with_delivery
@with_connection()
def verify(
    session: Session,
    connection: Connection,
    delivery: Delivery,
    audio: Audio,
    enrollment_id: Annotated[
        str, typer.Option("--enrollment-id", metavar="ID", help="Whose voice it should be.", show_default=False)
    ],
    session_id: SessionId = None,
    no_validate: NoValidate = False,
) -> None:
    """Ask whether a recording carries an enrolled voice.

    Exit code 0 means that there is an answer: see "verified". Others as for score.
    """
    known = {"session_id": session_id} if session_id is not None else {}
    with connection.open() as client:
        check_before_sending(audio, skip=no_validate)
        answer = client.verify_mfa(audio, enrollment_id, {**known, "channel": "ivr"})
    delivery.give(session.output, answer, describe({"mfa": answer}))
