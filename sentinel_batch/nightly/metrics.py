"""The night as a Prometheus textfile, for the node exporter's textfile collector.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4). Every metric is a gauge that
describes the last night.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from batch_base.files import replaced_file
from sentinel_batch.errors import UsageError
from sentinel_batch.lake import full_disk_reported
from sentinel_batch.schema import SEVERITIES

if TYPE_CHECKING:
    from sentinel_batch.nightly.outcome import NightlyResult

Sample = tuple[dict[str, str], float]

_RECORDS = {
    "processed": "records_processed",
    "inserted": "records_inserted",
    "duplicate": "duplicates_skipped",
    "rejected": "records_rejected",
    "skipped": "records_skipped",
    "refused": "records_refused",
}
_FILES = ("inserted", "already_ingested", "refused", "unreadable", "empty")
_VERDICTS = (
    ("scored", "likely_synthetic"),
    ("scored", "uncertain"),
    ("scored", "likely_real"),
    ("abstained", "uncertain"),
    ("failed", ""),
)
_CHANGES = ("created", "updated", "reopened")


def render_metrics(result: NightlyResult, last_success: datetime | None) -> str:
    """Return the text of the metrics file.

    Parameters
    ----------
    result
        The night.
    last_success
        When the last successful night ended; None when there was none.
    """
    blocks = [
        _block("last_run_timestamp_seconds", "When the last run started.", [({}, result.started_at.timestamp())]),
        _block(
            "exit_code", "Exit code of the last run; 0 is good, 3 is done but for some input.", [({}, result.exit_code)]
        ),
        _block("duration_seconds", "How long the last run took.", [({}, result.seconds)]),
        _block(
            "step_duration_seconds",
            "How long each step of the last run took.",
            [({"step": step.name, "status": step.status}, step.seconds) for step in result.steps],
        ),
        _block("records", "Input rows of the last run, by outcome.", _records(result)),
        _block("files", "Input files that the last run read, by outcome.", _files(result)),
        _block("alerts", "Alerts that the last run changed, by severity and change.", _alerts(result)),
        _block(
            "alerts_suppressed",
            "Findings of the last run about suppressed numbers.",
            [({}, result.alert_counts()["suppressed"])],
        ),
    ]
    if result.recordings is not None:
        blocks += [
            _block("recordings", "Recordings of the audio inbox, by status and label.", _recordings(result)),
            _block("recordings_stored", "Recordings that were new to the lake.", [({}, result.recordings.stored)]),
        ]
    if last_success is not None:
        done = _block(
            "last_success_timestamp_seconds", "When the last successful run ended.", [({}, last_success.timestamp())]
        )
        blocks.insert(0, done)
    return "".join(blocks)


def write_metrics(path: Path, text: str) -> None:
    """Replace the metrics file at once, so that the collector never reads half of one.

    Raises
    ------
    UsageError
        If it cannot be written.
    """
    try:
        with full_disk_reported(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            with replaced_file(path, mode=0o644) as draft:  # the collector runs as another user
                draft.write_text(text, encoding="utf-8")
    except (PermissionError, FileExistsError, NotADirectoryError) as error:
        raise UsageError(
            f"The metrics file {path} cannot be written: {error.strerror}.",
            hint="Name a file in a folder that can be written, with --metrics-file.",
        ) from error


def _records(result: NightlyResult) -> Iterable[Sample]:
    for outcome, name in _RECORDS.items():
        yield {"outcome": outcome}, getattr(result.ingest, name) if result.ingest is not None else 0


def _files(result: NightlyResult) -> Iterable[Sample]:
    files = result.ingest.files if result.ingest is not None else []
    for status in _FILES:
        yield {"outcome": status}, sum(file.status == status for file in files)


def _recordings(result: NightlyResult) -> Iterable[Sample]:
    """Every combination, 0 included, so that a series does not end when a night has none."""
    frame = result.recordings.recordings if result.recordings is not None else None
    if frame is None:
        return
    found = Counter(zip(frame["status"], frame["label"], strict=True))
    for status, label in _VERDICTS:
        yield {"status": status, "label": label}, found[status, label or None]


def _alerts(result: NightlyResult) -> Iterable[Sample]:
    import polars as pl

    for change in _CHANGES:
        found = [
            changes.alerts.filter(pl.col("id").is_in(getattr(changes, change)))["alert_severity"].to_list()
            for changes in result.alert_changes
        ]
        for severity in SEVERITIES:
            yield {"severity": severity, "change": change}, sum(names.count(severity) for names in found)


def _block(name: str, description: str, samples: Iterable[Sample]) -> str:
    full = f"sentinel_nightly_{name}"
    lines = [f"# HELP {full} {_escape_help(description)}", f"# TYPE {full} gauge"]
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escape(text)}"' for label, text in labels.items())
        lines.append(f"{full}{{{inside}}} {float(value)!r}" if inside else f"{full} {float(value)!r}")
    return "\n".join(lines) + "\n"


def _escape_help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _escape(text: str) -> str:
    return _escape_help(text).replace('"', '\\"')
