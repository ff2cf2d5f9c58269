"""Steps that prune, look numbers up, and read days, each alone: a few rows in, rows out."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

import pytest

from tests.sentinel_batch.rules.step_trials import NOON, Row, at, call, pick, run_sql, run_step

DAY = timedelta(days=1)


def test_tiles_count_calls_in_stretches_of_time() -> None:
    calls = [call("a", "x", minutes, cut=1) for minutes in (0, 1, 30)] + [call("b", "x", 0, cut=0)]
    rows = run_step('tiles("calls", ["cut AS cuts"])', {"calls": calls})
    assert pick(rows, "caller_number", "calls", "cuts") == [("a", 1, 1), ("a", 2, 2), ("b", 1, 0)]


def test_tile_pairs_add_the_next_tile() -> None:
    tiles = [
        {"caller_number": "a", "tile": tile, "calls": calls, "cuts": 1} for tile, calls in ((1, 5), (2, 7), (4, 9))
    ]
    rows = run_step('tile_pairs(["cuts"])', {"tiles": tiles})
    assert pick(rows, "calls", "cuts") == [(7, 1), (9, 1), (12, 2)]


@pytest.mark.parametrize("shift", range(0, 600, 37))
def test_window_bounds_are_never_below_a_window(shift: int) -> None:
    """Wherever a window begins, what it holds is at most what some bound says."""
    seconds = [(0.0, 5), (599.5, -3), (599.9, 7), (300.0, -2), (-0.5, 50), (600.5, -40)]
    calls = [call("a", "x", (shift + offset) / 60, credit=credit) for offset, credit in seconds]
    inside = [credit for offset, credit in seconds if 0 <= offset < 600]
    rows = run_step('window_bounds("calls", ["credit"])', {"calls": calls})
    assert max(row["credit"] for row in rows) >= sum(inside)
    assert max(row["calls"] for row in rows) >= len(inside)


def test_window_bounds_leave_out_what_cannot_be_in_one_window() -> None:
    calls = [call("a", "x", minutes, credit=credit) for minutes, credit in ((0, 5), (30, 5), (60, -3))]
    rows = run_step('window_bounds("calls", ["credit"])', {"calls": calls})
    assert max(row["credit"] for row in rows) == 5
    assert max(row["calls"] for row in rows) == 1


def profile(number: str, day: int, **figures: object) -> Row:
    start = NOON + day * DAY
    return {
        "number": number,
        "local_date": date(2026, 1, 22) + day * DAY,
        "day_start": start,
        "day_end": start + DAY,
        "first_call": start + timedelta(hours=1),
        "last_call": start + timedelta(hours=20),
        **figures,
    }


def test_day_pairs_add_the_day_with_calls_before() -> None:
    days = [profile("a", day, call_count=count) for day, count in ((0, 1), (1, 2), (4, 8))] + [
        profile("b", 0, call_count=5)
    ]
    rows = run_step('day_pairs(["call_count AS attempts"])', {"profiles": days})
    assert pick(rows, "number", "attempts") == [("a", 1), ("a", 3), ("a", 10), ("b", 5)]


def test_failing_callers_are_those_whose_attempts_may_fail() -> None:
    def attempts(caller: str, completed: int, seconds: int) -> list[Row]:
        outcome = {"completed": completed, "talked": seconds}
        return [call(caller, f"c{number}", number / 10, seconds, **outcome) for number in range(4)]

    calls = attempts("busy", 0, 0) + attempts("cut", 1, 5) + attempts("talker", 1, 90)
    values = {"min_attempts": 4, "max_asr": 0.4, "max_acd": 10}
    rows = run_step('failing_callers("attempts")', {"attempts": calls}, values)
    assert {row["caller_number"] for row in rows} == {"busy", "cut"}
    values["min_attempts"] = 5
    assert run_step('failing_callers("attempts")', {"attempts": calls}, values) == []


def test_days_without_peers_leave_out_calls_among_sims_of_a_box() -> None:
    sims = [profile(sim, 0, call_count=12, unique_callees=11, new_callees=11, incoming_calls=1) for sim in ("s1", "s2")]
    days = [*sims, profile("few", 0, call_count=3, unique_callees=3, new_callees=3, incoming_calls=0)]
    calls = [call("s1", "s2", 1), call("s2", "s1", 2)] + [call("s1", f"c{number}", number) for number in range(3, 13)]
    for made in calls:
        made["local_date"] = date(2026, 1, 22)
    text = (
        'days_without_peers("days", ["unique_callees", "call_count - coalesce(calls, 0) AS own_calls", '
        '"coalesce(calling_back, 0) AS backs"])'
    )
    values = {"min_unique_destinations": 10, "min_peer_callees": 10}
    tables = {"days": days, "examined_calls": calls}
    assert pick(run_step(text, tables, values), "number", "unique_callees", "own_calls", "backs") == [
        ("s1", 11, 11, 1),
        ("s2", 11, 11, 1),
    ]
    values["min_peer_callees"] = 12
    assert pick(run_step(text, tables, values), "number", "own_calls", "backs") == [("s1", 12, 0), ("s2", 12, 0)]


def test_two_way_days_are_those_with_incoming_calls() -> None:
    days = [profile(f"n{number}", day, incoming_calls=day * (number == 0)) for day in (0, 1) for number in range(4)]
    rows = run_step("two_way_days()", {"profiles": days}, {"min_called_share": 0.2, "until": NOON + 2 * DAY})
    assert rows == [{"local_date": date(2026, 1, 23)}]
    assert run_step("two_way_days()", {"profiles": days}, {"min_called_share": 0.25, "until": NOON + 2 * DAY}) == []
    assert run_step("two_way_days()", {"profiles": days}, {"min_called_share": 0.2, "until": NOON + DAY}) == []


def test_stretches_are_days_up_to_one_in_the_period() -> None:
    days = [profile("a", day) for day in (-3, -2, -1, 0)]
    values = {"window": 2 * DAY, "since": NOON, "until": NOON + DAY / 2}
    rows = run_step('stretches("days", latest="days")', {"days": days}, values)
    assert pick(rows, "suspect_number", "stretch_end", "day_end") == [
        ("a", NOON + DAY, NOON),
        ("a", NOON + DAY, NOON + DAY),
    ]


def test_stretch_figures() -> None:
    figures = [(3, 2, 0, 1.5), (5, 4, None, 2.5), (2, 1, 1, 0.0)]
    stretches = [
        {
            "suspect_number": "a",
            "stretch_end": NOON + DAY,
            **profile("a", day, call_count=calls, unique_callees=callees, new_callees=new, total_minutes=minutes),
        }
        for day, (calls, callees, new, minutes) in zip((-2, -1, 0), figures, strict=True)
    ]
    text = "SELECT {{ stretch_figures() }} FROM stretches GROUP BY suspect_number, stretch_end"
    [row] = run_sql(text, {"stretches": stretches}, {"until": NOON + DAY / 2})
    assert (row["calls"], row["destinations"], row["outgoing_minutes"], row["average"]) == (10, 4, 4.0, 24.0)
    assert (row["window_start"], row["window_end"], row["lasts_until"]) == (NOON - 2 * DAY, *[NOON + DAY / 2] * 2)
    assert (row["first_call_at"], row["last_call_at"]) == (NOON - 2 * DAY + timedelta(hours=1), NOON + DAY / 2)


def test_longest_prefix() -> None:
    prefixes = [{"prefix": prefix} for prefix in ("+2", "+234", "+2348", "+44")]
    calls = [call("a", callee, 0) for callee in ("+23480", "+23480", "+23490", "+4420", "+1", "234")]
    text = 'longest_prefix("calls", "callee_number", list="prefixes", into="known")'
    rows = run_step(text, {"calls": calls, "prefixes": prefixes}, result="known")
    assert pick(rows, "callee_number", "prefix") == [("+23480", "+2348"), ("+23490", "+234"), ("+4420", "+44")]


def test_longest_pattern() -> None:
    cells = [
        {"pattern": pattern, "latitude": latitude}
        for pattern, latitude in (("LOS*", 1.0), ("LOS00*", 2.0), ("LOS001", 3.0), ("*", 0.0), ("LOS00*", 1.5))
    ]
    codes = [{"cell": cell} for cell in ("LOS001", "LOS002", "LOS9", "ABV", "LOS*", None)]
    text = 'longest_pattern("codes", "cell", list="cells", key="pattern", into="places", keeps=["latitude"])'
    rows = run_step(text, {"codes": codes, "cells": cells}, result="places")
    assert pick(rows, "code", "latitude") == [
        ("ABV", 0.0),
        ("LOS*", 1.0),
        ("LOS001", 3.0),
        ("LOS002", 1.5),
        ("LOS9", 1.0),
    ]


def test_unplanned_numbers() -> None:
    plan = [
        {"prefix": prefix, "min_digits": low, "max_digits": high, "status": status}
        for prefix, low, high, status in (
            ("234", 13, 13, "unallocated"),
            ("234803", 13, 13, "allocated"),
            ("234804", 13, 13, "withdrawn"),
            ("44", 11, 12, "allocated"),
        )
    ]
    numbers = {
        "+2348031234567": None,  # allocated
        "+2348041234567": 2,  # withdrawn
        "+2349991234567": 0,  # the country's own entry says: unallocated
        "+44201234567": None,
        "+442": 1,  # too short
        "+9991234567": 0,  # no such country
        "2349991234567": None,  # no full international number
        "+23480x": None,
    }
    tables = {"profiles": [{"number": number} for number in numbers], "plan": plan}
    text = 'unplanned_numbers("profiles", "number", plan="plan", into="bad")'
    rows = run_step(text, tables, result="bad")
    assert {row["number"]: row["reason"] for row in rows} == {
        n: reason for n, reason in numbers.items() if reason is not None
    }


def test_device_uses() -> None:
    days = [
        profile("one", 0, imei_count=1, top_imei="356938035643809", first_cell="A"),
        profile("two", 0, imei_count=2, top_imei="356938035643809", first_cell="B"),
        *(profile(f"bad {n}", 0, imei_count=1, top_imei=imei, first_cell=None) for n, imei in enumerate(BAD_IMEIS)),
    ]
    calls = [call("two", "x", 60, imei="3569380356438091"), call("two", "x", 61, imei="490154203237518")]
    tables = {"days": days, "examined_calls": calls, "ignored": [{"device": "12345678901234"}]}
    rows = run_step('device_uses("days", ignored="ignored")', tables)
    assert pick(rows, "number", "device", "first_cell") == [
        ("one", "35693803564380", "A"),
        ("two", "35693803564380", "B"),
        ("two", "49015420323751", "B"),
    ]


BAD_IMEIS = ("123456", "000000000000000", "001017123456789", "111111111111111", "123456789012345", "35693803564380x")


def test_movers_are_numbers_with_cells_far_apart() -> None:
    places = [
        {"code": code, "latitude": latitude, "longitude": 3.0}
        for code, latitude in (("A", 6.0), ("B", 6.1), ("C", 9.0))
    ]
    days = [
        profile("near", 0, distinct_cells=2, first_cell="A", second_cell="B"),
        profile("far", 0, distinct_cells=2, first_cell="A", second_cell="C"),
        profile("later", 0, distinct_cells=1, first_cell="A", second_cell=None),
        profile("later", 1, distinct_cells=1, first_cell="C", second_cell=None),
        profile("many", 0, distinct_cells=3, first_cell="A", second_cell="B"),
    ]
    values = {"min_distance": 50.0, "max_far_share": 0.25}
    tables = {"places": places, "profiles": days}
    rows = run_step('movers(places="places")', tables, values)
    assert pick(rows, "number") == [("far",), ("later",), ("many",)]
    crowd = [profile(f"n{n}", 0, distinct_cells=2, first_cell="A", second_cell="C") for n in range(30)]
    assert run_step('movers(places="places")', {**tables, "profiles": days + crowd}, values) == []


def test_moves_are_pairs_of_calls_in_two_cells() -> None:
    path = [("A", 6.0, 0, 60), ("A", 6.0, 1, 60), ("C", 9.0, 2, 600), ("A", 6.0, 5, 60)]
    calls = [
        call("a", "x", minutes, seconds, location_code=cell, latitude=latitude, longitude=3.0)
        for cell, latitude, minutes, seconds in path
    ]
    still = [call("b", "x", 0, location_code="A", latitude=6.0, longitude=3.0)]
    rows = run_step('moves("calls")', {"calls": calls + still}, {"min_distance": 50.0})
    assert pick(rows, "from_cell", "to_cell", "seconds_between", "is_simultaneous") == [
        ("A", "C", 60.0, 0),
        ("C", "A", 180.0, 1),
    ]
    assert [row["distance_km"] for row in rows] == [pytest.approx(333.6, abs=0.1)] * 2
    assert [(row["leaves_at"], row["arrives_at"]) for row in rows] == list(pairwise([at(1), at(2), at(5)]))
