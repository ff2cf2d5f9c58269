"""The tables, kept as Delta Lake folders: written atomically, scanned by Polars, queried by DuckDB.

Some rows are prepared in a side table before the rows that they describe are committed (rejects before call records,
alert events before alerts). They carry a commit id, and count only once the main table's log holds that id
(:meth:`Lake.is_committed`): a run that is killed in between leaves nothing half-visible.
"""

from __future__ import annotations

import errno
import json
import re
import shutil
import tempfile
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import unquote
from uuid import uuid4

from sentinel_batch.errors import DiskFullError, LakeDamagedError, LakeLockedError, LakeNotFoundError
from sentinel_batch.schema import CALL_RECORDS, TABLES, arrow_schema, polars_schema

if TYPE_CHECKING:
    import duckdb
    import polars as pl
    from deltalake import CommitProperties, DeltaTable
    from deltalake.transaction import AddAction, RemoveAction

DEFAULT_LOCK_TIMEOUT = 600.0
"""Seconds that a writer waits for another writer."""

_Mode = Literal["append", "overwrite"]

_MARKER = "sentinel-lake.json"
_STAGING = ".staging"
_UNUSABLE = re.compile(r"[\[\]*?^|\\\x00-\x1f\x7f\ud800-\udfff]|%[0-9A-Fa-f]{2}")
_STATS_PRECISION = timedelta(milliseconds=1)  # Delta Lake cuts the bounds in its log to milliseconds.


@dataclass(frozen=True)
class StagedFile:
    """A finished Parquet file below :meth:`Lake.staging`, not yet part of a table.

    Parameters
    ----------
    path
        Where it lies now.
    name
        Its file name in the table's folder.
    partition
        Partition column to value, ISO formatted.
    rows
        Number of rows.
    first, last
        Bounds of its ``call_timestamp``, so that readers can skip the file.
    """

    path: Path
    name: str
    partition: dict[str, str]
    rows: int
    first: datetime | None = None
    last: datetime | None = None


