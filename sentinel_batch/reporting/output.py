"""Writing a report: three files, each complete or not there."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from batch_base.files import replaced_file
from batch_base.plain import to_plain
from sentinel_batch.desk import ConfigLike, DeskLike, open_desk
from sentinel_batch.errors import UsageError
from sentinel_batch.lake import full_disk_reported
from sentinel_batch.reporting.collection import collect_report
from sentinel_batch.reporting.document import build_document, dump_document
from sentinel_batch.reporting.late import add_late
from sentinel_batch.reporting.night import Night
from sentinel_batch.reporting.page import render_page
from sentinel_batch.reporting.period import Moment, Period, choose_period
from sentinel_batch.window import now

MAX_ALERTS = 500
"""Alerts that the page and the JSON document carry by default; the Parquet file has them all."""


@dataclass(frozen=True)
class ReportFiles:
    """A written report.

    Parameters
    ----------
    html, json, alerts
        Paths of ``report.html``, ``report.json`` and ``alerts.parquet``.
    period
        What it is about; None for a lake without calls.
    alerts_total, alerts_shown
        Alerts of the period, and how many of them the page carries.
    news
        What is new since the night before, as ``report.schema.json`` has it; None where there was no night.
    """

    html: Path
    json: Path
    alerts: Path
    period: Period | None
    alerts_total: int
    alerts_shown: int
    news: dict[str, Any] | None = None


def write_report(
    *,
    out: str | Path | None = None,
    run_id: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    max_alerts: int = MAX_ALERTS,
    generated_at: datetime | None = None,
    examined_by: str | None = None,
    failed_rules: Sequence[Mapping[str, str]] = (),
    night: Night | None = None,
    lake: DeskLike = None,
    config: ConfigLike = None,
) -> ReportFiles:
    """Write ``report.html``, ``report.json`` and ``alerts.parquet`` about a period.

    The same lake and ``generated_at`` give the same bytes, and all that a report says is of one moment of the lake. An
    alert belongs to the period when its first to last call overlap it; merged alerts are left out, suppressed ones are
    counted apart. Local times, and the model that takes part in the ranking of suspects, are those of the settings.

    Parameters
    ----------
    out
        Folder to write to; it is made if need be, and files of these names are replaced. None is the configured one.
    run_id
        Report on the period that this run examined.
    since, until
        Report on ``(since, until]``: times, RFC 3339 texts or durations such as ``24h``; by default the whole lake.
    max_alerts
        The page and the JSON document carry that many alerts at most, worst first.
    generated_at
        The time that the report carries; by default now.
    examined_by
        The run under way that has examined the whole period, if it is not recorded yet; without it the report warns of
        every part of the period that no recorded run has examined.
    failed_rules
        Rules that did not run: ``rule``, ``book``, ``message`` and ``hint`` of each.
    night
        The night under way that writes the report.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Returns
    -------
    ReportFiles
        Where the files are.

    Raises
    ------
    UsageError
        If the run is unknown, the period empty, or the folder cannot be written.
    LakeNotFoundError
        If there is no lake.
    """
    if max_alerts < 0:
        raise UsageError(f"max_alerts = {max_alerts} is negative.", hint="Give 0 or more.", allowed=">= 0")
    moment = (generated_at or now()).astimezone(UTC)
    desk = open_desk(lake, config).snapshot()
    period = choose_period(desk.tables, run_id=run_id, since=since, until=until)
    report = collect_report(
        desk,
        period,
        run_id=run_id,
        generated_at=moment,
        max_alerts=max_alerts,
        examined_by=examined_by,
        failed_rules=failed_rules,
        night=night,
    )
    document = build_document(report)
    page = render_page(report, document)
    folder = _folder(out if out is not None else desk.config.reports)
    files = ReportFiles(
        folder / "report.html",
        folder / "report.json",
        folder / "alerts.parquet",
        period,
        report.alerts.height,
        report.shown.height,
        document["news"],
    )
    _replace(files.alerts, lambda path: report.alerts.write_parquet(path))
    _replace(files.json, lambda path: _write_text(path, dump_document(document)))
    _replace(files.html, lambda path: _write_text(path, page))
    return files


def amend_report(folder: Path, night: Night, timezone: str) -> None:
    """Say in a finished report what became of the night's message, and what failed after the report was written.

    Parameters
    ----------
    folder
        The report's folder.
    night
        The night, with its ``deliveries``; its last troubles may be new.
    timezone
        IANA zone of the times that are shown.
    """
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    known = document["night"]["troubles"] if document["night"] else []
    described = to_plain(night.describe())
    late = [trouble for trouble in described["troubles"] if trouble not in known]
    document["night"] = described
    _replace(folder / "report.json", lambda path: _write_text(path, dump_document(document)))
    if late:
        page = add_late((folder / "report.html").read_text(encoding="utf-8"), late, timezone)
        _replace(folder / "report.html", lambda path: _write_text(path, page))


def _folder(out: str | Path) -> Path:
    folder = Path(out)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"The report cannot be written to {folder}: {error.strerror}.", hint="Name a folder that can be written."
        ) from error
    return folder


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    try:
        with full_disk_reported(path.parent), replaced_file(path, mode=0o644) as fresh:
            write(fresh)
    except PermissionError as error:
        raise UsageError(
            f"The report cannot be written to {path.parent}: {error.strerror}.",
            hint="Name a folder that can be written.",
        ) from error


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
