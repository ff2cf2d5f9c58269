"""Calls of a day into the lake: parts as ingest writes them, a row of ``ingests``, one commit."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from sentinel_batch.desk import Desk
from sentinel_batch.numbers import E164, NumberBook
from sentinel_batch.simulation.writing import PART_ROWS, SimulatedDay, check_own, write_day

from .abroad import TRUNKS
from .arrays import Ints
from .calls import Calls
from .geography import Cells
from .outcomes import CAUSES
from .plan import Plan
from .rhythms import DAY_SECONDS
from .roster import Directory

ZONE = "Africa/Lagos"
REGION = "NG"
_PREFIX_LENGTH = 7
_MICRO = 1_000_000


@dataclass(frozen=True)
class Renewal:
    """From a moment (seconds since the first midnight) a number has another SIM: the IMSI of another position."""

    number: int
    second: float
    subscription: int


@dataclass(frozen=True)
class Ledger:
    """Where calls of a population are written.

    Parameters
    ----------
    desk, plan
        Where, and whose.
    directory, cells
        What positions stand for.
    renewals
        SIMs that were exchanged.
    """

    desk: Desk
    plan: Plan
    directory: Directory
    cells: Cells
    renewals: tuple[Renewal, ...] = ()

    @cached_property
    def _numbers(self) -> pl.Series:
        return _plus(self.directory.digits)

    @cached_property
    def _kinds(self) -> pl.Series:
        kinds = NumberBook("NG").normalise(self._numbers).kinds
        valid = pl.repeat(E164, len(self._numbers), dtype=pl.String, eager=True)
        return (valid if kinds is None else kinds).cast(pl.Categorical)

    @cached_property
    def _prefixes(self) -> pl.Series:
        return self._numbers.str.slice(0, _PREFIX_LENGTH).cast(pl.Categorical)

    @cached_property
    def _subscriptions(self) -> pl.Series:
        return _optional(self.directory.subscriptions())

    @cached_property
    def _imeis(self) -> pl.Series:
        return pl.Series(self.directory.imei).cast(pl.String)

    @cached_property
    def _codes(self) -> pl.Series:
        return pl.Series(self.cells.codes, dtype=pl.Categorical)

    def ingest_id(self, day: int) -> str:
        """Return the id under which a day is committed: equal plans have equal ids."""
        facts = json.dumps({**self.plan.to_dict(), "day": day}, sort_keys=True)
        return hashlib.sha256(facts.encode()).hexdigest()[:16]

    def check_lake(self) -> None:
        """Refuse a lake that holds calls of anything but this plan.

        Raises
        ------
        UsageError
            If it does.
        """
        check_own(self.desk, [self.ingest_id(day) for day in range(self.plan.days)])

    def write_day(self, calls: Calls, day: int, run_id: str) -> None:
        """Commit a day's calls, sorted by time; a day that an earlier run committed is left as it is."""
        date = self.plan.start + dt.timedelta(days=day)
        simulated = SimulatedDay(date, self.ingest_id(day), ZONE, REGION)
        write_day(self.desk, simulated, self._parts(calls, day), run_id)

    def midnight(self, day: int) -> dt.datetime:
        """Return when a local day begins, in UTC."""
        date = self.plan.start + dt.timedelta(days=day)
        return dt.datetime.combine(date, dt.time(), ZoneInfo(ZONE)).astimezone(dt.UTC)

    def _parts(self, calls: Calls, day: int) -> Iterator[pl.DataFrame]:
        """Return parts that each lie within one UTC date, one at a time: a day of a large network is large."""
        midnight = self.midnight(day)
        next_date = dt.datetime.combine(midnight.date() + dt.timedelta(days=1), dt.time(), dt.UTC)
        split = int(np.searchsorted(calls.second, (next_date - midnight).total_seconds()))
        bounds = [*range(0, split, PART_ROWS), *range(split, len(calls), PART_ROWS), len(calls)]
        for first, end in pairwise(bounds):
            yield self._frame(calls.take(slice(first, end)), day, first)

    def _frame(self, calls: Calls, day: int, first_line: int) -> pl.DataFrame:
        date = self.plan.start + dt.timedelta(days=day)
        base = int(self.midnight(day).timestamp()) * _MICRO
        trunk = np.maximum(self.directory.trunk[calls.caller], self.directory.trunk[calls.callee])
        frame = pl.DataFrame(
            {
                "call_timestamp": pl.Series(base + calls.second.astype(np.int64) * _MICRO),
                "caller_number": self._numbers.gather(calls.caller),
                "callee_number": self._numbers.gather(calls.callee),
                "duration_seconds": pl.Series(calls.duration.astype(np.int64)),
                "call_direction": _pick(("outbound", "inbound"), (self.directory.trunk[calls.caller] >= 0).astype(int)),
                "termination_cause": _pick(CAUSES, calls.cause),
                "location_code": _gather(self._codes, calls.cell),
                "answered": pl.Series(calls.cause == 0),
                "imei": _gather(self._imeis, calls.handset),
                "imsi": self._subscriptions.gather(self._renewed(calls, day)),
                "trunk": _pick(TRUNKS, trunk),
                "local_hour": pl.Series((calls.second // 3_600).astype(np.int8)),
                "number_type": self._kinds.gather(calls.callee),
                "callee_prefix": self._prefixes.gather(calls.callee),
                "source_line": pl.Series(np.arange(first_line + 2, first_line + 2 + len(calls))),
            }
        )
        return frame.with_columns(
            pl.col("call_timestamp").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
            local_date=pl.lit(date),
            iso_weekday=pl.lit(date.isoweekday(), dtype=pl.Int8),
        )

    def _renewed(self, calls: Calls, day: int) -> Ints:
        subscription = calls.caller
        for renewal in self.renewals:
            later = (calls.caller == renewal.number) & (day * DAY_SECONDS + calls.second >= renewal.second)
            if later.any():
                subscription = np.where(later, renewal.subscription, subscription)
        return subscription


def _plus(digits: Ints) -> pl.Series:
    return pl.select("+" + pl.Series("digits", digits).cast(pl.String)).to_series()


def _optional(digits: Ints) -> pl.Series:
    series = pl.Series("digits", digits)
    return series.cast(pl.String).set(series == 0, None)


def _pick(values: tuple[str, ...], places: Ints) -> pl.Series:
    """Return categories by position; a negative position is null."""
    return _gather(pl.Series(values, dtype=pl.Categorical), places)


def _gather(values: pl.Series, places: Ints) -> pl.Series:
    index = pl.Series(places.astype(np.int32))
    return values.gather(index.set(index < 0, None))
