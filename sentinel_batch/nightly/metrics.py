"""The night as a Prometheus textfile, for the node exporter's textfile collector.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4). Every metric is a gauge that
describes the last night.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from batch_base.files import replaced_file
from sentinel_batch.errors import UsageError
from sentinel_batch.lake import full_disk_reported
from sentinel_batch.schema import SEVERITIES

if TYPE_CHECKING:
    from sentinel_batch.config import Config
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
_TOLD = ("vanished", "unfinished", "not_read")
"""What else can become of a file: it is not in the ingest's own result."""

_VERDICTS = (
    ("scored", "likely_synthetic"),
    ("scored", "uncertain"),
    ("scored", "likely_real"),
    ("abstained", "uncertain"),
    ("failed", ""),
)
_NO_NAME = re.compile("[^A-Za-z0-9]+")
_OWNER = re.compile(r'^sentinel_nightly_[a-z_]+\{lake="((?:[^"\\\n]|\\.)*)"', re.MULTILINE)
_CHANGES = ("created", "updated", "reopened")


def name_lake(config: Config) -> str:
    """Return what tells a lake's series from those of another lake on the host: its configured name, else its path."""
    return config.lake_name or (config.lake if isinstance(config.lake, str) else str(config.lake.resolve()))


def render_metrics(result: NightlyResult, last_success: datetime | None, lake: str) -> str:
    """Return the text of the metrics file.

    The texts of ``# HELP`` are the same for every lake and every night: of two files that differ in one, the node
    exporter drops a series.

    Parameters
    ----------
    result
        The night.
    last_success
        When the last successful night ended; None when there was none.
    lake
        Label of every sample, from `name_lake`.
    """
    return "".join(
        _block(name, description, [({"lake": lake, **labels}, value) for labels, value in samples])
        for name, description, samples in _list_metrics(result, last_success)
    )


def _list_metrics(result: NightlyResult, last_success: datetime | None) -> Iterable[tuple[str, str, Iterable[Sample]]]:
    if last_success is not None:
        yield "last_success_timestamp_seconds", "When the last successful run ended.", _single(last_success.timestamp())
    yield "last_run_timestamp_seconds", "When the last run started.", _single(result.started_at.timestamp())
    yield "exit_code", "Exit code of the last run; 0 is good, 3 is done but for some input.", _single(result.exit_code)
    yield "duration_seconds", "How long the last run took.", _single(result.seconds)
    steps = [({"step": step.name, "status": step.status}, step.seconds) for step in result.steps]
    yield "step_duration_seconds", "How long each step of the last run took.", steps
    yield "records", "Input rows of the last run, by outcome.", _records(result)
    yield "files", "Input files that the last run read, by outcome.", _files(result)
    yield "alerts", "Alerts that the last run changed, by severity and change.", _alerts(result)
    suppressed = result.alert_counts()["suppressed"]
    yield "alerts_suppressed", "Findings of the last run about suppressed numbers.", _single(suppressed)
    if result.deliveries is not None:
        sent = sum(delivery["sent"] for delivery in result.deliveries)
        messages = [({"outcome": "sent"}, sent), ({"outcome": "failed"}, len(result.deliveries) - sent)]
        yield "messages", "Messages about the last run, those to the watchdog included.", messages
    if result.recordings is not None:
        unread = sum(group.files for group in result.recordings.unread)
        yield "recordings", "Recordings of the audio inbox, by status and label.", _recordings(result)
        yield "recordings_stored", "Recordings that were new to the lake.", _single(result.recordings.stored)
        yield "recordings_unread", "Files of the audio inbox that are not read as recordings.", _single(unread)


def place_metrics(path: Path, lake: str) -> Path:
    """Return the file to write: the one that is named, or in a folder one whose name tells the lake.

    Raises
    ------
    UsageError
        If the file holds the metrics of another lake, which would be lost.
    """
    file = path / f"sentinel-{_NO_NAME.sub('-', lake).strip('-')}.prom" if path.is_dir() else path
    owner = _OWNER.search(_read_start(file))
    if owner is not None and owner[1] != _escape(lake):
        raise UsageError(
            f'The metrics file {file} holds the metrics of the lake "{owner[1]}", not of "{lake}".',
            hint="Name a file of its own for each lake, or their folder, with --metrics-file; if the lake was moved or "
            "renamed, remove the file.",
        )
    return file


def _read_start(file: Path) -> str:
    try:
        with file.open(encoding="utf-8", errors="replace") as text:
            return text.read(1 << 16) if file.is_file() else ""
    except OSError:
        return ""


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


def _single(value: float) -> list[Sample]:
    return [({}, value)]


def _records(result: NightlyResult) -> Iterable[Sample]:
    for outcome, name in _RECORDS.items():
        yield {"outcome": outcome}, getattr(result.ingest, name) if result.ingest is not None else 0


def _files(result: NightlyResult) -> Iterable[Sample]:
    files = result.ingest.files if result.ingest is not None else []
    for status in _FILES:
        yield {"outcome": status}, sum(file.status == status for file in files)
    for outcome in _TOLD:
        yield {"outcome": outcome}, sum(file["outcome"] == outcome for file in result.files)


def _recordings(result: NightlyResult) -> Iterable[Sample]:
    """Every combination, 0 included, so that a series does not end when a night has none."""
    frame = result.recordings.recordings if result.recordings is not None else None
    if frame is None:
        return
    found = Counter(zip(frame["status"], frame["label"], strict=True))
    for status, label in _VERDICTS:
        yield {"status": status, "label": label}, found[status, label or None]


def _alerts(result: NightlyResult) -> Iterable[Sample]:
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
