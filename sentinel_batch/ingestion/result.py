"""What an ingest did, in numbers that add up."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class FileResult:
    """What became of one file.

    Parameters
    ----------
    path
        The file as it was named.
    status
        ``inserted`` (also when every row was a duplicate), ``already_ingested``, ``refused``, ``unreadable`` or
        ``empty`` (no records in it).
    dialect, encoding, delimiter
        How it was read.
    sha256, ingest_id
        Its content, and its content with everything that the result depends on.
    records_processed, records_inserted, duplicates_skipped, records_rejected, records_skipped, records_refused
        ``processed = inserted + duplicates + rejected + skipped + refused``, always.
    legs_collapsed
        Part of ``duplicates_skipped``: rows that are legs of a call that is kept.
    rejects_by_reason
        Reason to number of rows.
    skipped_by_type
        Rows that are no calls (``records_skipped``): type, as the file writes it, to number.
    timezone
        Zone in which its times without an offset were read.
    lines_skipped
        ``preamble``, ``header``, ``trailer``, ``marker``, ``blank`` lines: no records.
    number_readings
        Way in which telephone numbers were read (``sentinel_batch.numbers.READINGS``) to number of cells, those of
        rejected rows included.
    number_types
        The same cells by what they are (``sentinel_batch.numbers.KINDS``).
    notices
        What the reader should know, such as ignored columns.
    error
        ``code``, ``message`` and ``hint`` where the file was not taken.
    first_call, last_call
        Times of the oldest and newest call that was inserted.
    preview
        Of a dry run: how the file is read, and its first calls as they would be stored
        (:class:`~sentinel_batch.ingestion.preview.view.LayoutView` as a dictionary).
    """

    path: str
    status: str = "empty"
    dialect: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    sha256: str | None = None
    ingest_id: str | None = None
    size_bytes: int = 0
    records_processed: int = 0
    records_inserted: int = 0
    duplicates_skipped: int = 0
    legs_collapsed: int = 0
    records_rejected: int = 0
    records_skipped: int = 0
    records_refused: int = 0
    rejects_by_reason: dict[str, int] = field(default_factory=dict)
    skipped_by_type: dict[str, int] = field(default_factory=dict)
    timezone: str | None = None
    lines_skipped: dict[str, int] = field(default_factory=dict)
    number_readings: dict[str, int] = field(default_factory=dict)
    number_types: dict[str, int] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    error: dict[str, Any] | None = None
    first_call: datetime | None = None
    last_call: datetime | None = None
    preview: dict[str, Any] | None = None


@dataclass
class IngestResult:
    """What an ingest did: totals over its files, and each file.

    Parameters
    ----------
    status
        ``success``, ``partial`` (some file was not taken) or ``failed`` (no file was).
    run_id
        The run's id in table ``runs``.
    dry_run
        Whether the counts are would-be counts and nothing was written.
    processing_time_seconds
        Seconds from start to end.
    files
        One entry for each file, in the order read.
    """

    run_id: str
    dry_run: bool
    files: list[FileResult] = field(default_factory=list)
    processing_time_seconds: float = 0.0

    @property
    def status(self) -> str:
        """``success``, ``partial`` or ``failed``."""
        refused = sum(file.error is not None for file in self.files)
        return "success" if not refused else "failed" if refused == len(self.files) else "partial"

    @property
    def records_processed(self) -> int:
        """Rows read, over all files."""
        return sum(file.records_processed for file in self.files)

    @property
    def records_inserted(self) -> int:
        """Rows that are now in ``call_records`` and were not before."""
        return sum(file.records_inserted for file in self.files)

    @property
    def duplicates_skipped(self) -> int:
        """Rows whose call was there already."""
        return sum(file.duplicates_skipped for file in self.files)

    @property
    def legs_collapsed(self) -> int:
        """Duplicates that are legs of a call that is kept."""
        return sum(file.legs_collapsed for file in self.files)

    @property
    def records_rejected(self) -> int:
        """Rows kept in ``rejected_records``."""
        return sum(file.records_rejected for file in self.files)

    @property
    def records_skipped(self) -> int:
        """Rows that are no calls, such as text messages."""
        return sum(file.records_skipped for file in self.files)

    @property
    def records_refused(self) -> int:
        """Rows of files that were refused whole."""
        return sum(file.records_refused for file in self.files)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document of the command, the seed's keys first."""
        head = ("status", "records_processed", "records_inserted", "duplicates_skipped", "records_rejected")
        return {
            **{name: getattr(self, name) for name in head},
            "processing_time_seconds": round(self.processing_time_seconds, 3),
            "records_skipped": self.records_skipped,
            "records_refused": self.records_refused,
            "legs_collapsed": self.legs_collapsed,
            "run_id": self.run_id,
            "dry_run": self.dry_run,
            "files": [_plain(asdict(file)) for file in self.files],
        }


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in values.items()}
