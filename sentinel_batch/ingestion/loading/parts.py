"""What each stage of an ingest says of a file, and the file's result, composed of these in one place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, ClassVar, Literal

from sentinel_batch.errors import SentinelError, UnreadableFileError
from sentinel_batch.ingestion.result import FileResult


@dataclass(frozen=True)
class Part:
    """What one stage says: its fields are fields of :class:`~sentinel_batch.ingestion.result.FileResult`."""

    notices: Sequence[str] = field(default=(), kw_only=True)


@dataclass(frozen=True)
class Sized(Part):
    """The file was found: its size in bytes."""

    size_bytes: int


@dataclass(frozen=True)
class Opened(Part):
    """The first lines were understood."""

    dialect: str
    encoding: str
    delimiter: str


@dataclass(frozen=True)
class Resolved(Part):
    """What the layout left open is settled."""

    timezone: str


@dataclass(frozen=True)
class Previewed(Part):
    """How the file is read, for people."""

    preview: dict[str, Any]


@dataclass(frozen=True)
class Identified(Part):
    """The content has a name; no ``ingest_id`` for a file without a line."""

    sha256: str
    ingest_id: str | None = None


@dataclass(frozen=True)
class Counted(Part):
    """The rows were counted, without a look at their fields."""

    records_processed: int


@dataclass(frozen=True)
class RowCounts(Part):
    """The rows were read and shaped."""

    records_processed: int
    records_rejected: int
    rejects_by_reason: dict[str, int]
    records_skipped: int
    skipped_by_type: dict[str, int]
    lines_skipped: dict[str, int]
    number_readings: dict[str, int]
    number_types: dict[str, int]
    encoding: str


@dataclass(frozen=True)
class Committed(Part):
    """The rows are in the lake."""

    status: ClassVar[Literal["inserted"]] = "inserted"
    records_inserted: int
    duplicates_skipped: int
    legs_collapsed: int
    first_call: datetime | None
    last_call: datetime | None


@dataclass(frozen=True)
class Repeated(Part):
    """The rows were in the lake: the same content was ingested before."""

    status: ClassVar[Literal["already_ingested"]] = "already_ingested"
    encoding: str
    records_processed: int
    records_rejected: int
    rejects_by_reason: dict[str, int]
    records_skipped: int
    skipped_by_type: dict[str, int]
    duplicates_skipped: int
    legs_collapsed: int


@dataclass(frozen=True)
class Refused(Part):
    """The file was not taken; rows counted so far are refused."""

    status: Literal["refused", "unreadable"]
    error: dict[str, Any]
    records_refused: int
    records_inserted: ClassVar[int] = 0
    duplicates_skipped: ClassVar[int] = 0
    legs_collapsed: ClassVar[int] = 0
    records_rejected: ClassVar[int] = 0
    records_skipped: ClassVar[int] = 0


def refuse(error: SentinelError, parts: Sequence[Part]) -> Refused:
    """Return the part of a file that was not taken, from the error and from what was said of it before."""
    return Refused(
        status="unreadable" if isinstance(error, UnreadableFileError) else "refused",
        error={"code": error.code, "message": error.message, "hint": error.hint},
        records_refused=compose_file("", parts).records_processed,
    )


def compose_file(path: str, parts: Iterable[Part]) -> FileResult:
    """Return a file's result; a later stage knows better, and all notices are kept.

    Parameters
    ----------
    path
        The file as it was named.
    parts
        What the stages said, in their order.
    """
    values: dict[str, Any] = {}
    notices: list[str] = []
    for part in parts:
        values.update({name: getattr(part, name) for name in _NAMES if hasattr(part, name)})
        notices.extend(part.notices)
    return FileResult(**values | {"path": path, "notices": notices})


_NAMES = [entry.name for entry in fields(FileResult) if entry.name not in ("path", "notices")]
