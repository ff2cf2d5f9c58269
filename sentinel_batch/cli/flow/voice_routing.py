"""Command ``flow voice-routing``."""

from __future__ import annotations

from typing import Annotated

import typer

from sentinel_batch.cli.audio.options import Enrollment, Fallback, KeyFile, Scorer, Store
from sentinel_batch.cli.audio.ruling import Amount, Beneficiary, Country, Facts, Risk
from sentinel_batch.cli.flow.deciding import Audit, Flow, RequireMfa
from sentinel_batch.cli.remote.connection import Audio, NoValidate
from sentinel_batch.cli.remote.delivery import OutputFile, Pretty
from sentinel_batch.cli.session import Session, with_session


@with_session
def voice_routing(
    session: Session,
    audio: Audio,
    customer_id: Annotated[str, typer.Option("--customer-id", metavar="ID", help="The customer.", show_default=False)],
    transaction_amount: Amount = None,
    destination_country: Country = None,
    new_beneficiary: Beneficiary = None,
    transaction_id: Annotated[
        str | None, typer.Option("--transaction-id", metavar="ID", help="The transaction.")
    ] = None,
    channel: Annotated[
        str | None, typer.Option("--channel", metavar="NAME", help="How it was ordered, such as phone, web, mobile.")
    ] = None,
    customer_risk: Risk = None,
    fields: Facts = None,
    enrollment_id: Enrollment = None,
    enrollments: Store = None,
    key_file: KeyFile = None,
    require_mfa: RequireMfa = False,
    scorer: Scorer = None,
    fallback: Fallback = None,
    no_validate: NoValidate = False,
    save_audit: Audit = None,
    output: OutputFile = None,
    pretty: Pretty = False,
) -> int:
    """Decide on a transfer that was ordered by voice (policy wire_transfer). See flow --help for the exit codes."""
    return Flow(
        session=session,
        audio=audio,
        policy="wire_transfer",
        known={"customer_id": customer_id, "transaction_id": transaction_id, "channel": channel},
        facts={
            "amount": transaction_amount,
            "destination_country": destination_country,
            "new_beneficiary": new_beneficiary,
            "customer_risk": customer_risk,
        },
        fields=fields,
        enrollment_id=enrollment_id,
        enrollments=enrollments,
        key_file=key_file,
        require_mfa=require_mfa,
        scorer=scorer,
        fallback=fallback,
        no_validate=no_validate,
        save_audit=save_audit,
        output=output,
        pretty=pretty,
    ).decide()
