"""States of a window that the engine works out from arrays, against the SQL sweep, to the row."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from thoroughness import examples

from sentinel_batch.rules import states, sweeping
from sentinel_batch.rules.expansion import Expansion, Sweep
from sentinel_batch.rules.stages import SWEPT_STATES
from sentinel_batch.rules.sweeping import sweep_calls
from tests.sentinel_batch.rules.step_trials import LADDER, VALUES, Row, at, call, expand

SCHEMA = {
    "caller_number": pl.String(),
    "callee_number": pl.String(),
    "call_timestamp": pl.Datetime("us", "UTC"),
    "duration_seconds": pl.Int64(),
    "cut": pl.Int32(),
    "paid": pl.Int64(),
}
SWEEPS = (
    'sweep("calls")',
    'sweep("calls", sums=["cut AS cuts", "paid"])',
    'sweep("calls", counting=none, duration=none)',
    'sweep("calls", by="callee_number", counting="caller_number AS callers", sums=["paid"])',
    'sweep("calls", counting="cut AS kinds", duration="paid AS costs")',
)


def connect(calls: Sequence[Row]) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("calls", pl.DataFrame(calls, schema=SCHEMA, orient="row").to_arrow())
    return connection


def read_sweep(text: str) -> Sweep:
    lines = Expansion(LADDER, is_swept=True).expand(f"WITH\n{{{{ {text} }}}}\nSELECT 1", "TEST_001.sql")
    [sweep] = [line.sweep for line in lines if line.sweep is not None]
    return sweep


def find_by_arrays(connection: duckdb.DuckDBPyConnection, text: str, values: dict[str, Any]) -> pl.DataFrame | None:
    """Return the states as the engine works them out; None if it leaves them to SQL."""
    if not sweep_calls(connection, read_sweep(text), "calls", values):
        return None
    found: pl.DataFrame = connection.sql(f"SELECT * FROM {SWEPT_STATES}").pl()
    return found


def find_by_sql(connection: duckdb.DuckDBPyConnection, text: str, values: dict[str, Any]) -> pl.DataFrame:
    sql = expand(f"WITH\n{{{{ {text} }}}}\nSELECT * FROM states")
    named = {name: values[name] for name in re.findall(r"\$(\w+)", sql)}
    found: pl.DataFrame = connection.sql(sql, params=named).pl()
    return found


def tell(found: pl.DataFrame) -> list[dict[str, Any]]:
    """Return rows in an order of their own, whatever the order of columns."""
    columns = sorted(found.columns)
    return found.select(columns).sort("suspect_number", "begins_at", nulls_last=True).to_dicts()


def draw_calls(source: random.Random, size: int) -> list[Row]:
    numbers = ["a", "b", "c", "", None]
    halves = range(-30, 122)
    return [
        {
            **call("", "", source.choice(halves) / 2),
            "caller_number": source.choice(numbers),
            "callee_number": source.choice(numbers),
            "duration_seconds": source.choice([0, 1, 7, 7200, None]),
            "cut": source.choice([0, 1, None]),
            "paid": source.choice([None, None, -3, 2**40]),
        }
        for _ in range(size)
    ]


@pytest.mark.parametrize("text", SWEEPS)
@settings(max_examples=examples(40, quick=10), deadline=None)
@example(seed=1, size=0, minutes=10)
@example(seed=2, size=60, minutes=200)
@given(seed=st.integers(0, 2**32), size=st.integers(0, 60), minutes=st.sampled_from([1, 2, 10, 45, 200]))
def test_states_are_those_of_the_sql_sweep(text: str, seed: int, size: int, minutes: int) -> None:
    connection = connect(draw_calls(random.Random(seed), size))
    values = {**VALUES, "window": timedelta(minutes=minutes)}
    found = find_by_arrays(connection, text, values)
    assert found is not None
    assert tell(found) == tell(find_by_sql(connection, text, values))


def test_so_they_are_where_calls_are_worked_out_in_several_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "CHUNK_CALLS", 3)
    connection = connect(draw_calls(random.Random(3), 50))
    found = find_by_arrays(connection, SWEEPS[1], VALUES)
    assert found is not None
    assert len(found) > 40
    assert tell(found) == tell(find_by_sql(connection, SWEEPS[1], VALUES))


def test_numbers_that_do_not_fit_into_one_integer_are_sorted_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = connect(draw_calls(random.Random(4), 50))
    expected = tell(find_by_sql(connection, SWEEPS[0], VALUES))
    calls = {"packed": find_by_arrays(connection, SWEEPS[0], VALUES)}
    monkeypatch.setattr(states, "_fits", lambda pairs, bits: False)
    calls["placed"] = find_by_arrays(connection, SWEEPS[0], VALUES)
    for found in calls.values():
        assert found is not None
        assert tell(found) == expected


def test_what_the_engine_cannot_do_exactly_is_left_to_sql(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{**call("a", "x", 1), "cut": 1, "paid": 2**62}, {**call("a", "y", 2), "cut": 0, "paid": 2**61}]
    connection = connect(rows)
    assert find_by_arrays(connection, SWEEPS[0], VALUES) is not None
    assert find_by_arrays(connection, SWEEPS[1], VALUES) is None  # the sum might not fit into 64 bits
    assert find_by_arrays(connection, SWEEPS[0], {**VALUES, "window": 600}) is None
    assert find_by_arrays(connection, 'sweep("calls", window="$window + $window")', VALUES) is None
    connection.execute("CREATE TABLE other AS SELECT * REPLACE (cut / 2 AS cut) FROM calls")
    connection.unregister("calls")
    connection.execute("ALTER TABLE other RENAME TO calls")
    assert find_by_arrays(connection, SWEEPS[1], VALUES) is None  # halves are no whole numbers
    assert find_by_arrays(connection, 'sweep("calls", sums=["no_such_column"])', VALUES) is None
    monkeypatch.setattr(sweeping, "MOST_CALLS", 1)
    assert find_by_arrays(connection, SWEEPS[0], VALUES) is None


def test_a_state_counts_a_callee_once_and_ends_where_the_next_begins() -> None:
    rows = [{**call("a", callee, minute, 60), "cut": 0, "paid": 0} for callee, minute in (("x", 1), ("x", 4), ("y", 4))]
    found = find_by_arrays(connect(rows), SWEEPS[0], VALUES)
    assert found is not None
    assert found.select("begins_at", "ends_at", "calls", "destinations", "seconds").rows() == [
        (at(1), at(4), 1, 1, 60),
        (at(4), at(11), 3, 2, 180),
        (at(11), at(14), 2, 2, 120),
        (at(14), None, 0, 0, 0),
    ]
