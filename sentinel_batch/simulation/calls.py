"""Calls as arrays of integers, and as the text columns of a CDR file."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import polars as pl

from .numbering import IntArray

COLUMNS = (
    "call_date",
    "call_time",
    "caller_number",
    "callee_number",
    "duration_seconds",
    "call_direction",
    "termination_cause",
    "location_code",
)
"""Columns of the file, in order."""

DAY_SECONDS = 86_400
DIRECTIONS = ("outbound", "inbound")
CAUSES = ("NORMAL_CLEARING", "NORMAL_UNSPECIFIED", "RECOVERY_ON_TIMER_EXPIRE", "NETWORK_OUT_OF_ORDER")
"""Q.850 causes of calls that were answered, as every generated call was: the first is how nearly all of them end."""

_CELLS_OF_CITY = {"LOS": 40, "ABV": 20, "KAN": 16, "PHC": 12, "IBA": 12, "BNI": 8, "ENU": 8, "KAD": 8, "JOS": 4}
LOCATIONS = tuple(f"{city}{cell:03d}" for city, cells in _CELLS_OF_CITY.items() for cell in range(1, cells + 1))


@dataclass(frozen=True)
class Calls:
    """Calls in columns of equal length.

    Parameters
    ----------
    second
        Start of the call, in seconds since midnight of the first day (local time).
    caller, callee
        Digits of the numbers, country code included.
    duration
        In seconds.
    direction, cause, location
        Positions in ``DIRECTIONS``, ``CAUSES`` and ``LOCATIONS``.
    simbox
        Whether a SIM box made the call.
    """

    second: IntArray
    caller: IntArray
    callee: IntArray
    duration: IntArray
    direction: IntArray
    cause: IntArray
    location: IntArray
    simbox: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of calls."""
        return len(self.second)

    def take(self, rows: IntArray | slice) -> Calls:
        """Return the calls at ``rows``, in that order."""
        return Calls(**{name: values[rows] for name, values in vars(self).items()})

    def merged_with(self, other: Calls) -> Calls:
        """Return the calls of both in order of time."""
        if not len(other):
            return self
        both = Calls(**{name: np.concatenate([values, getattr(other, name)]) for name, values in vars(self).items()})
        return both.take(np.argsort(both.second, kind="stable"))

    def to_frame(self, start: dt.date) -> pl.DataFrame:
        """Return the calls under the names in ``COLUMNS``: text, but for the integer ``duration_seconds``.

        Parameters
        ----------
        start
            Date of second 0.
        """
        day, second_of_day = np.divmod(self.second, DAY_SECONDS)
        texts = {
            "call_date": _dates(start, int(day.max(initial=0)) + 1).gather(day),
            "call_time": _times().gather(second_of_day),
            "caller_number": pl.Series(self.caller),
            "callee_number": pl.Series(self.callee),
            "duration_seconds": pl.Series(self.duration),
            "call_direction": pl.Series(DIRECTIONS).gather(self.direction),
            "termination_cause": pl.Series(CAUSES).gather(self.cause),
            "location_code": pl.Series(LOCATIONS).gather(self.location),
        }
        numbers = pl.col("caller_number", "callee_number").cast(pl.String)
        return pl.DataFrame(texts).with_columns(("+" + numbers).name.keep())


@cache
def _times() -> pl.Series:
    return pl.Series([f"{hour:02d}:{s // 60:02d}:{s % 60:02d}" for hour in range(24) for s in range(3600)])


def _dates(start: dt.date, days: int) -> pl.Series:
    return pl.Series([(start + dt.timedelta(days=day)).isoformat() for day in range(days)])
