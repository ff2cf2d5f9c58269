"""How SIM boxes work: from no care at all to careful imitation of a human."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Strategy:
    """How the SIMs of one kind of box behave.

    Parameters
    ----------
    volume
        Range of a SIM's mean calls a working day, drawn per box.
    spread
        How unequal a SIM's days are: standard deviation of the logarithm of the day's factor.
    shift_hours
        Range of the length of a SIM's shift; None works by the rhythm of the whole day.
    rest
        Chance that a SIM rests for a day.
    rhythm
        ``diaspora``: when the paid calls come in; ``person``: as subscribers call.
    durations
        Name of a mixture of :data:`~.outcomes.MIXTURES`.
    pause_seconds
        Median pause between two calls of a SIM, log-normal.
    answer_factor
        How readily its callees answer, against a call from a contact.
    callback_missed, callback_answered
        Chance that a callee calls back after a missed, an answered call. Callees expect a relative's call from a number
        that never answers, so they hardly ever do.
    own_share, favourite_share
        Share of calls to SIMs of the same box, and to the box's few favourites.
    antennas
        Range of the number of cells that it appears in, beside the flicker that every handset has.
    life_days
        Range of a SIM's working life before it is replaced; None keeps it.
    handsets
        ``slot``: a SIM stays in one slot with its IMEI; ``bank``: SIMs of a bank move among the gateway's slots;
        ``changing``: the IMEI changes every few hours.
    """

    volume: tuple[float, float]
    spread: float = 0.25
    shift_hours: tuple[float, float] | None = None
    rest: float = 0.05
    rhythm: str = "diaspora"
    durations: str = "abroad"
    pause_seconds: float = 20.0
    answer_factor: float = 0.86
    callback_missed: float = 0.025
    callback_answered: float = 0.003
    own_share: float = 0.0
    favourite_share: float = 0.0
    antennas: tuple[int, int] = (1, 1)
    life_days: tuple[int, int] | None = None
    handsets: str = "slot"


STRATEGIES = MappingProxyType(
    {
        "naive": Strategy((90, 200), rest=0.02),
        "capped": Strategy((27, 31), spread=0.08, shift_hours=(4.0, 8.0), rest=0.12, pause_seconds=90.0),
        "traffic_mimicking": Strategy(
            (24, 42), spread=0.5, rest=0.1, rhythm="person", durations="person", pause_seconds=240.0
        ),
        "mobility_mimicking": Strategy((28, 55), spread=0.35, rest=0.08, pause_seconds=120.0, antennas=(4, 9)),
        "socially_mimicking": Strategy(
            (26, 45),
            spread=0.4,
            rest=0.08,
            rhythm="person",
            pause_seconds=180.0,
            callback_missed=0.05,
            callback_answered=0.01,
            own_share=0.16,
            favourite_share=0.16,
        ),
        "rotating": Strategy((35, 70), rest=0.0, shift_hours=(5.0, 9.0), life_days=(2, 5), handsets="bank"),
        "imei_changing": Strategy((40, 80), rest=0.05, pause_seconds=60.0, handsets="changing"),
    }
)
"""Strategy by name; every one carries conversations of minutes to callees that its SIM has never called."""
