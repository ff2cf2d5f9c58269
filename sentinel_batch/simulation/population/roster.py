"""Everybody who has a number: subscribers, businesses, SIMs in boxes, numbers abroad, invented ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .arrays import Flags, Floats, Ints
from .calls import NOWHERE
from .handsets import draw_imeis
from .plan import Plan

NATIONAL = -1
"""Trunk of calls that do not cross the border."""

_HOME_NETWORKS = np.array([20, 30, 50, 60])
_MOBILE_COUNTRY = 621
_SUBSCRIPTIONS = 10**10
_SUBSCRIPTION_STRIDE = 7_368_787_393  # Coprime to 10^10.
_FOREVER = 32_000


@dataclass(frozen=True)
class Directory:
    """What is known of each number, in columns; a number's position is its identity within the simulation.

    Parameters
    ----------
    digits
        The number, country code included.
    served
        Whether this network serves it: then its calls have a SIM, a handset and a cell.
    trunk
        International trunk over which its calls come or go, or :data:`NATIONAL`.
    answers
        Probability that it answers a call from a contact.
    returns
        Whether it ever calls back: machines and SIMs in boxes do not.
    first_day, last_day
        Days of the simulation between which it is in use.
    home, work
        Cells, or :data:`~.calls.NOWHERE`.
    elsewhere, flicker
        Share of its calls away from both, and share that a neighbouring antenna serves.
    handset, later_handset, change_day
        Positions among the handsets, and the day from which the later one is used.
    silent_day
        Day from which its holder makes no calls, though others may call it, or call from it.
    imei
        Of each handset.
    lines
        How many of the first numbers are subscribers, businesses and SIMs in boxes: what a wrong number may reach.
    """

    digits: Ints
    served: Flags
    trunk: Ints
    answers: Floats
    returns: Flags
    first_day: Ints
    last_day: Ints
    home: Ints
    work: Ints
    elsewhere: Floats
    flicker: Floats
    handset: Ints
    later_handset: Ints
    change_day: Ints
    silent_day: Ints
    imei: Ints
    lines: int

    def __len__(self) -> int:
        """Return how many numbers there are."""
        return len(self.digits)

    def in_use(self, numbers: Ints, day: int) -> Flags:
        """Tell which of the numbers are in use on a day."""
        used: Flags = (self.first_day[numbers] <= day) & (self.last_day[numbers] >= day)
        return used

    def subscriptions(self) -> Ints:
        """Return each number's IMSI (0 where it has none): 15 digits, the network that of the number's prefix."""
        network = _HOME_NETWORKS[self.digits // 10**7 % 4]
        own = np.arange(len(self), dtype=np.uint64) * np.uint64(_SUBSCRIPTION_STRIDE) % np.uint64(_SUBSCRIPTIONS)
        return np.where(self.served, (_MOBILE_COUNTRY * 100 + network) * _SUBSCRIPTIONS + own.astype(np.int64), 0)


@dataclass(frozen=True)
class Member:
    """What the truth says of a group of numbers added together.

    Parameters
    ----------
    first, end
        Positions.
    role, kind
        As in the truth.
    strategy, box_id, segment
        Text, or None.
    facts
        Of the scenario, JSON-serialisable.
    """

    first: int
    end: int
    role: str
    kind: str
    strategy: str | None = None
    box_id: str | None = None
    segment: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


_TYPES: dict[str, tuple[type[np.generic], float]] = {
    "digits": (np.int64, 0),
    "served": (np.bool_, True),
    "trunk": (np.int8, NATIONAL),
    "answers": (np.float32, 0.7),
    "returns": (np.bool_, True),
    "first_day": (np.int16, 0),
    "last_day": (np.int16, _FOREVER),
    "home": (np.int32, NOWHERE),
    "work": (np.int32, NOWHERE),
    "elsewhere": (np.float32, 0),
    "flicker": (np.float32, 0),
    "handset": (np.int32, NOWHERE),
    "later_handset": (np.int32, NOWHERE),
    "change_day": (np.int16, _FOREVER),
    "silent_day": (np.int16, _FOREVER),
}

_UNALLOCATED: dict[str, Any] = {"served": False, "answers": 0.0}


class Roster:
    """The directory while it is being filled."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.members: list[Member] = []
        self._columns: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in _TYPES}
        self._modules: list[Flags] = []
        self._size = 0
        self._handsets = 0
        self._silent: dict[int, int] = {}
        self._lines = 0

    def add(
        self,
        digits: Ints,
        role: str,
        kind: str,
        *,
        strategy: str | None = None,
        box_id: str | None = None,
        segment: str | None = None,
        facts: dict[str, Any] | None = None,
        **columns: Any,
    ) -> Ints:
        """Add numbers, and return their positions.

        Parameters
        ----------
        digits
            The numbers.
        role, kind, strategy, box_id, segment, facts
            What the truth says of them.
        **columns
            Columns of :class:`Directory`: one value for all, or one each; those not given have their default.
        """
        size = len(digits)
        for name, (kind_of, default) in _TYPES.items():
            value = digits if name == "digits" else columns.get(name, default)
            self._columns[name].append(np.broadcast_to(np.asarray(value).astype(kind_of), size))
        first, self._size = self._size, self._size + size
        self.members.append(Member(first, self._size, role, kind, strategy, box_id, segment, facts or {}))
        return np.arange(first, self._size, dtype=np.int32)

    def add_handsets(self, module: Flags) -> Ints:
        """Add handsets, and return their positions; ``module`` says which are radio modules."""
        first, self._handsets = self._handsets, self._handsets + len(module)
        self._modules.append(module)
        return np.arange(first, self._handsets, dtype=np.int32)

    def column(self, name: str) -> Ints:
        """Return a column of the directory so far."""
        return np.concatenate(self._columns[name])

    def find(self, digits: Ints) -> Ints:
        """Return the positions of numbers (different ones); those that nobody holds are added as background."""
        held = self.column("digits")
        order = np.argsort(held)
        place = np.minimum(np.searchsorted(held, digits, sorter=order), len(held) - 1)
        found = order[place]
        known = held[found] == digits
        return _scatter(known, found[known], self.add(digits[~known], "background", "unallocated", **_UNALLOCATED))

    def end_lines(self) -> None:
        """Note that all subscribers, businesses and SIMs in boxes are there."""
        self._lines = self._size

    def silence(self, number: int, day: int) -> None:
        """Let a holder make no calls from a day on."""
        self._silent[number] = day

    def close(self) -> Directory:
        """Return the finished directory."""
        columns = {name: np.concatenate(parts) for name, parts in self._columns.items()}
        for number, day in self._silent.items():
            columns["silent_day"][number] = day
        return Directory(**columns, imei=draw_imeis(self.plan, np.concatenate(self._modules)), lines=self._lines)


def _scatter(mask: Flags, chosen: Ints, others: Ints) -> Ints:
    """Return an array that holds ``chosen`` where ``mask`` is set, and ``others`` elsewhere."""
    merged = np.empty(len(mask), dtype=np.int64)
    merged[mask], merged[~mask] = chosen, others
    return merged
