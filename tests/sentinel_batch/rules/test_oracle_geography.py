"""GEO_001, IRSF, GEO_IMPOSSIBLE and CLI_INVALID against brute force in plain Python.

Times are whole seconds from a local midnight; few numbers and few seconds, so that ties abound.
"""

from __future__ import annotations

import json
import math
import random
from itertools import pairwise

import pytest
from thoroughness import slow_but

from tests.sentinel_batch.rules.call_oracle import Call, group_by, join_windows, run_rule, second, unique

SEEDS = range(8)
HOUR = 3600


def draw_period(randomness: random.Random, choices: list[tuple[int, int]]) -> tuple[int, int]:
    return randomness.choice(choices)


# GEO_001: window 60 s, N = 4


def find_watched(calls: list[Call], since: int, until: int) -> dict[str, list[tuple[int, int, int]]]:
    """Return, by caller, (most calls, first, last end) of each episode."""
    found = {}
    watched = [c for c in calls if c.callee.startswith(("+1", "+44")) and not c.callee.startswith("+44999")]
    for caller, own in group_by(watched, lambda call: call.caller).items():
        windows = {
            end: count
            for end in {call.at for call in own if since < call.at <= until}
            if (count := sum(end - 60 < call.at <= end for call in own)) >= 4
        }
        if windows:
            found[caller] = [(max(windows[end] for end in e), e[0], e[-1]) for e in join_windows(windows, 60)]
    return found


def draw_calls_abroad(randomness: random.Random) -> list[Call]:
    callees = ["+12025550123", "+447900000001", "+449990000001", "+33123456789", "+2348050000001", "180"]
    return unique(
        Call(randomness.randint(-100, 300), f"+23480300000{randomness.randint(10, 13)}", randomness.choice(callees), 5)
        for _ in range(randomness.randint(60, 200))
    )


@pytest.mark.parametrize("seed", slow_but(range(4), SEEDS))
def test_calls_to_watched_countries_agree_with_brute_force(seed: int) -> None:
    calls = draw_calls_abroad(random.Random(seed))
    since, until = draw_period(random.Random(seed), [(-200, 400), (0, 200), (50, 90)])
    lists = {"watched_prefixes": ["+1", "+44"], "home_prefixes": ["+234", "+44999"]}
    got: dict[str, list[tuple[int, int, int]]] = {}
    for row in run_rule("GEO_001", calls, since, until, {"window": "1m", "min_calls": 4}, lists):
        span = (second(row["episode_start"]) + 60, second(row["episode_end"]))
        got.setdefault(row["suspect_number"], []).append((row["call_count"], *span))
    assert got == find_watched(calls, since, until)


def test_some_calls_to_watched_countries_are_drawn() -> None:
    found = [find_watched(draw_calls_abroad(random.Random(seed)), -200, 400) for seed in SEEDS]
    assert sum(map(bool, found)) >= 5


# IRSF: M = 2 callers, N = 2 calls each, A = 5 calls alone, test calls 10 minutes before


def find_attacks(calls: list[Call], since: int, until: int) -> dict[str, tuple[str, int, int | None]]:
    """Return, by caller, (range, callers, second of the test call) of the one night that there is."""
    read = [c for c in calls if since - 24 * HOUR < c.at <= until and c.callee.startswith("+252")]
    found = {}
    for called, to_range in group_by(read, lambda call: call.callee[:6]).items():
        by_night = [c for c in to_range if -2 * HOUR <= c.at < 6 * HOUR]
        made = {caller: len(own) for caller, own in group_by(by_night, lambda call: call.caller).items()}
        crowd = [caller for caller, count in made.items() if count >= 2]
        suspects = {c for c, count in made.items() if count >= 5 or (count >= 2 and len(crowd) >= 2)}
        times = sorted(c.at for c in by_night if c.caller in suspects)
        if suspects and times[-1] > since:
            before = sorted(c.at for c in to_range if c.caller in suspects and c.at > times[0] - 24 * HOUR)
            test = before[0] if before[1] - before[0] >= 600 else None
            found |= {caller: (called, len(suspects), test) for caller in suspects}
    return found


