"""The mock CDR generator: what it promises about clean files, checked without its own code."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thoroughness import examples, slow_but

from sentinel_batch.errors import UsageError
from sentinel_batch.simulation import MockCDRGenerator, truth_path
from sentinel_batch.simulation.numbering import NUMBER_SPACE, NumberPlan
from sentinel_batch.simulation.simboxes import short_durations

HEADER = (
    "call_date,call_time,caller_number,callee_number,duration_seconds,call_direction,termination_cause,location_code"
)
MOBILE = re.compile(r"\+234(70|80|81|90|91)\d{8}")
WINDOW = dt.timedelta(hours=24)

Row = dict[str, str]


def parse(text: str) -> list[Row]:
    return list(csv.DictReader(io.StringIO(text)))


def moment(row: Row) -> dt.datetime:
    return dt.datetime.strptime(f"{row['call_date']} {row['call_time']}", "%Y-%m-%d %H:%M:%S")


def calls_by_caller(rows: list[Row]) -> dict[str, list[tuple[dt.datetime, str, int]]]:
    calls = defaultdict(list)
    for row in rows:
        calls[row["caller_number"]].append((moment(row), row["callee_number"], int(row["duration_seconds"])))
    return calls


def qualifying(rows: list[Row]) -> set[str]:
    """Find, by brute force, who has a 24-hour window that ends at a call and satisfies the seed's rule."""
    found = set()
    for caller, calls in calls_by_caller(rows).items():
        if len({callee for _, callee, _ in calls}) <= 50:
            continue
        for end, _, _ in calls:
            window = [(callee, seconds) for at, callee, seconds in calls if end - WINDOW < at <= end]
            if len({callee for callee, _ in window}) > 50 and sum(s for _, s in window) < 3 * len(window):
                found.add(caller)
                break
    return found


@pytest.mark.parametrize("seed", slow_but(range(10), range(50)))
def test_exactly_the_sim_boxes_qualify(seed: int) -> None:
    text, numbers = MockCDRGenerator(seed).generate_csv(5000, 3, 75)
    assert len(set(numbers)) == 3
    assert qualifying(parse(text)) == set(numbers)


@pytest.mark.parametrize("calls", [51, 52, 60, 100, 250])
def test_no_sim_box_averages_three_seconds(calls: int) -> None:
    rng = np.random.default_rng(calls)
    averages = [short_durations(rng, calls).mean() for _ in range(300)]
    assert 1.0 <= min(averages) < 1.6
    assert 2.3 < max(averages) < 2.7


def test_a_sim_box_with_fifty_calls_does_not_qualify() -> None:
    text, _ = MockCDRGenerator(1).generate_csv(1000, 4, 50)
    assert not qualifying(parse(text))


def test_the_seeds_example() -> None:
    text, numbers = MockCDRGenerator(seed=42).generate_csv(
        total_records=5000, simbox_callers=3, simbox_calls_per_caller=75
    )
    rows = parse(text)
    assert text.splitlines()[0] == HEADER
    assert len(rows) == 5000
    assert {row["call_date"] for row in rows} == {"2026-01-22"}
    assert max(row["call_time"] for row in rows) < "23:00:00"
    assert Counter(row["caller_number"] in numbers for row in rows)[True] == 225
    assert Counter(row["call_direction"] for row in rows).most_common()[0][0] == "outbound"


def test_subscribers_repeat_themselves() -> None:
    rows = parse(MockCDRGenerator(5).generate_csv(5000, 0, 0)[0])
    pairs = Counter((row["caller_number"], row["callee_number"]) for row in rows)
    callers = {row["caller_number"] for row in rows}
    assert len(callers) < 1000
    assert sum(count for count in pairs.values() if count > 1) > 1500
    assert callers & {row["callee_number"] for row in rows}


sizes = st.tuples(st.integers(0, 300), st.integers(0, 4), st.integers(0, 80))


@settings(max_examples=examples(60), deadline=None)
@given(seed=st.integers(0, 2**64), days=st.integers(1, 40), size=sizes)
def test_every_clean_file_keeps_its_promises(seed: int, days: int, size: tuple[int, int, int]) -> None:
    ordinary, boxes, each = size
    text, numbers = MockCDRGenerator(seed, days=days).generate_csv(ordinary + boxes * each, boxes, each)
    rows = parse(text)
    assert len(rows) == ordinary + boxes * each
    check_formats(rows, set(numbers))
    check_simboxes(calls_by_caller(rows), numbers, each)
    assert [moment(row) for row in rows] == sorted(moment(row) for row in rows)
    last = dt.datetime(2026, 1, 22) + dt.timedelta(days=days - 1, hours=23)
    assert all(dt.datetime(2026, 1, 22) <= moment(row) < last for row in rows)
    keys = {(row["caller_number"], row["callee_number"], moment(row)) for row in rows}
    assert len(keys) == len(rows)


