"""Finished recordings on disk, so that a batch that was killed goes on where it stopped.

One small JSON file per recording, named by the hash of everything that the result depends on: the bytes of the
recording and its name, the model, the feature set, the code, and the parameters. It is written under another name and
then renamed, so a file that is there is whole. Nothing is ever changed: what has another hash is another file.

A batch, that is a folder of recordings and the way they are analysed, has a subfolder of its own. When it comes to its
end, what it did not need is removed; what is left lets the same recordings pass at once the next time.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from audio_batch.errors import AudioUsageError
from batch_base.files import PART_SUFFIX, replaced_file

CHECKPOINT_FOLDER = "audio_checkpoints"
"""Usual name of the folder, where it lies among other things."""


def through_json(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document as it comes back from JSON: the form in which results and contexts are compared and kept."""
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
    place = _place(folder, key)
    try:
        document = json.loads(place.read_bytes())
    except (OSError, ValueError):
        return None
    with suppress(OSError):
        os.utime(place)
    if not isinstance(document, dict) or document.get("key") != key:
        return None
    result = document.get("result")
    return result if isinstance(result, dict) else None


def write_result(folder: str, key: str, result: dict[str, Any]) -> None:
    """Keep a finished result; where the disk is full, the batch goes on and only a later run takes longer."""
    place = _place(folder, key)
    with suppress(OSError):
        place.parent.mkdir(exist_ok=True, parents=True, mode=0o700)
        with replaced_file(place, mode=0o600) as fresh:
            fresh.write_bytes(json.dumps({"key": key, "result": result}).encode())


def remove_unused(folder: str, used: Collection[str]) -> int:
    """Remove the results of a batch that are not in use, and what killed workers left; return how many."""
    return sum(_remove(path) for path in _list_files(Path(folder)) if path.name.removesuffix(".json") not in used)


def remove_stale(folder: str | os.PathLike[str], hours: float, *, dry_run: bool = False) -> int:
    """Remove the results that no batch has written or used for some hours; those batches only take longer next time.

    Parameters
    ----------
    folder
        What a batch was given as ``checkpoint_dir``; it need not exist.
    hours
        Since the last use.
    dry_run
        Only count.

    Returns
    -------
    int
        How many files were, or would be, removed.
    """
    limit = time.time() - hours * 3600
    stale = [path for path in _list_files(Path(folder)) if _is_older(path, limit)]
    return len(stale) if dry_run else sum(map(_remove, stale))


def _list_files(folder: Path) -> Iterator[Path]:
    for root, _, names in os.walk(folder):
        yield from (Path(root) / name for name in names if name.endswith((".json", PART_SUFFIX)))


def _is_older(path: Path, limit: float) -> bool:
    try:
        return path.stat().st_mtime < limit
    except OSError:
        return False


def _remove(path: Path) -> bool:
    """Remove a file, and its folder if that is then empty; return whether the file is gone."""
    try:
        path.unlink()
    except OSError:
        return False
    with suppress(OSError):
        path.parent.rmdir()
        path.parent.parent.rmdir()
    return True


def _place(folder: str, key: str) -> Path:
    return Path(folder) / key[:2] / f"{key}.json"
