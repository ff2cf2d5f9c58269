"""Writing a lake in object storage: data files first, under names of their own, then one entry of the table's log.

The store takes an entry only if there is none of that number. Under the lake's lease a commit follows exactly the
version that the run saw, so whatever it decided by that version still holds; without it, a commit that another one has
overtaken is tried again on top of that. Whether a commit whose answer got lost has happened is looked up.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from sentinel_batch.errors import LakeLockedError
from sentinel_batch.lake.lease import Lease, lost_lease, take_lease
from sentinel_batch.lake.locks import held_lock
from sentinel_batch.lake.mirror import Mirror
from sentinel_batch.schema import RUNS

if TYPE_CHECKING:
    from sentinel_batch.lake.store import Store

Write = Callable[[DeltaTable | None, str], object]
"""Commits once, on top of a version (None makes the table), with a token in what is said of the commit."""

_TRIES = 20
_WAIT_SECONDS = 0.2
_UNGUARDED = (RUNS.name,)
"""Tables that runs add their own rows to, at any time: nothing is decided by what they hold."""


@dataclass
class _Hold:
    lease: Lease
    thread: int = field(default_factory=threading.get_ident)
    versions: dict[str, int | None] = field(default_factory=dict)


class Publisher:
    """Writes a lake in object storage; :func:`find_publisher` makes one for each mirror."""

    def __init__(self, mirror: Mirror) -> None:
        self.mirror = mirror
        self.store: Store = mirror.store
        self._hold: _Hold | None = None

    @contextmanager
    def hold(self, timeout: float) -> Iterator[None]:
        """Hold the lake's lease; who holds it may take it again.

        Raises
        ------
        LakeLockedError
            If another run still holds it after ``timeout`` seconds.
        """
        message = f"Another run on this machine writes {self.mirror.address} (waited {timeout:g} s)."
        hint = "Wait for it to end, or allow more time with --lock-timeout SECONDS."
        begun = time.monotonic()
        with held_lock(self.mirror.folder / ".lock", timeout, message=message, hint=hint, reentrant=True):
            if self._hold is not None:
                yield
                return
            lease = take_lease(self.store, max(0.0, timeout - (time.monotonic() - begun)))
            self._hold = _Hold(lease)
            try:
                yield
            finally:
                self._hold = None
                lease.give_back()

    def note(self, versions: Mapping[str, int | None]) -> None:
        """Remember what the run sees under its lease.

        Raises
        ------
        LakeLockedError
            If another run has written meanwhile, which it can only if the lease was lost.
        """
        hold = self._held()
        if hold is None:
            return
        for name, version in versions.items():
            if name not in _UNGUARDED and hold.versions.setdefault(name, version) != version:
                raise lost_lease(self.mirror.address)

    def upload(self, files: Sequence[Path]) -> None:
        """Put data files into the store; they are of no table until a commit names them."""
        for file in files:
            self.store.upload(file, self.mirror.name(file))

    def commit(self, name: str, write: Write) -> None:
        """Commit to a table.

        Raises
        ------
        LakeLockedError
            If the run has lost its lease, or other writers are always faster.
        LakeReadOnlyError, StoreError
            As their names say.
        """
        hold = self._held()
        guarded = hold is not None and name not in _UNGUARDED
        for attempt in range(_TRIES):
            if hold is not None:
                hold.lease.confirm()
            version = self._base(name) if guarded else self._newest(name)
            if self._try(name, version, write):
                self._advance(name, version)
                return
            if guarded:
                raise lost_lease(self.mirror.address)
            time.sleep(_WAIT_SECONDS * (0.5 + secrets.randbelow(1000) / 1000) * min(attempt + 1, 10))
        raise LakeLockedError(
            f"Other runs wrote table {name} of {self.mirror.address} {_TRIES} times while this one tried to.",
            hint="Run it again.",
            lake=self.mirror.address,
        )

    def open_log(self, name: str, version: int | None = None) -> DeltaTable | None:
        """Return a table's Delta handle in the store, or None if nothing was ever written to it."""
        with self.store.reported():
            try:
                return DeltaTable(self.url(name), version=version, storage_options=self.store.options)
            except TableNotFoundError:
                return None

    def forget(self, name: str) -> None:
        """Take a table's newest version for ours, after work of our own that commits by itself."""
        hold = self._held()
        if hold is not None:
            hold.versions.pop(name, None)

    def url(self, name: str) -> str:
        """Return the address of a table."""
        return f"{self.mirror.address}/{name}"

    def _held(self) -> _Hold | None:
        """Return what this thread holds."""
        return self._hold if self._hold is not None and self._hold.thread == threading.get_ident() else None

    def _base(self, name: str) -> int | None:
        hold = self._held()
        if hold is None or name not in hold.versions:
            self.note({name: self._newest(name)})
        return None if hold is None else hold.versions[name]

    def _newest(self, name: str) -> int | None:
        return self.mirror.catch_up(name)

    def _try(self, name: str, version: int | None, write: Write) -> bool:
        """Commit on top of a version; return False if another commit is there."""
        token = uuid4().hex
        log = None if version is None else self.open_log(name, version)
        try:
            write(log, token)
        except (DeltaError, OSError) as error:
            entry = self.store.read(_entry(name, version))
            if entry is None:
                with self.store.reported(writing=True):
                    raise DeltaError(str(error)) from None
            return token.encode() in entry[0]
        return True

    def _advance(self, name: str, version: int | None) -> None:
        hold = self._held()
        if hold is None or name in _UNGUARDED:
            return
        # Work that changes nothing, such as deleting no rows, commits nothing.
        if self.store.exists(_entry(name, version)):
            hold.versions[name] = 0 if version is None else version + 1


_PUBLISHERS: dict[Path, Publisher] = {}


def find_publisher(mirror: Mirror) -> Publisher:
    """Return who writes the lake of a mirror: one in each process."""
    return _PUBLISHERS.setdefault(mirror.folder, Publisher(mirror))


def _entry(name: str, version: int | None) -> str:
    """Return the name of the log's entry after a version."""
    return f"{name}/_delta_log/{0 if version is None else version + 1:020}.json"
