"""Commands ``alerts ...``: lists, verdicts, exports and the suppression list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from sentinel_batch.cli.explain import advise, print_alert
from sentinel_batch.cli.ids import parse_id
from sentinel_batch.cli.offers import offer_alerts, offer_words
from sentinel_batch.cli.output import Column, Output, format_moment
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.suspects import print_suspects, resolve_since, suspect_filters
from sentinel_batch.errors import UsageError
from sentinel_batch.schema import SEVERITIES

if TYPE_CHECKING:
    import polars as pl

    from sentinel_batch.alerts.suppression import Suppression

ALERT_COLUMNS = (
    Column("ID", numeric=True),
    Column("Severity"),
    Column("Suspect"),
    Column("Rule", fold=True),
    Column("Dest.", numeric=True),
    Column("Last seen (UTC)"),
    Column("Status", fold=True),
)
_SUPPRESSION_COLUMNS = (
    Column("Pattern"),
    Column("Reason", fold=True),
    Column("Until (UTC)"),
    Column("State"),
    Column("By"),
    Column("Source", fold=True),
)

Ids = Annotated[
    list[int], typer.Argument(metavar="ID...", help="Ids of alerts.", parser=parse_id, autocompletion=offer_alerts)
]
Severity = Annotated[
    str | None,
    typer.Option(
        "--severity",
        metavar="NAME",
        help="LOW, MEDIUM, HIGH or CRITICAL; several with commas.",
        autocompletion=offer_words(*SEVERITIES),
    ),
]
Reviewed = Annotated[
    bool | None, typer.Option("--reviewed/--unreviewed", help="Only those with, or without, a verdict.")
]
Suspect = Annotated[str | None, typer.Option("--suspect", metavar="NUMBER", help="A number, or a prefix with *.")]
Since = Annotated[
    str | None,
    typer.Option(
        "--since", metavar="TIME", help="Seen at or after it: 24h, 7d (back from the newest call) or RFC 3339."
    ),
]
Status = Annotated[
    str | None,
    typer.Option(
        "--status",
        metavar="NAME",
        help="open, reviewed, suppressed, merged or all; with commas.",
        autocompletion=offer_words("open", "reviewed", "suppressed", "merged", "all"),
    ),
]
Grouping = Annotated[
    Literal["suspect", "rule"],
    typer.Option("--by", metavar="WHAT", help="suspect: one row per number or box; rule: one row per alert."),
]
By = Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who decided [default the current user].")]


@with_session
def start(session: Session) -> None:
    """Read alerts, give verdicts, export, suppress."""


@with_session
def list_alerts(
    session: Session,
    severity: Severity = None,
    reviewed: Reviewed = None,
    suspect: Suspect = None,
    since: Since = None,
    status: Status = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most N rows.")] = 50,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    grouping: Grouping = "suspect",
) -> None:
    """List who is suspected, worst first: one row per number or box, or per alert with --by rule.

    With --json both: suspects, each with its alerts, and all alerts by themselves.
    """
    from sentinel_batch.alerts import guard_formulas
    from sentinel_batch.alerts import list_alerts as read_alerts
    from sentinel_batch.scores import describe_suspects, list_suspects
    from sentinel_batch.scores.suspects import flatten_suspects

    out = session.output
    if as_csv and out.as_json:
        raise UsageError("--csv and --json cannot be used together.", hint="Give one of them.")
    desk = session.desk().snapshot()
    filters = _filters(severity, reviewed, suspect, resolve_since(out, desk, since), status)
    if grouping == "rule":
        rows = flat = read_alerts(lake=desk, limit=limit, **filters)
        facts = {"count": rows.height, "alerts": rows.to_dicts()}
    else:
        rows = list_suspects(desk, limit=limit, **suspect_filters(filters))
        flat, alerts = flatten_suspects(rows), read_alerts(lake=desk, limit=limit, **filters) if out.as_json else rows
        facts = {"count": alerts.height, "alerts": alerts.to_dicts(), "suspects": describe_suspects(rows, lake=desk)}
    if out.as_json:
        out.document({"status": "success", **facts})
    elif as_csv:
        out.raw(guard_formulas(flat).write_csv(datetime_format="%Y-%m-%dT%H:%M:%S%.6fZ"))
    else:
        (print_alerts if grouping == "rule" else print_suspects)(out, rows)
        if rows.height == limit:
            out.note(f"Stopped at {limit}; see more with --limit.")


@with_session
def show(
    session: Session,
    alert_id: Annotated[
        int, typer.Argument(metavar="ID", help="Id of the alert.", parser=parse_id, autocompletion=offer_alerts)
    ],
) -> None:
    """Print one alert with its history."""
    from sentinel_batch.alerts import get_alert

    desk = session.desk()
    alert = get_alert(alert_id, lake=desk)
    advice = advise(desk.config, alert)
    out = session.output
    if out.as_json:
        out.document({"status": "success", "alert": alert, "remediation": advice})
        return
    print_alert(out, alert, advice)


@with_session
def review(
    session: Session,
    ids: Ids,
    disposition: Annotated[
        Literal["confirmed", "false-positive", "watch"] | None,
        typer.Option("--disposition", metavar="VERDICT", help="confirmed, false-positive or watch [default none]."),
    ] = None,
    notes: Annotated[str, typer.Option("--notes", metavar="TEXT", help="Why.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Replace a verdict that was given before.")] = False,
    by: By = None,
) -> None:
    """Give a verdict on alerts: on all that are named, or on none.

    Without a verdict they are marked as looked at. A verdict is replaced with --replace only; notes are replaced by
    new ones, and a warning says whose they were. alerts show prints what was said before, and alerts undo takes it
    back.
    """
    from sentinel_batch.alerts.review import give_verdict

    done = give_verdict(ids, disposition=disposition, notes=notes, replace=replace, by=by, lake=session.desk())
    for notice in done.notices:
        session.output.warn(notice)
    _print_reviewed(session.output, done.rows, notices=done.notices)


@with_session
def undo(
    session: Session,
    ids: Ids,
    notes: Annotated[str, typer.Option("--notes", metavar="TEXT", help="Why.")] = "",
    by: By = None,
) -> None:
    """Take back the last review of alerts: of all that are named, or of none."""
    from sentinel_batch.alerts import undo_review

    _print_reviewed(session.output, undo_review(ids, notes=notes, by=by, lake=session.desk()))


@with_session
def note(
    session: Session,
    ids: Ids,
    notes: Annotated[str, typer.Option("--notes", metavar="TEXT", help="The new notes; an empty text erases them.")],
    by: By = None,
) -> None:
    """Replace the notes of alerts, and leave their review as it is."""
    from sentinel_batch.alerts import annotate_alerts

    _print_reviewed(session.output, annotate_alerts(ids, notes=notes, by=by, lake=session.desk()))


def _print_reviewed(out: Output, rows: pl.DataFrame, **facts: Any) -> None:
    if out.as_json:
        out.document({"status": "success", "count": rows.height, "alerts": rows.to_dicts(), **facts})
    else:
        print_alerts(out, rows)


@with_session
def export(
    session: Session,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="File to write: .parquet, .csv, .xlsx or .json.")],
    severity: Severity = None,
    reviewed: Reviewed = None,
    suspect: Suspect = None,
    since: Since = None,
    status: Status = "all",
    grouping: Grouping = "suspect",
) -> None:
    """Write who is suspected to one plain file: one row per number or box, or per alert with --by rule.

    A .json file has both: suspects, each with its alerts, and all alerts by themselves.
    """
    from sentinel_batch.alerts import export_alerts
    from sentinel_batch.scores import export_suspects

    out, desk = session.output, session.desk().snapshot()
    filters = _filters(severity, reviewed, suspect, resolve_since(out, desk, since), status)
    if grouping == "rule":
        file = export_alerts(path, lake=desk, **filters)
    else:
        file = export_suspects(path, lake=desk, **suspect_filters(filters))
    if out.as_json:
        out.document({"status": "success", "path": file})
    else:
        out.line(str(file))


@with_session
def suppress(
    session: Session,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="A number, or a prefix with *.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; shown with every finding it covers.")],
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Last day, or an RFC 3339 time [default no end].")
    ] = None,
    by: By = None,
) -> None:
    """Put a number or a prefix on the suppression list.

    Says how many callers of the lake a prefix covers, and which entry of the same pattern the new one replaces.
    """
    from sentinel_batch.alerts.suppression import enter_suppression

    done = enter_suppression(number, reason=reason, until=until, by=by, lake=session.desk())
    out, pattern = session.output, done.rows["pattern"].item()
    if done.replaced is not None:
        out.warn(f"Replaces the entry of {pattern}: {_describe_entry(done.replaced)}")
    if pattern.endswith("*"):
        out.warn(f"{pattern} covers {done.covered.callers:,} of the {done.covered.known:,} callers of the lake.")
    facts = {"replaced": done.replaced and asdict(done.replaced), "callers_covered": done.covered.callers}
    _print_suppressions(out, done.rows, **facts)


def _describe_entry(entry: Suppression) -> str:
    end = f", until {format_moment(entry.until)} UTC" if entry.until else ""
    return f"“{entry.reason}”{end} (by {entry.created_by} on {format_moment(entry.created_at)[:16]} UTC)"


@with_session
def unsuppress(
    session: Session,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The entry, as it was made.")],
    by: By = None,
) -> None:
    """Remove a number or a prefix from the suppression list."""
    from sentinel_batch.alerts import unsuppress as remove

    rows = remove(number, by=by, lake=session.desk())
    _print_suppressions(session.output, rows)


@with_session
def suppressions(session: Session) -> None:
    """Print the suppression list, expired entries included."""
    from sentinel_batch.alerts import list_suppressions

    _print_suppressions(session.output, list_suppressions(lake=session.desk()))


def print_alerts(out: Output, rows: pl.DataFrame) -> None:
    """Print alerts as a table."""
    if rows.is_empty():
        out.line("No alerts.")
        return
    out.table(ALERT_COLUMNS, [_row(alert) for alert in rows.to_dicts()])


def _row(alert: dict[str, Any]) -> tuple[Any, ...]:
    return (
        str(alert["id"]),
        alert["alert_severity"],
        alert["suspect_number"],
        alert["detection_rule"],
        alert["unique_destinations"],
        format_moment(alert["last_seen"])[:16],
        alert["disposition"] or alert["status"],
    )


def _filters(
    severity: str | None, reviewed: bool | None, suspect: str | None, since: datetime | None, status: str | None
) -> dict[str, Any]:
    return {
        "severity": severity.split(",") if severity else None,
        "reviewed": reviewed,
        "suspect": suspect,
        "since": since,
        "status": status.split(",") if status else None,
    }


def _print_suppressions(out: Output, rows: pl.DataFrame, **facts: Any) -> None:
    if out.as_json:
        out.document({"status": "success", "count": rows.height, "suppressions": rows.to_dicts(), **facts})
        return
    if rows.is_empty():
        out.line("The suppression list is empty.")
        return
    out.table(
        _SUPPRESSION_COLUMNS,
        [
            (
                r["pattern"],
                r["reason"],
                r["until"],
                "active" if r["active"] else "expired",
                r["created_by"],
                r["source"],
            )
            for r in rows.to_dicts()
        ],
    )


def create(create_app: Callable[[], typer.Typer]) -> typer.Typer:
    """Return the group ``alerts``."""
    app = create_app()
    app.callback()(start)
    app.command("list")(list_alerts)
    app.command("show")(show)
    app.command("review")(review)
    app.command("undo")(undo)
    app.command("note")(note)
    app.command("export")(export)
    app.command("suppress")(suppress)
    app.command("unsuppress")(unsuppress)
    app.command("suppressions")(suppressions)
    return app
