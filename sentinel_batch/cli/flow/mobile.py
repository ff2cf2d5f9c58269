"""Command ``flow mobile``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from sentinel_batch.cli.audio.ruling import Beneficiary, Country, Risk
from sentinel_batch.cli.flow.deciding import Flow, with_flow
from sentinel_batch.cli.flow.options import Device, IpAddress, SimSwap, Transaction, User
from sentinel_batch.cli.remote.connection import Audio
from sentinel_batch.cli.session import Session, with_session

Operation = Literal["login", "transaction", "password_reset", "account_change", "wire_transfer"]
_POLICIES: dict[str, str] = {
    "login": "mobile_login",
    "transaction": "mobile_transaction",
    "password_reset": "mobile_password_reset",
    "account_change": "mobile_account_change",
    "wire_transfer": "wire_transfer",
}


@with_session
@with_flow
def mobile(
    session: Session,
    flow: Flow,
    audio: Audio,
    user_id: User,
    operation: Annotated[
        Operation,
        typer.Option(
            "--operation",
            metavar="login|transaction|password_reset|account_change|wire_transfer",
            help="What the user wants to do.",
            show_default=False,
        ),
    ],
    transaction_id: Transaction = None,
    amount: Annotated[
        float | None, typer.Option("--amount", metavar="AMOUNT", help="Amount, in the policy's currency.")
    ] = None,
    new_beneficiary: Beneficiary = None,
    destination_country: Country = None,
    new_device: Annotated[
        bool | None, typer.Option("--new-device/--known-device", help="Whether the device is new to the account.")
    ] = None,
    recent_sim_swap: SimSwap = None,
    customer_risk: Risk = None,
    device_id: Device = None,
    ip_address: IpAddress = None,
) -> int:
    """Decide on an operation in an app (policies mobile_*, and wire_transfer).

    A verified voice is wanted: name whose it should be with --enrollment-id. See flow --help for the exit codes.
    """
    return flow.decide(
        session,
        audio,
        _POLICIES[operation],
        ids={
            "user_id": user_id,
            "operation": operation,
            "transaction_id": transaction_id,
            "device_id": device_id,
            "ip_address": ip_address,
        },
        facts={
            "amount": amount,
            "new_beneficiary": new_beneficiary,
            "destination_country": destination_country,
            "new_device": new_device,
            "recent_sim_swap": recent_sim_swap,
            "customer_risk": customer_risk,
        },
    )
