"""Damaged files: an independent reader finds in the bytes exactly what the truth file says."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from thoroughness import examples

from sentinel_batch.simulation import MockCDRGenerator

E164 = r"\+234\d{10}"
KIND_OF_LINE = {
    "missing_caller": rb"[^,]*,[^,]*,,.*",
    "anonymous_caller": rb"[^,]*,[^,]*,anonymous,.*",
    "negative_duration": rb"([^,]*,){4}-\d+,.*",
    "non_numeric_duration": rb"([^,]*,){4}n/a,.*",
    "bad_date": rb"2026-13-45,.*",
    "clock_reset": rb"1980-01-06,.*",
    "field_missing": rb"([^,]*,){6}[^,]*",
    "field_extra": rb"([^,]*,){8}[^,]*",
    "national_number": rb"([^,]*,){2}0[789]\d{9},0[789]\d{9},.*",
    "double_zero_number": rb"([^,]*,){2}00234\d{10},00234\d{10},.*",
    "spaced_number": rb"([^,]*,){2}\+234 \d{3} \d{3} \d{4},\+234 \d{3} \d{3} \d{4},.*",
    "dashed_number": rb"([^,]*,){2}\+234-\d{3}-\d{3}-\d{4},\+234-\d{3}-\d{3}-\d{4},.*",
    "quoted_number": rb"([^,]*,){2}'\+234\d{10}','\+234\d{10}',.*",
    "clock_duration": rb"([^,]*,){4}\d:\d\d:\d\d,.*",
    "empty_optional_columns": rb"([^,]*,){5},,",
    "stray_byte": rb"([^,]*,){7}[A-Z]{2}\xe9\d{3}",
}

Record = tuple[str, str, str, str, int]


def normalised(number: str) -> str | None:
    digits = re.sub(r"[ '\-]", "", number)
    digits = re.sub(r"^(00234|\+234|0)(?=\d{10}$)", "+234", digits)
    return digits if re.fullmatch(E164, digits) else None


def seconds(text: str) -> int | None:
    if re.fullmatch(r"\d+", text):
        return int(text)
    if clock := re.fullmatch(r"(\d+):(\d\d):(\d\d)", text):
        return int(clock[1]) * 3600 + int(clock[2]) * 60 + int(clock[3])
    return None


def valid_record(line: bytes) -> Record | None:
    fields = line.decode("latin-1").split(",")
    if len(fields) != 8:
        return None
    date, time, caller, callee, duration = fields[:5]
    numbers, length = (normalised(caller), normalised(callee)), seconds(duration)
    try:
        recent = dt.date.fromisoformat(date).year >= 2000
    except ValueError:
        return None
    if not recent or numbers[0] is None or numbers[1] is None or length is None:
        return None
    return date, time, numbers[0], numbers[1], length


def generate(folder: Path, *, seed: int, dirty: float, counts: tuple[int, int, int]) -> tuple[bytes, dict[str, Any]]:
    total, boxes, each = counts
    MockCDRGenerator(seed, dirty=dirty).save_to_file(
        folder / "x.csv", total_records=total, simbox_callers=boxes, simbox_calls_per_caller=each
    )
    return (folder / "x.csv").read_bytes(), json.loads((folder / "x.truth.json").read_text())


def clean_records(seed: int, counts: tuple[int, int, int]) -> set[Record]:
    frame = MockCDRGenerator(seed).generate_frame(*counts)
    return set(frame.select(frame.columns[:5]).iter_rows())


@settings(max_examples=examples(40), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 2**32),
    dirty=st.sampled_from([0.0, 0.01, 0.2, 1.0]),
    counts=st.tuples(st.integers(160, 500), st.integers(0, 2), st.integers(0, 80)),
)
def test_accounting(tmp_path: Path, seed: int, dirty: float, counts: tuple[int, int, int]) -> None:
    content, truth = generate(tmp_path, seed=seed, dirty=dirty, counts=counts)
    lines = [line for line in content.split(b"\n")[1:] if line]
    records = [valid_record(line) for line in lines]
    distinct = set(records) - {None}
    assert len(lines) == truth["rows_written"] == counts[0] + truth["duplicate_rows"]
    assert records.count(None) == truth["rejected_rows"]
    assert len(distinct) == truth["expected_distinct_valid_records"]
    assert len(lines) - len(distinct) - records.count(None) == truth["duplicate_rows"]
    assert truth["clean_records"] + truth["rejected_rows"] + truth["unusual_valid_rows"] == counts[0]
    assert distinct <= clean_records(seed, counts)
    simbox_calls = {record for record in distinct if record and record[2] in truth["simbox_numbers"]}
    assert len(simbox_calls) == counts[1] * counts[2]


def test_each_kind_is_there_as_often_as_the_truth_says(tmp_path: Path) -> None:
    content, truth = generate(tmp_path, seed=42, dirty=0.2, counts=(5000, 3, 75))
    lines = [line for line in content.split(b"\n")[1:] if line]
    found = {kind: sum(bool(re.fullmatch(form, line)) for line in lines) for kind, form in KIND_OF_LINE.items()}
    found["duplicate_row"] = sum(count - 1 for count in Counter(lines).values())
    assert found == truth["damage"]
    assert min(found.values()) > 20
    assert set(truth["damage_effects"]) == set(found)


def test_blank_lines_end_a_dirty_file_only(tmp_path: Path) -> None:
    content, truth = generate(tmp_path, seed=1, dirty=0.1, counts=(200, 0, 0))
    assert truth["trailing_blank_lines"] == 3
    assert content.endswith(b"\n\n\n\n")
    content, truth = generate(tmp_path, seed=1, dirty=0.0, counts=(200, 0, 0))
    assert truth["trailing_blank_lines"] == 0
    assert not content.endswith(b"\n\n")


@pytest.mark.parametrize("seed", range(10))
def test_dirt_leaves_sim_box_rows_readable_as_they_are(tmp_path: Path, seed: int) -> None:
    content, truth = generate(tmp_path, seed=seed, dirty=0.5, counts=(1000, 2, 60))
    clean = MockCDRGenerator(seed).generate_csv(1000, 2, 60)[0].encode().split(b"\n")
    own = tuple(number.encode() for number in truth["simbox_numbers"])
    assert {line for line in clean if line[20:34] in own} == {
        line for line in content.split(b"\n") if line[20:34] in own and line in clean
    }
    assert not [line for line in content.split(b"\n") if line[20:34] in own and line not in clean]


def test_text_holds_the_replacement_character_for_a_stray_byte(tmp_path: Path) -> None:
    content, truth = generate(tmp_path, seed=2, dirty=0.3, counts=(2000, 0, 0))
    text, _ = MockCDRGenerator(2, dirty=0.3).generate_csv(2000, 0, 0)
    assert content.count(b"\xe9") == text.count("\ufffd") == truth["damage"]["stray_byte"] > 0
    assert content.decode("utf-8", errors="replace") == text
