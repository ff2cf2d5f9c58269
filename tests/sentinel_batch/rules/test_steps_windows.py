"""Steps that make windows and findings, each alone: a few calls in, rows out.

The period is an hour from noon on, the window ten minutes; instants are minutes after noon.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.sentinel_batch.rules.step_trials import Row, at, call, pick, run_sql, run_step

CALLS = [call("a", "x", -5, 10), call("a", "y", 1, 20), call("a", "x", 4, 30), call("b", "x", 2, 40)]


def window(suspect: str, minutes: float, until: float, **more: Any) -> Row:
    """Return a window of ten minutes that ends at one minute and lasts until another."""
    return {
        "suspect_number": suspect,
        "window_start": at(minutes - 10),
        "window_end": at(minutes),
        "lasts_until": at(until),
        "last_call_at": at(minutes),
        "severity": 1,
        "destinations": 1,
        "average": 1.0,
        "calls": 1,
        **more,
    }


def test_sweep_gives_every_state_of_the_window_in_the_period() -> None:
    rows = [row for row in run_step('sweep("calls")', {"calls": CALLS}) if row["suspect_number"] == "a"]
    assert pick(rows, "window_end", "lasts_until", "calls", "seconds", "destinations", "average") == [
        (at(0), at(1), 1, 10, 1, 10.0),  # carried into the period
        (at(1), at(4), 2, 30, 2, 15.0),
        (at(4), at(5), 3, 60, 2, 20.0),
        (at(5), at(11), 2, 50, 2, 25.0),  # the first call has left, its callee was called again
        (at(11), at(14), 1, 30, 1, 30.0),
        (at(14), at(60), 0, 0, 0, None),  # lasts to the end of the period
    ]
    assert all(row["window_start"] == row["window_end"] - timedelta(minutes=10) for row in rows)
    assert {row["window_end"]: row["last_call_at"] for row in rows}[at(11)] == at(4)


def test_sweep_adds_up_what_it_is_told_and_counts_what_it_is_told() -> None:
    calls = [call("a", "x", 1, cut=1), call("b", "x", 2, cut=0), call("a", "x", 3, cut=1)]
    text = (
        'sweep("calls", by="callee_number", counting="caller_number AS callers", sums=["cut AS cuts"], '
        'duration=none, window="$span")'
    )
    rows = run_step(text, {"calls": calls}, {"span": timedelta(minutes=2)})
    assert pick(rows, "window_end", "callers", "cuts", "calls")[:4] == [
        (at(1), 1, 1, 1),
        (at(2), 2, 1, 2),
        (at(3), 2, 1, 2),
        (at(4), 1, 1, 1),
    ]
    assert not {"seconds", "average", "destinations"} & set(rows[0])


def test_sweep_without_counting() -> None:
    rows = run_step('sweep("calls", counting=none)', {"calls": CALLS})
    assert max(row["calls"] for row in rows) == 3
    assert "destinations" not in rows[0]


def test_sweep_of_one_trailing_window() -> None:
    rows = run_step('sweep("calls")', {"calls": CALLS}, is_trailing=True)
    assert pick(rows, "suspect_number", "calls", "seconds", "destinations", "average", "last_call_at") == [
        ("a", 3, 60, 2, 20.0, at(4)),
        ("b", 1, 40, 1, 40.0, at(2)),
    ]
    assert {(row["window_start"], row["window_end"], row["lasts_until"]) for row in rows} == {(at(50), at(60), at(60))}


@pytest.mark.parametrize(("since", "ends"), [("$since", [1, 4]), ("$since - $window", [-5, 1, 4])])
def test_sweep_calls_gives_the_windows_that_end_with_a_call(since: str, ends: list[int]) -> None:
    rows = run_step(f'sweep_calls("calls", since="{since}")', {"calls": CALLS[:3]})
    assert [at(minute) for minute in ends] == sorted(row["window_end"] for row in rows)
    assert all(row["window_end"] == row["lasts_until"] == row["last_call_at"] for row in rows)
    last = max(rows, key=lambda row: row["window_end"])
    assert (last["calls"], last["seconds"], last["destinations"], last["average"]) == (3, 60, 2, 20.0)


def test_episodes_join_windows_that_touch() -> None:
    rows = [
        window("a", 0, 1), window("a", 11, 12), window("a", 22.5, 23), window("a", 22.5, 23), window("b", 23, 24),
    ]  # fmt: skip
    found = run_step("episodes()", {"qualifying": rows})
    assert pick(found, "suspect_number", "window_end", "episode") == [
        ("a", at(0), 1),
        ("a", at(11), 1),
        ("a", at(22.5), 2),
        ("a", at(22.5), 2),
        ("b", at(23), 1),
    ]
    named = run_step('episodes("bursts", joined="touching", into="waves")', {"bursts": rows}, result="waves")
    assert pick(named, "episode") == pick(found, "episode")


def numbered(*episodes: tuple[int, Row]) -> list[Row]:
    return [{**row, "episode": episode} for episode, row in episodes]


def test_worst_gives_the_worst_window_of_each_episode() -> None:
    rows = numbered(
        (1, window("a", 5, 6, severity=2, destinations=3)),
        (1, window("a", 8, 9, severity=3, destinations=1, last_call_at=at(7))),
        (1, window("a", 9, 30, severity=3, destinations=1, last_call_at=at(7))),
        (2, window("a", 45, 46)),
    )
    calls = [call("a", "x", minutes) for minutes in (-5, -4.9, 5, 44)] + [call("b", "x", 0)]
    found = run_step('worst("calls")', {"numbered": rows, "calls": calls})
    names = ("window_end", "episode_start", "episode_end", "first_seen", "last_seen")
    assert pick(found, *names) == [
        (at(8), at(-5), at(30), at(-4.9), at(7)),
        (at(45), at(35), at(46), at(44), at(45)),
    ]
    trailing = run_step('worst("calls")', {"numbered": rows, "calls": calls}, is_trailing=True)
    assert min(row["first_seen"] for row in trailing) == at(-5)


def test_worst_takes_an_order_and_other_columns() -> None:
    rows = numbered((1, window("a", 5, 6, jumps=1)), (1, window("a", 8, 9, jumps=2)))
    jumps = [{"who": "a", "arrives_at": at(2), "leaves_at": at(-9)}]
    text = 'worst("jumps", ["jumps DESC"], by="who", at="arrives_at", first="leaves_at")'
    [row] = run_step(text, {"numbered": rows, "jumps": jumps})
    assert (row["window_end"], row["first_seen"]) == (at(8), at(-9))


def test_worst_dated_takes_the_first_call_from_the_windows() -> None:
    rows = numbered((1, window("a", 5, 6, first_call_at=at(-3))), (1, window("a", 8, 9, first_call_at=at(1))))
    [row] = run_step("worst_dated()", {"numbered": rows})
    assert (row["first_seen"], row["last_seen"], row["episode_start"]) == (at(-3), at(8), at(-5))


def test_findings_returns_what_a_rule_returns() -> None:
    evidence = {
        **window("a", 5, 6),
        "confidence": 0.5,
        "short": 7,
        **dict.fromkeys(("episode_start", "episode_end", "first_seen", "last_seen"), at(0)),
    }
    [row] = run_sql('{{ findings(["short AS short_calls"], source="described") }}', {"described": [evidence]})
    assert (row["suspect_number"], row["call_count"], row["unique_destinations"]) == ("a", 1, 1)
    assert (row["short_calls"], row["confidence"]) == (7, 0.5)


@pytest.mark.parametrize(("step", "minutes"), [("in_window", [1, 10]), ("in_episode", [1, 10, 20])])
def test_the_calls_of_a_worst_window_and_of_its_episode(step: str, minutes: list[int]) -> None:
    evidence = {
        "suspect_number": "a",
        "window_start": at(0),
        "window_end": at(10),
        "episode_start": at(0),
        "episode_end": at(20),
    }
    calls = [call("a", "x", minute, minute=minute) for minute in (0, 1, 10, 20, 21)] + [call("b", "x", 5, minute=5)]
    rows = run_sql(f'SELECT minute FROM {{{{ {step}("calls") }}}}', {"evidence": [evidence], "calls": calls})
    assert sorted(row["minute"] for row in rows) == minutes


def test_bursts_are_windows_of_cut_calls_to_strangers() -> None:
    values = {
        "min_destinations": 3,
        "min_quiet_share": 0.5,
        "max_quiet_seconds": 3,
        "min_new_callee_share": 0.5,
        "min_history_days": 3,
    }
    calls = [
        call(caller, f"callee {number}", number, 0, answered=None)
        for caller in ("stranger", "friend", "new")
        for number in range(1, 4)
    ]
    calls += [call("talker", f"callee {number}", number, 60, answered=True) for number in range(1, 4)]
    days = [
        {
            "number": caller,
            "day_start": at(-720),
            "day_end": at(720),
            "unique_callees": 3,
            "call_count": 3,
            "completed_calls": 3 * (caller == "talker"),
            "short_calls": 0,
            "new_callee_share": share,
            "history_days": history,
        }
        for caller, share, history in (("stranger", 0.9, 9), ("friend", 0.1, 9), ("new", None, 0), ("talker", 1.0, 9))
    ]
    tables = {"examined_calls": calls, "profiles": days}
    rows = run_step('bursts("$window", length="$window_seconds + 1")', tables, values)
    assert pick(rows, "suspect_number", "window_end", "destinations", "quiet", "new_callee_share") == [
        ("new", at(3), 3, 3, None),
        ("stranger", at(3), 3, 3, 0.9),
    ]
