"""A lake in object storage, as reading sees it: a folder of this machine that fills with what is read.

It holds the logs of all tables, caught up whenever a snapshot is taken, and copies of the data files that were read.
None of these objects is ever written twice, so a copy stays true; which files belong to a table is said by its log
alone. Everything that reads files by their paths works on a mirror as on a lake in a folder.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from batch_base.files import replaced_file
from sentinel_batch.errors import LakeDamagedError, LakeNotFoundError
from sentinel_batch.lake.logs import newest_version
from sentinel_batch.lake.store import Store
from sentinel_batch.schema import TABLES

DEFAULT_CACHE_BYTES = 50 * 10**9
"""Size of the copies of data files that are kept."""

_IN_USE_SECONDS = 2 * 3600
"""Copies that were asked for so lately are kept, whatever their size: somebody may be reading them."""

_TOUCHED_EACH = 600
_ENTRY = re.compile(r"(\d{20})\.json")
_AT_ONCE = 16
_TRIES = 100
_SAID = "mirror-of.txt"

_MIRRORS: dict[Path, Mirror] = {}


@dataclass(frozen=True)
class Cache:
    """Where copies of lakes in object storage are kept.

    Parameters
    ----------
    folder
        For all lakes; by default in the user's cache folder (``XDG_CACHE_HOME``, else ``~/.cache``).
    most_bytes
        Copies of a lake's data files are deleted, those that were not used for longest first, when they are larger
        together; none that was asked for in the last two hours.
    """

    folder: Path = field(default_factory=lambda: _user_cache() / "sentinel-batch" / "lakes")
    most_bytes: int = DEFAULT_CACHE_BYTES


class Mirror:
    """What this machine has of a lake in object storage; :func:`open_mirror` makes one for each lake.

    Parameters
    ----------
    store
        Where the lake is.
    folder
        Of this machine.
    cache
        That the folder belongs to.
    """

    def __init__(self, store: Store, folder: Path, cache: Cache) -> None:
        self.store, self.folder, self.cache = store, folder, cache
        self._seen: dict[str, int | None] = {}

    @property
    def address(self) -> str:
        """Where the lake is."""
        return self.store.address

    def look(self, known: Mapping[str, int | None] | None = None) -> dict[str, int | None]:
        """Bring the logs up to date, and return the newest version of each table, all of one moment.

        Parameters
        ----------
        known
            What an earlier look found: if nothing was committed since, one look is enough.
        """
        before = dict(known or self._seen)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for _ in range(_TRIES):
                found = dict(zip(TABLES, pool.map(self.catch_up, TABLES), strict=True))
                if found == before:
                    break
                before = found
        self._seen = found
        return found

    def fetch(self, files: Sequence[Path]) -> None:
        """Copy data files that are about to be read, where they are not here yet.

        Raises
        ------
        LakeDamagedError
            If one that the log names is not in the store.
        """
        missing = [file for file in files if not _touch(file)]
        if not missing:
            return
        with ThreadPoolExecutor(min(_AT_ONCE, len(missing))) as pool:
            done = list(pool.map(lambda file: self.store.download(self.name(file), file), missing))
        lost = [file for file, found in zip(missing, done, strict=True) if not found]
        self._shrink()
        if lost:
            raise LakeDamagedError(
                f"{len(lost)} files are missing in {self.address}, among them {self.name(lost[0])}.",
                hint="Run sentinel-batch doctor, which names all of them; restore them from a backup.",
            )

    def name(self, file: Path) -> str:
        """Return the name of a file's object."""
        return file.relative_to(self.folder).as_posix()

    def sizes(self, table: str) -> dict[Path, int]:
        """Return the data files that the store has of a table, and their bytes."""
        found = self.store.list(table)
        return {self.folder / entry.name: entry.size for entry in found if entry.name.endswith(".parquet")}

    def catch_up(self, table: str) -> int | None:
        """Bring the log of a table up to date, and return its newest version; None if it was never written."""
        folder = self.folder / table
        log, held = f"{table}/_delta_log", newest_version(folder)
        listed = list(self.store.list(log, after=None if held is None else f"{log}/{held:020}.json"))
        found = {int(said[1]): entry for entry in listed if (said := _ENTRY.fullmatch(entry.name.rpartition("/")[2]))}
        if not found:
            return held
        # Entries that a checkpoint repeats may be gone from the store.
        unbroken = held is not None and min(found) == held + 1
        start = 0 if unbroken else self._copy_checkpoint(folder, log)
        for version in sorted(version for version in found if version >= start):
            self.store.download(found[version].name, self.folder / found[version].name)
        return max(found)

    def _copy_checkpoint(self, folder: Path, log: str) -> int:
        """Copy a table's newest checkpoint, so that the entries before it are not needed; return its version."""
        pointer = self.store.read(f"{log}/_last_checkpoint")
        if pointer is None:
            return 0
        version = int(json.loads(pointer[0])["version"])
        name = f"{version:020}.checkpoint.parquet"
        if not self.store.download(f"{log}/{name}", folder / "_delta_log" / name):
            return 0
        with replaced_file(folder / "_delta_log" / "_last_checkpoint") as fresh:
            fresh.write_bytes(pointer[0])
        return version

    def _shrink(self) -> None:
        """Delete copies that were not used for longest, until the others are small enough."""
        held = sorted((facts.st_mtime, facts.st_size, file) for file, facts in self._list_copies())
        excess = sum(size for _, size, _ in held) - self.cache.most_bytes
        for used, size, file in held:
            if excess <= 0 or time.time() - used < _IN_USE_SECONDS:
                break
            file.unlink(missing_ok=True)
            excess -= size

    def _list_copies(self) -> Iterator[tuple[Path, os.stat_result]]:
        for table in TABLES:
            # All files: what a killed process was fetching has another name.
            for file in (self.folder / table).rglob("*"):
                if file.parent.name != "_delta_log" and file.is_file():
                    with suppress(OSError):
                        yield file, file.stat()


