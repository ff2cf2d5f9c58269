"""Command ``rules calibrate``: thresholds that keep the alerts within a budget."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.offers import offer_rules
from sentinel_batch.cli.output import Column, Output
from sentinel_batch.cli.period import resolve_bounds
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.text import format_moment

if TYPE_CHECKING:
    from sentinel_batch.learning import Proposal

_THRESHOLDS = (
    Column("Rule"),
    Column("Parameter"),
    Column("Segment", drop=1),
    Column("Quantile", numeric=True, drop=3),
    Column("Value", numeric=True),
    Column("Per day", numeric=True),
    Column("95 % interval", numeric=True, drop=2),
    Column(""),
)


@with_session
def calibrate(
    session: Session,
    history: Annotated[str, typer.Option("--history", metavar="TIME", help="How far to look back: 4w, 28d.")] = "4w",
    budget: Annotated[
        str, typer.Option("--budget", metavar="N/day", help="Alerts that the desk can handle: 50/day, 300/week.")
    ] = "50/day",
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="End of the history [default the last day of calls].")
    ] = None,
    segments: Annotated[bool, typer.Option("--segments", help="A threshold for each segment of callers.")] = False,
    loosen: Annotated[bool, typer.Option("--loosen", help="Use up the budget: loosen rules as well.")] = False,
    rule: Annotated[
        list[str] | None,
        typer.Option(
            "--rule", metavar="ID", help="Only this rule; may be repeated [default all].", autocompletion=offer_rules
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="New TOML file with the thresholds to adopt.")
    ] = None,
    show_all: Annotated[bool, typer.Option("--all", help="Print every threshold that was tried.")] = False,
) -> None:
    """Propose thresholds that keep the alerts within a budget.

    Runs every rule over the history with quantiles of the profiles as thresholds, and counts the alerts that each would
    have opened. No rule is changed: --out writes the proposal to a file to copy from. This calibrates how many alerts
    rules raise; audio scorer calibrate makes the scores of recordings true probabilities.
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


def _print_proposal(out: Output, proposal: Proposal, show_all: bool) -> None:
    rows = [row for row in proposal.thresholds.to_dicts() if show_all or row["current"] or row["chosen"]]
    alone = len({row["segment"] for row in rows}) == 1
    out.table(_THRESHOLDS, [_threshold(row, alone) for row in rows])
    out.prose(
        f"Alerts opened after {format_moment(proposal.count_since)} up to {format_moment(proposal.until)} (UTC): "
        f"{proposal.current_per_day:.1f} a day with the thresholds in use, {proposal.expected_per_day:.1f} with the "
        f"proposed ones, on {proposal.numbers_per_day:.1f} different numbers; budget {proposal.budget:g}."
    )
    if not proposal.within_budget:
        out.warn("Even the strictest thresholds raise more alerts than the budget allows.")


def _threshold(row: dict[str, object], alone: bool) -> tuple[object, ...]:
    low, high, rate = row["low"], row["high"], row["alerts_per_day"]
    mark = {(True, True): "kept", (True, False): "in use", (False, True): "proposed"}.get(
        (bool(row["current"]), bool(row["chosen"])), ""
    )
    return (
        row["detection_rule"],
        row["parameter"],
        None if alone else row["segment"],
        None if row["level"] is None else f"{row['level']:g}",
        None if row["value"] is None else f"{row['value']:g}",
        f"{rate:.2f}",
        f"{low:.2f} to {high:.2f}",
        mark,
    )
