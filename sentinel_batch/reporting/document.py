"""The report as a JSON document, as ``report.schema.json`` describes it."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import polars as pl

from batch_base.plain import to_plain
from sentinel_batch.reporting.recordings import describe_voices
from sentinel_batch.schema import SEVERITIES

if TYPE_CHECKING:
    from sentinel_batch.reporting.collection import Report

SCHEMA_VERSION = "1.6"
"""Grows in its second part when keys are added, in its first when they change or go."""


def build_document(report: Report) -> dict[str, Any]:
    """Return the report's JSON document, with texts, numbers, lists and dictionaries only."""
    period = report.period
    document: dict[str, Any] = to_plain(
        {
            "schema_version": SCHEMA_VERSION,
            "generator": {"name": "sentinel-batch", "version": _version()},
            "generated_at": report.generated_at,
            "run_id": report.run_id,
            "timezone": report.timezone,
            "period": period
            and {"since": period.since, "until": period.until, "includes_since": period.includes_since},
            "night": report.night and report.night.describe(),
            "lost_files": [dict(file) for file in report.lost_files],
            "news": report.news,
            "comparison": report.comparison,
            "volume": report.volume,
            "quality": report.quality,
            "detection": report.detection,
            "failed_rules": [dict(rule) for rule in report.failed_rules],
            "guidance": [dict(entry) for entry in report.guidance],
            "alerts_total": report.alerts.height,
            "alerts_shown": report.shown.height,
            "alerts_unreviewed": report.alerts.filter(~report.alerts["reviewed"].fill_null(False)).height,
            "alerts_suppressed": report.suppressed.height,
            "by_severity": count_severities(report.alerts),
            "by_rule": _by_rule(report.alerts),
            "suppressed": report.suppressed.select(
                "id", "suspect_number", "alert_severity", "detection_rule", "first_seen", "last_seen"
            ).to_dicts(),
            "calls_by_hour": report.hours.to_dicts(),
            "recordings": describe_voices(report.voices),
            **report.boxes.describe(),
            **report.investigation.describe(),
            "alerts": [_alert(row, report.evidence) for row in report.shown.iter_rows(named=True)],
        }
    )
    return document


def dump_document(document: dict[str, Any]) -> str:
    """Write a document as text, in the order it was built: one line a key, and one a row of what is a list of rows."""
    lines = [f"{json.dumps(key)}: {_dump_value(value)}" for key, value in document.items()]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _dump_value(value: Any) -> str:
    # Indenting is the slow path of the standard library: seven times the time.
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(_dump(row) for row in value) + "\n]"
    return _dump(value)


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def load_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the document."""
    text = files("sentinel_batch.reporting").joinpath("report.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


def count_severities(alerts: pl.DataFrame) -> dict[str, dict[str, int]]:
    """Count alerts and those not yet reviewed, by severity, worst first."""
    counts = {}
    for severity in reversed(SEVERITIES):
        rows = alerts.filter(alerts["alert_severity"] == severity)
        reviewed = int(rows["reviewed"].fill_null(False).sum())
        counts[severity] = {"alerts": rows.height, "unreviewed": rows.height - reviewed}
    return counts


def _by_rule(alerts: pl.DataFrame) -> list[dict[str, Any]]:
    return (
        alerts.group_by("detection_rule", "alert_severity")
        .len("alerts")
        .sort("detection_rule", "alert_severity")
        .to_dicts()
    )


def _alert(row: dict[str, Any], evidence: dict[int, dict[str, Any]]) -> dict[str, Any]:
    objects = {"parameters": _object(row["parameters"]), "rule_evidence": _object(row["evidence"])}
    return {**row, **objects, "evidence": evidence.get(row["id"])}


def _object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _version() -> str:
    try:
        return version("sentinel-batch")
    except PackageNotFoundError:
        return "unknown"
