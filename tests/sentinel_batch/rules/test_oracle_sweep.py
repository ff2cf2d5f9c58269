"""SHORT_DURATION and ASR_ACD against a brute force that looks at every half minute, as ``test_oracle_detect`` does.

All calls are at whole minutes, so a state can change at whole minutes only: looking at whole and at half minutes sees
every state there is, the one just after ``since`` included. Times are in minutes from ORIGIN, durations in seconds.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import floor
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from thoroughness import examples

from tests.sentinel_batch.rules.simbox_inputs import MIDNIGHT, Day, run_rule

ORIGIN = datetime(2026, 1, 1, 22, 55, tzinfo=UTC)
"""Five minutes before a local midnight, so that windows lie over it."""

MINUTE = timedelta(minutes=1)
Figures = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One call; ``answered`` may be unknown."""

    minute: int
    callee: int
    seconds: int
    answered: bool | None

    @property
    def completed(self) -> bool:
        return self.seconds > 0 if self.answered is None else self.answered


@dataclass(frozen=True)
class Trial:
    """A period and the calls of several callers, drawn by a seed."""

    window: int
    since: int
    until: int
    seed: int

    @property
    def randomness(self) -> random.Random:
        return random.Random(self.seed)

    def callers(self) -> list[list[Call]]:
        source = self.randomness
        return [draw_caller(source, source.choice([3, 8, 20])) for _ in range(30)]


def draw_caller(source: random.Random, span: int) -> list[Call]:
    places = {(source.randint(-span, span), source.randint(1, 6)) for _ in range(source.randint(0, 18))}
    seconds, answers = [0, 0, 1, 2, 3, 7, 40], [None, None, None, True, False]
    return [Call(minute, callee, source.choice(seconds), source.choice(answers)) for minute, callee in sorted(places)]


def search_by_force(trial: Trial, calls: list[Call], judge: Callable[[list[Call]], Figures | None]) -> list[Figures]:
    """Return the rows of a rule for one caller, for a judge of the calls of one window."""
    hits: list[tuple[Fraction, list[Call], Figures]] = []
    for half in range(2 * trial.since + 1, 2 * trial.until + 1):
        instant = Fraction(half, 2)
        inside = [call for call in calls if instant - trial.window < call.minute <= instant]
        found = judge(inside) if inside else None
        if found is not None:
            hits.append((instant, inside, found))
    episodes: list[list[tuple[Fraction, list[Call], Figures]]] = []
    for hit in hits:
        if episodes and floor(hit[0]) - trial.window <= ending(episodes[-1][-1][0], trial):
            episodes[-1].append(hit)
        else:
            episodes.append([hit])
    return [describe(episode, trial) for episode in episodes]


def ending(instant: Fraction, trial: Trial) -> int:
    """Return the minute up to which the state seen at an instant lasts."""
    return min(trial.until, floor(instant) + 1)


def describe(episode: list[tuple[Fraction, list[Call], Figures]], trial: Trial) -> Figures:
    instant, _, figures = min(
        episode,
        key=lambda hit: (
            -hit[2]["severity"], -hit[2]["unique_destinations"], hit[2]["avg_duration_seconds"], hit[0],
        ),
    )  # fmt: skip
    seen = [minute for _, inside, _ in episode for minute in counted(inside, figures)]
    times = {
        "window_start": floor(instant) - trial.window,
        "window_end": floor(instant),
        "episode_start": floor(episode[0][0]) - trial.window,
        "episode_end": ending(episode[-1][0], trial),
        "first_seen": min(seen),
        "last_seen": max(seen),
    }
    return {
        **{name: value for name, value in figures.items() if name != "only_completed"},
        **{name: ORIGIN + minute * MINUTE for name, minute in times.items()},
    }


def counted(inside: list[Call], figures: Figures) -> Iterable[int]:
    return (call.minute for call in inside if call.completed or not figures["only_completed"])


def common_figures(calls: list[Call]) -> Figures:
    return {
        "call_count": len(calls),
        "unique_destinations": len({call.callee for call in calls}),
        "avg_duration_seconds": Fraction(sum(call.seconds for call in calls), len(calls)),
    }


def judge_short(source: random.Random) -> tuple[dict[str, Any], Callable[[list[Call]], Figures | None]]:
    least, share, limit = source.choice([2, 4]), source.choice([0.15, 0.25, 0.5]), source.choice([2, 6, 7])

    def judge(inside: list[Call]) -> Figures | None:
        calls = [call for call in inside if call.completed]
        short = sum(call.seconds <= limit for call in calls)
        if len(calls) < least or short <= Fraction(str(share)) * len(calls):
            return None
        part = Fraction(short, len(calls))
        half = part >= Fraction(1, 2)
        return {
            **common_figures(calls),
            "only_completed": True,
            "severity": 4 if half and len(calls) >= 6 else 3 if half else 2 if part >= Fraction(3, 10) else 1,
            "confidence": (1 - Fraction(str(share)) / part + 1 - Fraction(least, len(calls))) / 2,
            "short_calls": short,
            "short_call_share": part,
        }

    return {"min_completed": least, "min_short_share": share, "max_short_seconds": limit}, judge


