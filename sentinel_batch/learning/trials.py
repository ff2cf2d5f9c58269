"""Trials of thresholds: every candidate of every rule is run over the history, and its alerts are counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from sentinel_batch.learning.backtest import Backtest
from sentinel_batch.learning.ladders import EVERYONE, Knob, build_ladder, find_knob, measure_quantiles
from sentinel_batch.learning.scorecard import compute_scorecard
from sentinel_batch.rules import Rule
from sentinel_batch.rules.settings import SEGMENTS

LOOSEST = 0.5
"""No rule is loosened below this share of the value in use: a rule of hundreds of calls makes no sense with two."""

_PRIOR = 10
"""A rule's weight counts as much as so many verdicts."""

Candidates = dict[tuple[str, str], list[tuple[float | None, float | None]]]


@dataclass(frozen=True)
class Step:
    """A value of a rule's parameter in one segment, and the suspect of each alert that it would have opened there."""

    value: float | None
    level: float | None
    suspects: tuple[str, ...]

    @property
    def alerts(self) -> int:
        """Number of alerts."""
        return len(self.suspects)


@dataclass
class Unit:
    """What gets a threshold of its own: a rule, or a rule in one segment.

    Parameters
    ----------
    rule, knob, segment
        Whose threshold; without a knob it stays as it is. Beside segments, :data:`EVERYONE` is whoever has none.
    steps
        Loosest first.
    current, chosen
        Places in ``steps``: in use, and proposed.
    trust
        Share of the rule's alerts that are right, as far as known.
    """

    rule: Rule
    knob: Knob | None
    segment: str
    steps: list[Step]
    current: int
    chosen: int
    trust: float

    @property
    def name(self) -> tuple[str, str]:
        """What tells it from the others."""
        return self.rule.id, self.segment

    def tighter(self) -> int | None:
        """Return the next tighter place that raises fewer alerts, if there is one."""
        alerts = self.steps[self.chosen].alerts
        # Steps that change nothing are passed over: each move must buy something.
        return next((p for p in range(self.chosen + 1, len(self.steps)) if self.steps[p].alerts < alerts), None)

    def looser(self, room: float) -> int | None:
        """Return the next looser place that raises more alerts, at most so many more, if there is one."""
        alerts = self.steps[self.chosen].alerts
        place = next((p for p in range(self.chosen - 1, -1, -1) if self.steps[p].alerts > alerts), None)
        if place is None or self.steps[place].alerts - alerts > room:
            return None
        value, in_use = self.steps[place].value, self.steps[self.current].value
        return None if value is None or in_use is None or value < LOOSEST * in_use else place


def try_thresholds(
    test: Backtest,
    rules: Sequence[Rule],
    *,
    segments: bool,
    levels: Sequence[float],
) -> list[Unit]:
    """Return every rule (in every segment) with the steps of its ladder, counted over the history.

    Parameters
    ----------
    test
        The history.
    rules
        The rules; the values in use are those of the desk's settings.
    segments
        Whether segments get thresholds of their own.
    levels
        Quantiles to try.
    """
    in_use = test.desk.config.rules
    knobs = {rule.id: find_knob(rule) for rule in rules}
    candidates = _list_candidates(test, rules, knobs, in_use, segments, levels)
    counted = _run(test, rules, knobs, in_use, candidates)
    trust = _trust(test, rules)
    named = sorted({segment for _, segment in candidates} - {EVERYONE})
    units = []
    for rule in rules:
        for segment in [EVERYONE, *named]:
            ladder = candidates.get((rule.id, segment))
            if ladder is not None:
                inside = named if segment == EVERYONE and knobs[rule.id] is not None else []
                steps = [Step(value, level, _pick(counted[rule.id, value], segment, inside)) for level, value in ladder]
                # The value in use is always on the ladder, or what is proposed could not be compared with what is
                # there.
                current = [value for _, value in ladder].index(_value_in_use(rule, knobs, in_use, segment))
                units.append(Unit(rule, knobs[rule.id], segment, steps, current, current, trust[rule.id]))
    return units


