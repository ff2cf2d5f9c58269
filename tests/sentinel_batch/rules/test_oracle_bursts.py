"""WANGIRI_BURST, WANGIRI_CALLBACK, SEQ_DIAL and CALL_MASK against brute force in plain Python.

Times are whole seconds from a local midnight; few numbers and few seconds, so that ties abound.
"""

from __future__ import annotations

import json
import random

import pytest
from thoroughness import slow_but

from tests.sentinel_batch.rules.call_oracle import DAY, Call, group_by, join_windows, run_rule, second, unique

# WANGIRI_BURST: window 20 s, N = 4, Q = 0.75, S = 3 s; histories of a day at least

BURST = {"window": "20s", "min_destinations": 4, "min_quiet_share": 0.75, "min_history_days": 2}


def is_quiet(call: Call) -> bool:
    return not call.got_through or call.seconds <= 3


def find_bursts(calls: list[Call], since: int, until: int, length: int) -> dict[str, list[list[tuple[int, ...]]]]:
    """Return, by caller, episodes of (end, destinations, calls, quiet calls)."""
    days = {call.at // DAY for call in calls}
    found = {}
    for caller, own in group_by(calls, lambda call: call.caller).items():
        windows = {}
        for end in {call.at for call in own if since < call.at <= until}:
            inside = [call for call in own if end - length < call.at <= end]
            quiet = sum(map(is_quiet, inside))
            callees = {call.callee for call in inside}
            today = end // DAY
            met = {call.callee for call in own if call.at // DAY < today}
            called = {call.callee for call in own if call.at // DAY == today}
            strangers = len(called - met) / len(called)
            known = sum(day < today for day in days)
            if len(callees) >= 4 and 4 * quiet >= 3 * len(inside) and (known < 2 or strangers >= 0.5):
                windows[end] = (end, len(callees), len(inside), quiet)
        episodes = [[windows[end] for end in episode] for episode in join_windows(windows, length)]
        if episodes:
            found[caller] = episodes
    return found


def draw_rings(randomness: random.Random) -> list[Call]:
    """Return two days of history and a day of bursts at its beginning, callbacks among them."""
    numbers = [f"+23480300000{n:02d}" for n in range(8)]
    calls = []
    for day in (-2, -1, 0):
        start = day * DAY + (0 if day == 0 else randomness.randint(10, 80_000))
        for _ in range(randomness.randint(5, 70)):
            caller, callee = randomness.choice(numbers[:4]), randomness.choice(numbers)
            if randomness.random() < 0.2:
                caller, callee = callee, caller
            seconds = randomness.choice([0, 0, 0, 1, 3, 4, 20])
            at = start + randomness.randint(-15 if day == 0 else 0, 60)
            calls.append(Call(at, caller, callee, seconds, randomness.choice([None, None, True, False])))
    return unique(calls)


@pytest.mark.parametrize("seed", slow_but(range(4), range(8)))
def test_bursts_agree_with_brute_force(seed: int) -> None:
    calls = draw_rings(random.Random(seed))
    since, until = random.Random(-seed).choice([(-20, 40), (0, 60), (-DAY, 70), (10, 30)])
    read = [call for call in calls if since - 20 < call.at <= until]
    read_callers = {call.caller for call in read}
    expected = {
        caller: [
            (
                max(w[1] for w in episode),
                episode[0][0] - 20,
                episode[-1][0],
                min(call.at for call in calls if call.caller == caller and call.at > episode[0][0] - 20),
            )
            for episode in episodes
        ]
        for caller, episodes in find_bursts(calls, since, until, 20).items()
        if caller in read_callers
    }
    got: dict[str, list[tuple[int, ...]]] = {}
    for row in run_rule("WANGIRI_BURST", calls, since, until, BURST):
        times = (row["episode_start"], row["episode_end"], row["first_seen"])
        got.setdefault(row["suspect_number"], []).append((row["unique_destinations"], *map(second, times)))
        assert row["call_count"] >= row["unique_destinations"]
    assert got == expected


def test_some_bursts_are_drawn() -> None:
    found = [find_bursts(draw_rings(random.Random(seed)), -DAY, 70, 20) for seed in range(8)]
    assert sum(map(bool, found)) >= 4


# WANGIRI_CALLBACK: bursts as above, callbacks within a minute


def find_callbacks(calls: list[Call], since: int, until: int, within: int) -> dict[str, set[tuple[str, int, int]]]:
    """Return, by caller of a burst, (victim, time, seconds) of the calls back; bursts as far back as needed."""
    found: dict[str, set[tuple[str, int, int]]] = {}
    for caller, episodes in find_bursts(calls, since - 2 * DAY, until, 20).items():
        spans = [(episode[0][0] - 20, episode[-1][0]) for episode in episodes]
        cut = [
            call
            for call in calls
            if call.caller == caller and is_quiet(call) and any(start < call.at <= end for start, end in spans)
        ]
        for back in calls:
            if back.callee == caller and since < back.at <= until and back.got_through and back.seconds > 3:
                for ring in cut:
                    answers = ring.callee == back.caller and ring.at < back.at <= ring.at + within
                    if answers and back.seconds > ring.seconds:
                        found.setdefault(caller, set()).add((back.caller, back.at, back.seconds))
    return found


@pytest.mark.parametrize("seed", slow_but(range(4), range(8)))
def test_callbacks_agree_with_brute_force(seed: int) -> None:
    calls = draw_rings(random.Random(1000 + seed))
    since, until = random.Random(-seed).choice([(-20, 40), (0, 90), (-DAY, 90)])
    parameters = {
        "window": "2d",
        "callback_within": "1m",
        "burst": "20s",
        "min_destinations": 4,
        "min_quiet_share": 0.75,
        "min_history_days": 2,
    }
    expected = find_callbacks(calls, since, until, 60)
    got = {row["suspect_number"]: row for row in run_rule("WANGIRI_CALLBACK", calls, since, until, parameters)}
    assert set(got) == set(expected)
    for caller, backs in expected.items():
        evidence = json.loads(got[caller]["evidence"])
        assert evidence["callbacks"] == len(backs)
        assert evidence["loss_minutes"] == pytest.approx(sum(seconds for *_, seconds in backs) / 60, abs=1e-6)
        assert {victim["victim"] for victim in evidence["details"]} == {victim for victim, *_ in backs}


def test_some_callbacks_are_drawn() -> None:
    found = [find_callbacks(draw_rings(random.Random(1000 + seed)), -DAY, 90, 60) for seed in range(8)]
    assert sum(map(bool, found)) >= 2


# SEQ_DIAL: N = 4, S = 2, window 60 s


def find_runs(calls: list[Call], since: int, until: int) -> dict[str, int]:
    """Return, by caller, the most numbers that a run reached by a qualifying call."""
    found: dict[str, int] = {}
    for caller, own in group_by((c for c in calls if since - 60 < c.at <= until), lambda call: call.caller).items():
        value = {call: int(call.callee[1:]) if call.callee.startswith("+") else None for call in own}
        ordered = sorted(own, key=lambda c: (c.at, value[c] is None, value[c] or 0, c.callee))
        kept = [c for n, c in enumerate(ordered) if n == 0 or ordered[n - 1].callee != c.callee]
        reached: list[int] = []
        seen: set[str] = set()
        for n, call in enumerate(kept):
            now, before = value[call], value[kept[n - 1]] if n else None
            if now is None or before is None or not 1 <= abs(now - before) <= 2:
                reached, seen = [], set()
            if call.callee in seen:
                continue
            seen.add(call.callee)
            reached.append(call.at)
            if len(reached) >= 4 and reached[-4] > call.at - 60 and call.at > since:
                found[caller] = max(found.get(caller, 0), len(reached))
    return found


def draw_sweeps(randomness: random.Random) -> list[Call]:
    calls = []
    for caller in range(6):
        number, at = 2348050000000 + randomness.randint(0, 9) * 97, randomness.randint(-80, 20)
        for _ in range(randomness.randint(3, 25)):
            number += randomness.choice([1, 1, 2, -1, -2, 0, 3])
            at += randomness.choice([0, 1, 1, 5, 15])
            callee = f"+{number}" if randomness.random() < 0.95 else "180"
            calls.append(Call(at, f"+23480300000{caller:02d}", callee, randomness.choice([0, 0, 5])))
    return unique(calls)


@pytest.mark.parametrize("seed", slow_but(range(4), range(8)))
def test_runs_agree_with_brute_force(seed: int) -> None:
    calls = draw_sweeps(random.Random(seed))
    since, until = random.Random(-seed).choice([(-90, 200), (0, 30), (-10, 60)])
    parameters = {"window": "1m", "min_numbers": 4, "max_step": 2}
    got: dict[str, int] = {}
    for row in run_rule("SEQ_DIAL", calls, since, until, parameters):
        got[row["suspect_number"]] = max(got.get(row["suspect_number"], 0), row["unique_destinations"])
    assert got == find_runs(calls, since, until)


def test_some_runs_are_drawn() -> None:
    assert sum(bool(find_runs(draw_sweeps(random.Random(seed)), -90, 200)) for seed in range(8)) >= 3


# CALL_MASK: N = 4, M = 1, H = 8, bursts of 5 s, attacks of 5 min


def find_masks(calls: list[Call], since: int, until: int) -> dict[str, list[tuple[int, int, int]]]:
    """Return, by called number, (most callers, first, last end) of each episode."""
    found = {}
    for callee, own in group_by((c for c in calls if since - 300 < c.at <= until), lambda call: call.callee).items():
        bursts = {}
        for end in {call.at for call in own if call.at > since}:
            inside = [call for call in own if end - 5 < call.at <= end]
            callers = {call.caller for call in inside}
            connected = sum(call.got_through and call.seconds > 5 for call in inside)
            if callee.startswith("+") and len(callers) >= 4 and connected <= 1:
                bursts[end] = len(callers)
        others = {call.caller for call in own if not any(end - 5 < call.at <= end for end in bursts)}
        if bursts and len(others) <= 8:
            found[callee] = [(max(bursts[end] for end in e), e[0], e[-1]) for e in join_windows(bursts, 300)]
    return found


def draw_crowds(randomness: random.Random) -> list[Call]:
    calls = [
        Call(
            randomness.randint(-8, 20) + randomness.choice([0, 0, 0, 250, 500]),
            f"+23480300000{randomness.randint(0, 8):02d}",
            randomness.choice(["+2348050000001", "+2348050000002", "+2348050000003", "180"]),
            randomness.choice([0, 0, 0, 0, 5, 6]),
            randomness.choice([None, None, None, True, False]),
        )
        for _ in range(randomness.randint(40, 90))
    ]
    return unique(calls)


@pytest.mark.parametrize("seed", slow_but(range(4), range(8)))
def test_crowds_agree_with_brute_force(seed: int) -> None:
    calls = draw_crowds(random.Random(seed))
    since, until = random.Random(-seed).choice([(-9, 700), (0, 12), (3, 300)])
    parameters = {"min_callers": 4, "max_connected": 1, "max_other_callers": 8, "window": "5m"}
    got: dict[str, list[tuple[int, int, int]]] = {}
    for row in run_rule("CALL_MASK", calls, since, until, parameters):
        evidence = json.loads(row["evidence"])
        span = (second(row["episode_start"]) + 300, second(row["episode_end"]))
        got.setdefault(row["suspect_number"], []).append((evidence["callers"], *span))
    assert got == find_masks(calls, since, until)


def test_some_crowds_are_drawn() -> None:
    assert sum(bool(find_masks(draw_crowds(random.Random(seed)), -9, 700)) for seed in range(8)) >= 3