def open_mirror(store: Store, lake_id: str, cache: Cache) -> Mirror:
    """Return the mirror of a lake: one in each process.

    Parameters
    ----------
    store
        Where the lake is.
    lake_id
        Tells the lake from others that were at its address before.
    cache
        Where its folder goes.
    """
    key = hashlib.sha256(json.dumps([store.address, store.endpoint, lake_id]).encode()).hexdigest()[:24]
    folder = cache.folder.absolute() / key
    if folder not in _MIRRORS:
        # Calls are in it: nobody else may read them.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replaced_file(folder / _SAID, mode=0o600) as fresh:
            fresh.write_text(store.address + "\n", encoding="utf-8")
        _MIRRORS.setdefault(folder, Mirror(store, folder, cache))
    return _MIRRORS[folder]


def find_mirror(folder: Path) -> Mirror | None:
    """Return the mirror whose folder this is, if it is one."""
    return _MIRRORS.get(folder)


def refuse_mirror(folder: Path) -> None:
    """Check that a folder is no mirror of a lake that this process has not opened: its tables are elsewhere.

    Raises
    ------
    LakeNotFoundError
        If it is one.
    """
    said = folder / _SAID
    if folder not in _MIRRORS and said.is_file():
        address = said.read_text(encoding="utf-8").strip()
        raise LakeNotFoundError(
            f"{folder} is what this machine remembers of the lake {address}.", hint=f"Name the lake: --lake {address}"
        )


def fetch_files(files: Sequence[Path]) -> None:
    """Copy files that are about to be read, if they are of a lake in object storage and not here yet."""
    for folder, mirror in list(_MIRRORS.items()):  # Another thread may open a lake meanwhile.
        wanted = [file for file in files if file.is_relative_to(folder)]
        if wanted:
            mirror.fetch(wanted)


def place_of(folder: Path) -> str:
    """Return what people call a lake: its address, or its folder."""
    mirror = _MIRRORS.get(folder)
    return str(folder) if mirror is None else mirror.address


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()


def _touch(file: Path) -> bool:
    """Tell whether a copy is here, and note that it is used."""
    try:
        if time.time() - file.stat().st_mtime > _TOUCHED_EACH:
            os.utime(file)
    except OSError:
        return False
    return True
