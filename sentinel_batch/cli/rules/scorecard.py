"""Command ``rules scorecard``: what the verdicts say of each rule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.output import Column, Output
from sentinel_batch.cli.period import Since, Until, resolve_bounds
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.text import show_share

if TYPE_CHECKING:
    from sentinel_batch.learning import Scorecard

_RULES = (
    Column("Rule"),
    Column("Version", drop=2),
    Column("Alerts", numeric=True),
    Column("Reviewed", numeric=True),
    Column("Confirmed", numeric=True),
    Column("False", numeric=True),
    Column("Precision", numeric=True, drop=1),
    Column("95 % interval", numeric=True, drop=1),
    Column("Hours", numeric=True, drop=3),
)
_WEEKS = (
    Column("Rule"),
    Column("Week from"),
    Column("Alerts", numeric=True),
    Column("Reviewed", numeric=True),
    Column("Precision", numeric=True),
)
_OUTSIDE = (
    Column("Source"),
    Column("Positive", numeric=True),
    Column("Alerted", numeric=True),
    Column("Negative", numeric=True),
    Column("Alerted", numeric=True),
)

_REASONS = (
    Column("Rule"),
    Column("Alerts", numeric=True),
    Column("Why false", fold=True),
    Column("Such as alert", drop=1),
)


@with_session
def scorecard(
    session: Session,
    since: Since = None,
    until: Until = None,
    show_all: Annotated[bool, typer.Option("--all", help="Print every week of every rule, too.")] = False,
) -> None:
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
        _print_scorecard(session.output, card, show_all)


def _print_scorecard(out: Output, card: Scorecard, show_all: bool) -> None:
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
    if show_all:
        weeks = card.weekly.select("detection_rule", "week", "alerts", "reviewed", "precision")
        out.table(_WEEKS, weeks.iter_rows(), title="By week")
    else:
        out.note("Week by week: --all")
    if not card.reasons.is_empty():
        columns = ("detection_rule", "alerts", "reason", "example_alert_id")
        out.table(_REASONS, card.reasons.select(columns).iter_rows(), title="Reasons of false positives")
    if not card.outside.is_empty():
        out.table(_OUTSIDE, card.outside.iter_rows(), title="Labels from outside, and how many of them have an alert")


def _show_range(low: float | None, high: float | None) -> str | None:
    return None if low is None or high is None else f"{low:.3f} to {high:.3f}"