def _list_candidates(
    test: Backtest,
    rules: Sequence[Rule],
    knobs: Mapping[str, Knob | None],
    in_use: Mapping[str, Mapping[str, Any]],
    segmented: bool,
    levels: Sequence[float],
) -> Candidates:
    columns = [knob.column for knob in knobs.values() if knob is not None and knob.column is not None]
    table = measure_quantiles(test.profiles(), columns, levels)
    quantiles: dict[tuple[str, str], dict[float, float | None]] = {}
    for segment, column, level, quantile in table.select("segment", "column", "level", "quantile").iter_rows():
        if segmented or segment == EVERYONE:
            quantiles.setdefault((segment, column), {})[level] = quantile
    names = sorted({segment for segment, _ in quantiles} | {EVERYONE})
    candidates: Candidates = {}
    for rule in rules:
        knob = knobs[rule.id]
        for segment in names if knob is not None else [EVERYONE]:
            value = _value_in_use(rule, knobs, in_use, segment)
            own = quantiles.get((segment, knob.column or ""), {}) if knob is not None else {}
            candidates[rule.id, segment] = (
                [(None, None)] if knob is None or value is None else [*build_ladder(knob, rule, value, own)]
            )
    return candidates


def _value_in_use(
    rule: Rule, knobs: Mapping[str, Knob | None], in_use: Mapping[str, Mapping[str, Any]], segment: str
) -> float | None:
    knob = knobs[rule.id]
    if knob is None:
        return None
    table = in_use.get(rule.id, {})
    own = table.get(SEGMENTS, {}).get(segment, {}).get(knob.parameter)
    value = own if own is not None else table.get(knob.parameter, rule.parameters[knob.parameter].default)
    return float(value)


def _run(
    test: Backtest,
    rules: Sequence[Rule],
    knobs: Mapping[str, Knob | None],
    in_use: Mapping[str, Mapping[str, Any]],
    candidates: Candidates,
) -> dict[tuple[str, float | None], pl.DataFrame]:
    """Run every rule with every value of its ladders, all over the same calls and profiles."""
    # Segments share most candidates: each value of a rule runs once, and its alerts are then dealt out.
    tried = sorted({(name, value) for (name, _), ladder in candidates.items() for _, value in ladder}, key=str)
    by_name = {rule.id: rule for rule in rules}
    alerts = test.run([(by_name[name], _configure(name, value, knobs, in_use)) for name, value in tried])
    return dict(zip(tried, alerts, strict=True))


def _configure(
    name: str, value: float | None, knobs: Mapping[str, Knob | None], in_use: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    table = {key: setting for key, setting in in_use.get(name, {}).items() if key != SEGMENTS}
    knob = knobs[name]
    return table if knob is None or value is None else table | {knob.parameter: value}


def _pick(alerts: pl.DataFrame, segment: str, named: Sequence[str]) -> tuple[str, ...]:
    """Return the suspects of a segment; for everyone, those in none of the named ones."""
    if segment != EVERYONE:
        alerts = alerts.filter(pl.col("segment") == segment)
    elif named:
        alerts = alerts.filter(~pl.col("segment").fill_null("").is_in(list(named)))
    return tuple(sorted(alerts["suspect_number"].to_list()))


def _trust(test: Backtest, rules: Sequence[Rule]) -> dict[str, float]:
    """Return the share of each rule's alerts that are right: its verdicts, and its weight as :data:`_PRIOR` more."""
    verdicts = (
        compute_scorecard(lake=test.desk)
        .rules.group_by("detection_rule")
        .agg(pl.col("confirmed", "false_positives").sum())
    )
    counts = {name: (right, wrong) for name, right, wrong in verdicts.iter_rows()}
    return {
        rule.id: (counts.get(rule.id, (0, 0))[0] + _PRIOR * rule.weight) / (sum(counts.get(rule.id, (0, 0))) + _PRIOR)
        for rule in rules
    }