class Lake:
    """A folder of Delta tables. Open one with :meth:`open` or :meth:`create`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        return f"Lake({str(self.path)!r})"

    @classmethod
    def open(cls, path: str | Path) -> Lake:
        """Open an existing lake; never creates one.

        Raises
        ------
        LakeNotFoundError
            If there is none at ``path``.
        """
        folder = _usable(Path(path).absolute())
        if not (folder / _MARKER).is_file():
            raise LakeNotFoundError(
                f"There is no lake at {folder}.",
                hint="Load call records first: sentinel-batch ingest FILES, or name another lake with --lake.",
                lake=str(folder),
            )
        return cls(folder)

    @classmethod
    def create(cls, path: str | Path) -> Lake:
        """Open the lake at ``path``, making an empty one if there is none."""
        folder = _usable(Path(path).absolute())
        with full_disk_reported(folder):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                marker = folder / _MARKER
                if not marker.exists():
                    fresh = folder / f".{_MARKER}.{time.time_ns()}"
                    fresh.write_text(json.dumps({"format": 1}) + "\n", encoding="utf-8")
                    fresh.replace(marker)
            except (FileExistsError, NotADirectoryError, PermissionError) as error:
                raise LakeNotFoundError(
                    f"A lake cannot be made at {folder}: {error.strerror}.", hint="Name a folder that can be written."
                ) from error
        return cls(folder)

    # -- reading ----------------------------------------------------------------------------------------------

    def delta(self, name: str) -> DeltaTable | None:
        """Return a table's Delta handle at its newest version, or None when nothing was ever written to it."""
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError, TableNotFoundError

        folder = self.path / name
        if not (folder / "_delta_log").is_dir():
            return None
        try:
            return DeltaTable(str(folder))
        except TableNotFoundError:
            return None
        except (DeltaError, OSError, ValueError) as error:
            raise LakeDamagedError(
                f"The log of table {name} in {self.path} cannot be read: {error}",
                hint="Run sentinel-batch doctor; restore the table's _delta_log folder from a backup.",
            ) from error

    def scan(self, name: str, since: datetime | None = None, until: datetime | None = None) -> pl.LazyFrame:
        """Scan a table lazily; a table that was never written is empty, with its columns.

        Parameters
        ----------
        name
            A table of :data:`sentinel_batch.schema.TABLES`.
        since, until
            Call record files wholly outside these bounds are not opened; rows are not filtered.
        """
        import polars as pl

        definition = TABLES[name]
        schema = polars_schema(definition.columns)
        files = self.files(name, since, until)
        if not files:
            return pl.LazyFrame(schema=schema)
        return scan_parts(name, files).select(pl.col(column).cast(kind) for column, kind in schema.items())

    def read(self, name: str) -> pl.DataFrame:
        """Read a whole (small) table."""
        return self.scan(name).collect()

    def files(self, name: str, since: datetime | None = None, until: datetime | None = None) -> list[Path]:
        """List a table's Parquet files, but for those whose calls all lie outside [since, until]."""
        table = self.delta(name)
        if table is None:
            return []
        actions = _rows(table.get_add_actions(flatten=True))
        kept = []
        for action in actions:
            first, last = action.get("min.call_timestamp"), action.get("max.call_timestamp")
            outside = (until is not None and first is not None and first > until) or (
                since is not None and last is not None and last + _STATS_PRECISION <= since
            )
            if not outside:
                kept.append(self.path / name / unquote(action["path"]))
        return sorted(kept)

    def connect(
        self, *, since: datetime | None = None, until: datetime | None = None, memory_limit: str = "3GB"
    ) -> duckdb.DuckDBPyConnection:
        """Open an in-memory DuckDB connection (UTC) that has every table as a view.

        Parameters
        ----------
        since, until
            Bounds on ``call_timestamp``: call record files wholly outside are not opened. The view does not filter
            rows.
        memory_limit
            DuckDB's limit; larger intermediate results spill into the lake's staging folder.
        """
        import duckdb

        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        # Setting it fails in a notebook without ipywidgets, even to false; there it is false already.
        if connection.sql("SELECT current_setting('enable_progress_bar')").fetchall() != [(False,)]:
            connection.execute("SET enable_progress_bar = false")
        connection.execute(f"SET memory_limit = '{memory_limit}'")
        connection.execute("SET temp_directory = $1", [str(self.path / _STAGING / "duckdb")])
        for table in TABLES.values():
            files = self.files(table.name, since, until)
            relate_parts(connection, table.name, files).create_view(table.name)
        return connection

    def bounds(self) -> tuple[datetime, datetime] | None:
        """Return the times of the oldest and the newest call, cut to milliseconds; None for a lake without calls."""
        table = self.delta(CALL_RECORDS.name)
        actions = _rows(table.get_add_actions(flatten=True)) if table is not None else []
        if not actions:
            return None
        return (
            min(action["min.call_timestamp"] for action in actions),
            max(action["max.call_timestamp"] for action in actions),
        )

    def newest_call(self) -> datetime | None:
        """Return the exact time of the newest call; None for a lake without calls."""
        import polars as pl

        bounds = self.bounds()
        if bounds is None:
            return None
        calls = self.scan(CALL_RECORDS.name, since=bounds[1])
        newest: datetime | None = calls.select(pl.col("call_timestamp").max()).collect().item()
        return newest

    def is_committed(self, name: str, commit_id: str) -> bool:
        """Tell whether the table's log holds the commit id."""
        table = self.delta(name)
        return table is not None and table.transaction_version(commit_id) is not None

    def committed(self, name: str, commit_ids: Iterable[str]) -> set[str]:
        """Return those of the commit ids that the table's log holds."""
        table = self.delta(name)
        if table is None:
            return set()
        return {commit_id for commit_id in set(commit_ids) if table.transaction_version(commit_id) is not None}

    # -- writing ----------------------------------------------------------------------------------------------

    def append(self, name: str, frame: pl.DataFrame, *, commit_id: str | None = None) -> None:
        """Append rows to a table in one atomic commit."""
        self._write(name, frame, "append", commit_id)

    def overwrite(self, name: str, frame: pl.DataFrame, *, commit_id: str | None = None) -> None:
        """Replace the rows of a (small) table in one atomic commit; call it under :meth:`lock`."""
        self._write(name, frame, "overwrite", commit_id)

    def delete(self, name: str, column: str, value: str) -> None:
        """Delete the rows of a table whose text column has the value."""
        table = self.delta(name)
        if table is not None:
            table.delete(f"{column} = '" + value.replace("'", "''") + "'")

    def add_files(
        self, name: str, files: list[StagedFile], *, commit_id: str | None, removed: Collection[Path] = ()
    ) -> None:
        """Move staged files into a table and commit them all at once; call it under :meth:`lock`.

        A file of the same name that an earlier, killed run moved but never committed is replaced.

        Parameters
        ----------
        name
            A table of :data:`sentinel_batch.schema.TABLES`.
        files
            What to add; their rows are new, unless ``removed`` names the files that held them.
        commit_id
            Goes into the table's log, for :meth:`is_committed`.
        removed
            Files of :meth:`files` that leave the table in the same commit; they stay on disk for readers under way.
        """
        with full_disk_reported(self.path):
            self._commit(name, files, "append", commit_id, removed)

    def _write(self, name: str, frame: pl.DataFrame, mode: _Mode, commit_id: str | None) -> None:
        definition = TABLES[name]
        shaped = frame.select(frame[column].cast(kind) for column, kind in polars_schema(definition.columns).items())
        with full_disk_reported(self.path):
            (self.path / name).mkdir(exist_ok=True)
            files = [self._write_part(name, *part) for part in _partition(shaped, definition.partition_by)]
            self._commit(name, files, mode, commit_id)

    def _write_part(self, name: str, partition: dict[str, str], frame: pl.DataFrame) -> StagedFile:
        path = self.path / name / f"part-{uuid4().hex}.parquet"
        frame.write_parquet(path)
        times = frame["call_timestamp"] if "call_timestamp" in frame.columns else None
        bounds = (times.min(), times.max()) if times is not None else (None, None)
        return StagedFile(path, path.name, partition, frame.height, *cast(Any, bounds))

    def _commit(
        self, name: str, files: list[StagedFile], mode: _Mode, commit_id: str | None, removed: Collection[Path] = ()
    ) -> None:
        from deltalake import Schema

        data_change = not (files and removed)
        actions: list[AddAction | RemoveAction] = [self._move(name, file, data_change=data_change) for file in files]
        settings: dict[str, Any] = {
            "schema": Schema.from_arrow(arrow_schema(TABLES[name].columns)),
            "partition_by": list(TABLES[name].partition_by),
            "commit_properties": _commit_properties(commit_id),
        }
        table = self.delta(name) or self._create(name, actions, settings)
        if table is not None:
            gone = {path.relative_to(self.path / name).as_posix() for path in removed}
            actions += _removals(table, gone, data_change=data_change) if gone else []
            table.create_write_transaction(actions, mode, **settings)

    def _create(self, name: str, actions: list[Any], settings: dict[str, Any]) -> DeltaTable | None:
        """Make a table with its first files; where another process made it meanwhile, return that instead."""
        from deltalake.exceptions import DeltaError
        from deltalake.transaction import create_table_with_add_actions

        try:
            create_table_with_add_actions(str(self.path / name), add_actions=actions, **settings)
        except DeltaError:
            table = self.delta(name)
            if table is None:
                raise
            return table
        return None

    def _move(self, name: str, file: StagedFile, *, data_change: bool) -> AddAction:
        from deltalake.transaction import AddAction

        folder = "/".join(f"{column}={value}" for column, value in file.partition.items())
        target = self.path / name / folder / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        file.path.replace(target)
        return AddAction(
            path=f"{folder}/{file.name}" if folder else file.name,
            size=target.stat().st_size,
            partition_values=dict(file.partition),
            modification_time=int(time.time() * 1000),
            data_change=data_change,
            stats=_stats(file),
        )

    @contextmanager
    def lock(self, timeout: float = DEFAULT_LOCK_TIMEOUT) -> Iterator[None]:
        """Hold the lake-wide writer lock; it is released by the system if the process dies.

        Raises
        ------
        LakeLockedError
            If another process still holds it after ``timeout`` seconds.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(str(self.path / ".lock"), is_singleton=True)
        try:
            lock.acquire(timeout=timeout)
        except Timeout as error:
            raise LakeLockedError(
                f"Another run holds the lock of {self.path} (waited {timeout:g} s).",
                hint="Wait for it to end, or allow more time with --lock-timeout SECONDS.",
            ) from error
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def staging(self) -> Iterator[Path]:
        """Give a fresh folder on the lake's disk, removed afterwards; sweeps those of killed runs first."""
        from filelock import FileLock, Timeout

        root = self.path / _STAGING
        with full_disk_reported(self.path):
            root.mkdir(exist_ok=True)
            with suppress(Timeout), FileLock(str(root / "sweep.lock"), timeout=5):
                for folder in root.glob("run-*"):
                    with suppress(Timeout, OSError), FileLock(str(folder / "owner.lock"), timeout=0):
                        shutil.rmtree(folder, ignore_errors=True)
                folder = Path(tempfile.mkdtemp(prefix="run-", dir=root))
                owner = FileLock(str(folder / "owner.lock"))
                owner.acquire()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            owner.release()


