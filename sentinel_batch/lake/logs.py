"""The transaction log of one table: opened, at its newest version or at a given one."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError
from polars.exceptions import PolarsError

from sentinel_batch.errors import LakeDamagedError

_ENTRY = re.compile(r"(\d{20})\.json")
_ENTRY_LENGTH = len(f"{0:020}.json")
_BOUNDS = ("min.call_timestamp", "max.call_timestamp")
_MOST_RECALLED = 64
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\.parquet")


def newest_version(table: Path, known: int | None = None) -> int | None:
    """Return the number of a table's newest commit, or None if nothing was ever written to it.

    Parameters
    ----------
    table
        The table's folder.
    known
        A commit that there was: those after it are looked for one by one, since versions are consecutive.
    """
    if known is not None and _has_entry(table, known):
        while _has_entry(table, known + 1):
            known += 1
        return known
    try:
        names = os.listdir(f"{table}/_delta_log")  # noqa: PTH208 - as in _has_entry
    except (FileNotFoundError, NotADirectoryError):
        return None
    # A log holds a month of entries. Their names have one length, so the last one in the alphabet is the newest.
    newest = max((name for name in names if len(name) == _ENTRY_LENGTH and _ENTRY.fullmatch(name)), default=None)
    return None if newest is None else int(newest[:20])


def is_newest(table: Path, version: int | None) -> bool:
    """Tell whether a table's newest commit is still this one; versions are consecutive, so one look is enough."""
    if version is None:
        return newest_version(table) is None
    return _has_entry(table, version) and not _has_entry(table, version + 1)


def _has_entry(table: Path, version: int) -> bool:
    # A reader looks at all tables at each request; a Path for each look would take most of the time.
    return os.path.exists(f"{table}/_delta_log/{version:020}.json")  # noqa: PTH110


def open_log(table: Path, version: int | None = None) -> DeltaTable | None:
    """Return a table's Delta handle, or None if nothing was ever written to it.

    Parameters
    ----------
    table
        The table's folder.
    version
        The version to open; None is the newest.

    Raises
    ------
    LakeDamagedError
        If the log cannot be read.
    """
    if not (table / "_delta_log").is_dir():
        return None
    try:
        return DeltaTable(str(table), version=version)
    # A run that was killed before its first commit leaves the folder without any entry in it.
    except TableNotFoundError:
        return None
    except (DeltaError, OSError, ValueError) as error:
        raise _damaged(table, error) from error


PlacedFile = tuple[Path, datetime | None, datetime | None]
"""A file, and the first and the last moment of its calls."""


class TableLog:
    """The log of a table at one version, and what was read of it; nobody may write by it.

    Parameters
    ----------
    folder
        The table's.
    table
        Its handle.
    """

    def __init__(self, folder: Path, table: DeltaTable) -> None:
        self.folder = folder
        self.table = table

    @cached_property
    def actions(self) -> list[dict[str, Any]]:
        """``path``, ``size_bytes``, statistics and more of every file that belongs to the table."""
        return list(list_actions(self.table))

    @cached_property
    def files(self) -> list[PlacedFile]:
        """The files, in a fixed order, so that a repeated run reads the rows in the same one."""
        placed = [(path, *map(action.get, _BOUNDS)) for path, action in zip(self._paths, self.actions, strict=True)]
        return cast(list[PlacedFile], sorted(placed, key=itemgetter(0)))

    @cached_property
    def marks(self) -> dict[Path, str]:
        """For each file its place, size and time of writing: a lake made anew in this place may repeat names."""
        return {
            path: f"{action['path']} {action['size_bytes']} {action['modification_time']}"
            for path, action in zip(self._paths, self.actions, strict=True)
        }

    @cached_property
    def _paths(self) -> list[Path]:
        return [self.folder / unquote(action["path"]) for action in self.actions]


def recall_log(table: Path, version: int) -> TableLog | None:
    """Return a table's log at a version, from memory if it was the last one that this process looked at.

    A command takes many snapshots, and few of them find a new version: a log that grows with the days need not be read
    for each.

    Parameters
    ----------
    table
        The table's folder.
    version
        The version.

    Raises
    ------
    LakeDamagedError
        If the log cannot be read.
    """
    mark = _identify_entry(table, version)
    known = _RECALLED.get(table)
    if known is not None and mark is not None and known[0] == mark:
        return known[1]
    opened = open_log(table, version)
    if opened is None:
        return None
    log = TableLog(table, opened)
    if mark is not None:
        _RECALLED.pop(table, None)
        _RECALLED[table] = mark, log
        for oldest in list(_RECALLED)[:-_MOST_RECALLED]:
            _RECALLED.pop(oldest, None)
    return log


def _identify_entry(table: Path, version: int) -> tuple[int, ...] | None:
    """Tell a version from that of the same number of a lake that was made anew in the same place."""
    try:
        facts = os.stat(f"{table}/_delta_log/{version:020}.json")  # noqa: PTH116 - as in _has_entry
    except OSError:
        return None
    return version, facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def read_commit_ids(table: Path, version: int) -> set[str]:
    """Return the commit ids that a table's log holds up to a version.

    The files of the log are read themselves, because ``DeltaTable.transaction_version`` replays all of it for each id.

    Raises
    ------
    LakeDamagedError
        If one of them is missing or cannot be read.
    """
    log = table / "_delta_log"
    try:
        # A checkpoint repeats the ids of all commits before it, so older entries (which may be gone by now) are not
        # needed.
        start = max((number for number in _checkpoints(log) if number <= version), default=None)
        commit_ids = set() if start is None else _ids_of_checkpoint(log / f"{start:020}.checkpoint.parquet")
        for number in range(0 if start is None else start + 1, version + 1):
            commit_ids.update(_ids_of_entry(log / f"{number:020}.json"))
    except (OSError, ValueError, PolarsError) as error:
        raise _damaged(table, error) from error
    return commit_ids


def _checkpoints(log: Path) -> list[int]:
    return [int(found[1]) for path in log.iterdir() if (found := _CHECKPOINT.fullmatch(path.name))]


def _ids_of_checkpoint(file: Path) -> set[str]:
    return set(pl.read_parquet(file, columns=["txn"], glob=False)["txn"].struct.field("appId").drop_nulls())


def _ids_of_entry(file: Path) -> Iterator[str]:
    for line in file.read_text(encoding="utf-8").splitlines():
        # Most lines describe files and can be long: looking for the word first saves parsing them.
        action = json.loads(line) if '"txn"' in line else {}
        if "txn" in action:
            yield action["txn"]["appId"]


def list_actions(log: DeltaTable) -> Iterator[dict[str, Any]]:
    """Yield ``path``, ``size_bytes``, statistics and more of every file that belongs to a table."""
    yield from pl.DataFrame(log.get_add_actions(flatten=True)).iter_rows(named=True)


def _damaged(table: Path, error: Exception) -> LakeDamagedError:
    return LakeDamagedError(
        f"The log of table {table.name} in {table.parent} cannot be read: {error}",
        hint="Run sentinel-batch doctor; restore the table's _delta_log folder from a backup.",
    )


_RECALLED: dict[Path, tuple[tuple[int, ...], TableLog]] = {}
