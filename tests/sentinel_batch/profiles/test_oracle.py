"""Profiles against a brute force in plain Python: every column, on small random lakes."""

from __future__ import annotations

import itertools
import math
import statistics
import tempfile
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from detection_lake import make_lake
from hypothesis import given, settings
from hypothesis import strategies as st
from thoroughness import examples

from sentinel_batch.config import Config
from sentinel_batch.desk import open_desk
from sentinel_batch.lake import Lake
from sentinel_batch.profiles import build_profiles, load_days, read_profiles

LAGOS = timezone(timedelta(hours=1))
FIRST = datetime(2026, 1, 1, 23, tzinfo=UTC)
NUMBERS = (
    "+2348030000001", "+2348030000002", "+2348041111111", "+23480", "+447700900123", "+2341", "+12025550123",
    "1234567890123456789012", "0803ABC", "100", "10099999", "10099998", "+0123456789", "+99999999999999999999",
    "+999999999999999999999",
)  # fmt: skip

calls = st.lists(
    st.fixed_dictionaries(
        {
            "caller": st.sampled_from(NUMBERS[:5] + NUMBERS[-4:]),
            "callee": st.sampled_from(NUMBERS),
            "minute": st.one_of(
                st.integers(0, 9 * 1440), st.integers(0, 40), st.integers(0, 9).map(lambda day: day * 1440)
            ),
            "duration": st.sampled_from((0, 1, 5, 6, 7, 59, 60, 600)),
            "answered": st.sampled_from((None, True, False)),
            "cell": st.sampled_from((None, "LOS1", "LOS2", "ABV1")),
            "imei": st.sampled_from((None, "351", "35é", "0351")),
            "imsi": st.sampled_from((None, "621300000000001", "621300000000002")),
        }
    ),
    min_size=1,
    max_size=60,
    unique_by=lambda call: (call["caller"], call["callee"], call["minute"]),
)


def write_calls(folder: str, rows: list[dict[str, Any]], local: bool = True) -> Lake:
    """Make a lake of calls; without ``local`` their local day and hour are left to be derived."""
    times = [FIRST + timedelta(minutes=row["minute"]) for row in rows]
    places = [moment.astimezone(LAGOS) for moment in times]
    columns: dict[str, Any] = {
        name: [row[key] for row in rows]
        for name, key in (("answered", "answered"), ("location_code", "cell"), ("imei", "imei"), ("imsi", "imsi"))
    }
    if local:
        columns |= {"local_date": [p.date() for p in places], "local_hour": [p.hour for p in places]}
    return make_lake(
        Path(folder) / "lake",
        [(row["caller"], row["callee"], at, row["duration"]) for row, at in zip(rows, times, strict=True)],
        **columns,
    )


