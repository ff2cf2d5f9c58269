"""Commands ``boxes ...``: SIM boxes, found as groups of callers before any rule has its say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_batch.cli.output import Column, Output
from sentinel_batch.cli.session import Session, with_session

if TYPE_CHECKING:
    from sentinel_batch.boxes import Boxes

_COLUMNS = (
    Column("Box", numeric=True),
    Column("SIMs", numeric=True),
    Column("Calls", numeric=True),
    Column("Minutes", numeric=True),
    Column("Nats over chance", numeric=True),
    Column("Cell"),
    Column("Seen"),
    Column("What ties them", fold=True),
)

Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Look at local days from it on [default box_days].")
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Look up to it [default the newest call].")]
Callees = Annotated[
    int | None,
    typer.Option(
        "--callees", metavar="N", help="Compare callers with N callees who never called [default box_callees]."
    ),
]


@with_session
def start(session: Session) -> None:
    """Find SIM boxes as groups of callers that belong together beyond chance."""


@with_session
def find(session: Session, since: Since = None, until: Until = None, callees: Callees = None) -> None:
    """Find boxes among all heavy one-way callers; nothing is written."""
    from sentinel_batch.boxes import find_boxes

    found = find_boxes(lake=session.desk(), since=since, until=until, callees=callees)
    out = session.output
    if out.as_json:
        out.document({"status": "success", **found.to_dict()})
        return
    _print_boxes(out, found)


def _print_boxes(out: Output, found: Boxes) -> None:
    for notice in found.notices:
        out.note(notice)
    if found.first_day is not None:
        out.note(f"{found.candidates:,} callers compared, {found.first_day} to {found.last_day}.")
    if found.boxes.is_empty():
        out.line("No boxes.")
        return
    out.table(_COLUMNS, [_row(row) for row in found.boxes.to_dicts()])


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        row["box"],
        row["member_count"],
        row["call_count"],
        round(row["minutes"]),
        round(row["evidence"] - row["bound"]),
        row["top_cell"] or "",
        f"{row['first_day']:%m-%d} to {row['last_day']:%m-%d}",
        row["why"],
    )


def create(create_app: Callable[[], typer.Typer]) -> typer.Typer:
    """Return the group ``boxes``."""
    app = create_app()
    app.callback()(start)
    app.command("find")(find)
    return app
