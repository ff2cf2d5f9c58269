"""History of alerts: one row per change in table ``alert_events``, written before the change and never altered.

An event counts only once the commit that it belongs to is in the log of ``fraud_alerts``.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentinel_batch.lake import Lake, open_lake
from sentinel_batch.runs import new_run_id
from sentinel_batch.schema import ALERT_EVENTS, FRAUD_ALERTS, polars_schema

if TYPE_CHECKING:
    import polars as pl

DETECTION = "detection"
"""Actor of the changes that a detection makes."""


def new_event(
    alert_id: int,
    at: datetime,
    event: str,
    *,
    actor: str = DETECTION,
    field: str | None = None,
    before: Any = None,
    after: Any = None,
    note: str = "",
) -> dict[str, Any]:
    """Return a row of ``alert_events``, still without its commit id."""
    return {
        "alert_id": alert_id,
        "at": at,
        "actor": actor,
        "event": event,
        "field": field,
        "before": _text(before),
        "after": _text(after),
        "note": note,
    }


def describe_changes(
    before: dict[str, Any],
    after: dict[str, Any],
    columns: Iterable[str],
    at: datetime,
    event: str,
    *,
    actor: str = DETECTION,
    note: str = "",
) -> list[dict[str, Any]]:
    """Return one event for each of the columns whose value changed."""
    return [
        new_event(after["id"], at, event, actor=actor, field=name, before=before[name], after=after[name], note=note)
        for name in columns
        if before[name] != after[name]
    ]


def commit_alerts(lake: Lake, alerts: pl.DataFrame, events: list[dict[str, Any]]) -> None:
    """Replace the alerts and add their events, so that both become visible at once; call it under the lake's lock."""
    import polars as pl

    commit_id = new_run_id()
    rows = pl.DataFrame(events, schema=polars_schema(ALERT_EVENTS.columns)).with_columns(commit_id=pl.lit(commit_id))
    lake.append(ALERT_EVENTS.name, rows)
    lake.overwrite(FRAUD_ALERTS.name, alerts.sort("id"), commit_id=commit_id)


def list_events(alert_id: int | Iterable[int] | None = None, *, lake: Lake | str | Path | None = None) -> pl.DataFrame:
    """Return the history of alerts, oldest change first.

    Parameters
    ----------
    alert_id
        Id of one alert, or ids of several; None returns the history of all.
    lake
        The lake, its path, or None for the configured one.

    Returns
    -------
    polars.DataFrame
        Columns of ``alert_events``; changes whose commit never happened are left out.
    """
    import polars as pl

    opened = open_lake(lake)
    rows = opened.scan(ALERT_EVENTS.name)
    if alert_id is not None:
        ids = [alert_id] if isinstance(alert_id, int) else list(alert_id)
        rows = rows.filter(pl.col("alert_id").is_in(ids))
    found = rows.collect()
    committed = opened.committed(FRAUD_ALERTS.name, found["commit_id"].unique())
    return found.filter(pl.col("commit_id").is_in(list(committed))).sort("at", "alert_id", maintain_order=True)


def actor_name(by: str | None) -> str:
    """Return who acts: the given name, else the user of the session, else ``unknown``."""
    if by and by.strip():
        return by.strip()
    if os.environ.get("USER"):
        return os.environ["USER"]
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def _text(value: Any) -> str | None:
    if value is None:
        return None
    return f"{value:%Y-%m-%dT%H:%M:%S.%fZ}" if isinstance(value, datetime) else str(value)
