"""What lies behind each alert: read for all alerts at once, in one pass over the call records."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from sentinel_batch.alerts.events import ALERT_HISTORY
from sentinel_batch.reporting.period import scan_calls

if TYPE_CHECKING:
    from sentinel_batch.lake import Snapshot
    from sentinel_batch.reporting.period import Period

TOP_CALLEES = 5
EDGE_CALLS = 3
"""Calls shown at either end of the window."""

SOURCE_FILES = 3
EVENTS = 5
MAX_BUCKETS = 48
"""Windows longer than 48 hours are counted in 48 equal parts instead of hours."""

LONGEST_WINDOW = timedelta(days=28)
"""Of a longer window only its end is told: a box may work for a year, and a report must not read a year of calls."""

_HOUR_US = 3_600_000_000
_TEXTS = ("caller_number", "callee_number", "location_code", "source_file")
_CALL = ("call_timestamp", "callee_number", "duration_seconds")
_MOMENT = pl.col("call_timestamp")


def end_windows(alerts: pl.DataFrame) -> pl.DataFrame:
    """Return alerts with the windows that are told: the last part of one that is longer than :data:`LONGEST_WINDOW`."""
    windows = alerts.select("window_start", "window_end").iter_rows()
    told = [begin_window(start, end) if start and end else start for start, end in windows]
    return alerts.with_columns(pl.Series("window_start", told, dtype=alerts.schema["window_start"]))


def begin_window(start: datetime, end: datetime) -> datetime:
    """Return from when on a window is told: from its start, or the last :data:`LONGEST_WINDOW` of a longer one."""
    return max(start, end - LONGEST_WINDOW)


def read_suspect_calls(tables: Snapshot, alerts: pl.DataFrame, period: Period) -> pl.DataFrame:
    """Return every call of the suspects of alerts, in their windows and in the period, with text as categories."""
    first, last = _covering(alerts, period)
    suspects = alerts["suspect_number"].drop_nulls().unique()
    calls = scan_calls(tables, first, last).filter(pl.col("caller_number").is_in(suspects.implode()))
    columns = (pl.col(name).cast(pl.Categorical) for name in _TEXTS)
    return calls.select(*columns, "call_timestamp", "duration_seconds", "source_line").collect()


def join_calls(calls: pl.DataFrame, alerts: pl.DataFrame) -> pl.DataFrame:
    """Return the calls behind alerts: those of the suspect in the window, with the alert's ``id`` and a ``bucket``."""
    scope = _bound(alerts).with_columns(pl.col("suspect_number").cast(pl.Categorical))
    joined = calls.join(scope, left_on="caller_number", right_on="suspect_number")
    inside = (pl.col("window_start") < _MOMENT) & (pl.col("window_end") >= _MOMENT)
    since = (_MOMENT - pl.col("window_start")).dt.total_microseconds() - 1
    return joined.filter(inside).with_columns(bucket=since // pl.col("bucket_us")).drop("window_start", "window_end")


def gather_evidence(tables: Snapshot, behind: pl.DataFrame, alerts: pl.DataFrame) -> dict[int, dict[str, Any]]:
    """Sum up what lies behind alerts.

    Parameters
    ----------
    tables
        Where the alerts' history is.
    behind
        From :func:`join_calls`.
    alerts
        Rows of ``fraud_alerts``.

    Returns
    -------
    dict
        Alert id to evidence, as in ``report.schema.json``.
    """
    found: dict[int, dict[str, Any]] = {row["id"]: _blank(row) for row in _bound(alerts).iter_rows(named=True)}
    for row in _sum_figures(behind).iter_rows(named=True):
        evidence = found[row.pop("id")]
        evidence["figures"] = {**row, "average": round(row["average"], 4)}
    for alert_id, bucket, calls in behind.group_by("id", "bucket").len().iter_rows():
        found[alert_id]["calls_by_time"]["counts"][bucket] = calls
    for alert_id, callee, calls in _rank_callees(behind).iter_rows():
        found[alert_id]["top_callees"].append({"callee_number": callee, "calls": calls})
    for name, edge in zip(("first_calls", "last_calls"), _cut_edges(behind), strict=True):
        for alert_id, *call in edge.iter_rows():
            found[alert_id][name].append(dict(zip(_CALL, call, strict=True)))
    for row in _rank_sources(behind).iter_rows(named=True):
        evidence = found[row.pop("id")]
        evidence["source_files"] = row.pop("files")
        evidence["sources"].append(row)
    for alert_id, events in _history(tables, list(found)).items():
        found[alert_id]["events"] = events
    return found


def gather_calls(behind: pl.DataFrame, alerts: pl.DataFrame) -> dict[int, pl.DataFrame]:
    """Return all calls behind alerts, by id: ``call_timestamp, callee_number, duration_seconds, location_code``."""
    rows = behind.filter(pl.col("id").is_in(alerts["id"].implode())).select("id", *_CALL, "location_code")
    ordered = rows.with_columns(pl.col("callee_number", "location_code").cast(pl.String)).sort("id", *_CALL)
    parts = ordered.partition_by("id", as_dict=True, include_key=False, maintain_order=True)
    return {int(alert_id): part for (alert_id,), part in parts.items()}


def gather_cells(calls: pl.DataFrame, period: Period) -> pl.DataFrame:
    """Return the cell that each suspect called from most in a period: ``suspect_number, cell, calls``."""
    inside = calls.filter(_MOMENT.is_between(period.first_instant, period.until)).drop_nulls("location_code")
    counts = inside.group_by(suspect_number="caller_number", cell="location_code").len("calls")
    ordered = counts.with_columns(pl.col("suspect_number", "cell").cast(pl.String)).sort(
        "suspect_number", "calls", "cell", descending=[False, True, False]
    )
    return ordered.unique("suspect_number", keep="first", maintain_order=True)


def gather_activity(calls: pl.DataFrame, suspects: list[str], period: Period, bucket_seconds: int) -> pl.DataFrame:
    """Count the calls of some suspects by time.

    Returns
    -------
    polars.DataFrame
        ``caller_number``, ``bucket`` (number of buckets since 1970, UTC), ``calls``.
    """
    inside = _MOMENT.is_between(period.first_instant, period.until)
    wanted = pl.DataFrame({"caller_number": pl.Series(suspects, dtype=pl.Categorical)})
    bucket = _MOMENT.dt.epoch("us") // (bucket_seconds * 1_000_000)
    rows = calls.filter(inside).join(wanted, on="caller_number", how="semi")
    counts = rows.group_by("caller_number", bucket.alias("bucket")).agg(pl.len().cast(pl.Int64).alias("calls"))
    return counts.with_columns(pl.col("caller_number").cast(pl.String)).sort("caller_number", "bucket")


def _bound(alerts: pl.DataFrame) -> pl.DataFrame:
    """The windows of alerts, and the length of the parts in which their calls are counted."""
    width = (pl.col("window_end") - pl.col("window_start")).dt.total_microseconds()
    part = pl.max_horizontal(pl.lit(_HOUR_US), (width + MAX_BUCKETS - 1) // MAX_BUCKETS)
    return alerts.select("id", "suspect_number", "window_start", "window_end", part.alias("bucket_us"))


def _sum_figures(behind: pl.DataFrame) -> pl.DataFrame:
    seconds = pl.col("duration_seconds")
    return behind.group_by("id").agg(
        calls=pl.len(), callees=pl.col("callee_number").n_unique(), shortest=seconds.min(), longest=seconds.max(),
        average=seconds.mean(), zero_seconds=(seconds == 0).sum(),
    )  # fmt: skip


def _rank_callees(behind: pl.DataFrame) -> pl.DataFrame:
    counts = behind.group_by("id", "callee_number").len("calls")
    enough = counts.group_by("id").agg(least=pl.col("calls").top_k(TOP_CALLEES).min())
    # Few are left before names decide between equals: to sort texts is what costs.
    few = counts.join(enough, on="id").filter(pl.col("calls") >= pl.col("least")).drop("least")
    named = few.with_columns(pl.col("callee_number").cast(pl.String))
    ordered = named.sort("id", "calls", "callee_number", descending=[False, True, False])
    return ordered.group_by("id", maintain_order=True).head(TOP_CALLEES)


def _cut_edges(behind: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The first and the last calls; a call that is among the first is not told again."""
    bounds = behind.group_by("id").agg(
        early=_MOMENT.bottom_k(EDGE_CALLS).max(), late=_MOMENT.top_k(EDGE_CALLS).min(), calls=pl.len().cast(pl.Int64)
    )
    near = behind.select("id", *_CALL).join(bounds, on="id")
    few = near.filter((pl.col("early") >= _MOMENT) | (pl.col("late") <= _MOMENT))
    ordered = few.with_columns(pl.col("callee_number").cast(pl.String)).sort("id", *_CALL)
    from_end = pl.len().over("id") - pl.int_range(pl.len()).over("id")
    late = ordered.filter(from_end <= pl.min_horizontal(pl.lit(EDGE_CALLS), pl.col("calls") - EDGE_CALLS))
    return ordered.group_by("id", maintain_order=True).head(EDGE_CALLS).select("id", *_CALL), late.select("id", *_CALL)


def _rank_sources(behind: pl.DataFrame) -> pl.DataFrame:
    line = pl.col("source_line")
    counts = behind.group_by("id", pl.col("source_file").cast(pl.String)).agg(
        first_line=line.min(), last_line=line.max(), calls=pl.len()
    )
    ordered = counts.with_columns(files=pl.len().over("id")).sort(
        "id", "calls", "source_file", descending=[False, True, False]
    )
    return ordered.group_by("id", maintain_order=True).head(SOURCE_FILES)


def _covering(alerts: pl.DataFrame, period: Period) -> tuple[datetime, datetime]:
    starts = [period.first_instant, *alerts["window_start"].drop_nulls().to_list()]
    ends = [period.until, *alerts["window_end"].drop_nulls().to_list()]
    return min(starts), max(ends)


def _blank(row: dict[str, Any]) -> dict[str, Any]:
    start, end, width = row["window_start"], row["window_end"], row["bucket_us"]
    known = start is not None and end is not None
    length = int((end - start).total_seconds() * 1_000_000) if known else 0
    return {
        "figures": None,
        "calls_by_time": {"bucket_seconds": (width or _HOUR_US) / 1e6, "counts": [0] * -(-length // (width or 1))},
        "top_callees": [],
        "first_calls": [],
        "last_calls": [],
        "sources": [],
        "source_files": 0,
        "events": [],
    }


def _history(tables: Snapshot, ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    """The latest changes of each alert that were committed."""
    latest = (
        ALERT_HISTORY.read(tables, pl.col("alert_id").is_in(ids))
        .sort("alert_id", "at", "event", "field", nulls_last=True, maintain_order=True)
        .group_by("alert_id", maintain_order=True)
        .tail(EVENTS)
    )
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in latest.drop("commit_id").iter_rows(named=True):
        found[row.pop("alert_id")].append(row)
    return found
