"""Finished recordings on disk, so that a batch that was killed goes on where it stopped.

One small JSON file per recording, named by the hash of everything that the result depends on: the bytes of the
recording and its name, the model, the feature set, the code, and the parameters. It is written under another name and
then renamed, so a file that is there is whole. Nothing is ever changed: what has another hash is another file.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from audio_batch.errors import AudioUsageError


def make_key(facts: dict[str, Any]) -> str:
    """Return the SHA-256 of facts as canonical JSON."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def to_plain(document: dict[str, Any]) -> dict[str, Any]:
    """Return what is left after a journey as JSON: the form in which results and contexts are compared and kept."""
    return dict(json.loads(json.dumps(document, default=str)))


def prepare_folder(folder: str | os.PathLike[str]) -> str:
    """Make the folder if it is missing (for its owner only), and prove that it can be written.

    Raises
    ------
    AudioUsageError
        If it cannot.
    """
    path = Path(folder)
    probe = path / f".probe.{os.getpid()}"
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise AudioUsageError(
            f"The checkpoint folder {os.fspath(folder)!r} cannot be written: {error.strerror}.",
            hint="Name a folder that this user may write, or none.",
            checkpoint_dir=os.fspath(folder),
        ) from error
    return str(path.resolve())


def read_result(folder: str, key: str) -> dict[str, Any] | None:
    """Return a finished result, or None if there is none that can be read."""
    try:
        document = json.loads(_place(folder, key).read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(document, dict) or document.get("key") != key:
        return None
    result = document.get("result")
    return result if isinstance(result, dict) else None


def write_result(folder: str, key: str, result: dict[str, Any]) -> None:
    """Keep a finished result; a full disk costs the resumption, not the result."""
    place = _place(folder, key)
    partial = place.with_name(f".{key}.{os.getpid()}.part")
    try:
        place.parent.mkdir(exist_ok=True)
        partial.write_bytes(json.dumps({"key": key, "result": result}).encode())
        partial.replace(place)
    except OSError:
        with suppress(OSError):
            partial.unlink()


def _place(folder: str, key: str) -> Path:
    return Path(folder) / key[:2] / f"{key}.json"
