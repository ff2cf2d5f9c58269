"""Command ``flow mobile``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from sentinel_batch.cli.audio.ruling import Beneficiary, Risk
from sentinel_batch.cli.flow.deciding import Flow, with_flow
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
    user_id: Annotated[str, typer.Option("--user-id", metavar="ID", help="The user of the app.", show_default=False)],
    operation: Annotated[
        Operation,
        typer.Option(
            "--operation",
            metavar="login|transaction|password_reset|account_change|wire_transfer",
            help="What the user wants to do.",
            show_default=False,
        ),
    ],
    transaction_id: Annotated[
        str | None, typer.Option("--transaction-id", metavar="ID", help="The transaction.")
    ] = None,
    amount: Annotated[
        float | None, typer.Option("--amount", metavar="AMOUNT", help="Amount, in the policy's currency.")
    ] = None,
    new_beneficiary: Beneficiary = None,
    destination_country: Annotated[
        str | None,
        typer.Option("--destination-country", metavar="CC", help="Country that the money goes to, two letters."),
    ] = None,
    new_device: Annotated[
        bool | None, typer.Option("--new-device/--known-device", help="Whether the device is new to the account.")
    ] = None,
    recent_sim_swap: Annotated[
        bool | None, typer.Option("--recent-sim-swap/--no-sim-swap", help="Whether the SIM was swapped lately.")
    ] = None,
    customer_risk: Risk = None,
    device_id: Annotated[str | None, typer.Option("--device-id", metavar="ID", help="The device.")] = None,
    ip_address: Annotated[str | None, typer.Option("--ip-address", metavar="IP", help="Where it is.")] = None,
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
