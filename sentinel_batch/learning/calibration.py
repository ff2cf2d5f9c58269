"""Calibration: how many alerts a day each threshold would have raised, and which thresholds keep to a budget."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import sqrt
from typing import Any

import polars as pl

from sentinel_batch.config import Config
from sentinel_batch.desk import ConfigLike, DeskLike, open_desk
from sentinel_batch.errors import UsageError
from sentinel_batch.learning.backtest import plan_backtest
from sentinel_batch.learning.intervals import Z_95
from sentinel_batch.learning.ladders import EVERYONE, LEVELS
from sentinel_batch.learning.trials import Unit, try_thresholds
from sentinel_batch.rules import Rule, get_rule, list_rules
from sentinel_batch.rules.settings import SEGMENTS
from sentinel_batch.window import parse_duration

HISTORY = timedelta(days=28)
BUDGET = 50.0
"""Alerts a day that the desk can look at, unless told otherwise."""

_WEEKS = re.compile(r"(\d{1,4})w", re.ASCII)
_BUDGET = re.compile(r"(\d+(?:\.\d+)?)(?:/(day|week))?", re.ASCII)


@dataclass(frozen=True)
class Proposal:
    """Thresholds to adopt, and what is expected of them. Nothing is changed by making one.

    Parameters
    ----------
    thresholds
        Every value that was tried: ``detection_rule, parameter, segment, level, value, alerts_per_day, low, high,
        current, chosen``; ``low`` and ``high`` bound 95 % of a Poisson count.
    since, count_since, until
        The rules ran over ``(since, until]``; alerts that opened after ``count_since`` were counted.
    budget, current_per_day, expected_per_day
        Alerts a day: allowed, with the thresholds in use, and with the proposed ones.
    numbers_per_day
        Different numbers among the expected alerts, a day: the rows of the queue.
    within_budget
        False if even the tightest thresholds raise more than allowed.
    configuration
        Rule id to parameters to adopt; per segment below ``segments``.
    """

    thresholds: pl.DataFrame
    since: datetime
    count_since: datetime
    until: datetime
    budget: float
    current_per_day: float
    expected_per_day: float
    numbers_per_day: float
    within_budget: bool
    configuration: dict[str, dict[str, Any]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {**vars(self), "thresholds": self.thresholds.to_dicts()}


def calibrate_rules(
    *,
    lake: DeskLike = None,
    config: ConfigLike = None,
    history: timedelta | str = HISTORY,
    until: datetime | None = None,
    budget: float | str = BUDGET,
    segments: bool = False,
    loosen: bool = False,
    rules: Sequence[str] | None = None,
    levels: Sequence[float] = LEVELS,
) -> Proposal:
    """Propose thresholds that keep the alerts within a budget; changes nothing.

    The candidates of a rule's main parameter are quantiles of the profile column that it is compared with, over the
    caller-days of the history (or multiples of the value in use, where no column measures it). For every candidate the
    rule itself is run over the history, and the alerts that it would have opened are counted. Then, starting from the
    values in use, the unit with most alerts expected to be wrong is tightened by one step, again and again, until the
    budget holds.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    history
        How far to look back: a time span, or text such as ``4w``, ``28d``. Its first week (at most half) is run over
        but not counted.
    until
        End of the history; None is the end of the last local day with calls.
    budget
        Alerts a day over all rules: a number, or text such as ``50/day``, ``300/week``.
    segments
        Give every segment of callers a threshold of its own.
    loosen
        Use up what the budget leaves by loosening the rules that are trusted most.
    rules
        Ids of the rules; None is all.
    levels
        Quantiles to try.

    Returns
    -------
    Proposal

    Raises
    ------
    UsageError
        If an argument cannot be read, or the history is too short.
    """
    desk, allowed = open_desk(lake, config).snapshot(), parse_budget(budget)
    test = plan_backtest(desk, parse_history(history), until)
    units = try_thresholds(test, _chosen_rules(rules, desk.config), segments=segments, levels=levels)
    _tighten(units, allowed * test.length)
    if loosen:
        _loosen(units, allowed * test.length)
    suspects = {number for unit in units for number in unit.steps[unit.chosen].suspects}
    return Proposal(
        thresholds=_tabulate(units, test.length),
        since=test.since,
        count_since=test.count_since,
        until=test.until,
        budget=allowed,
        current_per_day=sum(unit.steps[unit.current].alerts for unit in units) / test.length,
        expected_per_day=_total(units) / test.length,
        numbers_per_day=len(suspects) / test.length,
        within_budget=_total(units) <= allowed * test.length,
        configuration=_configure(units),
    )


def parse_history(text: timedelta | str) -> timedelta:
    """Read a history such as ``4w``, ``28d``.

    Raises
    ------
    UsageError
        If it cannot be read.
    """
    if isinstance(text, timedelta):
        return text
    weeks = _WEEKS.fullmatch(text.strip())
    return timedelta(weeks=int(weeks[1])) if weeks and int(weeks[1]) else parse_duration(text, name="history")


def parse_budget(text: float | str) -> float:
    """Read a budget such as ``50``, ``50/day``, ``300/week`` as alerts a day.

    Raises
    ------
    UsageError
        If it cannot be read, or is 0 or less.
    """
    match = _BUDGET.fullmatch(str(text).strip())
    number = float(match[1]) / (7 if match[2] == "week" else 1) if match else 0.0
    if number <= 0:
        raise UsageError(
            f"budget = {text!r} is not a budget.",
            hint="Give alerts a day, above 0: 50, 50/day or 300/week.",
            value=str(text),
        )
    return number


def _chosen_rules(rules: Sequence[str] | None, config: Config) -> list[Rule]:
    return list(list_rules(config)) if rules is None else [get_rule(rule, config) for rule in rules]


def _total(units: Sequence[Unit]) -> int:
    return sum(unit.steps[unit.chosen].alerts for unit in units)


def _tighten(units: Sequence[Unit], allowed: float) -> None:
    """Tighten, step by step, whichever unit raises most alerts that are expected to be wrong."""
    while _total(units) > allowed:
        movable = [unit for unit in units if unit.tighter() is not None]
        if not movable:
            return
        # Expected wrong alerts, not alerts: a rule that is nearly always right is tightened last. The name breaks ties.
        worst = max(movable, key=lambda unit: (unit.steps[unit.chosen].alerts * (1 - unit.trust), unit.name))
        worst.chosen = worst.tighter() or worst.chosen


def _loosen(units: Sequence[Unit], allowed: float) -> None:
    """Loosen, step by step, the most trusted unit whose next step still fits."""
    while True:
        room = allowed - _total(units)
        fitting = [unit for unit in units if unit.looser(room) is not None]
        if not fitting:
            return
        best = max(fitting, key=lambda unit: (unit.trust, unit.name))
        place = best.looser(room)
        best.chosen = best.chosen if place is None else place


def _tabulate(units: Sequence[Unit], days: float) -> pl.DataFrame:
    rows = [
        {
            "detection_rule": unit.rule.id,
            "parameter": unit.knob.parameter if unit.knob else None,
            "segment": unit.segment,
            "level": step.level,
            "value": step.value,
            "alerts_per_day": step.alerts / days,
            # The standard deviation of a Poisson count is its square root.
            "low": max(0.0, step.alerts - Z_95 * sqrt(step.alerts)) / days,
            "high": (step.alerts + Z_95 * sqrt(step.alerts)) / days,
            "current": place == unit.current,
            "chosen": place == unit.chosen,
        }
        for unit in units
        for place, step in enumerate(unit.steps)
    ]
    texts, reals = ("detection_rule", "parameter", "segment"), ("level", "value", "alerts_per_day", "low", "high")
    schema = {**dict.fromkeys(texts, pl.String), **dict.fromkeys(reals, pl.Float64)}
    return pl.DataFrame(rows, schema=schema | dict.fromkeys(("current", "chosen"), pl.Boolean))


def _configure(units: Sequence[Unit]) -> dict[str, dict[str, Any]]:
    """Return what differs from the values in use, rule by rule."""
    changes: dict[str, dict[str, Any]] = {}
    for unit in units:
        if unit.knob is None or unit.chosen == unit.current:
            continue
        table = changes.setdefault(unit.rule.id, {})
        if unit.segment != EVERYONE:
            table = table.setdefault(SEGMENTS, {}).setdefault(unit.segment, {})
        table[unit.knob.parameter] = unit.steps[unit.chosen].value
    return changes
