"""Reading of alerts: lists, single ones, counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sentinel_batch.alerts.events import list_events
from sentinel_batch.alerts.states import STATUSES
from sentinel_batch.errors import AlertNotFoundError, UsageError
from sentinel_batch.lake import Lake, open_lake
from sentinel_batch.schema import FRAUD_ALERTS, SEVERITIES

if TYPE_CHECKING:
    import polars as pl

LISTED = ("open", "reviewed")
"""Statuses that a list shows unless others are asked for."""


def list_alerts(
    *,
    lake: Lake | str | Path | None = None,
    severity: str | Sequence[str] | None = None,
    reviewed: bool | None = None,
    suspect: str | None = None,
    since: datetime | None = None,
    status: str | Sequence[str] | None = None,
    limit: int | None = None,
) -> pl.DataFrame:
    """Return alerts, worst first: by severity, then most unique destinations, then oldest id.

    Parameters
    ----------
    lake
        The lake, its path, or None for the configured one.
    severity
        One severity or several, in any case; exactly these, not those and worse.
    reviewed
        True or False for alerts with or without a verdict.
    suspect
        A number, or a prefix followed by ``*``.
    since
        Only alerts whose suspect called at or after this time in the episode (``last_seen``).
    status
        One or several of :data:`STATUSES`, or ``all``. None means open and reviewed ones: suppressed and merged ones
        are kept, and counted by :func:`count_alerts`, but not shown unless asked for.
    limit
        At most so many rows; None for all.

    Returns
    -------
    polars.DataFrame
        Columns of ``fraud_alerts``.

    Raises
    ------
    UsageError
        If a filter has a value that is not allowed.
    """
    import polars as pl

    rows = open_lake(lake).scan(FRAUD_ALERTS.name).filter(pl.col("status").is_in(_chosen(status)))
    if severity is not None:
        rows = rows.filter(pl.col("alert_severity").is_in(_severities(severity)))
    if reviewed is not None:
        rows = rows.filter(pl.col("reviewed") == reviewed)
    if suspect is not None and suspect.endswith("*"):
        rows = rows.filter(pl.col("suspect_number").str.starts_with(suspect[:-1]))
    elif suspect is not None:
        rows = rows.filter(pl.col("suspect_number") == suspect)
    if since is not None:
        rows = rows.filter(pl.col("last_seen") >= _aware(since))
    if limit is not None and limit < 0:
        raise UsageError(f"The limit {limit} is negative.", hint="Allowed: 0 or more; leave it out for all alerts.")
    ordered = rows.sort(*severity_order(), descending=[True, True, False])
    return (ordered if limit is None else ordered.head(limit)).collect()


def get_alert(alert_id: int, *, lake: Lake | str | Path | None = None) -> dict[str, Any]:
    """Return one alert, whatever its status.

    Parameters
    ----------
    alert_id
        Its id.
    lake
        The lake, its path, or None for the configured one.

    Returns
    -------
    dict
        The columns of ``fraud_alerts``, and ``events``: its history, oldest first, as a list of dicts.

    Raises
    ------
    AlertNotFoundError
        If no alert has that id; the message names the nearest ones.
    """
    opened = open_lake(lake)
    row = find_rows(opened, [alert_id])[0]
    return {**row, "events": list_events(alert_id, lake=opened).to_dicts()}


def count_alerts(*, lake: Lake | str | Path | None = None) -> dict[str, int]:
    """Return the number of alerts of each status, those with none included."""
    import polars as pl

    counts = open_lake(lake).scan(FRAUD_ALERTS.name).group_by("status").agg(pl.len()).collect()
    return {status: 0 for status in STATUSES} | dict(counts.iter_rows())


def find_rows(lake: Lake, ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return the alerts of the ids, in their order, or name those that do not exist and their neighbours."""
    import polars as pl

    found = lake.scan(FRAUD_ALERTS.name).filter(pl.col("id").is_in(list(ids))).collect()
    rows = {row["id"]: row for row in found.to_dicts()}
    unknown = [alert_id for alert_id in ids if alert_id not in rows]
    if unknown:
        known = lake.scan(FRAUD_ALERTS.name).select("id").collect()["id"].to_list()
        nearest = sorted(sorted(known, key=lambda other: abs(other - unknown[0]))[:5])
        neighbours = ", ".join(map(str, nearest)) or "none, there are no alerts yet"
        raise AlertNotFoundError(
            f"There is no alert {', '.join(map(str, unknown))}. Nearest ids: {neighbours}.",
            hint="List the alerts: sentinel-batch alerts list.",
            unknown=unknown,
            nearest=nearest,
        )
    return [rows[alert_id] for alert_id in ids]


def severity_order() -> list[pl.Expr]:
    """Return the keys of the usual order: severity and unique destinations (both descending), then id."""
    import polars as pl

    ladder = {name: step for step, name in enumerate(SEVERITIES)}
    severity = pl.col("alert_severity").replace_strict(ladder, default=-1, return_dtype=pl.Int8)
    return [severity, pl.col("unique_destinations").fill_null(-1), pl.col("id")]


def _chosen(status: str | Sequence[str] | None) -> list[str]:
    if status is None:
        return list(LISTED)
    chosen = [status] if isinstance(status, str) else list(status)
    if chosen == ["all"]:
        return list(STATUSES)
    for name in chosen:
        if name not in STATUSES:
            raise UsageError(f"{name!r} is no status of an alert.", hint=f"Allowed: {', '.join(STATUSES)}, all.")
    return chosen


def _severities(severity: str | Sequence[str]) -> list[str]:
    chosen = [severity] if isinstance(severity, str) else list(severity)
    for name in chosen:
        if name.upper() not in SEVERITIES:
            raise UsageError(f"{name!r} is no severity.", hint=f"Allowed: {', '.join(SEVERITIES)}.")
    return [name.upper() for name in chosen]


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise UsageError(f"The time {moment} has no time zone.", hint="Pass a datetime with tzinfo, such as UTC.")
    return moment
