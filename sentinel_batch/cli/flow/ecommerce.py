"""Command ``flow ecommerce``."""

from __future__ import annotations

from typing import Annotated

import typer

from sentinel_batch.cli.audio.options import Enrollment, Fallback, KeyFile, Scorer, Store
from sentinel_batch.cli.audio.ruling import Customer, Facts, Risk
from sentinel_batch.cli.flow.deciding import Audit, Flow, RequireMfa
from sentinel_batch.cli.remote.connection import Audio, NoValidate
from sentinel_batch.cli.remote.delivery import OutputFile, Pretty
from sentinel_batch.cli.session import Session, with_session

_METHODS = {"paypal": "wallet", "cryptocurrency": "crypto"}
"""Names of payment methods elsewhere, and those of the policies."""


@with_session
def ecommerce(
    session: Session,
    audio: Audio,
    order_id: Annotated[str, typer.Option("--order-id", metavar="ID", help="The order.", show_default=False)],
    order_amount: Annotated[
        float | None,
        typer.Option("--order-amount", metavar="AMOUNT", help="Amount of the order, in the policy's currency."),
    ] = None,
    customer_id: Customer = None,
    email: Annotated[str | None, typer.Option("--email", metavar="ADDRESS", help="Address of the buyer.")] = None,
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
    """Decide on an order by voice.

    The policy is ecommerce_checkout for a customer, ecommerce_guest without --customer-id, and
    ecommerce_account_creation with --new-account. See flow --help for the exit codes.
    """
    guest = "ecommerce_checkout" if customer_id is not None else "ecommerce_guest"
    policy = "ecommerce_account_creation" if new_account else guest
    method = _METHODS.get(payment_method.lower(), payment_method) if payment_method is not None else None
    return Flow(
        session=session,
        audio=audio,
        policy=policy,
        known={"order_id": order_id, "customer_id": customer_id, "email": email},
        facts={
            "amount": order_amount,
            "payment_method": method,
            "shipping_mismatch": shipping_mismatch,
            "email_risk": email_risk,
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
