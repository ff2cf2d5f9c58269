"""What rules would have raised over the history with other parameters: the rules are run, nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sentinel_batch.errors import UsageError
from sentinel_batch.lake import Lake
from sentinel_batch.learning.history import last_day, list_days, load_profiles

if TYPE_CHECKING:
    import polars as pl

    from sentinel_batch.rules import Detection

WARM_UP = timedelta(days=7)
"""Episodes that began in the first days of the history are not counted: they look new only because it begins there."""


@dataclass(frozen=True)
class Backtest:
    """The stretch of history that alerts are counted in.

    Parameters
    ----------
    lake
        Where the calls lie.
    since, until
        The rules examine ``(since, until]``.
    count_since
        Episodes that opened after it count.
    """

    lake: Lake
    since: datetime
    until: datetime
    count_since: datetime

    @property
    def days(self) -> float:
        """Length of what is counted, in days."""
        return (self.until - self.count_since) / timedelta(days=1)

    def profiles(self) -> pl.LazyFrame:
        """Return the daily profiles of the whole history."""
        days = list_days(self.lake)
        first, last = (last_day(days, moment) for moment in (self.since + timedelta(days=1), self.until))
        return load_profiles(self.lake, first, last)

    def run(self, configured: Mapping[str, Mapping[str, Any]]) -> list[Detection]:
        """Run the rules that ``configured`` names, with these parameters."""
        from sentinel_batch.rules import examine_rules

        return examine_rules(
            sorted(configured), lake=self.lake, since=self.since, until=self.until, configured=configured
        )

    def count(self, detection: Detection) -> pl.DataFrame:
        """Return ``opened_at`` and ``suspect_number, segment`` of the alerts that a run would have opened.

        An alert opens when its episode first fills the rule's window; episodes that touch are one alert.
        """
        import polars as pl

        ripe = pl.min_horizontal(pl.col("episode_start") + detection.window, "episode_end")
        opened = detection.findings.with_columns(opened_at=ripe).filter(pl.col("opened_at") > self.count_since)
        return self._add_segments(opened.select("suspect_number", "opened_at", "window_end"))

    def _add_segments(self, alerts: pl.DataFrame) -> pl.DataFrame:
        """Add the segment of the suspect's last profile before the window's end; NULL without one."""
        import polars as pl

        profiles = self.profiles().select("segment", "day_start", suspect_number="number")
        known = profiles.filter(pl.col("suspect_number").is_in(alerts["suspect_number"].implode())).collect()
        return alerts.sort("window_end").join_asof(
            known.sort("day_start"),
            left_on="window_end",
            right_on="day_start",
            by="suspect_number",
            strategy="backward",
            allow_exact_matches=False,
            check_sortedness=False,
        )


def plan_backtest(lake: Lake, history: timedelta, until: datetime | None) -> Backtest:
    """Choose what to run over and what to count.

    Parameters
    ----------
    lake
        Where the calls lie.
    history
        How far to look back.
    until
        End of the history; None is the end of the last local day with calls.

    Raises
    ------
    UsageError
        If there are less than two days of calls in the history.
    """
    days = list_days(lake)
    end = until or days["day_end"].to_list()[-1]
    since = max(end - history, days["day_start"].to_list()[0])
    length = end - since
    if length < timedelta(days=2):
        raise UsageError(
            f"The history is {length / timedelta(days=1):.1f} days long, from {since} to {end}; at least 2 are needed.",
            hint="Give a longer --history, or load more call records.",
        )
    warm_up = min(WARM_UP, timedelta(days=max(1, int(length.days / 2))))
    return Backtest(lake, since, end, since + warm_up)
