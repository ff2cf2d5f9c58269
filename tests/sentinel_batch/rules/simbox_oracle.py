"""What rules on profiles ought to find, by trying every window of every number: no SQL, exact fractions."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.sentinel_batch.rules.simbox_inputs import DAY, MIDNIGHT, Day, run_rule

Row = dict[str, Any]
Judge = Callable[[Day, list[Day]], Row | None]


@dataclass(frozen=True)
class Trial:
    """A period and a way to draw days: a seed, for hypothesis to vary."""

    since: datetime
    until: datetime
    window_days: int
    seed: int

    @property
    def randomness(self) -> random.Random:
        return random.Random(self.seed)


@st.composite
def trials(draw: st.DrawFn) -> Trial:
    since = draw(st.integers(0, 14))
    until = since + draw(st.integers(1, 10))
    half = DAY / 2
    return Trial(MIDNIGHT + since * half, MIDNIGHT + until * half, draw(st.integers(1, 4)), draw(st.integers(0, 2**32)))


def search_by_force(days: Iterable[Day], trial: Trial, judge: Judge) -> list[Row]:
    """Return the rows that a rule on profiles returns, for a judge of one window that ends with one day.

    The judge gets the last day and all days of the number within the window, in order; it returns what the rule says,
    with ``counted``, the days that count, or None.
    """
    known = [day for day in days if day.start < trial.until]
    rows = []
    for number in sorted({day.number for day in known}):
        own = sorted((day for day in known if day.number == number), key=lambda day: day.index)
        hits = []
        for latest in own:
            inside = [day for day in own if latest.index - trial.window_days < day.index <= latest.index]
            found = judge(latest, inside) if latest.end > trial.since else None
            if found is not None:
                hits.append(_dated(found, latest, trial))
        rows += [_described(episode, number, trial) for episode in _episodes(hits)]
    return rows


def lower_bound(days: list[Day]) -> int:
    """Return how many different numbers were called on these days, at least."""
    return max(max(day["unique_callees"] for day in days), sum(day["new_callees"] or 0 for day in days))


def total(days: list[Day], name: str) -> Any:
    figures = [day[name] for day in days]
    return sum(map(Fraction, figures)) if any(isinstance(figure, float) for figure in figures) else sum(figures)


def figures_of(days: list[Day]) -> Row:
    """Return the figures that every rule reports of the days that count."""
    calls, minutes = total(days, "call_count"), total(days, "total_minutes")
    return {
        "counted": days,
        "call_count": calls,
        "unique_destinations": lower_bound(days),
        "avg_duration_seconds": 60 * minutes / calls,
    }


def by_minutes(minutes: Fraction, ladder: Mapping[str, int]) -> int:
    levels = (ladder["medium_minutes"], ladder["high_minutes"], ladder["critical_minutes"])
    return 1 + sum(minutes >= level for level in levels)


def check(rule_id: str, days: list[Day], trial: Trial, judge: Judge, **rest: Any) -> int:
    """Compare a rule with the brute force; return how many findings both have."""
    parameters = {"window": f"{24 * trial.window_days}h", **rest.pop("parameters")}
    found = run_rule(rule_id, days, trial.since, trial.until, parameters, **rest)
    expected = search_by_force(days, trial, judge)
    assert [(row["suspect_number"], row["episode_start"]) for row in found] == [
        (row["suspect_number"], row["episode_start"]) for row in expected
    ]
    for row, wanted in zip(found, expected, strict=True):
        assert set(row) == set(wanted)
        for name, value in wanted.items():
            exact = not isinstance(value, Fraction | float)
            assert row[name] == (value if exact else pytest.approx(float(value))), (row["suspect_number"], name)
        assert 0 <= row["confidence"] <= 1
    return len(found)


def _dated(found: Row, latest: Day, trial: Trial) -> Row:
    counted = found.pop("counted")
    return {
        **found,
        "window_start": counted[0].start,
        "window_end": min(latest.end, trial.until),
        "first_seen": min(day.first_call for day in counted),
        "last_seen": max(day.last_call for day in counted),
    }


def _episodes(hits: list[Row]) -> list[list[Row]]:
    episodes: list[list[Row]] = []
    for hit in hits:
        if episodes and hit["window_start"] <= episodes[-1][-1]["window_end"]:
            episodes[-1].append(hit)
        else:
            episodes.append([hit])
    return episodes


def _described(episode: list[Row], number: str, trial: Trial) -> Row:
    worst = min(
        episode,
        key=lambda hit: (
            -hit["severity"], -hit["unique_destinations"], hit["avg_duration_seconds"], hit["window_end"],
        ),
    )  # fmt: skip
    return {
        **worst,
        "suspect_number": number,
        "episode_start": min(hit["window_start"] for hit in episode),
        "episode_end": max(hit["window_end"] for hit in episode),
        "first_seen": min(hit["first_seen"] for hit in episode),
        "last_seen": min(max(hit["last_seen"] for hit in episode), trial.until),
    }
