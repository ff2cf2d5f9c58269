"""Commands ``boxes ...``: SIM boxes, found as groups of callers before any rule has its say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_batch.cli.ids import parse_id
from sentinel_batch.cli.offers import offer_boxes
from sentinel_batch.cli.output import Column, Output
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import UsageError

if TYPE_CHECKING:
    from sentinel_batch.boxes import Boxes

_COLUMNS = (
    Column("Box", numeric=True),
    Column("SIMs", numeric=True),
    Column("Calls", numeric=True),
    Column("Minutes", numeric=True),
    Column("Nats over chance", numeric=True, drop=4),
    Column("Cell", drop=2),
    Column("Seen", drop=3),
    Column("What ties them", fold=True, least=28),
)

_LIST_COLUMNS = (
    Column("Severity"),
    Column("Box", numeric=True),
    Column("SIMs", numeric=True),
    Column("Minutes", numeric=True, drop=4),
    Column("Loss", numeric=True),
    Column("Seen", drop=3),
    Column("State"),
    Column("What ties them", fold=True, least=28, drop=2),
)

_MEMBER_COLUMNS = (
    Column("Number"),
    Column("Calls", numeric=True),
    Column("Minutes", numeric=True),
    Column("One-way", numeric=True, drop=1),
    Column("Callees", numeric=True),
    Column("Seen", drop=3),
    Column("Cell", drop=2),
    Column("Handset", drop=4),
)

BoxId = Annotated[int, typer.Argument(metavar="ID", help="Id of the box.", parser=parse_id, autocompletion=offer_boxes)]
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
def find(
    session: Session,
    since: Since = None,
    until: Until = None,
    callees: Callees = None,
    save: Annotated[bool, typer.Option("--save", help="Keep what is found, over box_days, as the night does.")] = False,
) -> None:
    """Find boxes among all heavy one-way callers; without --save nothing is written."""
    from sentinel_batch.boxes import alert_boxes, find_boxes, record_boxes

    out = session.output
    if not save:
        found = find_boxes(lake=session.desk(), since=since, until=until, callees=callees)
        if out.as_json:
            out.document({"status": "success", **found.to_dict()})
        else:
            _print_boxes(out, found)
        return
    for name, value in (("--since", since), ("--until", until)):
        if value is not None:
            raise UsageError(f"{name} cannot go with --save.", hint="What is kept is of the last box_days days.")
    desk = session.desk(box_callees=callees)
    changes = record_boxes(lake=desk)
    alerted = alert_boxes(changes, lake=desk)
    alerts = {} if alerted is None else alerted.counts()
    if out.as_json:
        facts = {"run_id": changes.run_id, "ids": changes.ids, "counts": changes.counts(), "alerts": alerts}
        out.document({"status": "success", **facts, **changes.found.to_dict()})
        return
    _print_boxes(out, changes.found)
    for word, counts in (("Boxes", changes.counts()), ("Alerts", alerts)):
        if counts:
            out.line(f"{word}: " + ", ".join(f"{count} {name}" for name, count in counts.items()) + ".")


@with_session
def list_boxes(
    session: Session,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most N boxes.")] = 50,
) -> None:
    """List the boxes that were kept, those that cost most first."""
    from sentinel_batch.boxes import list_boxes as read_boxes

    rows = read_boxes(lake=session.desk(), limit=limit).to_dicts()
    out = session.output
    if out.as_json:
        out.document({"status": "success", "count": len(rows), "boxes": rows})
    elif not rows:
        out.line("No boxes.")
    else:
        out.table(_LIST_COLUMNS, [_listed(row) for row in rows])


@with_session
def show(session: Session, box_id: BoxId) -> None:
    """Show a box: its SIMs and what ties them."""
    from sentinel_batch.boxes import get_box

    found = get_box(box_id, lake=session.desk())
    out, box = session.output, found.box
    if out.as_json:
        out.document({"status": "success", **found.to_dict()})
        return
    out.line(f"Box {box['box_id']}  {box['severity']}  {box['review'] or box['status']}")
    out.line(f"Members  {box['member_count']} SIMs, {box['active_members']} of them now")
    out.line(f"Seen     {box['first_day']} to {box['last_day']}, mostly on cell {box['top_cell'] or '(unknown)'}")
    out.line(f"Calls    {box['call_count']:,} to {box['callees']:,} callees, {box['minutes']:,.0f} minutes answered")
    out.line(f"Received {box['incoming_calls']:,} calls from outside")
    out.line(f"Loss     {found.loss:,.0f} {found.currency} at most")
    out.line(f"Common   {found.common_callees.height:,} callees of at least two SIMs")
    out.line(f"Evidence {box['evidence']:.0f} nats; chance needs {box['bound']:.0f}")
    out.prose(box["why"], label="Ties     ")
    out.line()
    out.table(_MEMBER_COLUMNS, [_member(row) for row in found.members.to_dicts()], title="Members")


@with_session
def explain(
    session: Session,
    box_id: BoxId,
    number: Annotated[str | None, typer.Option("--number", metavar="NUMBER", help="Only links of this SIM.")] = None,
) -> None:
    """Say what ties the SIMs of a box, pair by pair."""
    from sentinel_batch.boxes import get_box
    from sentinel_batch.numbers import normalise_number

    desk = session.desk()
    found = get_box(box_id, lake=desk)
    said = found.explain(number if number is None else normalise_number(number, desk.config.region)[0] or number)
    out = session.output
    if out.as_json:
        out.document({"status": "success", "box_id": box_id, "links": found.links.to_dicts(), "explanation": said})
        return
    for sentence in said:
        out.prose(sentence)


def _print_boxes(out: Output, found: Boxes) -> None:
    for notice in found.notices:
        out.note(notice)
    if found.first_day is not None and found.candidates:
        out.note(f"{found.candidates:,} callers compared, {found.first_day} to {found.last_day}.")
    if found.boxes.is_empty():
        out.line("No boxes.")
    else:
        out.table(_COLUMNS, [_row(row) for row in found.boxes.to_dicts()])
    for crowd in found.crowds.to_dicts():
        out.note(f"No box: {crowd['member_count']} numbers from {crowd['numbers'][0]} on, {crowd['doubt']}.")


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


def _listed(row: dict[str, Any]) -> tuple[Any, ...]:
    seen = f"{row['first_day']:%m-%d} to {row['last_day']:%m-%d}"
    figures = (row["member_count"], round(row["minutes"]), round(row["loss"]))
    return (row["severity"], row["box_id"], *figures, seen, row["review"] or "", row["why"])


def _member(row: dict[str, Any]) -> tuple[Any, ...]:
    seen = f"{row['first_day']:%m-%d} to {row['last_day']:%m-%d}"
    figures = (row["call_count"], round(row["minutes"]), row["one_way_callees"], row["callees"])
    return (row["number"], *figures, seen, row["top_cell"] or "", row["top_handset"] or "")


def create(create_app: Callable[[], typer.Typer]) -> typer.Typer:
    """Return the group ``boxes``."""
    app = create_app()
    app.callback()(start)
    app.command("find")(find)
    app.command("list")(list_boxes)
    app.command("show")(show)
    app.command("explain")(explain)
    return app
