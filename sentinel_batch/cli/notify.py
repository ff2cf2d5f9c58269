"""Command ``notify test``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode

if TYPE_CHECKING:
    from sentinel_batch.notify import Delivery, Message

_SET = 'Set them, such as: export SENTINEL_NOTIFY_URLS="mailtos://USER:PASSWORD@HOST?to=desk@example.org"'


@with_session
def start(session: Session) -> None:
    """Being told of a night: by whom, and what the message says."""


@with_session
def test(
    session: Session,
    send: Annotated[
        bool, typer.Option("--send", help="Send it, and tell the watchdog that a night ended well.")
    ] = False,
) -> ExitCode:
    """Print the message of a made-up night, and who would get it; send nothing without --send.

    The targets come from the environment, SENTINEL_NOTIFY_URLS and SENTINEL_NOTIFY_PING, and are never printed.
    Exit codes: 1 somebody was not reached, 2 nobody is named, an address is not understood, or
    the template is wrong.
    """
    from sentinel_batch.notify import compose_message, has_watchdog, list_targets, make_example

    config = session.configure()
    message = compose_message(make_example(config), config)
    if not send and not session.output.as_json:
        _print_message(session, message)  # Before the targets are looked at: it may be all that is wanted.
    _check_targets(send)
    named = [*list_targets(), *(["watchdog"] if has_watchdog() else [])]
    deliveries = _send(message) if send else []
    _print(session, message, named, deliveries)
    return ExitCode.FAILED if any(not delivery.sent for delivery in deliveries) else ExitCode.DONE


def _check_targets(send: bool) -> None:
    """Refuse settings that reach nobody; of what is sent, each target says how it fared."""
    from sentinel_batch.errors import UsageError
    from sentinel_batch.notify import find_faulty_targets, find_faulty_watchdog, has_watchdog, list_targets

    if not list_targets() and not has_watchdog():
        raise UsageError("Nobody is named in SENTINEL_NOTIFY_URLS, and no watchdog in SENTINEL_NOTIFY_PING.", hint=_SET)
    faults = [] if send else [f"Target {name}: the address is not understood." for name in find_faulty_targets()]
    if not send and find_faulty_watchdog():
        faults.append(f"Watchdog: {find_faulty_watchdog()}.")
    if faults:
        raise UsageError(" ".join(faults), hint=_SET)


def _send(message: Message | None) -> list[Delivery]:
    from sentinel_batch.notify import ping_watchdog, send_message

    ping = ping_watchdog(failed=False)
    return [*(send_message(message) if message is not None else []), *([ping] if ping is not None else [])]


def _print(session: Session, message: Message | None, named: list[str], deliveries: list[Delivery]) -> None:
    out = session.output
    if out.as_json:
        facts = {"title": message.title, "body": message.body} if message is not None else None
        sent = [delivery.to_dict() for delivery in deliveries]
        status = "partial" if any(not delivery.sent for delivery in deliveries) else "success"
        out.document({"status": status, "targets": named, "message": facts, "deliveries": sent})
        return
    if deliveries:
        _print_message(session, message)
    out.line(f"Targets  {', '.join(named)}")
    for delivery in deliveries:
        if delivery.sent:
            out.line(f"Sent     {delivery.target}")
        else:
            out.error(f"{delivery.target}: {delivery.reason}.")
    if not deliveries:
        out.note("Nothing was sent. To send it: sentinel-batch notify test --send")


def _print_message(session: Session, message: Message | None) -> None:
    if message is not None:
        for line in (message.title, "", *message.body.splitlines(), ""):
            session.output.line(line)


def create(create_app: Callable[[], typer.Typer]) -> typer.Typer:
    """Return the group ``notify``."""
    app = create_app()
    app.callback()(start)
    app.command("test")(test)
    return app
