"""Command ``remote sar``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from audio_batch.remote import wire
from sentinel_batch.cli.remote.connection import (
    Connection,
    with_connection,
)
from sentinel_batch.cli.remote.delivery import Delivery, describe, with_delivery
from sentinel_batch.cli.session import Session, with_session


@with_session
@with_delivery
@with_connection()
def sar(
    session: Session,
    connection: Connection,
    delivery: Delivery,
    session_id: Annotated[
        str, typer.Option("--session-id", metavar="ID", help="Session that it is about.", show_default=False)
    ],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why, in words.", show_default=False)],
    decision: Annotated[
        Literal["allow", "deny", "review"],
        typer.Option("--decision", metavar="|".join(wire.DECISIONS), help="What was decided."),
    ] = "review",
) -> None:
    """Submit a suspicious activity report.

    An answer that was lost is not asked for again: the report may have been filed.
    """
    with connection.open() as client:
        answer = client.submit_sar(session_id, decision, reason, {"source": "sentinel-batch"})
    delivery.give(session.output, answer, describe({"sar": answer}))
