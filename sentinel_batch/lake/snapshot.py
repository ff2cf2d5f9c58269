"""What the tables held at one moment: a version of each, fixed together, opened once, and passed down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from datetime import datetime, timedelta
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from sentinel_batch.lake.damage import damage_reported
from sentinel_batch.lake.deadlines import Deadline
from sentinel_batch.lake.engine import Engine, open_connection
from sentinel_batch.lake.logs import PlacedFile, TableLog, is_newest, newest_version, read_commit_ids, recall_log
from sentinel_batch.lake.mirror import fetch_files, find_mirror
from sentinel_batch.lake.tables import express_parts, relate_parts, scan_parts
from sentinel_batch.schema import CALL_RECORDS, TABLES, polars_schema

if TYPE_CHECKING:
    import duckdb
    from deltalake import DeltaTable

_STATS_PRECISION = timedelta(milliseconds=1)  # Delta Lake cuts the bounds in its log to milliseconds.
_TRIES = 100
REMEMBERED_TEXTS = 200
_T = TypeVar("_T")


class Snapshot:
    """The tables of a lake at one moment; commits that come later do not show.

    A table's log is opened when it is first asked for, and once.

    Parameters
    ----------
    path
        The lake's folder.
    versions
        Table to the version that is read; None for one that was never written.
    engine
        Answers the queries of :meth:`query`; None makes one when it is needed.
    """

    def __init__(self, path: Path, versions: Mapping[str, int | None], engine: Engine | None = None) -> None:
        self.path = path
        self.versions = versions
        self.engine = Engine(path) if engine is None else engine
        self.deadline: Deadline | None = None
        self.touched: set[str] = set()
        """Tables that were looked at by now: with the same versions of these, the same question has the same answer."""
        self._logs: dict[str, TableLog | None] = {}
        self._frames: dict[str, pl.DataFrame] = {}
        self._commits: dict[str, set[str]] = {}

    def __repr__(self) -> str:
        return f"Snapshot({str(self.path)!r})"

    @classmethod
    def take(cls, path: Path, known: Mapping[str, int | None] | None = None) -> Snapshot:
        """Fix the newest version of every table.

        A command's commits to several tables are ordered, so it is enough that no commit falls between the looks at
        two tables: the versions count if a second look finds the same.

        Parameters
        ----------
        path
            The lake's folder.
        known
            Versions that there were; the look goes on from them, however long the logs are.
        """
        mirror = find_mirror(path)
        if mirror is not None:
            return cls(path, mirror.look(known))
        versions = _look(path, known or {})
        # Bounded: a writer that commits all the time must not keep a reader from ever starting.
        for _ in range(_TRIES):
            again = _look(path, versions)
            if again == versions:
                break
            versions = again
        return cls(path, versions)

    def renew(self) -> Snapshot:
        """Return the tables as they are now: this very snapshot if nothing was committed since, else one that shares
        the engine, and the logs of tables that did not change.
        """
        mirror = find_mirror(self.path)
        if mirror is None and all(is_newest(self.path / name, version) for name, version in self.versions.items()):
            return self
        fresh = Snapshot(self.path, Snapshot.take(self.path, self.versions).versions, self.engine)
        if fresh.versions == self.versions:
            return self
        same = [name for name, version in fresh.versions.items() if version == self.versions[name]]
        fresh._logs = _keep(self._logs, same)
        fresh._frames = _keep(self._frames, same)
        fresh._commits = _keep(self._commits, same)
        return fresh

    def within(self, deadline: Deadline | None) -> Snapshot:
        """Return the same moment for one request: what it looks at is :attr:`touched`, and reads after the deadline, if
        there is one, raise DeadlineError.
        """
        bounded = copy(self)  # What was read of logs is shared.
        bounded.deadline, bounded.touched = deadline, set()
        return bounded

    def log(self, name: str) -> DeltaTable | None:
        """Return a table's Delta handle at its version, or None when nothing was written to it by then."""
        log = self._log(name)
        return None if log is None else log.table

    def scan(self, name: str, since: datetime | None = None, until: datetime | None = None) -> pl.LazyFrame:
        """Scan a table lazily; a table that was never written is empty, with its columns.

        Parameters
        ----------
        name
            A table of :data:`sentinel_batch.schema.TABLES`.
        since, until
            Call record files wholly outside these bounds are not opened; rows are not filtered.
        """
        files = self.files(name, since, until)
        if not files:
            return _empty(name)
        if name in self._frames:
            return self._frames[name].lazy()
        schema = polars_schema(TABLES[name].columns)
        rows = scan_parts(name, files).select(pl.col(column).cast(kind) for column, kind in schema.items())
        if not self._is_kept(name):
            return rows
        self._frames[name] = rows.collect()
        return self._frames[name].lazy()

    def read(self, name: str) -> pl.DataFrame:
        """Read a whole (small) table."""
        return self.scan(name).collect()

    def files(self, name: str, since: datetime | None = None, until: datetime | None = None) -> list[Path]:
        """List a table's Parquet files, but for those whose calls all lie outside [since, until]."""
        if self.deadline is not None:  # Every read begins here.
            self.deadline.check()
        return [
            path
            for path, first, last in self._files(name)
            if not (
                (until is not None and first is not None and first > until)
                # A bound that was cut to milliseconds may lie up to one below the true one, hence the allowance.
                or (since is not None and last is not None and last + _STATS_PRECISION <= since)
            )
        ]

    def mark_files(self, name: str, files: Sequence[Path]) -> dict[Path, str]:
        """Return for each of some files a text that stands for its content: no other file ever bears it."""
        log = self._log(name)
        marks = {} if log is None else log.marks
        return {file: marks[file] for file in files}

    def connect(
        self, *names: str, since: datetime | None = None, until: datetime | None = None, memory_limit: str = "3GB"
    ) -> duckdb.DuckDBPyConnection:
        """Open an in-memory DuckDB connection (UTC) that has the named tables as views.

        Parameters
        ----------
        *names
            Tables.
        since, until
            Bounds on ``call_timestamp``: call record files wholly outside are not opened. The view does not filter
            rows.
        memory_limit
            DuckDB's limit; larger intermediate results spill into the lake's staging folder.
        """
        connection = open_connection(self.path, memory_limit)
        for name in names:
            relate_parts(connection, name, self.files(name, since, until)).create_view(name)
        return connection

    @contextmanager
    def query(
        self,
        name: str,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        files: Sequence[Path] | None = None,
    ) -> Iterator[duckdb.DuckDBPyRelation]:
        """Give a table as a DuckDB relation for one short query: the engine, and what it knows of files, is kept.

        Make no views of it: other threads would see them.

        Parameters
        ----------
        name
            The table.
        since, until
            Bounds on ``call_timestamp``: call record files wholly outside are not opened. Rows are not filtered.
        files
            Of :meth:`files`, if only these are to be read.

        Raises
        ------
        DeadlineError
            If the deadline of :meth:`within` passes.
        LakeDamagedError
            If files are missing or broken.
        """
        with damage_reported(self.path), self.engine.cursor(self.deadline) as cursor:
            yield relate_parts(cursor, name, self.files(name, since, until) if files is None else files)

    def select(
        self,
        name: str,
        columns: str,
        condition: str,
        parameters: Mapping[str, Any],
        files: Sequence[Path],
    ) -> pl.DataFrame:
        """Answer ``SELECT columns FROM table WHERE condition``: what :meth:`query` does, in one step and so sooner.

        Parameters
        ----------
        name
            The table.
        columns, condition
            SQL.
        parameters
            Values of ``$name`` in the condition.
        files
            Those of :meth:`files` that are to be read.
        """
        fetch_files(files)
        key = (name, tuple(files))
        with damage_reported(self.path), self.engine.cursor(self.deadline) as cursor:
            make = partial(express_parts, cursor, name, files)
            text = self.engine.remember("text", key, make, at_most=REMEMBERED_TEXTS)
            found: pl.DataFrame = cursor.sql(
                f"SELECT {columns} FROM ({text}) WHERE {condition}", params=dict(parameters)
            ).pl()
        return found

    def bounds(self) -> tuple[datetime, datetime] | None:
        """Return the times of the oldest and the newest call, cut to milliseconds; None for a lake without calls."""
        actions = self._list(CALL_RECORDS.name)
        if not actions:
            return None
        return (
            min(action["min.call_timestamp"] for action in actions),
            max(action["max.call_timestamp"] for action in actions),
        )

    @cached_property
    def newest_call(self) -> datetime | None:
        """The exact time of the newest call; None for a lake without calls."""
        bounds = self.bounds()
        if bounds is None:
            return None
        # The log's bound is cut to milliseconds; the exact time is in one of the few files that reach it.
        files = tuple(self.files(CALL_RECORDS.name, since=bounds[1]))
        return self.engine.remember("newest call", files, partial(_find_newest, files))

    def committed(self, name: str, commit_ids: Iterable[str]) -> set[str]:
        """Return those of the commit ids that the table's log holds."""
        wanted, version = set(commit_ids), self.versions[name]
        self.touched.add(name)
        if version is None or not wanted:
            return set()
        if name not in self._commits:
            self._commits[name] = read_commit_ids(self.path / name, version)
        return wanted & self._commits[name]

    def is_committed(self, name: str, commit_id: str) -> bool:
        """Tell whether the table's log holds the commit id."""
        return bool(self.committed(name, [commit_id]))

    def _is_kept(self, name: str) -> bool:
        """Tell whether a table stays in memory: a small one, whose engine stays as well."""
        size = sum(action["size_bytes"] for action in self._list(name))
        return not TABLES[name].partition_by and size <= self.engine.kept_table_bytes

    def _files(self, name: str) -> Sequence[PlacedFile]:
        log = self._log(name)
        return [] if log is None else log.files

    def _list(self, name: str) -> list[dict[str, Any]]:
        log = self._log(name)
        return [] if log is None else log.actions

    def _log(self, name: str) -> TableLog | None:
        self.touched.add(name)
        if name not in self._logs:
            version = self.versions[name]
            self._logs[name] = None if version is None else recall_log(self.path / name, version)
        return self._logs[name]


@cache
def _empty(name: str) -> pl.LazyFrame:
    """Return a table without rows: a lake has many, and to make one takes as long as to read a small one."""
    return pl.LazyFrame(schema=polars_schema(TABLES[name].columns))


def _keep(known: Mapping[str, _T], names: Iterable[str]) -> dict[str, _T]:
    return {name: known[name] for name in names if name in known}


def _find_newest(files: Sequence[Path]) -> datetime | None:
    calls = scan_parts(CALL_RECORDS.name, files, partitions=False)
    newest: datetime | None = calls.select(pl.col("call_timestamp").max()).collect().item()
    return newest


def _look(path: Path, known: Mapping[str, int | None]) -> dict[str, int | None]:
    return {name: newest_version(path / name, known.get(name)) for name in TABLES}
