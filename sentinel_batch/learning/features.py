"""What the model sees of a number: its daily profiles of the trailing days, joined to one row of figures.

Version :data:`FEATURE_SET`. A figure is NULL where it has nothing to be computed from; the model has a branch for that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from sentinel_batch.errors import ModelError

FEATURE_SET = "1"
"""Version of the definitions below; a model is only used with the version that it was trained with."""

MIN_HISTORY_DAYS = 3
"""On a day with less lake history before it, every callee looks new: shares of new callees leave such days out."""

ONE_WAY_INCOMING = 0.1
"""A number with fewer incoming calls per call made only sends."""

_KEYS = ("number", "segment", "day", "first_day_start", "last_call", "main_imei", "main_cell")


@dataclass(frozen=True)
class Feature:
    """One figure of a number.

    Parameters
    ----------
    name
        Its column.
    words
        Sentence in which ``str.format`` puts the figure, for reasons.
    direction
        1: more of it never lowers the model's score; -1: more of it never raises it; 0: free.
    compute
        Returns the expression over the daily profiles of one number; None for figures that need all numbers.
    """

    name: str
    words: str
    direction: int = 0
    compute: Callable[[], pl.Expr] | None = None

    def spell(self, value: float | None) -> str:
        """Return the figure in words."""
        if value is None or value != value:
            return f"{self.name.replace('_', ' ')}: unknown"
        return self.words.format(value).replace("%", " %")


def _share(part: str, whole: str) -> Callable[[], pl.Expr]:
    """Sum of one column over the sum of another; NULL where the latter is 0."""

    def compute() -> pl.Expr:
        total = pl.col(whole).sum()
        # The ratio of sums, not the mean of ratios: a day of two calls must not weigh as much as one of two hundred.
        return pl.when(total > 0).then(pl.col(part).sum() / total)

    return compute


def _known_share(part: str, whole: str) -> Callable[[], pl.Expr]:
    """Return the same over the days with enough history."""

    def compute() -> pl.Expr:
        # On a young lake every callee is new: such days would teach that newness means nothing.
        known = pl.col("history_days") >= MIN_HISTORY_DAYS
        total = pl.col(whole).filter(known).sum()
        return pl.when(total > 0).then(pl.col(part).filter(known).sum() / total)

    return compute


def _of(column: str, statistic: str) -> Callable[[], pl.Expr]:
    def compute() -> pl.Expr:
        found: pl.Expr = getattr(pl.col(column), statistic)()
        return found

    return compute


def _variation(column: str) -> Callable[[], pl.Expr]:
    """Return standard deviation over mean of the days; NULL below three days."""

    def compute() -> pl.Expr:
        # The spread of two days is mostly chance.
        return pl.when(pl.len() >= 3, pl.col(column).mean() > 0).then(pl.col(column).std() / pl.col(column).mean())

    return compute


FEATURES: tuple[Feature, ...] = (
    Feature("active_days", "active on {:.0f} days", 0, _of("call_count", "len")),
    Feature("calls_per_day", "{:.0f} calls a day", 0, _of("call_count", "mean")),
    Feature("callees_per_day", "{:.0f} callees a day", 0, _of("unique_callees", "mean")),
    Feature("most_callees", "up to {:.0f} callees in a day", 0, _of("unique_callees", "max")),
    Feature("minutes_per_day", "{:.0f} minutes a day", 0, _of("total_minutes", "mean")),
    Feature("calls_variation", "calls a day vary by {:.0%}", 0, _variation("call_count")),
    Feature("callees_variation", "callees a day vary by {:.0%}", 0, _variation("unique_callees")),
    Feature(
        "callees_per_call",
        "{:.0%} of a day's calls go to a different number",
        1,
        _share("unique_callees", "call_count"),
    ),
    Feature("incoming_per_call", "{:.2f} incoming calls per call made", -1, _share("incoming_calls", "call_count")),
    Feature(
        "incoming_minutes_ratio",
        "{:.2f} incoming minutes per minute called",
        -1,
        _share("incoming_minutes", "total_minutes"),
    ),
    Feature(
        "incoming_callers_per_callee",
        "{:.2f} incoming callers per callee",
        -1,
        _share("incoming_callers", "unique_callees"),
    ),
    Feature("new_callee_share", "{:.0%} of callees new", 1, _known_share("new_callees", "unique_callees")),
    Feature(
        "reciprocity", "{:.1%} of callees ever call back", -1, _known_share("callees_calling_back", "unique_callees")
    ),
    Feature("answer_ratio", "{:.0%} of calls answered", 0, _share("completed_calls", "call_count")),
    Feature("mean_duration", "calls of {:.0f} s on average", 0, _of("mean_duration", "mean")),
    Feature("median_duration", "median call of {:.0f} s", 0, _of("median_duration", "median")),
    Feature(
        "mean_completed_duration", "completed calls of {:.0f} s on average", 0, _of("mean_completed_duration", "mean")
    ),
    Feature(
        "short_call_share", "{:.0%} of completed calls last at most 6 s", 0, _share("short_calls", "completed_calls")
    ),
    Feature("international_share", "{:.0%} of calls international", 0, _share("international_calls", "call_count")),
    Feature("night_share", "{:.0%} of calls at night", 0, _share("night_calls", "call_count")),
    Feature(
        "night_share_z", "night share {:+.1f} robust deviations from its segment", 0, _of("night_share_z", "median")
    ),
    Feature("hour_entropy", "calls spread over the hours by {:.1f} bits", 0, _of("hour_entropy", "mean")),
    Feature("cells_per_day", "{:.1f} cells a day", 0, _of("distinct_cells", "mean")),
    Feature("top_cell_share", "{:.0%} of calls from the main cell", 0, _of("top_cell_share", "mean")),
    Feature("main_cells", "{:.0f} main cells over the days", 0, _of("first_cell", "n_unique")),
    Feature("gap_mean", "{:.0f} s between calls", 0, _of("gap_mean", "median")),
    Feature("gap_cv", "gaps between calls vary by {:.0%}", 0, _of("gap_cv", "median")),
    Feature("gap_min", "shortest gap of {:.0f} s", 0, _of("gap_min", "median")),
    Feature("prefix_concentration", "callee prefixes concentrated to {:.2f}", 0, _of("prefix_concentration", "mean")),
    Feature("imeis_per_day", "up to {:.0f} handsets in a day", 1, _of("imei_count", "max")),
    Feature("main_imeis", "{:.0f} main handsets over the days", 1, _of("top_imei", "n_unique")),
    Feature("imsis_per_day", "up to {:.0f} SIM identities in a day", 1, _of("imsi_count", "max")),
    Feature("calls_rise", "calls up to {:+.1f} robust deviations from its own days before", 0, _of("calls_z", "max")),
    Feature(
        "international_rise",
        "international calls up to {:+.1f} robust deviations from before",
        0,
        _of("international_z", "max"),
    ),
    Feature("callees_to_segment", "{:.1f} times the callees of its segment", 0),
    Feature("new_to_segment", "share of new callees {:+.0%} from its segment", 1),
    Feature("incoming_to_segment", "incoming calls per call {:+.2f} from its segment", -1),
    Feature("numbers_on_handset", "{:.0f} numbers on its main handset", 1),
    Feature("one_way_neighbours", "{:.0f} other one-way numbers at its main cell", 1),
)
"""Every figure, in the order in which a model takes them."""

FEATURE_NAMES = tuple(feature.name for feature in FEATURES)

_NEEDED = (
    "number", "local_date", "day_start", "segment", "call_count", "unique_callees", "total_minutes", "night_calls",
    "incoming_calls", "incoming_minutes", "incoming_callers", "mean_duration", "median_duration", "completed_calls",
    "mean_completed_duration", "international_calls", "distinct_cells", "first_cell", "top_cell_share", "gap_mean",
    "gap_cv", "gap_min", "new_callees", "history_days", "callees_calling_back", "prefix_concentration", "hour_entropy",
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
        :data:`FEATURE_NAMES`, by number. Figures that compare with a segment use the median of all its numbers here.

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
    rows = (
        trailing.sort("number", "local_date")
        .group_by("number", maintain_order=True)
        .agg(
            pl.col("segment").last(),
            pl.lit(until).alias("day"),
            pl.col("day_start").min().alias("first_day_start"),
            pl.col("last_call").max(),
            _most_frequent("top_imei").alias("main_imei"),
            _most_frequent("first_cell").alias("main_cell"),
            *own,
        )
        .collect()
    )
    return _compare_segments(_count_neighbours(rows)).select(*_KEYS, *FEATURE_NAMES).sort("number")


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
