"""Command ``flow account-recovery``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from sentinel_batch.cli.flow.deciding import Flow, with_flow
from sentinel_batch.cli.flow.options import Device, Email, IpAddress, SimSwap, User
from sentinel_batch.cli.remote.connection import Audio
from sentinel_batch.cli.session import Session, with_session

Recovery = Literal["password_reset", "account_recovery", "security_question_bypass", "account_unlock"]


@with_session
@with_flow
def account_recovery(
    session: Session,
    flow: Flow,
    audio: Audio,
    user_id: User,
    recovery_type: Annotated[
        Recovery,
        typer.Option(
            "--recovery-type",
            metavar="password_reset|account_recovery|security_question_bypass|account_unlock",
            help="What is asked for.",
            show_default=False,
        ),
    ],
    email: Email = None,
    email_changed: Annotated[
        bool | None, typer.Option("--email-changed/--email-unchanged", help="Whether the address was changed lately.")
    ] = None,
    recent_sim_swap: SimSwap = None,
    failed_attempts: Annotated[
        int | None, typer.Option("--failed-attempts", metavar="N", help="Attempts that failed before.")
    ] = None,
    phone: Annotated[str | None, typer.Option("--phone", metavar="NUMBER", help="Number of the account.")] = None,
    device_id: Device = None,
    ip_address: IpAddress = None,
) -> int:
    """Decide on the recovery of an account (policy account_recovery, the strictest).

    A verified voice is wanted: name whose it should be with --enrollment-id. See flow --help for the exit codes.
    """
    return flow.decide(
        session,
        audio,
        "account_recovery",
        ids={"user_id": user_id, "email": email, "phone": phone, "device_id": device_id, "ip_address": ip_address},
        facts={
            "recovery_type": recovery_type,
            "email_changed": email_changed,
            "recent_sim_swap": recent_sim_swap,
            "failed_attempts": failed_attempts,
        },
    )
