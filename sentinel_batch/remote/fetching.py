"""Fetching what is new: once, whole, resumed where a connection broke, and into no other folder than the given one.

What was fetched is remembered by name, size, time, tag and SHA-256 (``.fetched.json`` beside the copies). A copy that
somebody removed is not fetched again as long as the file there is the same.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from batch_base.files import PART_SUFFIX, replaced_file
from sentinel_batch.errors import UsageError
from sentinel_batch.lake import full_disk_reported
from sentinel_batch.remote.folder import RemoteFile, RemoteFolder
from sentinel_batch.remote.s3 import open_s3
from sentinel_batch.remote.sftp import open_sftp

MEMORY = ".fetched.json"

_TRIES = 3
_CHUNK = 1 << 20
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\\]")


@dataclass
class Fetched:
    """What a look at an inbox on another machine brought.

    Parameters
    ----------
    folder
        Where the copies lie.
    known
        How many files were fetched before and are the same.
    new
        Copies that were made now.
    failed
        Files that could not be fetched: ``path`` (its address), ``status`` and ``error`` each.
    growing
        Copies of files that changed while they were fetched; they are fetched again the next time.
    other
        Addresses of files that were not wanted, but for hidden ones.
    """

    folder: Path
    known: int = 0
    new: list[Path] = field(default_factory=list)
    failed: list[dict[str, object]] = field(default_factory=list)
    growing: list[Path] = field(default_factory=list)
    other: list[str] = field(default_factory=list)


def fetch_files(address: str, copies: Path, wanted: Callable[[Path], bool]) -> Fetched:
    """Fetch the files of an inbox on another machine that are new or have changed.

    Parameters
    ----------
    address
        ``sftp://USER@HOST:PORT/FOLDER`` or ``s3://BUCKET/FOLDER``.
    copies
        Folder of all copies; those of this inbox lie in one of their own in it.
    wanted
        Says of a name whether the file is to be fetched.

    Returns
    -------
    Fetched
        A file that could not be fetched does not keep the others.

    Raises
    ------
    UsageError
        If a library is missing.
    NoInputError
        If the inbox cannot be reached.
    OSError
        If the connection breaks while files are listed.
    """
    folder = copies / _name_folder(address)
    memory, done = _Memory(folder), Fetched(folder)
    with full_disk_reported(copies), _open(address) as remote:
        folder.mkdir(parents=True, exist_ok=True)
        for file in list(remote.list()):
            name = file.name.rsplit("/", 1)[-1]
            if wanted(Path(name)):
                _take(remote, file, address, memory, done)
            elif not name.startswith("."):
                done.other.append(f"{address}/{file.name}")
    return done


def _open(address: str) -> AbstractContextManager[RemoteFolder]:
    parts = urlsplit(address)
    if parts.scheme == "s3":
        return open_s3(parts)
    if parts.scheme == "sftp":
        return open_sftp(parts)
    raise UsageError(f"{parts.scheme}:// is no kind of inbox.", hint="Allowed: sftp://, s3:// and folders.")


def _take(remote: RemoteFolder, file: RemoteFile, address: str, memory: _Memory, done: Fetched) -> None:
    target = _place(done.folder, file.name)
    if target is None:
        reason = "its name would lead out of the folder of copies, or holds control characters"
        done.failed.append(_fail(address, file, reason, "Rename it there."))
    elif memory.knows(file):
        done.known += 1
    else:
        try:
            now = _fetch(remote, file, target)
        except OSError as error:
            done.failed.append(
                _fail(address, file, str(error) or type(error).__name__, "It is tried again next night.")
            )
            return
        if now != file:
            done.growing.append(target)
        else:
            memory.remember(file, _hash(target))
        done.new.append(target)


def _fetch(remote: RemoteFolder, file: RemoteFile, target: Path) -> RemoteFile | None:
    """Copy a file, going on where an earlier try ended, and return what it is now."""
    target.parent.mkdir(parents=True, exist_ok=True)
    mark = hashlib.sha256(repr((file.size, file.modified, file.tag)).encode()).hexdigest()[:16]
    # The name tells which state of the file a part is of, so that two states are never put together.
    part = target.with_name(f".{target.name[:80]}.{mark}{PART_SUFFIX}")
    for attempt in range(_TRIES):
        offset = part.stat().st_size if part.exists() else 0
        try:
            with remote.read(file, offset) as source, part.open("ab") as copy:
                shutil.copyfileobj(source, copy, _CHUNK)
            if part.stat().st_size >= file.size:
                break
        except OSError:
            if attempt == _TRIES - 1:
                raise
    if part.stat().st_size < file.size:
        raise OSError(f"only {part.stat().st_size:,} of {file.size:,} bytes came")
    os.utime(part, (file.modified, file.modified))
    part.replace(target)
    return remote.look(file)


def _place(folder: Path, name: str) -> Path | None:
    """Return where a copy goes, or None for a name that a stranger may have made up to get elsewhere."""
    parts = name.split("/")
    if any(part in ("", ".", "..") or _UNSAFE.search(part) or len(part) > 200 for part in parts):
        return None
    target = folder.joinpath(*parts)
    return target if target.resolve().is_relative_to(folder.resolve()) else None


def _name_folder(address: str) -> str:
    readable = re.sub("[^A-Za-z0-9.]+", "-", address.rsplit("@", 1)[-1]).strip("-")[:60]
    return f"{readable}-{hashlib.sha256(address.encode()).hexdigest()[:8]}"


def _fail(address: str, file: RemoteFile, reason: str, hint: str) -> dict[str, object]:
    path = f"{address}/{file.name}"
    message = f"{path} was not fetched: {reason}."
    return {"path": path, "status": "unreadable", "error": {"code": "not_fetched", "message": message, "hint": hint}}


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Memory:
    """What was fetched, in a file beside the copies; a damaged one only costs fetching again."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / MEMORY
        self._files: dict[str, dict[str, object]] = {}
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            self._files = {str(name): dict(entry) for name, entry in document["files"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass

    def knows(self, file: RemoteFile) -> bool:
        entry = self._files.get(file.name, {})
        return {**entry, "sha256": ""} == {**asdict(file), "sha256": ""}

    def remember(self, file: RemoteFile, sha256: str) -> None:
        self._files[file.name] = {**asdict(file), "sha256": sha256}
        with replaced_file(self._path) as draft:
            draft.write_text(json.dumps({"format": 1, "files": self._files}), encoding="utf-8")
