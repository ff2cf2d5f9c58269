"""Reading of alerts: lists, single ones, counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl

from sentinel_batch.alerts.events import read_events
from sentinel_batch.alerts.states import STATUSES
from sentinel_batch.desk import ConfigLike, DeskLike, open_desk
from sentinel_batch.errors import AlertNotFoundError, UsageError
from sentinel_batch.lake import Snapshot
from sentinel_batch.numbers import list_readings
from sentinel_batch.schema import FRAUD_ALERTS, SEVERITIES
from sentinel_batch.severity import severity_rank

LISTED = ("open", "reviewed")
"""Statuses that a list shows unless others are asked for."""

_LONGEST_ID = 6
"""Digits that an id may have without being taken for a number."""


def list_alerts(
    *,
    lake: DeskLike = None,
    config: ConfigLike = None,
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
    desk = open_desk(lake, config)
    rows = desk.tables.scan(FRAUD_ALERTS.name).filter(pl.col("status").is_in(_chosen(status)))
    if severity is not None:
        rows = rows.filter(pl.col("alert_severity").is_in(_severities(severity)))
    if reviewed is not None:
        rows = rows.filter(pl.col("reviewed") == reviewed)
    if suspect is not None:
        rows = rows.filter(matches_number(pl.col("suspect_number"), suspect, desk.config.region))
    if since is not None:
        rows = rows.filter(pl.col("last_seen") >= _aware(since))
    if limit is not None and limit < 0:
        raise UsageError(f"The limit {limit} is negative.", hint="Allowed: 0 or more; leave it out for all alerts.")
    ordered = rows.sort(*severity_order(), descending=[True, True, False])
    return (ordered if limit is None else ordered.head(limit)).collect()


def matches_number(number: pl.Expr, wanted: str, region: str) -> pl.Expr:
    """Tell which numbers are the wanted one, in whatever notation, or begin with a prefix that ends in ``*``."""
    readings = list_readings(wanted, region)
    if not wanted.endswith("*"):
        return number.is_in(readings)
    return pl.any_horizontal(number.str.starts_with(reading) for reading in readings)


def get_alert(alert_id: int, *, lake: DeskLike = None, config: ConfigLike = None) -> dict[str, Any]:
    """Return one alert, whatever its status.

    Parameters
    ----------
    alert_id
        Its id.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Returns
    -------
    dict
        The columns of ``fraud_alerts``, and ``events``: its history, oldest first, as a list of dicts.

    Raises
    ------
    AlertNotFoundError
        If no alert has that id; the message names the nearest ones.
    """
    tables = open_desk(lake, config).tables
    [row] = find_rows(tables, [alert_id])
    return {**row, "events": read_events(tables, [alert_id]).to_dicts()}


def count_alerts(*, lake: DeskLike = None, config: ConfigLike = None) -> dict[str, int]:
    """Return the number of alerts of each status, those with none included.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    """
    counts = open_desk(lake, config).tables.scan(FRAUD_ALERTS.name).group_by("status").agg(pl.len()).collect()
    return {status: 0 for status in STATUSES} | dict(counts.iter_rows())


def find_rows(tables: Snapshot, ids: Sequence[int]) -> list[dict[str, Any]]:
    """Return the alerts of the ids, in their order, or name those that do not exist and their neighbours."""
    found = tables.scan(FRAUD_ALERTS.name).filter(pl.col("id").is_in(list(ids))).collect()
    rows = {row["id"]: row for row in found.to_dicts()}
    unknown = [alert_id for alert_id in ids if alert_id not in rows]
    if unknown:
        known = tables.scan(FRAUD_ALERTS.name).select("id").collect()["id"].to_list()
        if len(str(unknown[0])) > max(_LONGEST_ID, len(str(max(known, default=0)))):
            raise AlertNotFoundError(
                f"There is no alert {unknown[0]}, and no id has so many digits: it looks like a number.",
                hint=f"Alerts of numbers that begin so: sentinel-batch alerts list --suspect '{unknown[0]}*'",
                unknown=unknown,
                nearest=[],
            )
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
    return [severity_rank(), pl.col("unique_destinations").fill_null(-1), pl.col("id")]


def _chosen(status: str | Sequence[str] | None) -> list[str]:
    if status is None:
        return list(LISTED)
    chosen = [status] if isinstance(status, str) else list(status)
    if chosen == ["all"]:
        return list(STATUSES)
    for name in chosen:
        if name not in STATUSES:
            raise UsageError(f"{name!r} is not a status of alerts.", hint=f"Allowed: {', '.join(STATUSES)}, all.")
    return chosen


def _severities(severity: str | Sequence[str]) -> list[str]:
    chosen = [severity] if isinstance(severity, str) else list(severity)
    for name in chosen:
        if name.upper() not in SEVERITIES:
            raise UsageError(f"{name!r} is not a severity.", hint=f"Allowed: {', '.join(SEVERITIES)}.")
    return [name.upper() for name in chosen]


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise UsageError(f"The time {moment} has no time zone.", hint="Pass a datetime with tzinfo, such as UTC.")
    return moment