def check_formats(rows: list[Row], simboxes: set[str]) -> None:
    for row in rows:
        assert MOBILE.fullmatch(row["caller_number"])
        assert MOBILE.fullmatch(row["callee_number"])
        assert row["caller_number"] != row["callee_number"]
        low, high = (1, 5) if row["caller_number"] in simboxes else (30, 1800)
        assert low <= int(row["duration_seconds"]) <= high
        assert row["call_direction"] in {"outbound", "inbound"}
        assert re.fullmatch(r"[A-Z_]{3,50}", row["termination_cause"])
        assert re.fullmatch(r"[A-Z]{3}\d{3}", row["location_code"])


def check_simboxes(calls: dict[str, list[tuple[dt.datetime, str, int]]], numbers: list[str], each: int) -> None:
    for number in numbers:
        own = calls.get(number, [])
        assert len(own) == len({callee for _, callee, _ in own}) == each
        if own:
            assert max(own)[0] - min(own)[0] < dt.timedelta(hours=23)


@settings(max_examples=examples(25, quick=6), deadline=None)
@given(seed=st.integers(0, 2**64))
def test_numbers_never_collide(seed: int) -> None:
    plan = NumberPlan.draw(np.random.default_rng(seed))
    indices = np.concatenate([np.arange(3000), np.arange(NUMBER_SPACE - 3000, NUMBER_SPACE)])
    assert len(set(plan.digits(indices).tolist())) == len(indices)


def test_chunks_join_without_gap_or_duplicate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentinel_batch.simulation.generator._CHUNK_RECORDS", 700)
    frame = MockCDRGenerator(3, days=3).generate_frame(20_000, 5, 100)
    assert frame.height == 20_000
    assert frame.n_unique(["caller_number", "callee_number", "call_date", "call_time"]) == 20_000
    moments = frame["call_date"] + " " + frame["call_time"]
    assert moments.is_sorted()


def test_equal_seeds_give_equal_bytes(tmp_path: Path) -> None:
    hashes = []
    for name in ("a.csv", "b.csv"):
        MockCDRGenerator(7, days=2, dirty=0.05).save_to_file(tmp_path / name, total_records=3000)
        hashes.append(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert hashes[0] == hashes[1]
    assert MockCDRGenerator(7).generate_csv() != MockCDRGenerator(8).generate_csv()


def test_text_file_and_frame_agree(tmp_path: Path) -> None:
    generator = MockCDRGenerator(11)
    text, numbers = generator.generate_csv(2000, 2, 60)
    path = tmp_path / "calls.csv"
    assert generator.save_to_file(path, total_records=2000, simbox_callers=2, simbox_calls_per_caller=60) == numbers
    assert path.read_bytes() == text.encode()
    assert generator.generate_frame(2000, 2, 60).write_csv() == text


def test_truth_of_a_clean_file(tmp_path: Path) -> None:
    path = tmp_path / "calls.csv"
    numbers = MockCDRGenerator(9, start=dt.date(2026, 2, 1)).save_to_file(path, total_records=600)
    truth = json.loads((tmp_path / "calls.truth.json").read_text())
    assert truth_path(path) == tmp_path / "calls.truth.json"
    assert truth["seed"] == 9
    assert truth["parameters"] == {
        "total_records": 600,
        "simbox_callers": 3,
        "simbox_calls_per_caller": 75,
        "days": 1,
        "dirty": 0.0,
        "start": "2026-02-01",
    }
    assert truth["simbox_numbers"] == truth["qualifying_numbers"] == numbers
    assert truth["rows_written"] == truth["clean_records"] == truth["expected_distinct_valid_records"] == 600
    assert not any(truth["damage"].values())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["calls.csv", "calls.truth.json"]


@pytest.mark.parametrize(
    "options", [{"seed": -1}, {"days": 0}, {"dirty": -0.1}, {"dirty": 1.5}, {"dirty": float("nan")}, {"days": 10**9}]
)
def test_refuses_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        MockCDRGenerator(**options)
    assert caught.value.hint


@pytest.mark.parametrize("counts", [(-1, 0, 0), (100, -1, 75), (100, 3, -5), (100, 2, 51), (10**7, 1, 10**6 + 1)])
def test_refuses_bad_counts(counts: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError) as caught:
        MockCDRGenerator().generate_csv(*counts)
    assert caught.value.hint


def test_refuses_a_missing_folder_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"calls\.csv"):
        MockCDRGenerator().save_to_file(tmp_path / "absent" / "calls.csv")
    assert not list(tmp_path.iterdir())
