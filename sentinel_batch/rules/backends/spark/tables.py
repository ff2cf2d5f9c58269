"""The tables of a snapshot as Spark's frames: exactly its files, with all columns of the table."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import pyarrow as pa

from sentinel_batch.config import OWN_CACHE, Config
from sentinel_batch.desk import Desk
from sentinel_batch.errors import ConfigurationError, LakeDamagedError
from sentinel_batch.lake import Snapshot, fetch_files, list_actions
from sentinel_batch.profiles import load_overlapping
from sentinel_batch.schema import CALL_RECORDS, PROFILES, TABLES

if TYPE_CHECKING:
    import polars as pl
    from pyspark.sql import DataFrame
    from pyspark.sql.connect.session import SparkSession

DELTA = "delta"

_TYPES = {
    "timestamp": "TIMESTAMP",
    "text": "STRING",
    "integer": "BIGINT",
    "small": "TINYINT",
    "flag": "BOOLEAN",
    "real": "DOUBLE",
    "date": "DATE",
}

_PATTERN = frozenset("{}[]*?\\\\")
"""Characters that Spark takes for a pattern in the name of a file."""


def locate_lake(config: Config, path: Path) -> str:
    """Return where Spark's machines find a lake: as configured, else as this program does; Hadoop says ``s3a`` for S3.

    Raises
    ------
    ConfigurationError
        If Spark would take the address for a pattern, or would read all of a table from a cache that has some of it.
    """
    if config.spark_lake == OWN_CACHE and config.spark_format == DELTA:
        raise ConfigurationError(
            'The cache has the files of the period, and format = "delta" reads any of a table.',
            hint='Set [spark] format = "parquet" beside lake = "cache", or name the lake as Spark finds it.',
            key="spark.format",
        )
    named = str(config.lake)
    here = config.spark_lake == OWN_CACHE or "://" not in named
    own = str(path.absolute()) if here else named.replace("s3://", "s3a://", 1)
    address = own if config.spark_lake in (None, OWN_CACHE) else str(config.spark_lake)
    if _PATTERN & set(address):
        raise ConfigurationError(
            f"Spark takes the lake's address {address} for a pattern.",
            hint="Name the lake without any of {}[]*?\\\\, or give another address: [spark] lake = ...",
        )
    return address if "://" in address else f"file://{address}"


def read_calls(session: SparkSession, desk: Desk, since: datetime, until: datetime) -> DataFrame:
    """Return the call records of the files that may have calls between two instants.

    Raises
    ------
    LakeDamagedError
        If Spark finds fewer rows, or more, than the log says: there are engines that pass over a missing file.
    """
    tables, name = desk.tables, CALL_RECORDS.name
    if desk.config.spark_format == DELTA:
        return _read_version(session, desk, name)
    files = tables.files(name, since, until)
    calls = _read_files(session, desk, name, files)
    logged = _count_logged(tables, name, files)
    if logged is not None and (found := calls.count()) != logged:
        lake = locate_lake(desk.config, tables.path)
        raise LakeDamagedError(
            f"Spark reads {found:,} call records in {lake}, and the log of the table says {logged:,}.",
            hint="Run sentinel-batch doctor, which names the files that are missing or broken.",
        )
    return calls


def read_profiles(session: SparkSession, desk: Desk, since: datetime, until: datetime) -> DataFrame:
    """Return the profiles of the local days that overlap a period; days that are not stored are computed here and sent.

    They are sent in one piece, so a night builds the profiles before its rules run.
    """
    days = load_overlapping(desk, since, until)
    if desk.config.spark_format == DELTA and days.files:
        wanted = sorted({date.fromisoformat(file.parent.name.partition("=")[2]) for file in days.files})
        listed = ", ".join(f"DATE '{day.isoformat()}'" for day in wanted)
        stored = _read_version(session, desk, PROFILES.name).where(f"local_date IN ({listed})")
    else:
        stored = _read_files(session, desk, PROFILES.name, days.files)
    if not days.computed:
        return stored
    return stored.unionByName(send(session, days.scan_computed().collect(), PROFILES.columns))


def send(session: SparkSession, rows: pl.DataFrame, kinds: Mapping[str, str]) -> DataFrame:
    """Send rows to the server.

    Parameters
    ----------
    session
        Where they go.
    rows
        The rows.
    kinds
        Column to type, as in :mod:`sentinel_batch.schema`.
    """
    if rows.is_empty():
        return _make_empty(session, kinds)
    table = rows.select(list(kinds)).to_arrow()
    plain = pa.schema([(name, _plain(table.schema.field(name).type)) for name in kinds])
    return session.createDataFrame(table.cast(plain))


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) else kind


def _read_files(session: SparkSession, desk: Desk, name: str, files: Sequence[Path]) -> DataFrame:
    """Return the rows of files; columns that a file lacks are NULL, those that are folders are read from its path."""
    columns, lake = TABLES[name].columns, desk.tables.path
    if not files:
        return _make_empty(session, columns)
    root = locate_lake(desk.config, lake)
    if desk.config.spark_lake == OWN_CACHE:
        fetch_files(files)
    addresses = [f"{root}/{file.relative_to(lake).as_posix()}" for file in files]
    schema = ", ".join(f"{column} {_TYPES[kind]}" for column, kind in columns.items())
    return session.read.schema(schema).option("basePath", f"{root}/{name}").parquet(*addresses)


def _read_version(session: SparkSession, desk: Desk, name: str) -> DataFrame:
    """Return a table at the version of the snapshot, by its log."""
    version, columns = desk.tables.versions[name], TABLES[name].columns
    if version is None:
        return _make_empty(session, columns)
    address = f"{locate_lake(desk.config, desk.tables.path)}/{name}"
    table = session.read.format(DELTA).option("versionAsOf", str(version)).load(address)
    return table.selectExpr(*_express(columns, table.columns))


def _express(columns: Mapping[str, str], there: Collection[str]) -> list[str]:
    return [
        f"CAST({column if column in there else 'NULL'} AS {_TYPES[kind]}) AS {column}"
        for column, kind in columns.items()
    ]


def _make_empty(session: SparkSession, columns: Mapping[str, str]) -> DataFrame:
    # Frames without rows cannot be sent: the client looks for types in rows.
    return session.sql(f"SELECT {', '.join(_express(columns, ()))} WHERE false")


def _count_logged(tables: Snapshot, name: str, files: Sequence[Path]) -> int | None:
    """Return the rows of files as the log has them; None if it does not say."""
    log = tables.log(name)
    wanted = set(files)
    counts = [
        action["num_records"]
        for action in (list_actions(log) if log is not None else ())
        if tables.path / name / unquote(action["path"]) in wanted
    ]
    return None if any(count is None for count in counts) else sum(counts)
