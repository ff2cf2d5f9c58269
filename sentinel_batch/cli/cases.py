"""Commands ``cases ...``: groups of linked suspects, and what people do with them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_batch.cli.ids import parse_id
from sentinel_batch.cli.offers import offer_cases, offer_words
from sentinel_batch.cli.output import SEVERITY_MARKS, Column, Output, format_moment
from sentinel_batch.cli.session import Session, with_session

if TYPE_CHECKING:
    from sentinel_batch.cases import CaseFile

_COLUMNS = (
    Column("Case", numeric=True),
    Column("Severity"),
    Column("SIMs", numeric=True),
    Column("Minutes", numeric=True),
    Column("Loss", numeric=True),
    Column("Last seen (UTC)"),
    Column("Status", fold=True),
)
_SHOWN_LINKS = 20

CaseId = Annotated[
    int, typer.Argument(metavar="ID", help="Id of the case.", parser=parse_id, autocompletion=offer_cases)
]
Notes = Annotated[str, typer.Option("--notes", metavar="TEXT", help="Why.")]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who decided [default the current user].")]


@with_session
def start(session: Session) -> None:
    """Group suspects that belong together; work through the groups."""


@with_session
def build(
    session: Session,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Look at alerts and calls after it [default 14d].")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Look up to it [default the newest call].")
    ] = None,
) -> None:
    """Group the suspects of alerts into cases, or continue earlier ones."""
    from sentinel_batch.cases import build_cases

    changes = build_cases(lake=session.desk(), since=since, until=until)
    out = session.output
    if out.as_json:
        out.document({"status": "success", "run_id": changes.run_id, "suspects": changes.suspects, **vars(changes)})
        return
    counts = ", ".join(f"{count} {name}" for name, count in changes.counts().items())
    out.line(f"{changes.suspects:,} suspects; cases: {counts}.")
    for notice in changes.notices:
        out.note(notice)


@with_session
def list_cases(
    session: Session,
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            metavar="NAME",
            help="unseen, open, watch, confirmed, closed, merged or all.",
            autocompletion=offer_words("unseen", "open", "watch", "confirmed", "closed", "merged", "all"),
        ),
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most N cases.")] = 50,
) -> None:
    """List cases, worst first."""
    from sentinel_batch.cases import list_cases as read_cases

    chosen = [name.strip() for name in status.split(",")] if status else None
    rows = read_cases(lake=session.desk(), status=chosen, limit=limit).to_dicts()
    out = session.output
    if out.as_json:
        out.document({"status": "success", "count": len(rows), "cases": rows})
        return
    if not rows:
        out.line("No cases.")
        return
    out.table(_COLUMNS, [_row(row) for row in rows])


@with_session
def show(session: Session, case_id: CaseId) -> None:
    """Show a case: members, links, loss and history."""
    from sentinel_batch.cases import get_case

    _present(session.output, get_case(case_id, lake=session.desk()))


@with_session
def assign(
    session: Session,
    case_id: CaseId,
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="Who takes it.")],
    by: By = None,
) -> None:
    """Assign a case to somebody."""
    from sentinel_batch.cases import assign_case

    _present(session.output, assign_case(case_id, to, by=by, lake=session.desk()))


@with_session
def mark(
    session: Session,
    case_id: CaseId,
    status: Annotated[str, typer.Argument(metavar="STATUS", help="open, watch or confirmed.")],
    notes: Notes = "",
    by: By = None,
) -> None:
    """Mark a case as open, on watch or confirmed."""
    from sentinel_batch.cases import mark_case

    done = mark_case(case_id, status, notes=notes, by=by, lake=session.desk())
    _present(session.output, done)


@with_session
def close(
    session: Session,
    case_id: CaseId,
    verdict: Annotated[
        str, typer.Option("--verdict", metavar="NAME", help="confirmed, false-positive or watch (undecided).")
    ],
    notes: Notes = "",
    review: Annotated[
        bool, typer.Option("--review", help="Give the same verdict on all open alerts of its members.")
    ] = False,
    by: By = None,
) -> None:
    """Close a case with a verdict."""
    from sentinel_batch.cases import close_case

    done = close_case(
        case_id,
        verdict=verdict,
        notes=notes,
        review=review,
        by=by,
        lake=session.desk(),
    )
    _present(session.output, done)


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    return (
        row["case_id"],
        row["severity"],
        row["member_count"],
        round(row["minutes"]),
        f"{row['loss']:,.0f} {row['currency']}",
        format_moment(row["last_seen"])[:16],
        f"{row['status']} ({row['assignee']})" if row["assignee"] else row["status"],
    )


def _present(out: Output, found: CaseFile) -> None:
    if out.as_json:
        out.document({"status": "success", **found.to_dict()})
        return
    case = found.case
    icon, _ = SEVERITY_MARKS[case["severity"]]
    out.line(f"Case {case['case_id']}  {icon} {case['severity']}  {case['alert_type']}  {case['status']}")
    out.line(f"Members  {case['member_count']} numbers, {case['alert_count']} alerts, {case['link_count']} links")
    out.line(f"Loss     {case['loss']:,.2f} {case['currency']} for {case['minutes']:,.1f} minutes")
    out.line(f"Seen     {format_moment(case['first_seen'])} to {format_moment(case['last_seen'])} UTC")
    for name in ("assignee", "verdict", "notes"):
        if case[name]:
            out.line(f"{name.capitalize():8} {case[name]}")
    if case["recidivism"]:
        out.line(f"Earlier  closed cases that share numbers or handsets: {case['earlier_cases'].strip('[]')}")
    _print_members(out, found)
    _print_links(out, found)
    if not found.events.is_empty():
        columns = (Column("When (UTC)"), Column("Who"), Column("What"), Column("Change", fold=True))
        rows = [(e["at"], e["actor"], e["event"], _change(e)) for e in found.events.to_dicts()]
        out.line()
        out.table(columns, rows, title="History")


def _change(event: dict[str, Any]) -> str:
    moved = f"{event['field']}: {event['before']} → {event['after']}" if event["field"] else ""
    return "; ".join(filter(None, (moved, event["note"])))


def _print_members(out: Output, found: CaseFile) -> None:
    columns = (
        Column("Number"),
        Column("Severity"),
        Column("Calls", numeric=True),
        Column("Minutes", numeric=True),
        Column("Cell"),
        Column("Rules", fold=True),
    )
    rows = [
        (m["number"], m["severity"], m["call_count"], round(m["minutes"], 1), m["top_cell"] or "", m["rules"])
        for m in found.members.to_dicts()
    ]
    out.line()
    out.table(columns, rows, title="Members")


def _print_links(out: Output, found: CaseFile) -> None:
    columns = (
        Column("Number"),
        Column("Number"),
        Column("Link"),
        Column("Strength", numeric=True),
        Column("Evidence", fold=True),
    )
    shown = found.links.head(_SHOWN_LINKS)
    rows = [
        (r["number_a"], r["number_b"], r["kind"].replace("_", " "), r["strength"], r["evidence"])
        for r in shown.to_dicts()
    ]
    out.line()
    out.table(columns, rows, title=f"Links ({shown.height} of {found.links.height:,})")


def create(create_app: Callable[[], typer.Typer]) -> typer.Typer:
    """Return the group ``cases``."""
    app = create_app()
    app.callback()(start)
    app.command("build")(build)
    app.command("list")(list_cases)
    app.command("show")(show)
    app.command("assign")(assign)
    app.command("mark")(mark)
    app.command("close")(close)
    return app
