"""What follows a night's work: its folder gets its name, the index is written, whoever must know is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import polars as pl

from batch_base.plain import to_plain
from sentinel_batch.errors import ExitCode, LakeNotFoundError, SentinelError
from sentinel_batch.nightly.account import count_night
from sentinel_batch.notify import Brief, Delivery, compose_message, list_targets, ping_watchdog, send_message
from sentinel_batch.reporting import (
    Night,
    amend_report,
    drafted_folder,
    find_last_examined,
    point_to_latest,
    publish_folder,
    read_archive,
    read_nights,
    remove_drafts,
    remove_old_reports,
    write_facts,
    write_failure,
    write_index,
)
from sentinel_batch.schema import FRAUD_ALERTS
from sentinel_batch.window import now

if TYPE_CHECKING:
    from sentinel_batch.config import Config
    from sentinel_batch.desk import Desk
    from sentinel_batch.nightly.outcome import NightlyResult
    from sentinel_batch.reporting import PastNight

PAGE = "report.html"


def read_history(desk: Desk) -> list[PastNight]:
    """Return the nights before this one, oldest first; none where there is no lake yet."""
    try:
        return read_nights(desk.tables)
    except LakeNotFoundError:
        return []


def find_repeated(history: list[PastNight], result: NightlyResult) -> PastNight | None:
    """Return the night whose report a night without anything new repeats."""
    return find_last_examined(history) if result.since is None else None


def keep_failure(result: NightlyResult, night: Night, config: Config) -> None:
    """Give a night that failed before its report a page that says so."""
    with drafted_folder(config.reports, result.run_id) as draft:
        good = [
            name
            for name, facts in read_archive(config.reports).items()
            if (facts.get("night") or {}).get("outcome") != "failed"
        ]
        write_failure(draft, night, config.timezone, good[-1] if good else None)
        result.folder = publish_folder(draft, local_day(result, config))


def local_day(result: NightlyResult, config: Config) -> Any:
    """Return the date of a night: that of its start, in the configured zone."""
    return result.started_at.astimezone(ZoneInfo(config.timezone)).date()


def publish_night(result: NightlyResult, night: Night, desk: Desk, lake_name: str) -> dict[str, int]:
    """Point ``latest`` to a night's folder, remove old reports, write the index; return what was counted."""
    config = desk.config
    if result.folder is None:
        return {}
    save_facts(result, night, lake_name)
    point_to_latest(result.folder)
    removed = [] if config.keep_reports is None else remove_old_reports(config.reports, config.keep_reports, now())
    remove_drafts(config.reports, now())
    write_index(config.reports, read_history(desk), lake_name, config.timezone)
    return {"reports_removed": len(removed)}


def save_facts(result: NightlyResult, night: Night, lake_name: str) -> None:
    """Write what the index knows of a night into its folder."""
    if result.folder is not None:
        facts = {
            "schema_version": "1.0",
            "run_id": result.run_id,
            "lake": lake_name,
            "exit_code": int(result.exit_code),
        }
        page = PAGE if (result.folder / PAGE).exists() else None
        write_facts(result.folder, to_plain({**facts, "page": page, "night": night.describe()}))


def tell_people(result: NightlyResult, night: Night, desk: Desk, lake_name: str) -> list[dict[str, Any]] | None:
    """Send the night's message and tell the watchdog; return what became of both, None where nobody is named."""
    deliveries = _send(write_brief(result, night, desk, lake_name), desk.config) if list_targets() else []
    failed = result.exit_code not in (ExitCode.DONE, ExitCode.PARTLY_DONE)
    ping = ping_watchdog(failed=failed)
    if not list_targets() and ping is None:
        return None
    return [delivery.to_dict() for delivery in (*deliveries, *([ping] if ping is not None else []))]


def _send(brief: Brief, config: Config) -> list[Delivery]:
    """Send the message; one that cannot be written keeps nobody from telling the watchdog."""
    try:
        message = compose_message(brief, config)
        return send_message(message) if message is not None else []
    except SentinelError as error:
        return [Delivery("anybody", False, error.message)]


def write_brief(result: NightlyResult, night: Night, desk: Desk, lake_name: str) -> Brief:
    """Return what the night's message is made of."""
    config = desk.config
    news = (result.report.news if result.report is not None else None) or {}
    page = "" if result.folder is None else str(result.folder / PAGE)
    if result.folder is not None and config.notify_link is not None:
        page = f"{config.notify_link}/{result.folder.name}/{PAGE}"
    figures = count_night(result)
    severe = [trouble for trouble in night.troubles if trouble["level"] != "warning"]
    return Brief(
        lake=lake_name,
        date=local_day(result, config).isoformat(),
        outcome=night.outcome,
        # A night that repeats the report of another has told its news already.
        new=[] if night.quiet else _name(news.get("new", [])),
        grown=[] if night.quiet else _name(news.get("grown", [])),
        still_open=_count_open(desk, result.started_at),
        troubles=[{"what": _last_part(trouble["what"]), "message": trouble["message"]} for trouble in severe],
        calls=figures.get("records_inserted", 0),
        files=figures.get("files", 0),
        report=page,
    )


def _count_open(desk: Desk, before: datetime) -> int:
    """Count the open alerts that are older than a night, whatever the night examined."""
    try:
        alerts = desk.tables.read(FRAUD_ALERTS.name)
    except LakeNotFoundError:
        return 0
    return alerts.filter(pl.col("status").eq_missing("open") & (pl.col("created_at") < before)).height


def amend(result: NightlyResult, night: Night, desk: Desk, lake_name: str) -> None:
    """Say in the finished report, and in the index, what became of the message and what failed since."""
    if result.folder is None:
        return
    if result.report is not None:
        amend_report(result.folder, night, desk.config.timezone)
    save_facts(result, night, lake_name)
    write_index(desk.config.reports, read_history(desk), lake_name, desk.config.timezone)


def move_report(result: NightlyResult, folder: Path) -> None:
    """Note where a report lies after its folder got its name."""
    result.folder = folder
    if result.report is not None:
        files = {name: folder / getattr(result.report, name).name for name in ("html", "json", "alerts")}
        result.report = replace(result.report, **files)


def _name(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [{"suspect": row["suspect"], "severity": row["severity"] or "LOW", "reason": row["reason"]} for row in rows]


def _last_part(what: str) -> str:
    return what.rsplit("/", 1)[-1] or what
