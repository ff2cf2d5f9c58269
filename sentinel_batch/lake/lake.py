"""A folder of tables: made, opened, written and locked; read through a :class:`~sentinel_batch.lake.Snapshot`."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from sentinel_batch.addresses import refuse_address
from sentinel_batch.errors import LakeNotFoundError, LakeReadOnlyError
from sentinel_batch.lake.commits import StagedFile, commit_files, stage_frame
from sentinel_batch.lake.locks import LockHolder, find_holder, held_lock
from sentinel_batch.lake.logs import open_log
from sentinel_batch.lake.snapshot import Snapshot
from sentinel_batch.lake.staging import full_disk_reported, staging_folder, temporary_folder

if TYPE_CHECKING:
    import polars as pl

    from sentinel_batch.lake.commits import Mode

DEFAULT_LOCK_TIMEOUT = 600.0
"""Seconds that a writer waits for another writer."""

_LOCK = ".lock"
_MARKER = "sentinel-lake.json"
# Wildcards are patterns to DuckDB, and Delta Lake decodes percent escapes: both would read another folder.
_UNUSABLE = re.compile(r"[\[\]*?^|\\\x00-\x1f\x7f\ud800-\udfff]|%[0-9A-Fa-f]{2}")


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
        folder = _usable(path)
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
        folder = _usable(path)
        with full_disk_reported(folder):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                marker = folder / _MARKER
                if not marker.exists():
                    # Written aside and renamed, so that no other process ever finds an empty or half-written marker.
                    fresh = folder / f".{_MARKER}.{time.time_ns()}"
                    fresh.write_text(json.dumps({"format": 1}) + "\n", encoding="utf-8")
                    fresh.replace(marker)
            except (FileExistsError, NotADirectoryError, PermissionError) as error:
                raise LakeNotFoundError(
                    f"A lake cannot be made at {folder}: {error.strerror}.", hint="Name a folder that can be written."
                ) from error
        return cls(folder)

    def snapshot(self) -> Snapshot:
        """Return the tables as they are now.

        Raises
        ------
        LakeNotFoundError
            If the lake is gone: a disk that was unmounted must not look like tables without rows.
        """
        return Snapshot.take(Lake.open(self.path).path)

    def append(self, name: str, frame: pl.DataFrame, *, commit_id: str | None = None) -> None:
        """Append rows to a table in one atomic commit."""
        self._write(name, frame, "append", commit_id)

    def overwrite(self, name: str, frame: pl.DataFrame, *, commit_id: str | None = None) -> None:
        """Replace the rows of a (small) table in one atomic commit; call it under :meth:`lock`."""
        self._write(name, frame, "overwrite", commit_id)

    def delete(self, name: str, column: str, value: str) -> None:
        """Delete the rows of a table whose text column has the value."""
        table = open_log(self.path / name)
        if table is not None:
            table.delete(f"{column} = '" + value.replace("'", "''") + "'")

    def add_files(
        self, name: str, files: Sequence[StagedFile], *, commit_id: str | None, removed: Collection[Path] = ()
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
            Goes into the table's log, for :meth:`Snapshot.committed`.
        removed
            Files of :meth:`Snapshot.files` that leave the table in the same commit; they stay on disk for readers
            under way.
        """
        with full_disk_reported(self.path):
            commit_files(self.path / name, files, "append", commit_id, removed)

    def lock(self, timeout: float = DEFAULT_LOCK_TIMEOUT) -> AbstractContextManager[None]:
        """Hold the lake-wide writer lock; it is released by the system if the process dies.

        Raises
        ------
        LakeLockedError
            If another process still holds it after ``timeout`` seconds.
        LakeReadOnlyError
            If the lake cannot be written.
        """
        self.require_writable()
        return held_lock(
            self.path / _LOCK,
            timeout,
            message=f"Another run holds the lock of {self.path} (waited {timeout:g} s).",
            hint="Wait for it to end, or allow more time with --lock-timeout SECONDS.",
            reentrant=True,
        )

    def find_lock_holder(self) -> LockHolder | None:
        """Return who holds the writer lock; None if nobody does."""
        return find_holder(self.path / _LOCK)

    @property
    def is_writable(self) -> bool:
        """Whether this process may write the lake: a replica, or a mounted snapshot, can only be read."""
        return os.access(self.path, os.W_OK)

    def require_writable(self) -> None:
        """Check that the lake can be written.

        Raises
        ------
        LakeReadOnlyError
            If it can only be read.
        """
        if not self.is_writable:
            raise LakeReadOnlyError(
                f"The lake {self.path} can only be read: this user may not write there, or its disk is mounted "
                "read-only. Nothing was changed.",
                hint="Commands that only read work; run this one where the lake can be written.",
                lake=str(self.path),
            )

    def staging(self) -> AbstractContextManager[Path]:
        """Give a fresh folder, removed afterwards, on the lake's disk; sweeps those of killed runs first.

        Where the lake can only be read, the folder is among the system's temporary files.
        """
        if not self.is_writable:
            return temporary_folder()
        return staging_folder(self.path)

    def _write(self, name: str, frame: pl.DataFrame, mode: Mode, commit_id: str | None) -> None:
        with full_disk_reported(self.path):
            commit_files(self.path / name, stage_frame(self.path / name, frame), mode, commit_id)


def _usable(place: str | Path) -> Path:
    try:
        refuse_address(place)
    except ValueError:
        raise LakeNotFoundError(
            f"A lake cannot be at {str(place)!r}: it is an address, and a lake is a folder of this machine.",
            hint="Name a folder; one that is mounted will do.",
        ) from None
    folder = Path(place).absolute()
    found = _UNUSABLE.search(str(folder))
    if found is not None:
        raise LakeNotFoundError(
            f"A lake cannot be at {str(folder)!r}: its path has {found[0]!r}, which Delta Lake or DuckDB misread.",
            hint="Use a path without [ ] * ? ^ | \\ and %XX; spaces and letters such as é are fine.",
        )
    return folder
