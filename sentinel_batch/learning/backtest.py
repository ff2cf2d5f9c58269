"""What rules would have raised over the history with other parameters: the rules are run, nothing is guessed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from sentinel_batch.desk import Desk
from sentinel_batch.errors import UsageError
from sentinel_batch.learning.history import last_day, list_days, load_profiles
from sentinel_batch.rules import Rule
from sentinel_batch.rules.execution import Task, examine_tasks
from sentinel_batch.rules.sources import Filters

WARM_UP = timedelta(days=7)
"""Episodes that began in the first days of the history are not counted: they look new only because it begins there."""


@dataclass(frozen=True)
class Backtest:
    """The stretch of history that alerts are counted in.

    Parameters
    ----------
    desk
        A snapshot: where the calls lie.
    since, until
        The rules examine ``(since, until]``.
    count_since
        Episodes that opened after it count.
    days
        The lake's local days: ``local_date, day_start, day_end``.
    """

    desk: Desk
    since: datetime
    until: datetime
    count_since: datetime
    days: pl.DataFrame

    @property
    def length(self) -> float:
        """Length of what is counted, in days."""
        return (self.until - self.count_since) / timedelta(days=1)

    def profiles(self) -> pl.LazyFrame:
        """Return the daily profiles of the whole history."""
        first, last = (last_day(self.days, moment) for moment in (self.since + timedelta(days=1), self.until))
        return load_profiles(self.desk, first, last)

    def run(self, trials: Sequence[tuple[Rule, Mapping[str, Any]]]) -> list[pl.DataFrame]:
        """Run rules, each with its configuration, and return the alerts that each run would have opened.

        An alert opens when its episode first fills the rule's window; episodes that touch are one alert.

        Returns
        -------
        list of polars.DataFrame
            ``suspect_number, opened_at, window_end, segment``; the segment is that of the suspect's last profile before
            the window's end, NULL without one.
        """
        tasks = [Task.of(rule, {}, configuration) for rule, configuration in trials]
        found = examine_tasks(self.desk, tasks, self.since, self.until, self.until - self.since, Filters())
        opened = []
        for detection in found:
            # An alert cannot open before its window is full, unless the episode ends sooner.
            ripe = pl.min_horizontal(pl.col("episode_start") + detection.window, "episode_end")
            dated = detection.findings.select("suspect_number", "window_end", opened_at=ripe)
            opened.append(dated.filter(pl.col("opened_at") > self.count_since))
        segments = self._segments({number for alerts in opened for number in alerts["suspect_number"]})
        return [_add_segments(alerts, segments) for alerts in opened]

    def _segments(self, numbers: Collection[str]) -> pl.DataFrame:
        rows = self.profiles().filter(pl.col("number").is_in(sorted(numbers)))
        return rows.select("segment", "day_start", suspect_number="number").collect().sort("day_start")


def _add_segments(alerts: pl.DataFrame, segments: pl.DataFrame) -> pl.DataFrame:
    return alerts.sort("window_end").join_asof(
        segments,
        left_on="window_end",
        right_on="day_start",
        by="suspect_number",
        strategy="backward",
        # A profile that begins just when the window ends describes calls after it.
        allow_exact_matches=False,
        check_sortedness=False,
    )


def plan_backtest(desk: Desk, history: timedelta, until: datetime | None) -> Backtest:
    """Choose what to run over and what to count.

    Parameters
    ----------
    desk
        A snapshot: where the calls lie.
    history
        How far to look back.
    until
        End of the history; None is the end of the last local day with calls.

    Raises
    ------
    UsageError
        If there are less than two days of calls in the history.
    """
    days = list_days(desk)
    end = until or days["day_end"].to_list()[-1]
    since = max(end - history, days["day_start"].to_list()[0])
    length = end - since
    if length < timedelta(days=2):
        raise UsageError(
            f"The history is {length / timedelta(days=1):.1f} days long, from {since} to {end}; at least 2 are needed.",
            hint="Give a longer --history, or load more call records.",
        )
    warm_up = min(WARM_UP, timedelta(days=max(1, int(length.days / 2))))
    return Backtest(desk, since, end, since + warm_up, days)