def judge_failing(source: random.Random) -> tuple[dict[str, Any], Callable[[list[Call]], Figures | None]]:
    attempts, numbers = source.choice([3, 5]), source.choice([1, 3])
    least, seconds = source.choice([0.2, 0.4, 0.5]), source.choice([1.5, 2.0, 5.0])

    def judge(inside: list[Call]) -> Figures | None:
        figures, completed = common_figures(inside), [call for call in inside if call.completed]
        ratio = Fraction(len(completed), len(inside))
        duration = Fraction(sum(call.seconds for call in completed), len(completed)) if completed else None
        failing = ratio < Fraction(str(least)) or (duration is not None and duration < Fraction(str(seconds)))
        if len(inside) < attempts or figures["unique_destinations"] < numbers or not failing:
            return None
        bad = ratio < Fraction(1, 5) or (duration is not None and duration < 2)
        size = len(inside)
        severity = 1 if size < 5 else (4 if size >= 8 else 3 if size >= 6 else 2) if bad else 3 if size >= 8 else 2
        excess = max(1 - ratio / Fraction(str(least)), 1 - (duration or 0) / Fraction(str(seconds)))
        variety = Fraction(figures["unique_destinations"], size)
        return {
            **figures,
            "only_completed": False,
            "severity": severity,
            "confidence": (4 * excess + 3 * (1 - Fraction(attempts, size)) + 3 * variety) / 10,
            "completed_calls": len(completed),
            "answer_seizure_ratio": ratio,
            "average_call_duration": duration,
        }

    parameters = {
        "min_attempts": attempts,
        "min_unique_destinations": numbers,
        "max_asr": least,
        "max_acd": seconds,
    }
    return parameters, judge


RULES = {
    "SHORT_DURATION": (judge_short, {"critical_completed": 6}),
    "ASR_ACD": (
        judge_failing,
        {"bad_acd": 2, "critical_attempts": 8, "high_attempts": 6, "medium_attempts": 5},
    ),
}


def summarise_days(number: str, calls: list[Call]) -> list[Day]:
    """Return the figures of the caller's local days that the rules prune by."""
    days: dict[int, list[Call]] = {}
    for call in calls:
        days.setdefault((ORIGIN + call.minute * MINUTE - MIDNIGHT) // timedelta(days=1), []).append(call)
    return [
        Day(
            number,
            index,
            {
                "call_count": len(own),
                "unique_callees": len({call.callee for call in own}),
                "completed_calls": sum(call.completed for call in own),
                "short_calls": sum(call.completed and call.seconds <= 6 for call in own),
            },
        )
        for index, own in days.items()
    ]


def tabulate(callers: list[list[Call]]) -> pl.DataFrame:
    rows = [
        (f"caller {number:02}", f"callee {call.callee}", ORIGIN + call.minute * MINUTE, call.seconds, call.answered)
        for number, calls in enumerate(callers)
        for call in calls
    ]
    schema = {
        "caller_number": pl.String(),
        "callee_number": pl.String(),
        "call_timestamp": pl.Datetime("us", "UTC"),
        "duration_seconds": pl.Int64(),
        "answered": pl.Boolean(),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def compare(rule_id: str, trial: Trial) -> int:
    """Compare a rule with the brute force; return how many findings both have."""
    draw_judge, constants = RULES[rule_id]
    parameters, judge = draw_judge(trial.randomness)
    callers = trial.callers()
    found = run_rule(
        rule_id,
        [day for number, calls in enumerate(callers) for day in summarise_days(f"caller {number:02}", calls)],
        ORIGIN + trial.since * MINUTE,
        ORIGIN + trial.until * MINUTE,
        {"window": trial.window * MINUTE, **parameters},
        tabulate(callers),
        constants,
    )
    expected = [
        {"suspect_number": f"caller {number:02}", **row}
        for number, calls in enumerate(callers)
        for row in search_by_force(trial, calls, judge)
    ]
    counts = [Counter(row["suspect_number"] for row in rows) for rows in (found, expected)]
    assert counts[0] == counts[1]
    for row, wanted in zip(found, expected, strict=True):
        assert set(row) == set(wanted)
        for name, value in wanted.items():
            shown = pytest.approx(float(value)) if isinstance(value, Fraction) else value
            assert row[name] == shown, (row["suspect_number"], name)
        assert 0 <= row["confidence"] <= 1
    return len(found)


@st.composite
def trials(draw: st.DrawFn) -> Trial:
    since = draw(st.integers(-15, 12))
    until = since + draw(st.integers(1, 25))
    return Trial(draw(st.integers(1, 12)), since, until, draw(st.integers(0, 2**32)))


WIDE = Trial(10, -10, 20, 1)


@pytest.mark.parametrize("rule_id", RULES)
@settings(max_examples=examples(25, quick=6), deadline=None, suppress_health_check=list(HealthCheck))
@example(trial=WIDE)
@example(trial=Trial(window=1, since=0, until=5, seed=2))
@given(trial=trials())
def test_the_rules_agree_with_brute_force(rule_id: str, trial: Trial) -> None:
    compare(rule_id, trial)


@pytest.mark.parametrize("rule_id", RULES)
def test_the_trials_have_findings(rule_id: str) -> None:
    assert compare(rule_id, WIDE) > 5
