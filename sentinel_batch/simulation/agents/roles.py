"""Habits of agents: subscribers, trades that call strangers, probes, and the SIMs of boxes.

Figures are estimates. The strategies follow those that the literature describes for bypass fraud: steady traffic,
capped SIMs, SIMs that are used a few times a day, SIMs moved among gateways as a person moves, SIMs with a circle of
callees, and SIMs that take turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Habit:
    """How agents of one kind call.

    Parameters
    ----------
    calls
        Range of mean calls a day, drawn per agent.
    spread
        Deviation of the logarithm of a day's factor.
    hours
        ``person``, ``office``, ``flat`` or ``evening``.
    contacts
        Mean number of contacts.
    stranger, family, own
        Shares of calls to anybody, to households with relatives abroad, and to the own group; the rest goes to
        contacts.
    duration, deviation
        Median of answered calls in seconds, and deviation of the logarithm.
    answered
        Chance that a call is answered.
    missed_back, answered_back
        Chance that the callee calls back after a missed, an answered call.
    answers
        Chance that the agent answers.
    movement
        ``person``, ``static``, ``roaming`` (another cell each call) or ``gateways`` (the cells of a box's gateways, by
        a person's day).
    """

    calls: tuple[float, float]
    spread: float = 0.4
    hours: str = "person"
    contacts: float = 12.0
    stranger: float = 0.05
    family: float = 0.0
    own: float = 0.0
    duration: float = 50.0
    deviation: float = 1.1
    answered: float = 0.68
    missed_back: float = 0.3
    answered_back: float = 0.07
    answers: float = 0.75
    movement: str = "person"


SUBSCRIBER = Habit((1.0, 9.0))


@dataclass(frozen=True)
class Trade:
    """An honest kind of caller: share of the subscribers, size of a group that shares contacts, and habit."""

    share: float
    group: int
    habit: Habit


TRADES = MappingProxyType(
    {
        "courier": Trade(0.002, 1, Habit((25, 60), hours="office", contacts=6, stranger=0.85, duration=22,
                                         missed_back=0.35, answered_back=0.12, answers=0.85, movement="roaming")),
        "shop": Trade(0.004, 1, Habit((12, 40), hours="office", contacts=70, stranger=0.2, duration=28,
                                      missed_back=0.3, answered_back=0.08, movement="static")),
        "helpdesk": Trade(0.001, 5, Habit((40, 110), hours="office", contacts=60, stranger=0.8, duration=110,
                                          deviation=0.9, missed_back=0.22, answered_back=0.04, answers=0.6,
                                          movement="static")),
        "canvasser": Trade(0.0006, 4, Habit((50, 140), hours="office", contacts=3, stranger=0.97, duration=25,
                                            answered=0.5, missed_back=0.05, answered_back=0.01, answers=0.3,
                                            movement="static")),
        "doctor": Trade(0.001, 1, Habit((10, 25), contacts=40, stranger=0.5, duration=95, missed_back=0.25,
                                        answered_back=0.05)),
        "meter": Trade(0.002, 1, Habit((6, 16), spread=0.1, hours="flat", contacts=2, stranger=0.0, duration=9,
                                       deviation=0.3, answered=0.97, missed_back=0.0, answered_back=0.0, answers=0.1,
                                       movement="static")),
        "test_call_generator": Trade(0.0012, 8, Habit((5, 12), spread=0.15, hours="flat", contacts=60, stranger=0.0,
                                                      duration=25, deviation=0.3, answered=0.96, missed_back=0.0,
                                                      answered_back=0.0, answers=0.2, movement="static")),
        "machine_probe": Trade(0.001, 1, Habit((3, 9), spread=0.15, hours="flat", contacts=50, stranger=0.3,
                                               duration=40, deviation=0.6, answered=0.8, missed_back=0.03,
                                               answered_back=0.0, answers=0.1, movement="static")),
    }
)  # fmt: skip
"""Honest kinds by name. Test-call generators and machine probes look almost like SIMs of a box."""


@dataclass(frozen=True)
class Strategy:
    """How a SIM box works: range of SIMs, habit of each, share of the SIMs at work on a day, gateways."""

    sims: tuple[int, int]
    habit: Habit
    working: float = 1.0
    gateways: int = 1


def _box(calls: tuple[float, float], **other: object) -> Habit:
    common: dict[str, object] = {
        "hours": "evening", "contacts": 0, "stranger": 0.1, "family": 0.9, "duration": 150.0, "deviation": 0.9,
        "answered": 0.66, "missed_back": 0.03, "answered_back": 0.004, "answers": 0.04, "movement": "static",
    }  # fmt: skip
    return Habit(calls, **{**common, **other})  # type: ignore[arg-type]


STRATEGIES = MappingProxyType(
    {
        "steady": Strategy((8, 16), _box((60, 110), spread=0.2)),
        "limited": Strategy((10, 18), _box((17, 25), spread=0.1)),
        "sparse": Strategy((20, 32), _box((4, 9), spread=0.3, hours="person")),
        "migrating": Strategy((10, 18), _box((14, 28), movement="gateways"), gateways=3),
        "sociable": Strategy(
            (10, 18),
            _box((14, 28), hours="person", own=0.14, duration=70.0, deviation=1.1, missed_back=0.06,
                 answered_back=0.015, answers=0.5),
        ),
        "relay": Strategy((24, 36), _box((30, 60)), working=1 / 3),
    }
)  # fmt: skip
"""Strategy by name."""
