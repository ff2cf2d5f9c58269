"""One writer at a time where there are no file locks: an object that says who writes, renewed while they do.

A lease is taken, renewed and given back by writing that object on the condition that nobody else did. Whose lease was
not renewed for a while loses it to who waits; a writer who comes back after that is stopped by the log of each table,
which takes a commit only after the version that the writer saw (:mod:`sentinel_batch.lake.publishing`).
"""

from __future__ import annotations

import json
import os
import threading
import time
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from sentinel_batch.errors import LakeLockedError, SentinelError
from sentinel_batch.lake.locks import LockHolder, describe_self
from sentinel_batch.lake.store import Store, StoredObject
from sentinel_batch.window import now

LEASE = ".lease.json"
"""The object."""

LEASE_SECONDS = 30.0
"""A lease that was not renewed for so long, as who waits counts, is anybody's."""

_RENEWED_EACH = LEASE_SECONDS / 4
_LONG_AGO = timedelta(minutes=20)
"""Older leases are not waited for at all. Stores refuse requests of machines whose clocks are 15 minutes off."""

_LOOK_SECONDS = 0.5


class Lease:
    """The right to write a lake, as long as it is renewed; made by :func:`take_lease`."""

    def __init__(self, store: Store, content: dict[str, Any], tag: str) -> None:
        self._store, self._content, self._tag = store, content, tag
        self._renewed = time.monotonic()
        self._guard, self._ended = threading.Lock(), threading.Event()
        self._lost = False
        self._renewing = threading.Thread(target=self._keep, name="lease", daemon=True)
        self._renewing.start()

    def confirm(self) -> None:
        """Check, before something is written, that the lease is still ours.

        Raises
        ------
        LakeLockedError
            If it was lost: the store could not be reached for so long that another run has taken it.
        StoreError
            If the store cannot be reached now.
        """
        if time.monotonic() - self._renewed > LEASE_SECONDS / 2:
            self._renew()
        if self._lost:
            raise lost_lease(self._store.address)

    def give_back(self) -> None:
        """End the lease, so that who waits need not wait for it to run out."""
        self._ended.set()
        self._renewing.join()
        with suppress(SentinelError), self._guard:  # It runs out by itself.
            if not self._lost:
                self._store.replace(LEASE, _encode(self._content | {"released": True}), self._tag)

    def _keep(self) -> None:
        while not self._ended.wait(_RENEWED_EACH):
            with suppress(SentinelError):  # Tried again; whether it is still ours is asked before each commit.
                self._renew()

    def _renew(self) -> None:
        with self._guard:
            if self._lost:
                return
            self._content = self._content | {"beats": self._content["beats"] + 1}
            tag = self._store.replace(LEASE, _encode(self._content), self._tag)
            if tag is None:
                # An answer that got lost on the way looks as if another had written.
                held = self._store.read(LEASE)
                if held is None or _decode(held[0]).get("token") != self._content["token"]:
                    self._lost = True
                    return
                tag = held[1].tag
            self._tag, self._renewed = tag, time.monotonic()


def take_lease(store: Store, timeout: float) -> Lease:
    """Wait for the right to write a lake.

    Parameters
    ----------
    store
        The lake's folder.
    timeout
        Seconds.

    Raises
    ------
    LakeLockedError
        If another run still has it after that.
    LakeReadOnlyError, StoreError
        As their names say.
    """
    mine = {"token": uuid4().hex, "machine": _name_machine(), "beats": 0, "released": False}
    begun = seen_at = time.monotonic()
    seen = ""
    while True:
        content = _encode(mine | {"holder": asdict(describe_self())})
        held = store.read(LEASE)
        if held is None:
            tag = store.create(LEASE, content)
        else:
            said, facts = _decode(held[0]), held[1]
            if facts.tag != seen:
                seen, seen_at = facts.tag, time.monotonic()
            unchanged = time.monotonic() - seen_at > LEASE_SECONDS
            tag = store.replace(LEASE, content, facts.tag) if unchanged or _is_over(said, facts) else None
        if tag is not None:
            return Lease(store, _decode(content), tag)
        if time.monotonic() - begun >= timeout:
            raise _locked(store.address, timeout, held and _decode(held[0]))
        time.sleep(min(_LOOK_SECONDS, max(0.0, begun + timeout - time.monotonic())))


def find_lease_holder(store: Store) -> LockHolder | None:
    """Return who has the lease; None if nobody has."""
    held = store.read(LEASE)
    if held is None or _is_over(_decode(held[0]), held[1]):
        return None
    return _read_holder(_decode(held[0]))


def lost_lease(address: str) -> LakeLockedError:
    """Return the error of a writer who was thought dead."""
    return LakeLockedError(
        f"Another run has taken the right to write {address}: this one had not reached the store for "
        f"{LEASE_SECONDS:g} s or more. What it committed before stays, and nothing was written since.",
        hint="Run it again: it goes on where this one was stopped.",
        lake=address,
    )


def _is_over(said: dict[str, Any], facts: StoredObject) -> bool:
    """Tell whether nobody needs to wait for a lease: it was given back, or who had it is dead for sure."""
    if said.get("released") or not said:
        return True
    if now() - facts.written_at > _LONG_AGO:
        return True
    holder = _read_holder(said)
    return holder is not None and said.get("machine") == _name_machine() and not _lives(holder.pid)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _name_machine() -> str:
    """Return what tells this system, and what it sees of processes, from every other."""
    try:
        boot, processes = Path("/proc/sys/kernel/random/boot_id").read_text(), Path("/proc/self/ns/pid").readlink()
    except OSError:
        return uuid4().hex
    return f"{boot.strip()} {processes}"


def _read_holder(said: dict[str, Any]) -> LockHolder | None:
    try:
        holder = said["holder"]
        return LockHolder(**holder | {"since": datetime.fromisoformat(holder["since"])})
    except (KeyError, TypeError, ValueError):
        return None


def _locked(address: str, timeout: float, said: dict[str, Any] | None) -> LakeLockedError:
    holder = _read_holder(said or {})
    return LakeLockedError(
        f"Another run writes {address} (waited {timeout:g} s).{f' It is {holder}.' if holder else ''}",
        hint=f"Wait for it to end, or allow more time with --lock-timeout SECONDS; one that was killed is waited for "
        f"{LEASE_SECONDS:g} s.",
        lake=address,
    )


def _encode(content: dict[str, Any]) -> bytes:
    return json.dumps(content, default=str).encode()


def _decode(content: bytes) -> dict[str, Any]:
    try:
        said = json.loads(content)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