def draw_night(randomness: random.Random) -> list[Call]:
    calls = []
    for caller in range(randomness.randint(1, 5)):
        number = f"+23480300000{caller:02d}"
        block = f"+2529{caller % 3}0"  # one range for each caller, so that no caller has two findings
        for _ in range(randomness.randint(1, 7)):
            at = randomness.choice([-1, 0, 3, 5]) * HOUR + randomness.randint(0, 500)
            calls.append(Call(at, number, f"{block}00{randomness.randint(10, 12)}", randomness.choice([0, 60, 600])))
        if randomness.random() < 0.4:
            calls.append(Call(-randomness.randint(3, 9) * HOUR, number, f"{block}0010", 15))
    return unique(calls)


@pytest.mark.parametrize("seed", slow_but(range(4), SEEDS))
def test_night_traffic_agrees_with_brute_force(seed: int) -> None:
    calls = draw_night(random.Random(seed))
    since, until = draw_period(random.Random(seed), [(-20 * HOUR, 9 * HOUR), (HOUR, 9 * HOUR), (-HOUR, 4 * HOUR)])
    parameters = {"min_callers": 2, "min_calls_each": 2, "min_calls_alone": 5, "test_gap": "10m"}
    got = {}
    for row in run_rule("IRSF", calls, since, until, parameters, {"high_risk_ranges": ["+252"]}):
        evidence = json.loads(row["evidence"])
        assert row["suspect_number"] not in got
        got[row["suspect_number"]] = (
            evidence["range"],
            evidence["range_callers"],
            evidence["test_call_at"] is not None,
        )
    expected = find_attacks(calls, since, until)
    assert got == {caller: (*facts[:2], facts[2] is not None) for caller, facts in expected.items()}


def test_some_attacks_are_drawn() -> None:
    found = [find_attacks(draw_night(random.Random(seed)), -20 * HOUR, 9 * HOUR) for seed in SEEDS]
    assert sum(map(bool, found)) >= 4
    assert {facts[2] is None for attack in found for facts in attack.values()} == {True, False}


# GEO_IMPOSSIBLE: N = 1 jump, the shipped distance and speed

PLACES = {"A": (6.0, 3.0), "B": (6.3, 3.2), "C": (6.6, 3.4), "D": (12.0, 8.5)}


def measure(one: str, other: str) -> float:
    """Return the distance of two places in km: the law of cosines, where the rule has the haversine formula."""
    (a, b), (c, d) = ((math.radians(value) for value in PLACES[place]) for place in (one, other))
    return 6371 * math.acos(min(1.0, math.sin(a) * math.sin(c) + math.cos(a) * math.cos(c) * math.cos(b - d)))


def find_jumps(calls: list[Call], since: int, until: int) -> dict[str, list[int]]:
    """Return, by caller, the seconds of the jumps in the period; windows are longer than all of it."""
    found: dict[str, list[int]] = {}
    read = [c for c in calls if since - 24 * HOUR < c.at <= until and c.cell in PLACES]
    for caller, own in group_by(read, lambda call: call.caller).items():
        ordered = sorted(own, key=lambda c: (c.at, c.cell or "", c.callee))
        for before, after in pairwise(ordered):
            far = 0.0 if before.cell == after.cell else measure(str(before.cell), str(after.cell))
            if far > 50 and far * HOUR > 900 * (after.at - before.at):
                found.setdefault(caller, []).append(after.at)
    return {caller: times for caller, times in found.items() if times[-1] > since}


def draw_journeys(randomness: random.Random) -> list[Call]:
    return unique(
        Call(
            randomness.choice([0, 0, 60, 200, 400, 2000, 3600, 7000]) + randomness.randint(0, 2) * HOUR,
            f"+23480300000{randomness.randint(10, 15)}",
            f"c{randomness.randint(0, 3)}",
            60,
            cell=randomness.choice(["A", "A", "B", "C", "D", "elsewhere", None]),
        )
        for _ in range(40)
    )


