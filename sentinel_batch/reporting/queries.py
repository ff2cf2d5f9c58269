"""DuckDB results as Polars frames."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import polars as pl
import polars.selectors as cs

if TYPE_CHECKING:
    import duckdb


def fetch_frame(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: dict[str, Any] | None = None
) -> pl.DataFrame:
    """Run a query and return its rows; times are UTC."""
    found = cast(pl.DataFrame, pl.from_arrow(connection.sql(query, params=parameters).to_arrow_table()))
    return found.with_columns(cs.datetime(time_zone="*").dt.convert_time_zone("UTC"))
