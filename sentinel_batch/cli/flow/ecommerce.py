"""Command ``flow ecommerce``."""

from __future__ import annotations

from typing import Annotated

import typer

from sentinel_batch.cli.audio.ruling import Customer, Risk
from sentinel_batch.cli.flow.deciding import Flow, with_flow
from sentinel_batch.cli.flow.options import Email
from sentinel_batch.cli.remote.connection import Audio
from sentinel_batch.cli.session import Session, with_session

_METHODS = {"paypal": "wallet", "cryptocurrency": "crypto"}
"""Names of payment methods elsewhere, and those of the policies."""


@with_session
@with_flow
def ecommerce(
    session: Session,
    flow: Flow,
    audio: Audio,
    order_id: Annotated[str, typer.Option("--order-id", metavar="ID", help="The order.", show_default=False)],
    order_amount: Annotated[
        float | None,
        typer.Option("--order-amount", metavar="AMOUNT", help="Amount of the order, in the policy's currency."),
    ] = None,
    customer_id: Customer = None,
    email: Email = None,
    payment_method: Annotated[
        str | None,
        typer.Option(
            "--payment-method",
            metavar="NAME",
            help="credit_card, debit_card, wallet, bank_transfer, cash_on_delivery, gift_card, crypto.",
        ),
    ] = None,
    shipping_mismatch: Annotated[
        bool | None,
        typer.Option("--shipping-mismatch/--shipping-matches", help="Whether the goods go elsewhere than the bill."),
    ] = None,
    new_account: Annotated[bool, typer.Option("--new-account", help="The buyer opens an account.")] = False,
    email_risk: Annotated[
        float | None, typer.Option("--email-risk", metavar="RISK", help="Risk of the address, 0 to 1.")
    ] = None,
    customer_risk: Risk = None,
) -> int:
    """Decide on an order by voice.

    The policy is ecommerce_checkout for a customer, ecommerce_guest without --customer-id, and
    ecommerce_account_creation with --new-account. See flow --help for the exit codes.
    """
    guest = "ecommerce_checkout" if customer_id is not None else "ecommerce_guest"
    policy = "ecommerce_account_creation" if new_account else guest
    method = _METHODS.get(payment_method.lower(), payment_method) if payment_method is not None else None
    return flow.decide(
        session,
        audio,
        policy,
        ids={"order_id": order_id, "customer_id": customer_id, "email": email},
        facts={
            "amount": order_amount,
            "payment_method": method,
            "shipping_mismatch": shipping_mismatch,
            "email_risk": email_risk,
            "customer_risk": customer_risk,
        },
    )
