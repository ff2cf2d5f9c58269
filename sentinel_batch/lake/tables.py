"""How the Parquet files of a table are read, whoever wrote them: the one place that knows their columns.

Text may be stored as plain text or as categories, and columns that a file would have no value in may be absent.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from sentinel_batch.schema import INGESTS, TABLES, polars_schema

if TYPE_CHECKING:
    import duckdb

_DUCKDB_TYPES = {
    "timestamp": "TIMESTAMPTZ",
    "text": "VARCHAR",
    "integer": "BIGINT",
    "small": "TINYINT",
    "flag": "BOOLEAN",
    "real": "DOUBLE",
    "date": "DATE",
}


def scan_parts(name: str, files: Sequence[Path], *, partitions: bool = True) -> pl.LazyFrame:
    """Scan Parquet files of a table with Polars.

    Parameters
    ----------
    name
        The table.
    files
        At least one file.
    partitions
        Whether the columns that are folders are wanted.
    """
    definition = TABLES[name]
    schema = polars_schema(definition.columns)
    folders = {column: schema.pop(column) for column in definition.partition_by}
    return pl.scan_parquet(
        list(files),
        glob=False,
        schema=schema,
        hive_partitioning=partitions and bool(folders),
        hive_schema=folders if partitions and folders else None,
        cast_options=pl.ScanCastOptions(categorical_to_string="allow"),
        missing_columns="insert",
    )


def count_equal_rows(name: str, rows: pl.LazyFrame) -> pl.LazyFrame:
    """Return rows of a table with a column ``nth``: 0 for the first of equal rows, 1 for the second, and so on.

    Rows are equal if they have the same key; where a column of it is empty in both, that is the same, too.
    """
    return rows.with_columns(nth=pl.int_range(pl.len()).over(TABLES[name].key))


def relate_parts(
    connection: duckdb.DuckDBPyConnection, name: str, files: Sequence[Path], *, partitions: bool = True
) -> duckdb.DuckDBPyRelation:
    """Return Parquet files of a table as a DuckDB relation: what :func:`scan_parts` is for Polars.

    Parameters
    ----------
    connection
        Where the relation belongs.
    name
        The table.
    files
        Without any, the relation has no rows.
    partitions
        Whether the columns that are folders are wanted.
    """
    definition = TABLES[name]
    folders = definition.partition_by if partitions else ()
    wanted = {c: kind for c, kind in definition.columns.items() if partitions or c not in definition.partition_by}
    if not files:
        columns = ", ".join(f'NULL::{_DUCKDB_TYPES[kind]} AS "{c}"' for c, kind in wanted.items())
        return connection.sql(f"SELECT {columns} WHERE false")
    stored = connection.read_parquet(
        [str(path) for path in files],
        union_by_name=bool(definition.partition_by) or name == INGESTS.name,  # Files of older versions lack columns.
        hive_partitioning=bool(folders),
    )
    columns = ", ".join(
        f'"{c}"::{_DUCKDB_TYPES[kind]} AS "{c}"' if c in stored.columns else f'NULL::{_DUCKDB_TYPES[kind]} AS "{c}"'
        for c, kind in wanted.items()
    )
    return stored.project(columns)
