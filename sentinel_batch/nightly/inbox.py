"""Which files of the inbox are worth reading again.

Ingest recognises known content by its sha256, for which it must read the whole file: an inbox that nobody empties would
take longer every night. So a file whose size, inode and both time stamps are those of its last successful ingest is not
opened. The system sets the change time (``ctime``) on every write, and no program can set it back. A file that changed
within two seconds before it was looked at is not remembered, because its next change could bear the same time.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sentinel_batch.lake import Snapshot, full_disk_reported
from sentinel_batch.runs import versions
from sentinel_batch.schema import CALL_RECORDS

if TYPE_CHECKING:
    from sentinel_batch.config import Config

_MEMORY = ".inbox.json"
_SETTLED_SECONDS = 2.0
_FORMAT = 1

Identity = list[int]


def reading_settings(config: Config) -> dict[str, str | float | None]:
    """Return everything but a file's content that decides how it is read."""
    dialect = config.dialect
    own = Path(dialect) if dialect is not None and dialect.endswith(".toml") else None
    return {
        "version": versions().get("sentinel-batch"),
        "timezone": config.timezone,
        "region": config.region,
        "max_reject_rate": config.max_reject_rate,
        **({"numbers": config.numbers} if config.numbers != "auto" else {}),
        "earliest_call": config.earliest_call.isoformat(),
        "dialect": dialect,
        "dialect_sha256": hashlib.sha256(own.read_bytes()).hexdigest() if own is not None and own.is_file() else None,
    }


class InboxMemory:
    """What the files looked like when they were last ingested, kept beside the lake's tables.

    Parameters
    ----------
    tables
        Of the lake that they were ingested into.
    settings
        From :func:`reading_settings`; a change makes every file worth reading again.
    """

    def __init__(self, tables: Snapshot, settings: dict[str, str | float | None]) -> None:
        self._tables = tables
        self._path = tables.path / _MEMORY
        self._settings = settings
        self._known: dict[str, tuple[Identity, str]] = self._load()
        self._seen: dict[str, Identity] = {}

    def choose_new(self, files: Iterable[Path]) -> list[Path]:
        """Return the files that changed, or whose ingest is not in the lake, and note what all look like now."""
        files = list(files)
        for path in files:
            identity = _identify(path)
            if identity is not None:
                self._seen[str(path)] = identity
        committed = self._tables.committed(CALL_RECORDS.name, {ingest_id for _, ingest_id in self._known.values()})
        return [path for path in files if not self._is_known(str(path), committed)]

    def remember(self, ingested: dict[str, str]) -> None:
        """Note the ingest ids (by path) of files that are in the lake; forget files that are gone."""
        for path, ingest_id in ingested.items():
            identity = self._seen.get(path)
            if identity is not None and identity == _identify(Path(path)):
                self._known[path] = (identity, ingest_id)
        kept = {path: known for path, known in self._known.items() if path in self._seen}
        document = {"format": _FORMAT, "settings": self._settings, "files": kept}
        with full_disk_reported(self._path):
            draft = self._path.with_suffix(".tmp")
            draft.write_text(json.dumps(document), encoding="utf-8")
            draft.replace(self._path)

    def _is_known(self, path: str, committed: set[str]) -> bool:
        identity, ingest_id = self._known.get(path, ([], ""))
        return ingest_id in committed and self._seen.get(path) == identity

    def _load(self) -> dict[str, tuple[Identity, str]]:
        try:
            document = json.loads(self._path.read_text(encoding="utf-8"))
            if document["format"] != _FORMAT or document["settings"] != self._settings:
                return {}
            return {str(path): (list(identity), str(known)) for path, (identity, known) in document["files"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}


def _identify(path: Path) -> Identity | None:
    try:
        facts = os.stat(path)  # noqa: PTH116
    except OSError:
        return None
    if time.time() - max(facts.st_mtime, facts.st_ctime) < _SETTLED_SECONDS:
        return None
    return [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, facts.st_dev]
