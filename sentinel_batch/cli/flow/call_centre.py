"""Command ``flow call-centre``."""

from __future__ import annotations

from typing import Annotated

import typer

from sentinel_batch.cli.audio.options import Enrollment, Fallback, KeyFile, Scorer, Store
from sentinel_batch.cli.audio.ruling import Amount, Customer, Facts, Risk
from sentinel_batch.cli.flow.deciding import Audit, Flow, RequireMfa
from sentinel_batch.cli.remote.connection import Audio, NoValidate
from sentinel_batch.cli.remote.delivery import OutputFile, Pretty
from sentinel_batch.cli.session import Session, with_session


@with_session
def call_centre(
    session: Session,
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
    """Decide on a call to a call centre or a voice menu (policy call_centre).

    A verified voice is wanted: name whose it should be with --enrollment-id. See flow --help for the exit codes.
    """
    return Flow(
        session=session,
        audio=audio,
        policy="call_centre",
        known={"call_id": call_id, "agent_id": agent_id, "customer_id": customer_id},
        facts={"amount": transaction_amount, "customer_risk": customer_risk, "number_mismatch": number_mismatch},
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
