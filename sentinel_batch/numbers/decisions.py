"""What was decided of many numbers, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .kinds import AS_TYPED, E164, KINDS, READINGS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Flags = NDArray[np.bool_]

KIND_NAMES, READING_NAMES = tuple(KINDS), tuple(READINGS)
"""Names of the codes that stand in :class:`Decisions`."""

UNDECIDED = 255
"""Kind of a number that is left to the reader of single ones."""


@dataclass
class Decisions:
    """What became of each number: it is ``+``, the home code where ``home``, and its digits from ``cut`` on."""

    kinds: Bytes
    readings: Bytes
    cut: Bytes
    home: Flags

    @classmethod
    def none(cls, count: int) -> Decisions:
        """Return so many numbers, all undecided."""
        import numpy as np

        kinds, readings = np.full(count, UNDECIDED, np.uint8), np.full(count, READING_NAMES.index(AS_TYPED), np.uint8)
        return cls(kinds, readings, np.zeros(count, np.uint8), np.zeros(count, np.bool_))

    def take(self, chosen: Flags, reading: str, *, cut: Bytes | int = 0, home: bool = False, kind: str = E164) -> None:
        """Decide the chosen numbers that are not yet decided."""
        fresh = chosen & (self.kinds == UNDECIDED)
        self.kinds[fresh] = KIND_NAMES.index(kind)
        self.readings[fresh] = READING_NAMES.index(reading)
        self.cut[fresh] = cut if isinstance(cut, int) else cut[fresh]
        self.home[fresh] = home

    def put(self, chosen: Flags, other: Decisions) -> None:
        """Take over what was decided of the chosen numbers."""
        self.kinds[chosen], self.readings[chosen] = other.kinds, other.readings
        self.cut[chosen], self.home[chosen] = other.cut, other.home