def _usable(folder: Path) -> Path:
    found = _UNUSABLE.search(str(folder))
    if found is not None:
        raise LakeNotFoundError(
            f"A lake cannot be at {str(folder)!r}: its path has {found[0]!r}, which Delta Lake or DuckDB misread.",
            hint="Use a path without [ ] * ? ^ | \\ and %XX; spaces and letters such as é are fine.",
        )
    return folder


@contextmanager
def full_disk_reported(path: Path) -> Iterator[None]:
    """Turn a full disk, however a library words it, into a :class:`DiskFullError`."""
    try:
        yield
    except DiskFullError:
        raise
    except Exception as error:
        text = str(error).lower()
        full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}
        if full or any(words in text for words in ("no space left", "file too large", "quota exceeded")):
            raise DiskFullError(
                f"The disk that holds {path} is full; what was committed before is intact.",
                hint="Free space (sentinel-batch maintain removes files that nothing refers to), then run again.",
            ) from error
        raise


def scan_parts(name: str, files: Sequence[Path], *, partitions: bool = True) -> pl.LazyFrame:
    """Scan Parquet files of a table, whoever wrote them.

    Text may be stored as plain text or as categories, and columns that a file would have no value in may be absent.

    Parameters
    ----------
    name
        The table.
    files
        At least one file.
    partitions
        Whether the columns that are folders are wanted.
    """
    import polars as pl

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
        union_by_name=bool(definition.partition_by),  # Only parts of call records lack columns; it opens every file.
        hive_partitioning=bool(folders),
    )
    columns = ", ".join(
        f'"{c}"::{_DUCKDB_TYPES[kind]} AS "{c}"' if c in stored.columns else f'NULL::{_DUCKDB_TYPES[kind]} AS "{c}"'
        for c, kind in wanted.items()
    )
    return stored.project(columns)


