"""Values as JSON can hold them, their hashes, and suggestions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from batch_base.hashing import hash_value, write_canonical_json
from batch_base.plain import to_plain
from batch_base.shell import type_last
from batch_base.suggestions import find_nearest, suggest


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: float
    seen: datetime


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=1))), "2026-01-02T02:04:05Z"),
        (datetime(2026, 1, 2, 3, 4, 5), "2026-01-02T03:04:05Z"),
        (date(2026, 1, 2), "2026-01-02"),
        (timedelta(minutes=1), 60.0),
        (float("nan"), None),
        ([float("inf"), 1.5], [None, 1.5]),
        (Colour.RED, "red"),
        (True, True),
        ({1: (2, 3)}, {"1": [2, 3]}),
        (Path("a/b"), "a/b"),
        (b"\xff", "b'\\xff'"),
        (Point(float("-inf"), datetime(2026, 1, 2, tzinfo=UTC)), {"x": None, "seen": "2026-01-02T00:00:00Z"}),
        ((n for n in "ab"), ["a", "b"]),
        (np.int64(5), 5),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.array([1, 2]), [1, 2]),
        (np.array(3), 3),
        (np.float64("nan"), None),
    ],
)
def test_values_become_plain(value: Any, expected: Any) -> None:
    found = to_plain(value)
    assert found == expected and type(found) is type(expected)
    json.dumps(found, allow_nan=False)


def test_the_canonical_form_has_one_order_and_no_spaces() -> None:
    assert write_canonical_json({"b": 1, "a": [date(2026, 1, 2), "é"]}) == '{"a":["2026-01-02","é"],"b":1}'
    assert hash_value({"b": 1, "a": 2}) == hash_value({"a": 2, "b": 1}) != hash_value({"a": 1, "b": 2})


def test_a_number_of_numpy_has_the_hash_of_the_number() -> None:
    assert hash_value({"a": np.int64(5), "b": np.bool_(True)}) == hash_value({"a": 5, "b": True})
    assert hash_value(np.int64(5)) != hash_value("5")


def test_names_with_lone_bytes_have_a_hash() -> None:
    assert len(hash_value("\udcff.wav")) == 64


def test_a_near_name_is_suggested_and_a_far_one_is_not() -> None:
    assert find_nearest("wideban", ["narrowband", "wideband"]) == "wideband"
    assert find_nearest("xyz", ["narrowband"]) is None
    assert suggest("wideban", ["wideband"]) == "Did you mean 'wideband'?"
    assert suggest("xyz", ["wideband"], "Leave it out.") == "Leave it out."


def test_a_name_is_typed_so_that_no_shell_and_no_parser_misreads_it() -> None:
    assert [type_last(name) for name in ("a.csv", "ada's.csv", "-a b.csv")] == [
        "a.csv",
        """'ada'"'"'s.csv'""",
        "-- '-a b.csv'",
    ]
