"""How the Parquet files of a table are read, whoever wrote them: the one place that knows their columns.

Text may be stored as plain text or as categories, and columns that a file would have no value in may be absent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from sentinel_batch.lake.mirror import fetch_files
from sentinel_batch.schema import INGESTS, TABLES, Table, polars_schema

if TYPE_CHECKING:
    import duckdb

SORTED_PREFIX = "sorted-"
"""Begin of the names of files whose rows are in the order of :attr:`sentinel_batch.schema.Table.sorted_by`."""

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
    fetch_files(files)
    definition = TABLES[name]
    schema = polars_schema(definition.columns)
    folders = {column: schema.pop(column) for column in definition.partition_by}
    if not partitions:
        return _scan(files, schema, {})
    if not _is_misread(files, definition):
        return _scan(files, schema, folders)
    [column] = folders
    return pl.concat(
        _scan(list(group), schema, {}).with_columns(pl.lit(date.fromisoformat(folder.partition("=")[2])).alias(column))
        for folder, group in groupby(files, key=lambda file: file.parent.name)
    )


def _scan(files: Sequence[Path], schema: pl.Schema, folders: Mapping[str, pl.DataType]) -> pl.LazyFrame:
    return pl.scan_parquet(
        list(files),
        glob=False,
        schema=schema,
        hive_partitioning=bool(folders),
        hive_schema=dict(folders) or None,
        cast_options=pl.ScanCastOptions(categorical_to_string="allow"),
        missing_columns="insert",
    )


def _is_misread(files: Sequence[Path], definition: Table) -> bool:
    """Tell whether a folder above the table is named ``X=Y``: Polars and DuckDB would take X for a column, too."""
    return bool(definition.partition_by) and any("=" in part for part in files[0].parts[:-2])


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
    return connection.sql(express_parts(connection, name, files, partitions=partitions))


def express_parts(
    connection: duckdb.DuckDBPyConnection, name: str, files: Sequence[Path], *, partitions: bool = True
) -> str:
    """Return Parquet files of a table as the text of a query; the parameters are those of :func:`relate_parts`.

    It opens the files to see which columns they have, and holds as long as they exist.
    """
    definition = TABLES[name]
    folders = definition.partition_by if partitions else ()
    wanted = {c: kind for c, kind in definition.columns.items() if partitions or c not in definition.partition_by}
    if not files:
        columns = ", ".join(f'NULL::{_DUCKDB_TYPES[kind]} AS "{c}"' for c, kind in wanted.items())
        return f"SELECT {columns} WHERE false"
    fetch_files(files)
    misread = _is_misread(files, definition)
    paths = ", ".join("'" + str(path).replace("'", "''") + "'" for path in files)
    # Files of older versions lack columns.
    by_name = bool(definition.partition_by) or name == INGESTS.name
    settings = f"union_by_name={by_name}, hive_partitioning={bool(folders) and not misread}, filename={misread}"
    source = f"read_parquet([{paths}], {settings})"
    sources = {c: f'"{c}"' for c in connection.sql(f"FROM {source}").columns}
    if misread:
        sources |= {c: f"regexp_extract(filename, '.*/{c}=([^/]*)/', 1)" for c in folders}
    columns = ", ".join(f'{sources.get(c, "NULL")}::{_DUCKDB_TYPES[kind]} AS "{c}"' for c, kind in wanted.items())
    return f"SELECT {columns} FROM {source}"
