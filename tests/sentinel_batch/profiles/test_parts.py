"""A day in parts: texts and numbers as integers, rows on disk, and the filter of acquaintances."""

from __future__ import annotations

import random
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from detection_lake import make_lake
from hypothesis import given
from hypothesis import strategies as st

from sentinel_batch.config import Config
from sentinel_batch.profiles import FIGURES, build_profiles, read_profiles, read_spread
from sentinel_batch.profiles.acquaintance import Acquaintances
from sentinel_batch.profiles.parts import choose_bounds
from sentinel_batch.profiles.spill import Spill
from sentinel_batch.profiles.texts import TextCodes

texts = st.lists(st.one_of(st.text("0123456789", max_size=20), st.text(max_size=5), st.none()), max_size=30)
keys = st.lists(st.integers(-(2**40), 2**59), max_size=40)


@given(texts)
def test_codes_stand_for_texts_and_sort_like_them(values: list[str | None]) -> None:
    codes = TextCodes()
    frame = pl.DataFrame({"text": values}, schema={"text": pl.String})
    for express in (codes.express_names, codes.express_digits):
        found = frame.select(code=express("text"))["code"].to_numpy()
        assert codes.decode(found).to_list() == values
        distinct = np.unique(found[found > 0])
        assert codes.decode(distinct[codes.sort(distinct)]).to_list() == sorted(
            {value for value in values if value is not None}, key=lambda value: value.encode()
        )


@given(keys, keys, st.integers(1, 5))
def test_a_spill_gives_every_row_back_in_its_part(first: list[int], second: list[int], parts: int) -> None:
    bounds = choose_bounds(np.sort(np.array(first or [0])), parts)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows.bin"
        with Spill(file, {"key": np.int64, "twice": np.int64, "flag": np.bool_}, "key", bounds) as spill:
            for block in (first, second):
                values = np.array(block, dtype=np.int64)
                spill.add({"key": values, "twice": values * 2, "flag": values % 2 == 1})
            found = [spill.read(part) for part in range(bounds.size + 1)]
            assert [spill.count(part) for part in range(bounds.size + 1)] == [rows["key"].size for rows in found]
        assert not file.exists()
    edges = [-(2**63), *bounds.tolist(), 2**63]
    for rows, low, high in zip(found, edges, edges[1:], strict=False):
        assert all(low <= key < high for key in rows["key"].tolist())
        assert (rows["twice"] == rows["key"] * 2).all()
        assert (rows["flag"] == (rows["key"] % 2 == 1)).all()
    assert sorted(key for rows in found for key in rows["key"].tolist()) == sorted(first + second)


@given(st.lists(st.tuples(st.integers(-5, 99), st.integers(-5, 99))))
def test_acquaintances_are_never_lost(pairs: list[tuple[int, int]]) -> None:
    a, b = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    known = Acquaintances(a.size)
    known.add(a, b)
    known.close()
    assert known.may_know(a, b).all()
    assert known.may_know(b, a).all()


def test_most_strangers_are_told_from_acquaintances() -> None:
    numbers = np.arange(2_348_030_000_000, 2_348_030_040_000)
    known = Acquaintances(numbers.size)
    known.add(numbers, numbers[::-1])
    known.close()
    assert known.may_know(numbers, numbers + 1_000_000).mean() < 0.2


def test_a_caller_with_most_of_the_calls_stays_whole(tmp_path: Path) -> None:
    noon = datetime(2026, 1, 20, 12, tzinfo=UTC)
    busy = [("+2348030000001", f"+23480500{index:05}", noon + timedelta(seconds=index), 30) for index in range(300)]
    rest = [(f"+23480700{index:05}", "+2348030000001", noon + timedelta(seconds=index), 60) for index in range(100)]
    lake = make_lake(tmp_path / "lake", busy + rest)
    config = Config(lake=lake.path)
    build_profiles(lake=lake, config=config)
    whole = read_profiles(lake=lake)
    build_profiles(lake=lake, config=config, rebuild=True, calls_at_once=40)
    assert read_profiles(lake=lake).equals(whole)
    row = whole.row(by_predicate=pl.col("number") == "+2348030000001", named=True)
    assert (row["call_count"], row["unique_callees"], row["incoming_callers"]) == (300, 300, 100)


@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_a_spread_of_parts_is_that_of_all_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    draw = random.Random(7)
    callers = ["+2348030000001", "+2348030000002", "+441632960001", "anonymous", "12345678901234567890123", "+1"]
    noon = datetime(2026, 1, 20, 12, tzinfo=UTC)
    calls = [
        (draw.choice(callers), draw.choice(callers), noon + timedelta(seconds=index), draw.randrange(90))
        for index in range(200)
    ]
    tables = make_lake(tmp_path / "lake", calls).snapshot()
    monkeypatch.setattr("sentinel_batch.profiles.spread.CALLS_AT_ONCE", at_once)
    spread = read_spread(tables, "Africa/Lagos", date(2026, 1, 20))
    expected = (
        tables.read("call_records")
        .group_by("caller_number")
        .agg(
            call_count=pl.len(),
            unique_callees=pl.col("callee_number").n_unique(),
            mean_duration=pl.col("duration_seconds").mean(),
        )
    )
    assert spread.callers == expected.height == len(callers)
    for name in FIGURES:
        assert spread.figures[name].tolist() == expected[name].sort().to_list()
