"""Commands ``scorecard``, ``calibrate`` and ``queue``."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.output import Column, Output
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.text import format_moment

if TYPE_CHECKING:
    import polars as pl

    from sentinel_batch.desk import Desk
    from sentinel_batch.learning import Proposal, Scorecard

Since = Annotated[
    str | None,
    typer.Option("--since", metavar="TIME", help="After it: 24h, 7d (back from the newest call) or RFC 3339."),
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Up to it [default the newest call].")]

_RULES = (
    Column("Rule"),
    Column("Version"),
    Column("Alerts", numeric=True),
    Column("Reviewed", numeric=True),
    Column("Confirmed", numeric=True),
    Column("False", numeric=True),
    Column("Precision", numeric=True),
    Column("95 % interval", numeric=True),
    Column("Hours", numeric=True),
)
_WEEKS = (
    Column("Rule"),
    Column("Week from"),
    Column("Alerts", numeric=True),
    Column("Reviewed", numeric=True),
    Column("Precision", numeric=True),
)
_REASONS = (Column("Rule"), Column("Alerts", numeric=True), Column("Why false", fold=True), Column("Such as alert"))
_THRESHOLDS = (
    Column("Rule"),
    Column("Parameter"),
    Column("Segment"),
    Column("Quantile", numeric=True),
    Column("Value", numeric=True),
    Column("Alerts/day", numeric=True),
    Column("95 % interval", numeric=True),
    Column(""),
)
_QUEUE = (
    Column("Rank", numeric=True),
    Column("Suspect"),
    Column("Score", numeric=True),
    Column("Rules' score", numeric=True),
    Column("Model", numeric=True),
    Column("Severity"),
    Column("Case", numeric=True),
    Column("Alerts", fold=True),
    Column("Why", fold=True),
)


@with_session
def scorecard(session: Session, since: Since = None, until: Until = None) -> None:
    """Print what the verdicts say of each rule.

    Precision is confirmed / (confirmed + false positives), with its Wilson interval. Hours are an estimate: pauses
    between successive reviews of one analyst, at most 10 minutes each.
    """
    from sentinel_batch.learning import compute_scorecard

    desk = session.desk().snapshot()
    begin, end = resolve_bounds(desk, since, until)
    card = compute_scorecard(lake=desk, since=begin, until=end)
    if session.output.as_json:
        session.output.document({"status": "success", "since": begin, "until": end, **card.to_dict()})
    else:
        _print_scorecard(session.output, card)


@with_session
def calibrate(
    session: Session,
    history: Annotated[str, typer.Option("--history", metavar="TIME", help="How far to look back: 4w, 28d.")] = "4w",
    budget: Annotated[
        str, typer.Option("--budget", metavar="N/day", help="Alerts that the desk can look at: 50/day, 300/week.")
    ] = "50/day",
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="End of the history [default the last day of calls].")
    ] = None,
    segments: Annotated[bool, typer.Option("--segments", help="A threshold for each segment of callers.")] = False,
    loosen: Annotated[bool, typer.Option("--loosen", help="Use up the budget: loosen rules, too.")] = False,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", metavar="ID", help="Only this rule; repeat for more [default all].")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="New TOML file with the thresholds to adopt.")
    ] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Print every threshold that was tried.")] = False,
) -> None:
    """Propose thresholds that keep the alerts within a budget.

    Runs every rule over the history with quantiles of the profiles as thresholds, and counts the alerts that each would
    have opened. Changes no rule: with --out, the proposal is written to a file to copy from.
    """
    from sentinel_batch.learning import calibrate_rules, write_toml

    desk = session.desk().snapshot()
    _, end = resolve_bounds(desk, None, until)
    proposal = calibrate_rules(
        lake=desk, history=history, until=end, budget=budget, segments=segments, loosen=loosen, rules=rule
    )
    file = None if out is None else write_toml(proposal, out)
    if session.output.as_json:
        session.output.document({"status": "success", **proposal.to_dict(), "file": file})
    else:
        _print_proposal(session.output, proposal, show_all)
        if file is not None:
            session.output.line(str(file))


@with_session
def queue(
    session: Session,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most N suspects.")] = 50,
    model: Annotated[
        str | None, typer.Option("--model", metavar="DIR", help="Folder of a model, or the name of a shipped one.")
    ] = None,
) -> None:
    """Print one ranked queue of suspects, one row per number.

    Joins what all rules found with the probability of a model, if one is named. A model raises numbers, and never takes
    one out that a rule found.
    """
    from sentinel_batch.learning import rank_suspects

    desk = session.desk().snapshot()
    begin, end = resolve_bounds(desk, since, until)
    rows = rank_suspects(lake=desk, since=begin, until=end, model=model, limit=limit)
    if session.output.as_json:
        session.output.document({"status": "success", "count": rows.height, "suspects": rows.to_dicts()})
    else:
        _print_queue(session.output, rows)


def resolve_bounds(desk: Desk, since: str | None, until: str | None) -> tuple[datetime | None, datetime | None]:
    """Return what ``--since`` and ``--until`` stand for; None where they were not given."""
    if since is None and until is None:
        return None, None
    from sentinel_batch.window import resolve_period

    bounds = desk.tables.bounds()
    period = resolve_period(since, until, bounds[1] if bounds else None, timedelta(days=1))
    return period.since if since is not None else None, period.until if until is not None else None


def show_share(value: float | None) -> str | None:
    """Write a share with three digits."""
    return None if value is None else f"{value:.3f}"


def _print_scorecard(out: Output, card: Scorecard) -> None:
    if card.rules.is_empty():
        out.line("No alerts.")
        return
    out.table(
        _RULES,
        [
            (
                row["detection_rule"],
                row["rule_version"],
                row["alerts"],
                row["reviewed"],
                row["confirmed"],
                row["false_positives"],
                show_share(row["precision"]),
                _show_range(row["precision_low"], row["precision_high"]),
                row["analyst_hours"],
            )
            for row in card.rules.to_dicts()
        ],
    )
    out.table(
        _WEEKS,
        card.weekly.select("detection_rule", "week", "alerts", "reviewed", "precision").iter_rows(),
        title="By week",
    )
    if not card.reasons.is_empty():
        columns = ("detection_rule", "alerts", "reason", "example_alert_id")
        out.table(_REASONS, card.reasons.select(columns).iter_rows(), title="Reasons of false positives")


def _print_proposal(out: Output, proposal: Proposal, show_all: bool) -> None:
    rows = [row for row in proposal.thresholds.to_dicts() if show_all or row["current"] or row["chosen"]]
    out.table(_THRESHOLDS, [_threshold(row) for row in rows])
    out.line(
        f"Alerts opened after {format_moment(proposal.count_since)} up to {format_moment(proposal.until)} (UTC): "
        f"{proposal.current_per_day:.1f} a day with the thresholds in use, {proposal.expected_per_day:.1f} with the "
        f"proposed ones, on {proposal.numbers_per_day:.1f} different numbers; budget {proposal.budget:g}."
    )
    if not proposal.within_budget:
        out.warn("Even the tightest thresholds raise more alerts than the budget allows.")


def _threshold(row: dict[str, object]) -> tuple[object, ...]:
    low, high, rate = row["low"], row["high"], row["alerts_per_day"]
    mark = " ".join(word for word, flag in (("in use", row["current"]), ("proposed", row["chosen"])) if flag)
    return (
        row["detection_rule"],
        row["parameter"],
        row["segment"],
        None if row["level"] is None else f"{row['level']:g}",
        None if row["value"] is None else f"{row['value']:g}",
        f"{rate:.2f}",
        f"{low:.2f} to {high:.2f}",
        mark,
    )


def _print_queue(out: Output, rows: pl.DataFrame) -> None:
    if rows.is_empty():
        out.line("No suspects.")
        return
    out.table(
        _QUEUE,
        [
            (
                row["rank"],
                row["suspect_number"],
                show_share(row["score"]),
                show_share(row["rule_score"]),
                show_share(row["model_probability"]),
                row["severity"],
                row["case_id"],
                " ".join(map(str, row["alert_ids"])),
                "; ".join(row["reasons"]),
            )
            for row in rows.to_dicts()
        ],
    )


def _show_range(low: float | None, high: float | None) -> str | None:
    return None if low is None or high is None else f"{low:.3f} to {high:.3f}"
