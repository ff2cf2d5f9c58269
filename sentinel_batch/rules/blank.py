"""Tables without rows: what DuckDB says of a rule's queries where no lake is needed."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import polars as pl

from sentinel_batch.rules.inputs import EXAMINED_CALLS, PROFILES
from sentinel_batch.rules.reach import shut_off
from sentinel_batch.schema import CALL_RECORDS, polars_schema
from sentinel_batch.schema import PROFILES as PROFILES_TABLE


def connect_empty(lists: Mapping[str, pl.DataFrame]) -> duckdb.DuckDBPyConnection:
    """Return a connection with the tables that a rule reads: no calls, no profiles, and its own lists."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    tables = {
        EXAMINED_CALLS: pl.DataFrame(schema=polars_schema(CALL_RECORDS.columns)),
        PROFILES: pl.DataFrame(schema=polars_schema(PROFILES_TABLE.columns)),
    }
    for name, rows in {**tables, **lists}.items():
        connection.register(name, rows.to_arrow())
    shut_off(connection)
    return connection
