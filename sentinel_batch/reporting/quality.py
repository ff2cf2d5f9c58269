"""How far the data behind a report can be trusted: the accounting identity, rejects, gaps."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from sentinel_batch.schema import CALL_RECORDS, INGESTS, REJECTED_RECORDS, ROW_ENDS, RUNS

if TYPE_CHECKING:
    from sentinel_batch.lake import Snapshot
    from sentinel_batch.reporting.period import Period

_COUNTS = (
    "records_processed",
    "records_inserted",
    "duplicates_skipped",
    "legs_collapsed",
    "records_rejected",
    "records_skipped",
)
_DETECTING = ("detect", "rules run", "nightly")
_LATEST_RUNS = 5
_TOLERANCE = timedelta(milliseconds=1)  # The log of the lake knows the newest call to the millisecond only.
_HOUR = 3600


def measure_quality(tables: Snapshot, period: Period | None, run_id: str | None, hours: pl.DataFrame) -> dict[str, Any]:
    """Account for every input row of the files behind the period.

    A file counts whole when its calls overlap the period, or when ``run_id`` brought it in. Only ingests that were
    committed count, and so do their rejects.

    Parameters
    ----------
    tables
        Where ingests and rejects are.
    period
        The report's period; None is everything.
    run_id
        The run that the report is about, if any.
    hours
        ``start`` (UTC) and ``calls`` of the hours of the period that have calls.

    Returns
    -------
    dict
        ``quality`` of ``report.schema.json``. ``identity_holds`` says whether
        processed = inserted + duplicates + rejected + skipped + refused.
    """
    ingests = _scoped(tables.read(INGESTS.name), period, run_id)
    committed = tables.committed(CALL_RECORDS.name, ingests["ingest_id"].to_list())
    ingests = ingests.filter(pl.col("ingest_id").is_in(list(committed)))
    counts = {name: int(ingests[name].sum() or 0) for name in _COUNTS}
    everything = period is None or (period.includes_since and run_id is None)
    refused = _refused(tables, None if everything else {*ingests["run_id"].drop_nulls(), *([run_id] if run_id else [])})
    counts["records_processed"] += refused
    counts["records_refused"] = refused
    accounted = sum(counts[name] for name in ROW_ENDS)
    return {
        "files": ingests.height,
        **counts,
        "identity_holds": counts["records_processed"] == accounted,
        "rejects_by_reason": _rejects(tables, ingests["ingest_id"].to_list()),
        "gaps": _gaps(hours, period),
    }


def measure_coverage(tables: Snapshot, period: Period | None, examined_by: str | None = None) -> dict[str, Any]:
    """Tell which part of the period detection has examined; "no alerts" means nothing elsewhere.

    Runs with other parameters than the rule's configured ones do not count.

    Parameters
    ----------
    tables
        Where the runs are.
    period
        The report's period.
    examined_by
        A run that has examined all of it, but is not recorded yet because it goes on.

    Returns
    -------
    dict
        ``detection`` of ``report.schema.json``: ``runs`` (the latest ones, newest first), the ``examined`` spans inside
        the period, and whether that is ``complete``.
    """
    if period is None:
        return {"runs": [], "examined": [], "complete": False}
    runs = (
        tables.scan(RUNS.name)
        .filter(
            pl.col("command").is_in(_DETECTING)
            & (pl.col("outcome") != "failed")
            & (pl.col("since") < period.until)
            & (pl.col("until") >= period.first_instant)
        )
        .sort("since", "run_id")
        .collect()
    )
    spans: list[dict[str, datetime]] = []
    official = [run for run in runs.iter_rows(named=True) if _facts(run["parameters"]).get("configured", True)]
    examined = [(run["since"], run["until"]) for run in official]
    for since, until in [(period.since, period.until)] if examined_by else examined:
        begin, end = max(since, period.since), min(until, period.until)
        if spans and begin - _TOLERANCE <= spans[-1]["until"]:
            spans[-1]["until"] = max(end, spans[-1]["until"])
        else:
            spans.append({"since": begin, "until": end})
    return {
        "runs": sorted({run["run_id"] for run in official} | ({examined_by} if examined_by else set()))[::-1][
            :_LATEST_RUNS
        ],
        "examined": spans,
        "complete": len(spans) == 1
        and spans[0]["since"] - period.since <= _TOLERANCE
        and period.until - spans[0]["until"] <= _TOLERANCE,
    }


def _scoped(ingests: pl.DataFrame, period: Period | None, run_id: str | None) -> pl.DataFrame:
    if period is None or (period.includes_since and run_id is None):
        return ingests
    overlaps = (pl.col("first_call") <= period.until) & (pl.col("last_call") >= period.first_instant)
    own = pl.col("run_id") == run_id if run_id is not None else pl.lit(False)
    return ingests.filter(overlaps.fill_null(False) | own.fill_null(False))


def _refused(tables: Snapshot, run_ids: set[str] | None) -> int:
    """Rows of files that were refused whole: they left no ingest, only a count in their run."""
    rows = tables.scan(RUNS.name)
    runs = (rows if run_ids is None else rows.filter(pl.col("run_id").is_in(list(run_ids)))).collect()
    counts: dict[str, int] = {}
    for run in runs.iter_rows(named=True):
        refused = _facts(run["counts"]).get("records_refused", 0)
        if isinstance(refused, int):
            counts[run["run_id"]] = max(refused, counts.get(run["run_id"], 0))
    return sum(counts.values())


def _facts(text: str | None) -> dict[str, Any]:
    try:
        facts = json.loads(text or "{}")
    except ValueError:
        return {}
    return facts if isinstance(facts, dict) else {}


def _rejects(tables: Snapshot, ingest_ids: list[str]) -> list[dict[str, Any]]:
    return (
        tables.scan(REJECTED_RECORDS.name)
        .filter(pl.col("ingest_id").is_in(ingest_ids))
        .group_by("reason")
        .agg(pl.len().alias("records"))
        .sort("records", "reason", descending=[True, False])
        .collect()
        .to_dicts()
    )


def _gaps(hours: pl.DataFrame, period: Period | None) -> list[dict[str, Any]]:
    """Runs of whole hours, inside the period, in which nobody called."""
    if period is None:
        return []
    step = timedelta(hours=1)
    begin, end = _floor(period.since), _floor(period.until)
    begin += step if period.since > begin else timedelta(0)
    busy = [start for start in hours.sort("start")["start"].to_list() if begin <= start < end]
    gaps, expected = [], begin
    for start in [*busy, end]:
        if start > expected:
            gaps.append({"since": expected, "until": start, "hours": int((start - expected) / step)})
        expected = start + step
    return gaps


def _floor(moment: datetime) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() // _HOUR * _HOUR, UTC)
