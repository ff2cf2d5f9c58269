"""Commands ``keys ...``: who may call the service."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sentinel_batch.cli.output import Column, format_moment
from sentinel_batch.cli.session import Session, with_session

if TYPE_CHECKING:
    from sentinel_batch.service.keys import Key, KeyStore

_COLUMNS = (
    Column("Name"),
    Column("Role"),
    Column("Id"),
    Column("Made (UTC)"),
    Column("By"),
    Column("State", fold=True),
)

By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who does it [default the current user].")]


@with_session
def start(session: Session) -> None:
    """Keys of the service: make, list, revoke."""


@with_session
def add(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who holds it; written beside all that is done with it.")],
    role: Annotated[
        Literal["reader", "analyst", "ingest", "admin"],
        typer.Option("--role", metavar="ROLE", help="reader, analyst, ingest or admin."),
    ] = "reader",
    by: By = None,
) -> None:
    """Make a key and print it, once: only its hash is kept."""
    key, text = _store(session).add(name, role, by=by)
    out = session.output
    if out.as_json:
        out.document({"status": "success", "key": text, **_facts(key)})
        return
    out.line(text)
    out.note(f"Key of {key.name} ({key.role}); it cannot be shown again. Send it as: Authorization: Bearer KEY")


@with_session
def list_keys(session: Session) -> None:
    """List keys, revoked ones too."""
    keys = _store(session).list()
    out = session.output
    if out.as_json:
        out.document({"status": "success", "count": len(keys), "keys": [_facts(key) for key in keys]})
        return
    out.table(_COLUMNS, [_row(key) for key in keys])


@with_session
def revoke(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME|ID", help="Of a valid key.")],
    by: By = None,
) -> None:
    """Make a key invalid, at once and for good."""
    key = _store(session).revoke(name, by=by)
    out = session.output
    if out.as_json:
        out.document({"status": "success", **_facts(key)})
        return
    out.line(f"{key.name} is revoked.")


def _store(session: Session) -> KeyStore:
    from sentinel_batch.service.keys import KeyStore
    from sentinel_batch.service.settings import service_folder

    desk = session.desk()
    desk.create_lake().require_writable()
    return KeyStore(service_folder(desk))


def _facts(key: Key) -> dict[str, Any]:
    names = ("name", "role", "id", "created_at", "created_by", "revoked_at", "revoked_by")
    return {name: getattr(key, name) for name in names}


def _row(key: Key) -> tuple[object, ...]:
    state = f"revoked {format_moment(key.revoked_at)[:16]} by {key.revoked_by}" if key.revoked_at else "valid"
    return key.name, key.role, key.id, format_moment(key.created_at)[:16], key.created_by, state


def create(create_app: Callable[[], typer.Typer]) -> typer.Typer:
    """Return the group ``keys``."""
    app = create_app()
    app.callback()(start)
    app.command("add")(add)
    app.command("list")(list_keys)
    app.command("revoke")(revoke)
    return app
