"""The group ``flow``: a call of one kind of business, scored, verified and decided on by that business's policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import typer

from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.tree import LazyGroup


class FlowGroup(LazyGroup):
    """The commands of ``flow``, in the order in which the help lists them."""

    places: ClassVar = {
        "call-centre": "flow.call_centre:call_centre",
        "mobile": "flow.mobile:mobile",
        "ecommerce": "flow.ecommerce:ecommerce",
        "account-recovery": "flow.account_recovery:account_recovery",
        "voice-routing": "flow.voice_routing:voice_routing",
    }


@with_session
def start(session: Session) -> None:
    """Decide on a call, by the policy of a business: call centre, app, shop, account recovery, transfer.

    Exit codes of all of them: 0 ALLOW, 21 REQUIRE_STEP_UP, 22 REQUIRE_CALLBACK, 23 ESCALATE_TO_HUMAN, 24 BLOCK. What an
    option does not say is taken at its riskiest, and named.
    """


def create(create_app: Callable[..., typer.Typer]) -> typer.Typer:
    """Return the group ``flow``."""
    app = create_app(cls=FlowGroup)
    app.callback()(start)
    return app
