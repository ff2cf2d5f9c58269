"""Command ``flow call-centre``."""

from __future__ import annotations

from typing import Annotated

import typer

from sentinel_batch.cli.audio.ruling import Amount, Customer, Risk
from sentinel_batch.cli.flow.deciding import Flow, with_flow
from sentinel_batch.cli.remote.connection import Audio
from sentinel_batch.cli.session import Session, with_session


@with_session
@with_flow
def call_centre(
    session: Session,
    flow: Flow,
    audio: Audio,
    call_id: Annotated[str, typer.Option("--call-id", metavar="ID", help="The call.", show_default=False)],
    agent_id: Annotated[str | None, typer.Option("--agent-id", metavar="ID", help="The agent.")] = None,
    customer_id: Customer = None,
    transaction_amount: Amount = None,
    customer_risk: Risk = None,
    number_mismatch: Annotated[
        bool | None,
        typer.Option(
            "--number-mismatch/--number-matches", help="Whether the call comes from a number that is not on file."
        ),
    ] = None,
) -> int:
    """Decide on a call to a call centre or a voice menu (policy call_centre).

    A verified voice is wanted: name whose it should be with --enrollment-id. See flow --help for the exit codes.
    """
    return flow.decide(
        session,
        audio,
        "call_centre",
        ids={"call_id": call_id, "agent_id": agent_id, "customer_id": customer_id},
        facts={"amount": transaction_amount, "customer_risk": customer_risk, "number_mismatch": number_mismatch},
    )
