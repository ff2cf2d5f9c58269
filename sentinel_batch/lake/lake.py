"""A folder of tables: made, opened, written and locked; read through a :class:`~sentinel_batch.lake.Snapshot`."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from batch_base.files import replaced_file
from sentinel_batch.addresses import LAKE_PLACES, read_place
from sentinel_batch.errors import LakeNotFoundError, LakeReadOnlyError
from sentinel_batch.lake.commits import StagedFile, commit_files, delete_rows, stage_frame
from sentinel_batch.lake.lease import find_lease_holder
from sentinel_batch.lake.locks import LockHolder, find_holder, held_lock
from sentinel_batch.lake.logs import is_newest, open_log
from sentinel_batch.lake.mirror import Cache, find_mirror, open_mirror, refuse_mirror
from sentinel_batch.lake.publishing import Publisher, find_publisher
from sentinel_batch.lake.snapshot import Snapshot
from sentinel_batch.lake.staging import (
    FULL,
    STAGING,
    SWEEP_LOCK,
    full_disk_reported,
    staging_folder,
    temporary_folder,
)
from sentinel_batch.lake.store import Store

if TYPE_CHECKING:
    import polars as pl
    from deltalake import DeltaTable

    from sentinel_batch.lake.commits import Mode

DEFAULT_LOCK_TIMEOUT = 600.0
"""Seconds that a writer waits for another writer."""

_LOCK = ".lock"
_MARKER = "sentinel-lake.json"
# Wildcards are patterns to DuckDB, and Delta Lake decodes percent escapes: both would read another folder.
_UNUSABLE = re.compile(r"[\[\]*?^|\\\x00-\x1f\x7f\ud800-\udfff]|%[0-9A-Fa-f]{2}")


class Lake:
    """A place of Delta tables. Open one with :meth:`open` or :meth:`create`.

    Parameters
    ----------
    path
        The folder; of a lake in object storage, that of its mirror on this machine.
    publisher
        Writes a lake in object storage; None for one in a folder.
    """

    def __init__(self, path: Path, publisher: Publisher | None = None) -> None:
        self.path = path
        self._publisher = publisher

    def __repr__(self) -> str:
        return f"Lake({self.place!r})"

    @property
    def place(self) -> str:
        """Where the lake is, as it is named to a command: a folder or an address."""
        return str(self.path) if self._publisher is None else self._publisher.mirror.address

    @property
    def store(self) -> Store | None:
        """The object storage that holds the lake; None for one in a folder."""
        return None if self._publisher is None else self._publisher.store

    @property
    def cache(self) -> Cache | None:
        """Where copies of a lake in object storage are kept; None for one in a folder."""
        return None if self._publisher is None else self._publisher.mirror.cache

    @classmethod
    def open(cls, place: str | Path, cache: Cache | None = None) -> Lake:
        """Open an existing lake; never creates one.

        Parameters
        ----------
        place
            A folder, or an address in object storage.
        cache
            Where copies of a lake in object storage are kept; None takes the user's cache folder.

        Raises
        ------
        LakeNotFoundError
            If there is none.
        StoreError
            If the object storage cannot be reached.
        """
        folder = _read_place(place)
        if isinstance(folder, str):
            store = Store(folder)
            found = store.read(_MARKER)
            if found is None:
                raise _no_lake(folder)
            return cls._mirrored(store, found[0], cache)
        if not (folder / _MARKER).is_file():
            raise _no_lake(folder)
        refuse_mirror(folder)
        mirror = find_mirror(folder)
        return cls(folder, None if mirror is None else find_publisher(mirror))

    @classmethod
    def create(cls, place: str | Path, cache: Cache | None = None) -> Lake:
        """Open the lake at a place, making an empty one if there is none; the parameters are those of :meth:`open`."""
        folder = _read_place(place)
        if isinstance(folder, str):
            store = Store(folder)
            if store.read(_MARKER) is None:
                store.create(_MARKER, json.dumps({"format": 1, "id": uuid4().hex}).encode())
            return cls.open(folder, cache)
        with full_disk_reported(folder):
            try:
                folder.mkdir(parents=True, exist_ok=True)
                marker = folder / _MARKER
                if not marker.exists():
                    # Written aside and renamed, so that no other process ever finds an empty or half-written marker.
                    fresh = folder / f".{_MARKER}.{time.time_ns()}"
                    fresh.write_text(json.dumps({"format": 1}) + "\n", encoding="utf-8")
                    fresh.replace(marker)
            except OSError as error:
                if error.errno in FULL:
                    raise
                raise LakeNotFoundError(
                    f"A lake cannot be made at {folder}: {error.strerror}.", hint="Name a folder that can be written."
                ) from error
        return cls.open(folder)

    @classmethod
    def _mirrored(cls, store: Store, marker: bytes, cache: Cache | None) -> Lake:
        chosen = Cache() if cache is None else cache
        mirror = open_mirror(store, hashlib.sha256(marker).hexdigest(), chosen)
        with replaced_file(mirror.folder / _MARKER) as fresh:
            fresh.write_bytes(marker)
        return cls(mirror.folder, find_publisher(mirror))

    def snapshot(self) -> Snapshot:
        """Return the tables as they are now.

        Raises
        ------
        LakeNotFoundError
            If the lake is gone: a disk that was unmounted must not look like tables without rows.
        """
        if self._publisher is None:
            return Snapshot.take(Lake.open(self.path).path)
        if not self._publisher.store.exists(_MARKER):
            raise _no_lake(self.place)
        tables = Snapshot.take(self.path)
        self._publisher.note(tables.versions)
        return tables

    def is_newest(self, name: str, version: int | None) -> bool:
        """Tell whether a table's newest commit is still this one."""
        if self._publisher is not None:
            return self._publisher.mirror.catch_up(name) == version
        return is_newest(self.path / name, version)

    def append(self, name: str, frame: pl.DataFrame, *, commit_id: str | None = None) -> None:
        """Append rows to a table in one atomic commit."""
        self._write(name, frame, "append", commit_id)

    def overwrite(self, name: str, frame: pl.DataFrame, *, commit_id: str | None = None) -> None:
        """Replace the rows of a (small) table in one atomic commit; call it under :meth:`lock`."""
        self._write(name, frame, "overwrite", commit_id)

    def delete(self, name: str, column: str, value: str) -> None:
        """Delete the rows of a table whose text column has the value."""
        quoted = value.replace("'", "''")
        delete_rows(self.path / name, f"{column} = '{quoted}'", self._publisher)

    def open_table(self, name: str) -> DeltaTable | None:
        """Return a table's Delta handle for work that commits by itself, under :meth:`lock`; None if there is none."""
        if self._publisher is None:
            return open_log(self.path / name)
        self._publisher.forget(name)
        return self._publisher.open_log(name)

    def list_sizes(self, name: str) -> dict[Path, int]:
        """Return the data files that lie in a table's folder, in use or not, and their bytes."""
        if self._publisher is not None:
            sizes = self._publisher.mirror.sizes(name)
        else:
            found = (self.path / name).rglob("*.parquet")
            sizes = {path: path.stat().st_size for path in found if path.is_file()}
        return {path: size for path, size in sizes.items() if path.parent.name != "_delta_log"}

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
            commit_files(self.path / name, files, "append", commit_id, removed, self._publisher)

    def lock(self, timeout: float = DEFAULT_LOCK_TIMEOUT) -> AbstractContextManager[None]:
        """Hold the lake-wide writer lock; it is released by the system if the process dies.

        Raises
        ------
        LakeLockedError
            If another process still holds it after ``timeout`` seconds.
        LakeReadOnlyError
            If the lake cannot be written.
        """
        if self._publisher is not None:
            return self._publisher.hold(timeout)
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
        if self._publisher is not None:
            return find_lease_holder(self._publisher.store)
        return find_holder(self.path / _LOCK)

    @property
    def is_writable(self) -> bool:
        """Whether this process may write the lake: not a replica, a snapshot, or another user's."""
        # Who shares the folder need not share what the other made in it.
        inner = (self.path / STAGING, self.path / STAGING / SWEEP_LOCK, self.path / _LOCK)
        return all(os.access(place, os.W_OK) for place in (self.path, *(place for place in inner if place.exists())))

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
            files = stage_frame(self.path / name, frame)
            commit_files(self.path / name, files, mode, commit_id, publisher=self._publisher)


def _no_lake(place: Path | str) -> LakeNotFoundError:
    return LakeNotFoundError(
        f"There is no lake at {place}.",
        hint="Load call records first: sentinel-batch ingest FILES, or name another lake with --lake.",
        lake=str(place),
    )


def _read_place(place: str | Path) -> Path | str:
    try:
        read = read_place(place)
    except ValueError:
        raise LakeNotFoundError(
            f"A lake cannot be at {str(place)!r}; expected {LAKE_PLACES}.",
            hint="Give an address as text, not as a Path.",
        ) from None
    if isinstance(read, str):
        return read
    folder = read.absolute()
    found = _UNUSABLE.search(str(folder))
    if found is not None:
        raise LakeNotFoundError(
            f"A lake cannot be at {str(folder)!r}: its path has {found[0]!r}, which Delta Lake or DuckDB misread.",
            hint="Use a path without [ ] * ? ^ | \\ and %XX; spaces and letters such as é are fine.",
        )
    return folder
