"""What the model sees of a number: its daily profiles of the trailing days, joined to one row of figures.

A figure is NULL where it has nothing to be computed from; the model has a branch for that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl

from sentinel_batch.errors import ModelError
from sentinel_batch.learning.figures import FEATURE_NAMES, FEATURES

BUSY_QUANTILE = 0.75
"""Busy callers, whom others are compared with, are those with at least this quantile of callees a day."""

ONE_WAY_INCOMING = 0.1
"""A number with fewer incoming calls per call made only sends."""

ROWS_AT_ONCE = 250_000
"""Daily profiles that are sorted at once: of more, the numbers are described one stretch after the other."""

_SAMPLE = 100_000

KEYS = ("number", "segment", "day", "first_day_start", "last_call", "minutes", "main_imei", "main_cell")
"""What else is told of a number."""

_NEEDED = (
    "number", "local_date", "day_start", "segment", "call_count", "unique_callees", "total_minutes", "night_calls",
    "incoming_calls", "incoming_minutes", "incoming_callers", "mean_duration", "median_duration", "completed_calls",
    "mean_completed_duration", "international_calls", "distinct_cells", "first_cell", "top_cell_share", "gap_mean",
    "gap_cv", "gap_min", "new_callees", "history_days", "callees_calling_back", "hour_entropy",
    "short_calls", "imei_count", "imsi_count", "top_imei", "last_call", "calls_z", "international_z", "night_share_z",
)  # fmt: skip


def describe_callers(profiles: pl.DataFrame | pl.LazyFrame, *, until: date, days: int) -> pl.DataFrame:
    """Return one row of figures for each number that made a call in the trailing days.

    Parameters
    ----------
    profiles
        Daily profiles, at least those of the trailing days.
    until
        The last local day.
    days
        Number of trailing days, ``until`` included.

    Returns
    -------
    polars.DataFrame
        ``number, segment, day`` (``until``), ``first_day_start, last_call, main_imei, main_cell`` and
        :data:`FEATURE_NAMES`, by number. Figures that compare with a segment use the median of all its numbers here,
        those that compare with busy callers the median of these.

    Raises
    ------
    ModelError
        If the profiles lack a column.
    """
    daily = profiles.lazy()
    _check_columns(daily.collect_schema().names())
    begin = pl.lit(until) - pl.duration(days=days)
    trailing = daily.select(_NEEDED).filter(pl.col("local_date") > begin, pl.col("local_date") <= until)
    own = [
        feature.compute().cast(pl.Float64).alias(feature.name) for feature in FEATURES if feature.compute is not None
    ]
    parts = [
        part.sort("number", "local_date")
        .group_by("number", maintain_order=True)
        .agg(
            pl.col("segment").last(),
            pl.lit(until).alias("day"),
            pl.col("day_start").min().alias("first_day_start"),
            pl.col("last_call").max(),
            pl.col("total_minutes").sum().alias("minutes"),
            _most_frequent("top_imei").alias("main_imei"),
            _most_frequent("first_cell").alias("main_cell"),
            *own,
        )
        .collect()
        for part in _divide(trailing)
    ]
    # Column by column, here and below: of millions of callers, all figures twice would not fit.
    rows = pl.DataFrame(
        [pl.concat([part.drop_in_place(name) for part in parts], rechunk=True) for name in parts[0].columns]
    )
    length = trailing.select(pl.col("local_date").n_unique()).collect().item()
    rows = rows.with_columns(active_share=pl.col("active_share") / max(length, 1))
    rows = _compare_segments(_count_neighbours(rows))
    usual = _find_usual(rows)
    for feature in FEATURES:
        rows = rows.with_columns(feature.relate(_number(usual.get(feature.name))))
    return rows.select(*KEYS, *FEATURE_NAMES)


def _divide(trailing: pl.LazyFrame) -> Iterator[pl.LazyFrame]:
    """Yield the profiles of one stretch of numbers after the other, each of about :data:`ROWS_AT_ONCE` rows."""
    count = trailing.select(pl.len()).collect().item()
    if count <= ROWS_AT_ONCE:
        yield trailing
        return
    numbers = trailing.select("number").collect_batches()
    sample = pl.concat([block["number"].gather_every(max(count // _SAMPLE, 1)) for block in numbers]).sort()
    parts = -(-count // ROWS_AT_ONCE)
    bounds = sample.gather([part * len(sample) // parts for part in range(1, parts)]).unique().sort().to_list()
    number = pl.col("number")
    for first, last in pairwise([None, *bounds, None]):
        above = pl.lit(True) if first is None else number >= first
        yield trailing.filter(above, pl.lit(True) if last is None else number < last)


def _check_columns(present: Sequence[str]) -> None:
    missing = [column for column in _NEEDED if column not in present]
    if missing:
        raise ModelError(
            f"The profiles lack the columns {', '.join(missing)}.",
            hint="Build them again: sentinel-batch profiles build.",
            missing=missing,
        )


def _most_frequent(column: str) -> pl.Expr:
    """Return the value of most days; of equals the first in order."""
    return pl.col(column).drop_nulls().mode().sort().first()


def _compare_segments(rows: pl.DataFrame) -> pl.DataFrame:
    def median(column: str) -> pl.Expr:
        return pl.col(column).median().over(pl.col("segment").fill_null(""))

    usual = median("callees_per_day")
    return rows.with_columns(
        callees_to_segment=pl.when(usual > 0).then(pl.col("callees_per_day") / usual),
        new_to_segment=pl.col("new_callee_share") - median("new_callee_share"),
        incoming_to_segment=pl.col("incoming_per_call") - median("incoming_per_call"),
    )


def _find_usual(rows: pl.DataFrame) -> dict[str, Any]:
    """Return the medians of the network's busy callers, which figures are put in relation to."""
    busy = rows["callees_per_day"] >= rows["callees_per_day"].quantile(BUSY_QUANTILE)
    compared = (feature.name for feature in FEATURES if feature.against is not None)
    return {name: rows[name].filter(busy).median() for name in compared}


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _count_neighbours(rows: pl.DataFrame) -> pl.DataFrame:
    """Count numbers on the same handset, and numbers at the same cell that only send, as this one may."""
    one_way = (pl.col("incoming_per_call") < ONE_WAY_INCOMING).fill_null(False) & (pl.col("callees_per_day") >= 5)
    return rows.with_columns(
        numbers_on_handset=_where_known("main_imei", pl.len().over("main_imei")),
        one_way_neighbours=_where_known("main_cell", one_way.sum().over("main_cell") - one_way.cast(pl.Int64)),
    )


def _where_known(column: str, figure: pl.Expr) -> pl.Expr:
    return pl.when(pl.col(column).is_not_null()).then(figure).cast(pl.Float64)


def to_matrix(rows: pl.DataFrame) -> Any:
    """Return the figures as a float32 array of shape (rows, features), NULL as NaN."""
    figures = rows.select(pl.col(FEATURE_NAMES).cast(pl.Float32).fill_null(float("nan")))
    return np.ascontiguousarray(figures.to_numpy(), dtype=np.float32)
