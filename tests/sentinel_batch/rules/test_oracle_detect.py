"""The rule's SQL against a brute force that looks at every half minute of the period.

All calls are at whole minutes, so a state can change at whole minutes only: looking at whole and at half minutes sees
every state there is, the one just after ``since`` included. Times are in minutes from ORIGIN, durations in seconds.
"""

from __future__ import annotations

import random
import tempfile
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any

from detection_lake import make_lake
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from thoroughness import examples

from sentinel_batch.desk import open_desk
from sentinel_batch.rules import examine, get_rule

ORIGIN = datetime(2026, 1, 22, 23, 50, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LADDER = {
    "critical_destinations": 5,
    "critical_average": 1.5,
    "high_destinations": 4,
    "high_average": 2.0,
    "medium_destinations": 3,
    "medium_average": 1.0,
}

RULE = replace(get_rule("SDHF_001"), constants=LADDER)

Call = tuple[int, int, int]  # minute, callee, seconds


@dataclass(frozen=True)
class Case:
    window: int
    more_than: int
    below: float
    since: int
    until: int
    callers: tuple[tuple[Call, ...], ...]


def severity(destinations: int, average: Fraction) -> str:
    if destinations >= 5 and average <= Fraction(3, 2):
        return "CRITICAL"
    if destinations >= 4 and average <= 2:
        return "HIGH"
    if destinations >= 3 or average <= 1:
        return "MEDIUM"
    return "LOW"


def search_by_force(case: Case, calls: tuple[Call, ...]) -> list[tuple[object, ...]]:
    """Return one tuple per episode: the figures of its evidence, then its times."""
    hits = []
    instant = Fraction(case.since) + Fraction(1, 2)
    while instant <= case.until:
        inside = [call for call in calls if instant - case.window < call[0] <= instant]
        if inside:
            destinations = len({callee for _, callee, _ in inside})
            average = Fraction(sum(seconds for _, _, seconds in inside), len(inside))
            if destinations > case.more_than and average < Fraction(str(case.below)):
                hits.append((instant, inside, destinations, average))
        instant += Fraction(1, 2)
    episodes: list[list[tuple[Fraction, list[Call], int, Fraction]]] = []
    for hit in hits:
        previous_end = episodes and ending(episodes[-1][-1][0], case)
        if episodes and floor(hit[0]) - case.window <= previous_end:
            episodes[-1].append(hit)
        else:
            episodes.append([hit])
    return [describe(episode, case) for episode in episodes]


def ending(instant: Fraction, case: Case) -> int:
    """Return the minute up to which the state seen at an instant lasts."""
    return min(case.until, floor(instant) + 1)


def describe(episode: list[tuple[Fraction, list[Call], int, Fraction]], case: Case) -> tuple[object, ...]:
    order = ["CRITICAL", "HIGH", "MEDIUM", "LOW"]
    best = min(episode, key=lambda hit: (order.index(severity(hit[2], hit[3])), -hit[2], hit[3], hit[0]))
    instant, inside, destinations, average = best
    seen = [call[0] for hit in episode for call in hit[1]]
    return (
        severity(destinations, average),
        len(inside),
        destinations,
        round(float(average), 9),
        floor(instant),
        floor(episode[0][0]) - case.window,
        ending(episode[-1][0], case),
        min(seen),
        max(seen),
    )


def search_by_rule(case: Case, **settings: Any) -> dict[str, list[tuple[object, ...]]]:
    at = [ORIGIN + minute * MINUTE for minute in range(-200, 201)]
    rows = [
        (f"caller {number}", f"callee {callee}", at[minute + 200], seconds)
        for number, calls in enumerate(case.callers)
        for minute, callee, seconds in calls
    ]
    with tempfile.TemporaryDirectory() as folder:
        detection = examine(
            lake=open_desk(make_lake(Path(folder) / "lake", rows), **settings),
            window=case.window * MINUTE,
            min_unique_destinations=case.more_than,
            max_avg_duration=case.below,
            since=at[case.since + 200],
            until=at[case.until + 200],
            rule=RULE,
        )
    found = defaultdict(list)
    for row in detection.findings.sort("suspect_number", "episode_start").iter_rows(named=True):
        times = ("window_end", "episode_start", "episode_end", "first_seen", "last_seen")
        assert row["window_end"] - row["window_start"] == case.window * MINUTE
        found[row["suspect_number"]].append(
            (
                row["alert_severity"],
                row["call_count"],
                row["unique_destinations"],
                row["avg_duration_seconds"],
                *((row[time] - ORIGIN) / MINUTE for time in times),
            )
        )
    return dict(found)


def draw_caller(randomness: random.Random, span: int) -> tuple[Call, ...]:
    calls = {
        (randomness.randint(-span, span), randomness.randint(1, 6)): randomness.choice([0, 0, 1, 1, 2, 3, 3, 7, 40])
        for _ in range(randomness.randint(0, 18))
    }
    return tuple((minute, callee, seconds) for (minute, callee), seconds in calls.items())


@st.composite
def cases(draw: st.DrawFn) -> Case:
    call = st.tuples(st.integers(-15, 15), st.integers(1, 4), st.integers(0, 5))
    drawn = draw(st.lists(st.lists(call, max_size=8, unique_by=lambda call: call[:2]), min_size=1, max_size=3))
    randomness = random.Random(draw(st.integers(0, 2**32)))
    more = [draw_caller(randomness, randomness.choice([3, 8, 20])) for _ in range(60)]
    since = draw(st.integers(-15, 12))
    return Case(
        window=draw(st.integers(1, 12)),
        more_than=draw(st.integers(1, 3)),
        below=draw(st.sampled_from([0.5, 1.0, 1.1, 1.5, 2.0, 2.5, 3.0, 10.0])),
        since=since,
        until=since + draw(st.integers(1, 25)),
        callers=(*(tuple(calls) for calls in drawn), *more),
    )


EDGES = Case(
    window=10,
    more_than=1,
    below=2.0,
    since=0,
    until=20,
    callers=(
        ((-10, 1, 0), (0, 2, 0)),  # the first call has just left when the period begins
        ((-9, 1, 0), (0, 2, 0)),  # both calls are carried into the period
        ((-9, 1, 9), (-8, 2, 0), (-7, 3, 0)),  # qualifies only once the long call has left
        ((5, 1, 0), (15, 2, 0)),  # one leaves as the other enters
        ((5, 1, 0), (14, 2, 0)),
        ((5, 1, 1), (5, 2, 1), (5, 3, 1)),  # all at once
        ((20, 1, 0), (20, 2, 0)),  # the last instant
        ((21, 1, 0), (21, 2, 0)),  # after the period
        ((1, 1, 0), (2, 2, 0), (3, 1, 0), (12, 1, 0)),  # a callee called again
        ((1, 1, 1), (1, 2, 3)),  # an average of just the threshold
    ),
)


@settings(max_examples=examples(150, quick=15), deadline=None, suppress_health_check=list(HealthCheck))
@example(EDGES)
@given(cases())
def test_the_rule_agrees_with_brute_force(case: Case) -> None:
    expected = {f"caller {n}": search_by_force(case, calls) for n, calls in enumerate(case.callers)}
    assert search_by_rule(case) == {caller: episodes for caller, episodes in expected.items() if episodes}


def test_the_brute_force_finds_what_a_person_would() -> None:
    found = [search_by_force(EDGES, calls) for calls in EDGES.callers]
    assert [len(episodes) for episodes in found] == [0, 1, 1, 0, 1, 1, 1, 0, 1, 0]
    assert found[1] == [("MEDIUM", 2, 2, 0.0, 0, -10, 1, -9, 0)]
    assert found[4] == [("MEDIUM", 2, 2, 0.0, 14, 4, 15, 5, 14)]