@pytest.mark.parametrize("seed", slow_but(range(4), SEEDS))
def test_jumps_agree_with_brute_force(seed: int) -> None:
    calls = draw_journeys(random.Random(seed))
    since, until = draw_period(random.Random(seed), [(-10, 6 * HOUR), (HOUR, 3 * HOUR), (300, 2 * HOUR)])
    lists = {"locations": [[code, *place] for code, place in PLACES.items()]}
    got = {}
    for row in run_rule("GEO_IMPOSSIBLE", calls, since, until, {"min_jumps": 1, "max_far_share": 1.0}, lists):
        got[row["suspect_number"]] = (json.loads(row["evidence"])["jumps"], second(row["episode_end"]))
    expected = find_jumps(calls, since, until)
    assert expected
    assert got == {caller: (len(times), times[-1]) for caller, times in expected.items()}


# CLI_INVALID: N = 2 calls in 60 s, a small number plan

PLAN = [["234", 13, 13, "unallocated"], ["234803", 13, 13, "allocated"], ["2347", 13, 13, "withdrawn"]]


def judge(call: Call) -> str | None:
    """Return why a call is invalid, the surest reason first."""
    if not call.caller.startswith("+"):
        return None
    digits = call.caller[1:]
    home = call.caller.startswith("+234") and call.callee.startswith("+234")
    if not digits.startswith("234"):
        return "range not allocated"
    if len(digits) != 13:
        return "impossible length"
    if not digits.startswith(("234803", "2347")):
        return "range not allocated"
    if digits.startswith("2347"):
        return "range withdrawn"
    if home and (call.trunk or "").startswith("INT"):
        return "home number from abroad"
    return "calls itself" if call.caller == call.callee else None


def find_invalid(calls: list[Call], since: int, until: int) -> dict[str, list[tuple[int, int, int]]]:
    """Return, by caller, (most destinations, first, last end) of each episode."""
    found = {}
    for caller, own in group_by((c for c in calls if judge(c)), lambda call: call.caller).items():
        windows = {}
        for end in {call.at for call in own if since < call.at <= until}:
            inside = [call for call in own if end - 60 < call.at <= end]
            if len(inside) >= 2:
                windows[end] = len({call.callee for call in inside})
        if windows:
            found[caller] = [(max(windows[end] for end in e), e[0], e[-1]) for e in join_windows(windows, 60)]
    return found


def draw_identities(randomness: random.Random) -> list[Call]:
    callers = [
        "+2348031234567", "+2348031234568", "+23480312345", "+2347091234567", "+2349991234567", "+447900000001",
        "MYBANK", "180",
    ]  # fmt: skip
    calls = []
    for _ in range(randomness.randint(20, 90)):
        caller = randomness.choice(callers)
        callee = randomness.choice([caller, "+2348031234567", "+12025550123", "180"])
        trunk = randomness.choice([None, "INT-1", "NAT-1"])
        calls.append(Call(randomness.randint(-100, 300), caller, callee, 5, trunk=trunk))
    return unique(calls)


@pytest.mark.parametrize("seed", slow_but(range(4), SEEDS))
def test_invalid_numbers_agree_with_brute_force(seed: int) -> None:
    calls = draw_identities(random.Random(seed))
    since, until = draw_period(random.Random(seed), [(-200, 400), (0, 200), (50, 90)])
    got: dict[str, list[tuple[int, int, int]]] = {}
    for row in run_rule("CLI_INVALID", calls, since, until, {"window": "1m"}, {"number_plan": PLAN}):
        span = (second(row["episode_start"]) + 60, second(row["episode_end"]))
        got.setdefault(row["suspect_number"], []).append((row["unique_destinations"], *span))
        possible = {judge(call) for call in calls if call.caller == row["suspect_number"]}
        assert json.loads(row["evidence"])["reason"] in possible
    assert got == find_invalid(calls, since, until)


def test_some_invalid_numbers_are_drawn() -> None:
    found = [find_invalid(draw_identities(random.Random(seed)), -200, 400) for seed in SEEDS]
    assert sum(map(bool, found)) >= 5
