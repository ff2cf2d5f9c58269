"""The query engine that reads a lake's files: one in-memory DuckDB, a cursor for each query, a deadline."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sentinel_batch.lake.deadlines import Deadline, Watch
from sentinel_batch.lake.staging import spill_folder

if TYPE_CHECKING:
    import duckdb

_T = TypeVar("_T")

REMEMBERED = 12
"""Large results of one kind that an engine keeps: the figures of a day's callers take 24 bytes a caller."""


class Engine:
    """Queries of one lake's Parquet files by any number of threads; what is known of a file is kept.

    Parameters
    ----------
    lake
        The lake's folder: intermediate results that do not fit spill into its staging folder.
    memory_limit
        DuckDB's limit.
    kept_table_bytes
        Tables without partitions whose files are no larger than this stay in memory with the snapshots that read them.
    """

    def __init__(self, lake: Path, memory_limit: str = "3GB", kept_table_bytes: int = 0) -> None:
        self._lake, self._memory_limit = lake, memory_limit
        self.kept_table_bytes = kept_table_bytes
        self._opening = threading.Lock()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._results: defaultdict[str, OrderedDict[Hashable, Any]] = defaultdict(OrderedDict)
        self._watch = Watch()

    @contextmanager
    def cursor(self, deadline: Deadline | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """Give a cursor for one query.

        Threads that share a connection without cursors get the answers of each other. Views that one cursor makes are
        seen by all: use relations.

        Parameters
        ----------
        deadline
            When it passes, the query is interrupted.

        Raises
        ------
        DeadlineError
            If it has passed.
        """
        import duckdb

        cursor = self._open().cursor()
        try:
            if deadline is None:
                yield cursor
            else:
                deadline.check()
                with self._watch.watched(cursor, deadline):
                    yield cursor
        except duckdb.InterruptException as error:
            raise (deadline.error() if deadline is not None else error) from error
        finally:
            cursor.close()

    def remember(
        self,
        kind: str,
        key: Hashable,
        make: Callable[[], _T],
        *,
        at_most: int | None = None,
        worth: Callable[[_T], bool] | None = None,
    ) -> _T:
        """Return the result that was kept under a key, or make it.

        Parameters
        ----------
        kind
            What it is.
        key
            Has to name the files that the result comes from: files never change, so it holds for every version of the
            table that has them.
        make
            Works it out; two threads that ask at once may both do so.
        at_most
            Of each kind so many are kept, those that were asked for last; None is :data:`REMEMBERED`.
        worth
            Tells whether a result is kept; None keeps all.
        """
        results = self._results[kind]
        with suppress(KeyError):
            results.move_to_end(key)
            return cast(_T, results[key])
        result = make()
        if worth is not None and not worth(result):
            return result
        with self._opening:
            results[key] = result
            while len(results) > (REMEMBERED if at_most is None else at_most):
                results.popitem(last=False)
        return result

    def close(self) -> None:
        """Give back what is held; queries under way fail."""
        self._watch.close()
        with self._opening:
            connection, self._connection = self._connection, None
            self._results.clear()
        if connection is not None:
            connection.close()

    def _open(self) -> duckdb.DuckDBPyConnection:
        with self._opening:
            if self._connection is None:
                self._connection = open_connection(self._lake, self._memory_limit)
                # For all cursors; files are never written twice, so what was read of their ends stays true.
                self._connection.execute("SET GLOBAL parquet_metadata_cache = true")
            return self._connection


def open_connection(lake: Path, memory_limit: str) -> duckdb.DuckDBPyConnection:
    """Open an in-memory DuckDB (UTC) that spills into the lake's staging folder, if that can be written."""
    import duckdb  # Late: lists of alerts are read without it.

    connection = duckdb.connect()
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    # Setting it fails in a notebook without ipywidgets, even to false; there it is false already.
    if connection.sql("SELECT current_setting('enable_progress_bar')").fetchall() != [(False,)]:
        connection.execute("SET enable_progress_bar = false")
    connection.execute(f"SET memory_limit = '{memory_limit}'")
    # By default, spills would go into the current folder.
    connection.execute("SET temp_directory = $1", [str(spill_folder(lake) / "duckdb")])
    return connection
