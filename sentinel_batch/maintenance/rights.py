"""May this machine do in a bucket what a lake needs, and does the store heed conditions? Tried on one object."""

from __future__ import annotations

from uuid import uuid4

from sentinel_batch.errors import LakeReadOnlyError, SentinelError
from sentinel_batch.lake import Store
from sentinel_batch.maintenance.checks import Check

_NAME = "object storage"


def check_rights(store: Store) -> Check:
    """Write, read, list and delete an object beside the lake's tables, and try to write it where that must fail."""
    name = f".doctor/{uuid4().hex}"
    try:
        tag = store.create(name, b"1")
        try:
            return _judge(store, name, tag)
        finally:
            store.delete(name)
    except LakeReadOnlyError as error:
        return Check(_NAME, "warning", error.message, error.hint)
    except SentinelError as error:
        return Check(_NAME, "error", error.message, error.hint)


def _judge(store: Store, name: str, tag: str | None) -> Check:
    twice = store.create(name, b"2")
    fresh = None if tag is None else store.replace(name, b"3", tag)
    stale = None if tag is None else store.replace(name, b"4", tag)
    if tag is None or fresh is None or twice is not None or stale is not None:
        return Check(
            _NAME,
            "error",
            f"{store.address} does not heed If-None-Match and If-Match: two writers would overwrite each other.",
            "Use a store that has conditional writes; reading is safe.",
        )
    if name not in [entry.name for entry in store.list(".doctor")]:
        return Check(_NAME, "error", f"{store.address} does not list what was written.", "Ask for the right to list.")
    return Check(_NAME, "ok", "objects can be read, listed, written on conditions, and deleted")
