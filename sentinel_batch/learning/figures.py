"""The figures that a model takes: how each is worked out of a number's days, compared, and said in words.

Version :data:`FEATURE_SET`. Figures that depend on a country's habits, on one operator's view or on the length of the
feed are relative to the busy callers of the same days, so that a model that was trained on one network is of use on
another. How concentrated the prefixes of callees are is no figure: it says more about the numbering plan than about the
caller.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp

import polars as pl

from sentinel_batch.learning.wording import WORDS

FEATURE_SET = "2"
"""Version of the definitions below; a model is only used with the version that it was trained with."""

MIN_HISTORY_DAYS = 3
"""On a day with less lake history before it, every callee looks new: shares of new callees leave such days out."""

RATIO, DIFFERENCE = "ratio", "difference"
"""How a figure is compared with the busy callers' median: logarithm of the ratio, or difference."""

_LEAST = 1e-6


@dataclass(frozen=True)
class Feature:
    """One figure of a number.

    Parameters
    ----------
    name
        Its column.
    words
        Sentence in which ``str.format`` puts the figure, for reasons; of ratios the ratio itself.
    direction
        1: more of it never lowers the model's score; -1: more of it never raises it; 0: free.
    compute
        Returns the expression over the daily profiles of one number; None for figures that need all numbers.
    against
        :data:`RATIO` or :data:`DIFFERENCE` to the busy callers' median; None is as it is.
    floor
        Added to both sides of a ratio: below it differences mean nothing.
    """

    name: str
    words: str
    direction: int = 0
    compute: Callable[[], pl.Expr] | None = None
    against: str | None = None
    floor: float = 0.0

    def spell(self, value: float | None) -> str:
        """Return the figure in words."""
        unknown, even = WORDS[self.name]
        if value is None or value != value:
            return unknown
        shown = min(exp(value), 9_999.0) if self.against == RATIO else value
        usual = 1.0 if " times " in self.words else 0.0
        said = self.words.format(shown)
        # -0.0 is what is left of a small figure below 0.
        if said in (self.words.format(usual), self.words.format(-usual)):
            return even
        return said.replace("%", " %")

    def relate(self, usual: float | None) -> pl.Expr:
        """Return the figure against the busy callers' median; NULL where that is unknown."""
        own = pl.col(self.name)
        if self.against is None:
            return own
        if usual is None:
            return pl.lit(None, dtype=pl.Float64).alias(self.name)
        if self.against == DIFFERENCE:
            return own - usual
        # A day without any gap, or a median of 0, must give a finite figure.
        floor = max(self.floor, _LEAST)
        return ((own + floor) / (usual + floor)).log()


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


def _changes(column: str) -> Callable[[], pl.Expr]:
    """Return how often the value of a day is another one, per day: 0 for always the same, 1 for always a new one."""

    def compute() -> pl.Expr:
        # Counted per day: in a feed of three days nobody can have had seven cells.
        days = pl.col(column).drop_nulls().len()
        return pl.when(days >= 2).then((pl.col(column).drop_nulls().n_unique() - 1) / (days - 1))

    return compute


