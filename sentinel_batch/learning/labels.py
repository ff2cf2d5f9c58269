"""Where labels come from: verdicts of analysts and of others, or the truth beside simulated calls."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from sentinel_batch.errors import ModelError
from sentinel_batch.lake import Snapshot
from sentinel_batch.learning.history import find_days
from sentinel_batch.schema import FRAUD_ALERTS, OUTSIDE_LABELS

SOURCES = ("verdicts", "truth", "both")
"""What labels may be taken from; with ``both``, a verdict goes before the truth."""

TRUTH = Path("simulation") / "truth.parquet"
"""Where a simulated lake keeps its truth."""

_TRUTH_COLUMNS = ("number", "role", "kind", "strategy", "box_id", "first_day", "last_day")


def read_truth(tables: Snapshot) -> pl.DataFrame:
    """Return the truth of a simulated lake: ``number, role, kind, strategy, box_id, first_day, last_day``.

    Raises
    ------
    ModelError
        If the lake has none, or it lacks a column.
    """
    file = tables.path / TRUTH
    if not file.is_file():
        raise ModelError(
            f"There is no truth at {file}: the calls are not simulated.",
            hint="Take labels from verdicts (--labels verdicts), or simulate: sentinel-batch sim population.",
            file=str(file),
        )
    try:
        found = pl.read_parquet(file)
    except (pl.exceptions.PolarsError, OSError) as error:
        first = next(iter(str(error).splitlines()), "")
        raise ModelError(f"{file} cannot be read: {first}", hint="Simulate again.", file=str(file)) from error
    missing = [column for column in _TRUTH_COLUMNS if column not in found.columns]
    if missing:
        raise ModelError(f"{file} lacks the columns {', '.join(missing)}.", hint="Simulate again.", missing=missing)
    return found.select(_TRUTH_COLUMNS)


def has_truth(tables: Snapshot) -> bool:
    """Tell whether the lake was simulated, with its truth kept."""
    return (tables.path / TRUTH).is_file()


def label_by_truth(numbers: pl.DataFrame, truth: pl.DataFrame, kinds: Sequence[str] | None = None) -> pl.DataFrame:
    """Add ``label, kind, strategy, box_id`` to rows of ``number, day, days``.

    A number is fraudulent on a day if its fraud took place in the trailing days; numbers that the truth does not name
    are ordinary subscribers. Frauds of other kinds than ``kinds`` are left out.
    """
    fraud = pl.col("role") == "fraud"
    begun = pl.col("first_day").fill_null(date.min) <= pl.col("day")
    lasting = pl.col("last_day").fill_null(date.max) > pl.col("day") - pl.duration(days=pl.col("days"))
    joined = numbers.join(truth, on="number", how="left").with_columns(fraud=fraud.fill_null(False))
    if kinds is not None:
        joined = joined.filter(~pl.col("fraud") | pl.col("kind").is_in(list(kinds)))
    return joined.filter(~pl.col("fraud") | lasting).with_columns(label=(pl.col("fraud") & begun).cast(pl.Int8))


def read_verdicts(tables: Snapshot, days: pl.DataFrame) -> pl.DataFrame:
    """Return ``number, day, label`` of alerts that were confirmed or found false, and of labels from outside.

    The day is the one on which the alert's window ended, or that the label is dated; a label from after the last day
    counts on the last one. ``watch`` and ``unknown`` are no labels. Of several on a number and day, fraud counts.
    """
    both = pl.concat([_read_reviews(tables, days), _read_outside(tables, days)])
    return both.group_by("number", "day").agg(pl.col("label").max()).sort("number", "day")


def _read_outside(tables: Snapshot, days: pl.DataFrame) -> pl.DataFrame:
    rows = tables.read(OUTSIDE_LABELS.name).filter(pl.col("label") != "unknown")
    dated = rows.select("number", "labelled_on", label=(pl.col("label") == "positive").cast(pl.Int8)).sort(
        "labelled_on"
    )
    known = days.select("local_date", day="local_date").sort("local_date")
    joined = dated.join_asof(known, left_on="labelled_on", right_on="local_date", strategy="backward")
    return joined.filter(pl.col("day").is_not_null()).select("number", "day", "label")


def _read_reviews(tables: Snapshot, days: pl.DataFrame) -> pl.DataFrame:
    alerts = tables.read(FRAUD_ALERTS.name).filter(pl.col("disposition").is_in(["confirmed", "false-positive"]))
    dated = alerts.with_columns(find_days(days, alerts["window_end"]).alias("day"))
    return (
        dated.filter(pl.col("day").is_not_null())
        .group_by(pl.col("suspect_number").alias("number"), "day")
        .agg(label=(pl.col("disposition") == "confirmed").any().cast(pl.Int8))
        .select("number", "day", "label")
    )


def known_numbers(tables: Snapshot) -> pl.Series:
    """Return every number that has, or had, an alert or a label from outside: they are no background."""
    alerted = tables.scan(FRAUD_ALERTS.name).select(number="suspect_number")
    labelled = tables.scan(OUTSIDE_LABELS.name).select("number")
    return pl.concat([alerted, labelled]).unique().collect()["number"]


def check_source(labels: str) -> str:
    """Return the source of labels, or raise :class:`ModelError` if there is no such source."""
    if labels in SOURCES:
        return labels
    raise ModelError(f"Labels cannot come from {labels!r}.", hint=f"Allowed: {', '.join(SOURCES)}.", value=labels)


def snapshot_days(first: date, last: date, step: int) -> list[date]:
    """Return the days at which numbers are described: the last one, and every ``step`` before it but the first two."""
    count = (last - first).days // step
    days = [last - timedelta(days=step * back) for back in range(count + 1)]
    return sorted(day for day in days if day >= first + timedelta(days=2)) or [last]
