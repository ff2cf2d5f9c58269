"""What a night did, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sentinel_batch.detection import Unrecorded
from sentinel_batch.errors import ExitCode, SentinelError

if TYPE_CHECKING:
    from sentinel_batch.alerts import AlertChanges
    from sentinel_batch.ingestion import IngestResult
    from sentinel_batch.recordings import RecordingsResult
    from sentinel_batch.reporting import ReportFiles

FAILED_FILES = ("refused", "unreadable")
"""Statuses of an input file that make a night partial."""


@dataclass
class Step:
    """One step of a night.

    Parameters
    ----------
    run_id
        The night.
    name
        ``inbox``, ``rules``, ``ingest``, ``profiles``, ``detect``, ``alerts``, ``boxes``, ``cases``, ``audio``,
        ``report``, ``pack``, ``tidy``, ``publish``, ``notify`` or ``metrics``.
    started_at
        UTC.
    status
        ``done``, ``partial`` (some input could not be used), ``skipped`` (nothing to do) or ``failed``.
    seconds
        Wall time.
    counts
        What was counted.
    files
        Files that could not be used: ``path``, ``status``, ``error``.
    error
        ``code``, ``message`` and ``hint``, if it failed.
    """

    run_id: str
    name: str
    started_at: datetime
    status: Literal["done", "partial", "skipped", "failed"] = "done"
    seconds: float = 0.0
    counts: dict[str, Any] = field(default_factory=dict)
    files: list[dict[str, Any]] = field(default_factory=list)
    error: dict[str, str] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-serialisable facts: one line of the log."""
        return {
            "time": self.started_at.isoformat(),
            "run_id": self.run_id,
            "step": self.name,
            "status": self.status,
            "seconds": round(self.seconds, 3),
            "counts": self.counts,
            "files": self.files,
            "error": self.error,
        }


@dataclass
class NightlyResult:
    """What :func:`sentinel_batch.nightly.run_nightly` did.

    Parameters
    ----------
    run_id
        Id of the row of ``runs``.
    started_at
        UTC.
    status
        ``success``, ``partial`` (some input, or a rule of the user's, could not be used; the rest is done),
        ``no_input`` or ``failed``.
    exit_code
        As in ``docs/operations.md``.
    steps
        In the order in which they ran.
    since, until
        The examined period ``(since, until]``; None when nothing was examined.
    ingest
        What came in; None when no file was new.
    failed_rules
        Rules of the user's that could not be used, or failed: ``rule``, ``book``, ``message``, ``hint``.
    notices
        What about the lists of rules makes it likely that they match nothing, in words.
    alert_changes
        What became of the findings: of the boxes, then of the rules.
    unrecorded
        Findings of witnesses on numbers that nothing else speaks against: no alerts.
    recordings
        What the recordings were found to be; None when no audio inbox is configured.
    missing
        Files that failed before they could be read: ``path``, ``status``, ``error``.
    files
        What became of each file, with the keys of ``file`` in ``report.schema.json``.
    report
        The report's files.
    folder
        The folder of the night's report; also of a night that failed, whose page says so.
    deliveries
        What became of the night's message: ``target``, ``sent``, ``reason``; None where nobody is told.
    late
        What went wrong after the report was written, as troubles.
    error
        Why it failed: ``code``, ``message``, ``hint``.
    file_counts
        Figures of the night that are about files and rows.
    alerts_grown
        Alerts of earlier nights that got more calls, later ones, or a higher severity.
    seconds, elapsed
        Wall time of the whole night, and up to its report.
    """

    run_id: str
    started_at: datetime
    status: Literal["success", "partial", "no_input", "failed"] = "success"
    exit_code: ExitCode = ExitCode.DONE
    steps: list[Step] = field(default_factory=list)
    since: datetime | None = None
    until: datetime | None = None
    ingest: IngestResult | None = None
    failed_rules: list[dict[str, str]] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    alert_changes: list[AlertChanges] = field(default_factory=list)
    unrecorded: Unrecorded = field(default_factory=Unrecorded)
    recordings: RecordingsResult | None = None
    missing: list[dict[str, Any]] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    file_counts: dict[str, int] = field(default_factory=dict)
    alerts_grown: int = 0
    report: ReportFiles | None = None
    folder: Path | None = None
    deliveries: list[dict[str, Any]] | None = None
    late: list[dict[str, str]] = field(default_factory=list)
    error: dict[str, str] | None = None
    seconds: float = 0.0
    elapsed: float = 0.0

    @property
    def failed_files(self) -> list[dict[str, Any]]:
        """Input files and recordings that could not be used, with the reason."""
        files = self.ingest.files if self.ingest is not None else []
        failed = [
            {"path": str(file.path), "status": file.status, "error": file.error}
            for file in files
            if file.status in FAILED_FILES
        ]
        return (
            self.missing
            + failed
            + [
                {
                    "path": row["path"],
                    "status": "unreadable",
                    "error": {"code": row["error_code"], "message": row["error_message"]},
                }
                for row in (self.recordings.failed if self.recordings is not None else [])
            ]
        )

    def fail(self, error: BaseException) -> None:
        """Take status, exit code and error from an exception."""
        code = error.exit_code if isinstance(error, SentinelError) else ExitCode.FAILED
        self.status = "no_input" if code == ExitCode.NO_INPUT else "failed"
        self.exit_code, self.error = code, describe_error(error)

    def alert_counts(self) -> dict[str, int]:
        """Return the number of alerts in each class of change, over all rules."""
        names = ("created", "updated", "unchanged", "reopened", "merged", "suppressed")
        return {name: sum(len(getattr(changes, name)) for changes in self.alert_changes) for name in names}

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-serialisable facts."""
        return {
            "status": self.status,
            "exit_code": int(self.exit_code),
            "run_id": self.run_id,
            "started_at": self.started_at.isoformat(),
            "processing_time_seconds": round(self.seconds, 3),
            "since": self.since.isoformat() if self.since is not None else None,
            "until": self.until.isoformat() if self.until is not None else None,
            "steps": [step.to_dict() for step in self.steps],
            "ingest": self.ingest.to_dict() if self.ingest is not None else None,
            "failed_files": self.failed_files,
            "failed_rules": self.failed_rules,
            "notices": self.notices,
            "alerts": self.alert_counts(),
            "unrecorded": self.unrecorded.to_dict(),
            "recordings": self.recordings.to_dict() if self.recordings is not None else None,
            "alert_changes": [changes.to_dict() for changes in self.alert_changes],
            "files": self.files,
            "report": _paths(self.report),
            "folder": str(self.folder) if self.folder is not None else None,
            "deliveries": self.deliveries,
            "error": self.error,
        }


def describe_error(error: BaseException) -> dict[str, str]:
    """Return an exception as ``code``, ``message`` and ``hint``."""
    if isinstance(error, SentinelError):
        return {"code": error.code, "message": error.message, "hint": error.hint}
    return {"code": "internal", "message": f"{type(error).__name__}: {error}", "hint": ""}


def _paths(report: ReportFiles | None) -> dict[str, str] | None:
    if report is None:
        return None
    paths: dict[str, Path] = {"html": report.html, "json": report.json, "alerts": report.alerts}
    return {name: str(path) for name, path in paths.items()}
