"""Handing calls from the database to :mod:`sentinel_batch.rules.states`, and the states back as a table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from sentinel_batch.rules.stages import SWEPT_STATES
from sentinel_batch.rules.states import Calls, find_states

if TYPE_CHECKING:
    from sentinel_batch.rules.arguments import Column
    from sentinel_batch.rules.expansion import Sweep

MOST_CALLS = 5_000_000
"""More calls are left to the SQL sweep, which spills to disk; with their states these take about 1.5 GiB."""

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_VALUES = ("VARCHAR", "DATE", "BOOLEAN", *_NUMBERS)
_INSTANT = ("TIMESTAMP WITH TIME ZONE",)


def sweep_calls(connection: duckdb.DuckDBPyConnection, sweep: Sweep, source: str, bound: Mapping[str, Any]) -> bool:
    """Make the table of the states of a sweep; return whether it was made.

    It is not made, and the SQL sweep is to be run, if there are more than :data:`MOST_CALLS` calls, what is added up
    are no whole numbers of 64 bits, suspects or counted values are neither texts nor numbers nor days, instants have no
    time zone, or the window is no parameter. What is found is the same.

    Parameters
    ----------
    connection
        Has the calls.
    sweep
        What is swept, and how.
    source
        Table of the calls.
    bound
        Values by name.
    """
    window = bound.get(sweep.window.removeprefix("$"))
    if not isinstance(window, timedelta):
        return False
    try:
        table = _read_calls(connection, sweep, source)
    except duckdb.Error:  # The SQL sweep fails on it, too, and its error names the place.
        return False
    if table is None:
        return False
    added = {entry.name: table[f"added_{number}"] for number, entry in enumerate(_list_added(sweep))}
    counted = table["counted"] if sweep.counting is not None else None
    calls = Calls(table["suspect"], table["instant"].cast(pa.int64()).to_numpy(), counted, added)
    until = (bound["until"] - _EPOCH) // _MICROSECOND
    states = find_states(calls, window // _MICROSECOND, until, sweep.counting.name if sweep.counting else None)
    if states is None:
        return False
    connection.register(SWEPT_STATES, pa.Table.from_batches(states))
    return True


def _list_added(sweep: Sweep) -> list[Column]:
    return [*([sweep.duration] if sweep.duration is not None else []), *sweep.sums]


def _read_calls(connection: duckdb.DuckDBPyConnection, sweep: Sweep, source: str) -> pa.Table | None:
    """Return what a sweep reads of its calls; None if the SQL sweep is needed."""
    [(count,)] = connection.execute(f"SELECT count(*) FROM {source}").fetchall()
    wanted = {"suspect": (sweep.by, _VALUES), "instant": (sweep.at, _INSTANT)}
    if sweep.counting is not None:
        wanted["counted"] = (sweep.counting.column, _VALUES)
    wanted |= {f"added_{number}": (entry.column, _NUMBERS) for number, entry in enumerate(_list_added(sweep))}
    columns = ", ".join(f"{column} AS {name}" for name, (column, _) in wanted.items())
    relation = connection.sql(f"SELECT {columns} FROM {source} AS {sweep.calls}")
    kinds = zip(relation.columns, relation.types, strict=True)
    if count > MOST_CALLS or any(str(kind) not in wanted[name][1] for name, kind in kinds):
        return None
    table = relation.to_arrow_table()
    return None if table["instant"].null_count else table
