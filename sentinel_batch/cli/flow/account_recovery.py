"""Command ``flow account-recovery``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from sentinel_batch.cli.audio.options import Enrollment, Fallback, KeyFile, Scorer, Store
from sentinel_batch.cli.audio.ruling import Facts
from sentinel_batch.cli.flow.deciding import Audit, Flow, RequireMfa
from sentinel_batch.cli.remote.connection import Audio, NoValidate
from sentinel_batch.cli.remote.delivery import OutputFile, Pretty
from sentinel_batch.cli.session import Session, with_session

Recovery = Literal["password_reset", "account_recovery", "security_question_bypass", "account_unlock"]


@with_session
def account_recovery(
    session: Session,
    audio: Audio,
    user_id: Annotated[str, typer.Option("--user-id", metavar="ID", help="Whose account it is.", show_default=False)],
    recovery_type: Annotated[
        Recovery,
        typer.Option(
            "--recovery-type",
            metavar="password_reset|account_recovery|security_question_bypass|account_unlock",
            help="What is asked for.",
            show_default=False,
        ),
    ],
    email: Annotated[
        str | None, typer.Option("--email", metavar="ADDRESS", help="Address that the account is recovered to.")
    ] = None,
    email_changed: Annotated[
        bool | None, typer.Option("--email-changed/--email-unchanged", help="Whether the address was changed lately.")
    ] = None,
    recent_sim_swap: Annotated[
        bool | None, typer.Option("--recent-sim-swap/--no-sim-swap", help="Whether the SIM was swapped lately.")
    ] = None,
    failed_attempts: Annotated[
        int | None, typer.Option("--failed-attempts", metavar="N", help="Attempts that failed before.")
    ] = None,
    phone: Annotated[str | None, typer.Option("--phone", metavar="NUMBER", help="Number of the account.")] = None,
    device_id: Annotated[str | None, typer.Option("--device-id", metavar="ID", help="The device.")] = None,
    ip_address: Annotated[str | None, typer.Option("--ip-address", metavar="IP", help="Where it is.")] = None,
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
    """Decide on the recovery of an account (policy account_recovery, the strictest).

    A verified voice is wanted: name whose it should be with --enrollment-id. See flow --help for the exit codes.
    """
    return Flow(
        session=session,
        audio=audio,
        policy="account_recovery",
        known={"user_id": user_id, "email": email, "phone": phone, "device_id": device_id, "ip_address": ip_address},
        facts={
            "recovery_type": recovery_type,
            "email_changed": email_changed,
            "recent_sim_swap": recent_sim_swap,
            "failed_attempts": failed_attempts,
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