FEATURES: tuple[Feature, ...] = (
    Feature("active_share", "active on {:.0%} of the days", 0, _of("call_count", "len")),
    Feature("calls_per_day", "{:.1f} times the calls of busy callers", 0, _of("call_count", "mean"), RATIO),
    Feature("callees_per_day", "{:.1f} times the callees of busy callers", 0, _of("unique_callees", "mean"), RATIO),
    Feature(
        "most_callees",
        "on its best day {:.1f} times the callees of busy callers",
        0,
        _of("unique_callees", "max"),
        RATIO,
    ),
    Feature("minutes_per_day", "{:.1f} times the minutes of busy callers", 0, _of("total_minutes", "mean"), RATIO),
    Feature("calls_variation", "calls a day vary by {:.0%}", 0, _variation("call_count")),
    Feature("callees_variation", "callees a day vary by {:.0%}", 0, _variation("unique_callees")),
    Feature(
        "callees_per_call",
        "share of calls that go to a different number {:+.0%} from busy callers",
        1,
        _share("unique_callees", "call_count"),
        DIFFERENCE,
    ),
    Feature(
        "incoming_per_call",
        "{:.2f} times the incoming calls per call of busy callers",
        -1,
        _share("incoming_calls", "call_count"),
        RATIO,
        0.05,
    ),
    Feature(
        "incoming_minutes_ratio",
        "{:.2f} times the incoming minutes per minute of busy callers",
        -1,
        _share("incoming_minutes", "total_minutes"),
        RATIO,
        0.05,
    ),
    Feature(
        "incoming_callers_per_callee",
        "{:.2f} times the incoming callers per callee of busy callers",
        -1,
        _share("incoming_callers", "unique_callees"),
        RATIO,
        0.05,
    ),
    Feature(
        "new_callee_share",
        "share of new callees {:+.0%} from busy callers",
        1,
        _known_share("new_callees", "unique_callees"),
        DIFFERENCE,
    ),
    Feature(
        "reciprocity",
        "share of callees that ever call back {:+.1%} from busy callers",
        -1,
        _known_share("callees_calling_back", "unique_callees"),
        DIFFERENCE,
    ),
    Feature(
        "answer_ratio",
        "share of calls answered {:+.0%} from busy callers",
        0,
        _share("completed_calls", "call_count"),
        DIFFERENCE,
    ),
    Feature(
        "mean_duration", "calls {:.1f} times as long as busy callers'", 0, _of("mean_duration", "mean"), RATIO, 1.0
    ),
    Feature(
        "median_duration",
        "median call {:.1f} times as long as busy callers'",
        0,
        _of("median_duration", "median"),
        RATIO,
        1.0,
    ),
    Feature(
        "mean_completed_duration",
        "completed calls {:.1f} times as long as busy callers'",
        0,
        _of("mean_completed_duration", "mean"),
        RATIO,
        1.0,
    ),
    Feature(
        "short_call_share",
        "share of calls of at most 6 s {:+.0%} from busy callers",
        0,
        _share("short_calls", "completed_calls"),
        DIFFERENCE,
    ),
    Feature(
        "international_share",
        "share of international calls {:+.0%} from busy callers",
        0,
        _share("international_calls", "call_count"),
        DIFFERENCE,
    ),
    Feature(
        "night_share",
        "share of calls at night {:+.0%} from busy callers",
        0,
        _share("night_calls", "call_count"),
        DIFFERENCE,
    ),
    Feature(
        "night_share_z", "night share {:+.1f} robust deviations from its segment", 0, _of("night_share_z", "median")
    ),
    Feature(
        "hour_entropy",
        "spread of calls over the hours {:+.1f} bits from busy callers",
        0,
        _of("hour_entropy", "mean"),
        DIFFERENCE,
    ),
    Feature("cells_per_day", "{:.1f} times the cells of busy callers", 0, _of("distinct_cells", "mean"), RATIO),
    Feature(
        "top_cell_share",
        "share of calls from the main cell {:+.0%} from busy callers",
        0,
        _of("top_cell_share", "mean"),
        DIFFERENCE,
    ),
    Feature("cell_changes", "another main cell on {:.0%} of the days", 0, _changes("first_cell")),
    Feature(
        "gap_mean", "{:.2f} times the pauses between calls of busy callers", 0, _of("gap_mean", "median"), RATIO, 1.0
    ),
    Feature("gap_cv", "gaps between calls vary by {:.0%}", 0, _of("gap_cv", "median")),
    Feature("gap_min", "{:.2f} times the shortest pause of busy callers", 0, _of("gap_min", "median"), RATIO, 1.0),
    Feature("imeis_per_day", "up to {:.0f} handsets in a day", 1, _of("imei_count", "max")),
    Feature("handset_changes", "another main handset on {:.0%} of the days", 1, _changes("top_imei")),
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
    Feature(
        "one_way_neighbours",
        "at its main cell {:.1f} times as many numbers that hardly anybody calls as busy callers have",
        1,
        None,
        RATIO,
        1.0,
    ),
)
"""Every figure, in the order in which a model takes them."""

FEATURE_NAMES = tuple(feature.name for feature in FEATURES)
