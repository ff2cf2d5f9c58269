"""When calls are made: hours of the day, days of the week, pauses between the calls of one line."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from .arrays import Floats, Ints

DAY_SECONDS = 86_400
_HOUR = 3_600.0


@dataclass(frozen=True)
class Rhythm:
    """Relative traffic of each hour, and of each kind of day.

    Parameters
    ----------
    hours
        Weight of each of the 24 local hours.
    saturday, sunday
        Volume of these days against the other days.
    weekend_hours
        Weights of the hours on Saturday and Sunday, where they differ.
    """

    hours: tuple[float, ...]
    saturday: float = 1.0
    sunday: float = 1.0
    weekend_hours: tuple[float, ...] | None = None

    def volume(self, weekday: int) -> float:
        """Return the volume of a day (0 is Monday) against an ordinary working day."""
        return {5: self.saturday, 6: self.sunday}.get(weekday, 1.0)

    def draw(self, rng: np.random.Generator, size: int, weekday: int) -> Floats:
        """Return random seconds of the day, unordered."""
        hours = self.weekend_hours if weekday >= 5 and self.weekend_hours else self.hours
        share = np.concatenate([[0.0], np.cumsum(hours) / np.sum(hours)])
        drawn: Floats = np.interp(rng.random(size), share, np.arange(25) * _HOUR)
        return drawn


_ALL_DAY = (1.0,) * 24
RHYTHMS = MappingProxyType(
    {
        # Two peaks, late morning and evening, as in published traffic of mobile networks; Sunday starts after church.
        "person": Rhythm(
            (1.2, 0.6, 0.4, 0.3, 0.6, 1.8, 4, 7, 9, 10, 10, 10, 10, 10, 9.5, 9.5, 10, 11, 12.5, 13.5, 13, 10, 6, 3),
            0.97,
            0.86,
            (1.6, 0.9, 0.5, 0.4, 0.6, 1.4, 3, 5, 7, 8, 9, 9.5, 10, 11, 11, 11, 11, 11.5, 12.5, 13.5, 13, 10, 6.5, 3.5),
        ),
        # Callers in Europe and America after work and at the weekend.
        "diaspora": Rhythm(
            (4, 2.5, 1.5, 1, 1, 1.5, 3, 5, 6, 7, 7.5, 8, 8.5, 8.5, 8.5, 9, 9.5, 10.5, 12, 13, 13, 12, 9.5, 6.5),
            1.2,
            1.3,
        ),
        "office": Rhythm((0,) * 7 + (0.5, 6, 11, 12, 11, 8, 9, 11, 10, 8, 3, 0.5, 0, 0, 0, 0, 0), 0.2, 0.02),
        "extended": Rhythm((0.2,) * 6 + (2, 6, 9, 11, 12, 11, 10, 10, 11, 11, 10, 9, 8, 6, 4, 2, 0.6, 0.3), 0.85, 0.55),
        "meals": Rhythm((0.1,) * 7 + (1, 3, 6, 9, 12, 14, 13, 10, 8, 8, 10, 12, 12, 9, 6, 2.5, 0.6), 1.1, 0.9),
        "transport": Rhythm(
            (3, 2, 1.5, 1.5, 3, 6, 9, 11, 9, 7, 6, 6, 7, 7, 7, 8, 10, 12, 12, 10, 9, 8, 7, 5), 1.1, 0.9
        ),
        "prayer": Rhythm((8, 3, 1, 1, 4, 16, 13, 5, 3, 3, 3, 3, 4, 3, 2, 2, 3, 4, 6, 7, 8, 10, 12, 13), 1.0, 1.6),
        "invitation": Rhythm((0,) * 9 + (3, 8, 10, 8, 4, 4, 6, 10, 12, 10, 4, 0.5, 0, 0, 0), 2.5, 0.1),
        "market": Rhythm((0.1,) * 7 + (3, 7, 10, 11, 11, 10, 9, 9, 10, 12, 13, 12, 9, 4, 1, 0.3, 0.1), 1.05, 0.5),
        "kiosk": Rhythm((0.2,) * 7 + (2, 5, 8, 9, 9, 10, 10, 9, 9, 11, 12, 13, 13, 9, 4, 1, 0.3), 1.1, 0.7),
        "abroad": Rhythm(
            (3, 1.5, 1, 0.5, 0.5, 1, 2, 4, 5, 5, 5, 6, 7, 7, 7, 8, 8, 9, 11, 13, 13, 12, 9, 6), 1.15, 1.25
        ),
        "machine": Rhythm(_ALL_DAY),
    }
)
"""Rhythm by name, in local time; estimates, chosen so that every one overlaps with its neighbours."""


def draw_sessions(rng: np.random.Generator, seconds: Floats, first: Ints, share: float, gap_seconds: float) -> Floats:
    """Let calls follow upon each other: people phone in sessions, so that gaps vary more than by chance.

    Parameters
    ----------
    rng
        Source of randomness.
    seconds
        Second of the day of each call, those of one line side by side.
    first
        Position of the first call of each line that has any.
    share
        Share of calls that follow the one before them in the same line.
    gap_seconds
        Mean pause within a session, exponential.

    Returns
    -------
    numpy.ndarray
        Seconds, unordered.
    """
    follows = rng.random(len(seconds)) < share
    follows[first] = False
    head = np.maximum.accumulate(np.where(follows, 0, np.arange(len(seconds))))
    reach = np.cumsum(rng.exponential(gap_seconds, len(seconds)) * follows)
    return seconds[head] + reach - reach[head]


def queue_calls(line: Ints, seconds: Floats, busy: Floats) -> Floats:
    """Delay calls until their line is free: no SIM holds two calls at once.

    Solves ``start[i] = max(seconds[i], start[i-1] + busy[i-1])`` for all lines at once, as a running maximum.

    Parameters
    ----------
    line
        Line of each call, in ascending order, and by time within a line.
    seconds
        When each call would start.
    busy
        Seconds for which each call occupies its line, pause included.

    Returns
    -------
    numpy.ndarray
        When each call starts.
    """
    if not len(line):
        return seconds
    before = np.concatenate([[0.0], np.cumsum(busy)[:-1]])
    starts_line = np.concatenate([[True], line[1:] != line[:-1]])
    rank = np.cumsum(starts_line) - 1
    own = before - before[starts_line][rank]
    step = float(np.abs(seconds - own).max()) * 2 + DAY_SECONDS
    starts: Floats = np.maximum.accumulate(seconds - own + rank * step) - rank * step + own
    return starts
