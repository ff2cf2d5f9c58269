"""Alerts as files: Parquet, CSV, JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sentinel_batch.alerts.files import check_suffix, export_rows, json_rows
from sentinel_batch.alerts.queries import list_alerts
from sentinel_batch.desk import ConfigLike, DeskLike

EXPORT_VERSION = 1
"""Version of the JSON document; a change that breaks readers raises it."""


def export_alerts(
    path: str | Path,
    *,
    lake: DeskLike = None,
    config: ConfigLike = None,
    severity: str | Sequence[str] | None = None,
    reviewed: bool | None = None,
    suspect: str | None = None,
    since: datetime | None = None,
    status: str | Sequence[str] | None = "all",
    limit: int | None = None,
) -> Path:
    """Write alerts to one plain file, which appears complete or not at all.

    Parameters
    ----------
    path
        Ends in ``.parquet``, ``.csv``, ``.xlsx`` (in both, text that a spreadsheet would run as a formula gets a
        leading apostrophe) or ``.json``.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    severity
        One severity or several, in any case; exactly these, not those and worse.
    reviewed
        True or False for alerts with or without a verdict.
    suspect
        A number, or a prefix followed by ``*``.
    since
        Only alerts whose suspect called at or after this time in the episode (``last_seen``).
    status
        One status or several, or ``all``.
    limit
        At most so many rows; None for all.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    UsageError
        If the suffix is not one of these, the folder does not exist or cannot be written, or a filter is not allowed.
    """
    target = check_suffix(path, "Alerts")
    alerts = list_alerts(
        lake=lake, config=config, severity=severity, reviewed=reviewed, suspect=suspect, since=since, status=status,
        limit=limit,
    )  # fmt: skip

    def describe() -> dict[str, Any]:
        return {"version": EXPORT_VERSION, "count": alerts.height, "alerts": json_rows(alerts)}

    return export_rows(target, alerts, alerts, describe)