def open_lake(lake: Lake | str | Path | None = None) -> Lake:
    """Return the lake that a function's ``lake`` argument names; None is the configured one."""
    from sentinel_batch.config import load_config

    if isinstance(lake, Lake):
        return lake
    return Lake.open(lake if lake is not None else load_config().lake)


def now() -> datetime:
    """Return the time of the clock, in UTC."""
    return datetime.now(UTC)


_DUCKDB_TYPES = {
    "timestamp": "TIMESTAMPTZ",
    "text": "VARCHAR",
    "integer": "BIGINT",
    "small": "TINYINT",
    "flag": "BOOLEAN",
    "real": "DOUBLE",
    "date": "DATE",
}


def _rows(actions: Any) -> list[dict[str, Any]]:
    import pyarrow as pa

    rows: list[dict[str, Any]] = pa.table(actions).to_pylist()
    return rows


def _removals(table: DeltaTable, paths: set[str], *, data_change: bool) -> list[RemoveAction]:
    from deltalake.transaction import RemoveAction

    moment = int(time.time() * 1000)
    return [
        RemoveAction(path=action["path"], data_change=data_change, deletion_timestamp=moment, size=action["size_bytes"])
        for action in _rows(table.get_add_actions(flatten=True))
        if unquote(action["path"]) in paths
    ]


def _partition(frame: pl.DataFrame, columns: Sequence[str]) -> Iterator[tuple[dict[str, str], pl.DataFrame]]:
    """Yield the rows of each partition, without its columns; nothing where there are no rows."""
    if not columns:
        if not frame.is_empty():
            yield {}, frame
        return
    for values, part in frame.partition_by(columns, as_dict=True, include_key=False, maintain_order=True).items():
        yield dict(zip(columns, map(str, values), strict=True)), part


def _commit_properties(commit_id: str | None) -> CommitProperties | None:
    from deltalake import CommitProperties
    from deltalake.transaction import Transaction

    if commit_id is None:
        return None
    return CommitProperties(app_transactions=[Transaction(app_id=commit_id, version=1)])


def _stats(file: StagedFile) -> str:
    stats: dict[str, Any] = {"numRecords": file.rows}
    if file.first is not None and file.last is not None:
        stats["minValues"] = {"call_timestamp": _iso(file.first)}
        stats["maxValues"] = {"call_timestamp": _iso(file.last)}
    return json.dumps(stats)


def _iso(moment: datetime | date) -> str:
    return moment.isoformat().replace("+00:00", "Z")
