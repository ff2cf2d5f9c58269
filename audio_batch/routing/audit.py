"""The audit trail: one JSON line per decision, in a file that is only ever appended to."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from audio_batch.errors import AudioUsageError
from audio_batch.routing.decision import Decision
from batch_base.hashing import hash_value, write_canonical_json

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

AUDIT_FORMAT = 1


def append_audit(
    path: str | Path,
    decision: Decision,
    *,
    now: datetime | None = None,
    actor: str | None = None,
    context: Mapping[str, Any] | None = None,
    include_values: bool = False,
) -> dict[str, Any]:
    """Append a decision to an audit trail.

    The line holds the action, the risks, the ids of the rules, the names of missing inputs, and the hashes of all
    inputs: enough to prove later which evidence and which policy led to the action. It holds no value of the context,
    and so no personal data, unless asked. (The hash of a context that is easy to guess can be found by trying.)

    Parameters
    ----------
    path
        The file; made if it does not exist, and readable by its owner only. Its folder must exist.
    decision
        What was decided.
    now
        When, with a time zone; left out of the line if None.
    actor
        Who or what decided, such as the name of a job.
    context
        The context that the decision was made with; written only with ``include_values``.
    include_values
        Also write the values that the rules looked at, and the context.

    Returns
    -------
    dict
        The entry as written; ``entry_sha256`` is the hash of the rest of it.

    Raises
    ------
    AudioUsageError
        If the file cannot be written, is a symbolic link, or ``now`` has no time zone.
    """
    entry = _make_entry(decision, now, actor)
    if include_values:
        entry["values"] = {"rules": decision.to_dict()["rules_fired"], "context": dict(context or {})}
    entry["entry_sha256"] = hash_value(entry)
    _append_line(Path(path), write_canonical_json(entry))
    return entry


def _make_entry(decision: Decision, now: datetime | None, actor: str | None) -> dict[str, Any]:
    return {
        "format": AUDIT_FORMAT,
        "time": _write_time(now),
        "actor": actor,
        "session_id": decision.session_id,
        "action": decision.action,
        "composite_risk": decision.composite_risk,
        "voice_risk": decision.voice_risk,
        "rules": [rule.id for rule in decision.rules_fired],
        "multipliers": {factor.id: factor.factor for factor in decision.multipliers},
        "assumed": [factor.id for factor in decision.multipliers if factor.assumed],
        "missing_inputs": list(decision.missing_inputs),
        "policy": decision.policy,
        "policy_version": decision.policy_version,
        "input_hashes": decision.input_hashes,
    }


def _write_time(now: datetime | None) -> str | None:
    if now is None:
        return None
    if now.tzinfo is None:
        message = f"The time {now.isoformat()} of an audit entry has no time zone."
        raise AudioUsageError(message, hint="Pass datetime.now(UTC).", value=now.isoformat())
    return now.astimezone(UTC).isoformat(timespec="milliseconds")


def _append_line(path: Path, line: str) -> None:
    # One write of the whole line with O_APPEND never mixes lines. But a file grows page by page: whoever looked at its
    # last byte in the midst of another's write would find it torn. Hence the lock, which the system releases on close.
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        handle = os.open(path, flags, 0o600)
        try:
            _restrict(handle)
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX)
            data = (_line_break(handle) + line + "\n").encode("utf-8", "backslashreplace")
            if os.write(handle, data) != len(data):
                raise OSError("the line was written in part only")
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        message = f"The audit trail {path} cannot be appended to: {error.strerror or error}."
        hint = "Name a regular file (no symbolic link) in a folder that exists and can be written."
        raise AudioUsageError(message, hint=hint, file=str(path)) from error


def _restrict(handle: int) -> None:
    if stat.S_IMODE(os.fstat(handle).st_mode) & 0o077 and hasattr(os, "fchmod"):
        os.fchmod(handle, 0o600)


def _line_break(handle: int) -> str:
    size = os.fstat(handle).st_size
    if size == 0:
        return ""
    os.lseek(handle, size - 1, os.SEEK_SET)
    return "" if os.read(handle, 1) == b"\n" else "\n"
