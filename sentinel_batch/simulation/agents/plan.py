"""What a society of agents depends on: parameters, checked, and a source of randomness for each purpose."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np

from sentinel_batch.errors import UsageError
from sentinel_batch.simulation.ranges import check_range

VERSION = "agents 1"
"""Version of the design: equal parameters give equal calls only within one version."""

DEFAULT_START = dt.date(2026, 1, 5)
"""A Monday."""

FEWEST_SUBSCRIBERS, MOST_SUBSCRIBERS = 1_000, 1_000_000
MOST_DAYS = 60
MOST_BOXES = 200


class Numbering(NamedTuple):
    """Mobile numbers of a country: calling code, national prefixes, digits after them, mobile country code."""

    code: str
    prefixes: tuple[str, ...]
    digits: int
    mcc: str


NUMBERING = {
    "NG": Numbering("234", ("803", "806", "703", "813", "805", "807", "802", "808"), 7, "621"),
    "GH": Numbering("233", ("24", "54", "55", "20", "50", "27", "26"), 7, "620"),
    "BJ": Numbering("229", ("0166", "0196", "0197", "0161", "0195", "0164", "0194"), 6, "616"),
    "PK": Numbering("92", ("300", "301", "312", "321", "333", "345"), 7, "410"),
}
"""Countries that the agents can live in, by ISO 3166 code."""


class Purpose(IntEnum):
    """First part of every spawn key: what a stream of random numbers is for."""

    NUMBERS = 0
    PLACES = 1
    FRIENDS = 2
    HABITS = 3
    BOXES = 4
    CALLS = 5


@dataclass(frozen=True)
class AgentPlan:
    """Parameters of a society of agents.

    Parameters
    ----------
    subscribers
        Ordinary subscribers; trades, probes and boxes come on top.
    days
        Local days of traffic.
    seed
        Seed of all randomness.
    start
        First local day.
    boxes
        SIM boxes of each strategy.
    zone, region
        IANA zone of the local days; country of the numbers, one of :data:`NUMBERING`.

    Raises
    ------
    UsageError
        If a value is out of range.
    """

    subscribers: int = 10_000
    days: int = 14
    seed: int = 1
    start: dt.date = DEFAULT_START
    boxes: int = 1
    zone: str = "Africa/Lagos"
    region: str = "NG"

    def __post_init__(self) -> None:
        bounds = {
            "subscribers": (FEWEST_SUBSCRIBERS, MOST_SUBSCRIBERS),
            "days": (1, MOST_DAYS),
            "seed": (0, 2**63 - 1),
            "boxes": (0, MOST_BOXES),
        }
        for name, (least, most) in bounds.items():
            check_range(name, getattr(self, name), least, most)
        if self.region not in NUMBERING:
            raise UsageError(
                f"Agents cannot live in region {self.region!r}.",
                hint=f"Set region to one of {', '.join(NUMBERING)}: --region, or region in sentinel.toml.",
                value=self.region,
            )

    @property
    def numbering(self) -> Numbering:
        """The country's mobile numbers."""
        return NUMBERING[self.region]

    def rng(self, purpose: Purpose, *key: int) -> np.random.Generator:
        """Return the source of randomness of one purpose (and day): no other draw moves it."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(int(purpose), *key)))

    def date(self, day: int) -> dt.date:
        """Return the date of a day of the simulation."""
        return self.start + dt.timedelta(days=day)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-serialisable facts."""
        return {"version": VERSION, **asdict(self), "start": self.start.isoformat()}
