"""Command ``flow voice-routing``."""

from __future__ import annotations

from typing import Annotated

import typer

from sentinel_batch.cli.audio.ruling import Amount, Beneficiary, Country, Risk
from sentinel_batch.cli.flow.deciding import Flow, with_flow
from sentinel_batch.cli.flow.options import Transaction
from sentinel_batch.cli.remote.connection import Audio
from sentinel_batch.cli.session import Session, with_session


@with_session
@with_flow
def voice_routing(
    session: Session,
    flow: Flow,
    audio: Audio,
    customer_id: Annotated[str, typer.Option("--customer-id", metavar="ID", help="The customer.", show_default=False)],
    transaction_amount: Amount = None,
    destination_country: Country = None,
    new_beneficiary: Beneficiary = None,
    transaction_id: Transaction = None,
    channel: Annotated[
        str | None, typer.Option("--channel", metavar="NAME", help="How it was ordered, such as phone, web, mobile.")
    ] = None,
    customer_risk: Risk = None,
) -> int:
    """Decide on a transfer that was ordered by voice (policy wire_transfer). See flow --help for the exit codes."""
    return flow.decide(
        session,
        audio,
        "wire_transfer",
        ids={"customer_id": customer_id, "transaction_id": transaction_id, "channel": channel},
        facts={
            "amount": transaction_amount,
            "destination_country": destination_country,
            "new_beneficiary": new_beneficiary,
            "customer_risk": customer_risk,
        },
    )
