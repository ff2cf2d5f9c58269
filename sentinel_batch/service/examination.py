"""The rule that is watched, run by the library on a few callers: on their calls of the lake, and those that wait."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from sentinel_batch.config import DUCKDB
from sentinel_batch.desk import Desk
from sentinel_batch.detection import record_detections, run_detection
from sentinel_batch.lake import Snapshot, open_connection, read_calls_of
from sentinel_batch.schema import CALL_RECORDS, polars_schema
from sentinel_batch.service.events import EventQueue
from sentinel_batch.service.watching import RULE

if TYPE_CHECKING:
    import duckdb

COMMAND = "events"
"""What its runs are called in the history."""

_PERIOD = timedelta(hours=24)
_COLUMNS = ("caller_number", "callee_number", "call_timestamp", "duration_seconds")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class CallsOfSome(Snapshot):
    """A snapshot whose call records are those of some callers, with the calls that wait for the lake.

    Parameters
    ----------
    tables
        Has all other tables.
    calls
        The call records: the columns that the rule reads.
    """

    def __init__(self, tables: Snapshot, calls: pl.DataFrame) -> None:
        super().__init__(tables.path, tables.versions, tables.engine)
        self._calls = calls

    def connect(
        self, *names: str, since: datetime | None = None, until: datetime | None = None, memory_limit: str = "512MB"
    ) -> duckdb.DuckDBPyConnection:
        """Open a connection that has the calls, and no other table."""
        connection = open_connection(self.path, memory_limit)
        connection.register(CALL_RECORDS.name, self._calls.to_arrow())
        return connection


def examine_suspects(
    desk: Desk, events: EventQueue, suspects: Mapping[str, int], until: int, window: timedelta
) -> set[str]:
    """Examine callers by the rule, and record what it finds; a later detection goes on with the same alerts.

    Parameters
    ----------
    desk
        The lake.
    events
        What is not in it yet.
    suspects
        Callers, each with the moment (microseconds) at which it became suspect.
    until
        End of the period, in microseconds.
    window
        The longest window of the rule.

    Returns
    -------
    set of str
        Those in whose calls the rule found something.

    Raises
    ------
    SentinelError
        As :func:`sentinel_batch.detection.run_detection`.
    """
    end = max(_moment(until), *map(_moment, suspects.values()))
    begin = min(_moment(min(suspects.values())) - timedelta(microseconds=1), end - _PERIOD)
    # First what waits, then the lake: an event that is loaded meanwhile is in one of them, or in both.
    waiting = events.pending(suspects, begin - window, end)
    tables = desk.lake.snapshot()
    stored = read_calls_of(tables, sorted(suspects), begin - window, end, _COLUMNS)
    whole = CallsOfSome(tables, join_calls(stored, waiting))
    here = desk.config.override(engine=DUCKDB)  # These calls are in memory: no other engine has them.
    found = run_detection([RULE], lake=Desk(here, whole), since=begin, until=end, record=False)
    if not found.findings.is_empty():
        record_detections(found, lake=desk, command=COMMAND)
    return set(found.findings["suspect_number"])


def join_calls(stored: pl.DataFrame, waiting: Collection[Mapping[str, Any]]) -> pl.DataFrame:
    """Return calls of the lake with events as ingest will load them: whole seconds, and none that the lake has."""
    kinds = polars_schema({name: CALL_RECORDS.columns[name] for name in _COLUMNS})
    rows = [
        (call["caller_number"], call["callee_number"], call["timestamp"], int(call["duration_seconds"]))
        for call in waiting
    ]
    fresh = pl.DataFrame(rows, schema=kinds, orient="row").unique(maintain_order=True)
    return pl.concat([stored.select(_COLUMNS), fresh.join(stored, on=_COLUMNS, how="anti")])


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)