def expect_profiles(rows: list[dict[str, Any]]) -> dict[tuple[str, date], dict[str, Any]]:
    """Work out every profile from its definition, row by row."""
    days: dict[date, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        at = FIRST + timedelta(minutes=row["minute"])
        place = at.astimezone(LAGOS)
        done = row["answered"] if row["answered"] is not None else row["duration"] > 0
        days[place.date()].append({**row, "at": at, "hour": place.hour, "done": done})
    found = {}
    for day, today in days.items():
        before = {d: days[d] for d in days if 1 <= (day - d).days <= 28}
        for number in {call["caller"] for call in today}:
            found[number, day] = expect_profile(number, day, today, before)
    add_comparisons(found)
    return found


def expect_profile(
    number: str, day: date, today: list[dict[str, Any]], before: dict[date, list[dict[str, Any]]]
) -> dict[str, Any]:
    mine = sorted((call for call in today if call["caller"] == number), key=lambda call: call["at"])
    received = [call for call in today if call["callee"] == number]
    night = [call for call in mine if call["hour"] >= 22 or call["hour"] < 6]
    done = [call for call in mine if call["done"]]
    short = [call for call in done if call["duration"] <= 6]
    callees = {call["callee"] for call in mine}
    foreign = [c for c in mine if is_e164(c["callee"]) and not c["callee"].startswith("+234")]
    earlier = [call for calls_of_day in before.values() for call in calls_of_day]
    known = {call["callee"] for call in earlier if call["caller"] == number}
    backs = {call["caller"] for call in [*earlier, *today] if call["callee"] == number}
    gaps = [(b["at"] - a["at"]).total_seconds() for a, b in itertools.pairwise(mine)]
    prefixes = Counter(call["callee"][:7] for call in mine)
    hours = Counter(call["hour"] for call in mine)
    cells = ranked(call["cell"] for call in mine)
    imeis, imsis = ranked(call["imei"] for call in mine), ranked(call["imsi"] for call in mine)
    minutes, received_minutes = seconds(mine) / 60, seconds(received) / 60
    start = datetime(day.year, day.month, day.day, tzinfo=LAGOS).astimezone(UTC)
    size = len(mine)
    mean_gap = statistics.fmean(gaps) if gaps else None
    return {
        "number": number,
        "local_date": day,
        "day_start": start,
        "day_end": start + timedelta(days=1),
        "segment": "consumer" if size <= 20 else "business" if size <= 200 else "trunk",
        "call_count": size,
        "unique_callees": len(callees),
        "total_minutes": minutes,
        "night_calls": len(night),
        "night_callees": len({call["callee"] for call in night}),
        "night_minutes": seconds(night) / 60,
        "incoming_calls": len(received),
        "incoming_minutes": received_minutes,
        "incoming_callers": len({call["caller"] for call in received}),
        "callee_ratio": len(callees) / size,
        "mean_duration": seconds(mine) / size,
        "median_duration": statistics.median(call["duration"] for call in mine),
        "completed_calls": len(done),
        "answer_ratio": len(done) / size,
        "mean_completed_duration": seconds(done) / len(done) if done else None,
        "in_out_call_ratio": len(received) / size,
        "in_out_duration_ratio": received_minutes / minutes if minutes else None,
        "international_calls": len(foreign),
        "international_share": len(foreign) / size,
        "distinct_cells": len(cells),
        "first_cell": cells[0][0] if cells else None,
        "second_cell": cells[1][0] if len(cells) > 1 else None,
        "top_cell_share": cells[0][1] / sum(n for _, n in cells) if cells else None,
        "gap_mean": mean_gap,
        "gap_cv": statistics.pstdev(gaps) / mean_gap if len(gaps) > 1 and mean_gap else None,
        "gap_min": min(gaps) if gaps else None,
        "new_callees": len(callees - known),
        "new_callee_share": len(callees - known) / len(callees),
        "history_days": len(before),
        "history_calls": len(earlier),
        "callees_calling_back": len(callees & backs),
        "reciprocity": len(callees & backs) / len(callees),
        "prefix_concentration": sum((n / size) ** 2 for n in prefixes.values()),
        "hour_entropy": -sum(n / size * math.log2(n / size) for n in hours.values()),
        "short_calls": len(short),
        "short_call_share": len(short) / len(done) if done else None,
        "imei_count": len(imeis),
        "imsi_count": len(imsis),
        "top_imei": imeis[0][0] if imeis else None,
        "first_call": mine[0]["at"],
        "last_call": mine[-1]["at"],
        "night_share": len(night) / size,
    }


def add_comparisons(found: dict[tuple[str, date], dict[str, Any]]) -> None:
    figures = {"call_count": "calls_z", "unique_callees": "callees_z", "total_minutes": "minutes_z"}
    figures |= {"international_calls": "international_z", "night_calls": "night_z"}
    for (number, day), profile in found.items():
        past = [found[n, d] for n, d in found if n == number and 1 <= (day - d).days <= 14]
        profile["active_days"] = len(past)
        for figure, name in figures.items():
            profile[name] = robust_z(profile[figure], [p[figure] for p in past]) if len(past) >= 5 else None
        peers = [
            p["night_share"] for p in found.values() if (p["local_date"], p["segment"]) == (day, profile["segment"])
        ]
        middle = statistics.median(peers)
        scale = max(1.4826 * statistics.median(abs(share - middle) for share in peers), 0.05)
        profile["night_share_z"] = (profile["night_share"] - middle) / scale if len(peers) >= 5 else None


def robust_z(value: float, past: list[float]) -> float:
    middle = statistics.median(past)
    spread = 1.4826 * statistics.median(abs(x - middle) for x in past)
    return (value - middle) / max(spread, math.sqrt(middle), 1)


def is_e164(number: str) -> bool:
    return number[0] == "+" and number[1] != "0" and number[1:].isdigit() and len(number) <= 19


def seconds(rows: list[dict[str, Any]]) -> int:
    return sum(row["duration"] for row in rows)


def ranked(values: Any) -> list[tuple[str, int]]:
    return sorted(Counter(value for value in values if value is not None).items(), key=lambda item: (-item[1], item[0]))


def assert_agree(frame: pl.DataFrame, rows: list[dict[str, Any]]) -> None:
    expected = expect_profiles(rows)
    assert {(row["number"], row["local_date"]) for row in frame.to_dicts()} == set(expected)
    assert frame.height == len(expected)
    for row in frame.drop("definition").to_dicts():
        wanted = expected[row["number"], row["local_date"]]
        assert set(row) == set(wanted)
        for name, value in row.items():
            close = pytest.approx(wanted[name], rel=1e-6, abs=1e-6) if isinstance(value, float) else wanted[name]
            assert value == close, (row["number"], row["local_date"], name)


@settings(max_examples=examples(60, quick=10), deadline=None)
@given(calls, st.booleans())
def test_profiles_are_what_their_definitions_say(rows: list[dict[str, Any]], local: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lake = write_calls(folder, rows, local)
        build_profiles(lake=lake, config=Config(lake=lake.path))
        assert_agree(read_profiles(lake=lake), rows)


@settings(max_examples=examples(15, quick=3), deadline=None)
@given(calls, st.integers(1, 7), st.integers(0, 9))
def test_parts_single_days_and_unstored_days_give_the_same(rows: list[dict[str, Any]], at_once: int, day: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lake = write_calls(folder, rows)
        config = Config(lake=lake.path)
        chosen = date(2026, 1, 2) + timedelta(days=day)
        alone = load_days(open_desk(lake, config), chosen, chosen).scan().sort("number").collect()
        build_profiles(lake=lake, config=config, calls_at_once=at_once)
        whole = read_profiles(lake=lake)
        assert_agree(whole, rows)
        assert alone.equals(whole.filter(pl.col("local_date") == chosen))
        build_profiles(lake=lake, since=chosen, until=chosen, rebuild=True, config=config)
        assert read_profiles(lake=lake).equals(whole)


@settings(max_examples=examples(15, quick=3), deadline=None)
@given(calls, calls)
def test_late_calls_bring_every_day_up_to_date(rows: list[dict[str, Any]], late: list[dict[str, Any]]) -> None:
    known = {(row["caller"], row["callee"], row["minute"]) for row in rows}
    late = [row for row in late if (row["caller"], row["callee"], row["minute"]) not in known]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        lake = write_calls(folder, rows)
        config = Config(lake=lake.path)
        build_profiles(lake=lake, config=config)
        if late:
            lake.append("call_records", write_calls(other, late).snapshot().read("call_records"))
        build_profiles(lake=lake, config=config)
        assert_agree(read_profiles(lake=lake), rows + late)
        assert build_profiles(lake=lake, config=config).built == ()
