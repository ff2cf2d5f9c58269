"""Nigerian mobile numbers in E.164, each the image of one small integer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MOBILE_PREFIXES = (
    "701", "703", "704", "705", "706", "707", "708",
    "802", "803", "805", "806", "807", "808", "809",
    "810", "811", "812", "813", "814", "815", "816", "817", "818",
    "901", "902", "903", "904", "905", "906", "907", "908", "909",
    "911", "912", "913", "915", "916",
)  # fmt: skip
"""National prefixes of Nigerian mobile networks (national numbering plan, Nigerian Communications Commission).

Only those of which libphonenumber takes every number as valid.
"""

SUBSCRIBER_DIGITS = 7
NUMBERS_PER_PREFIX = 10**SUBSCRIBER_DIGITS
NUMBER_SPACE = len(MOBILE_PREFIXES) * NUMBERS_PER_PREFIX
"""How many different numbers there are."""

FIRST_SIMBOX_INDEX = NUMBER_SPACE // 2
"""Indices below it are for subscribers and whom they call, the others for SIM boxes."""

_COUNTRY = 234 * 10**10
_PREFIX_VALUES = np.array([int(prefix) for prefix in MOBILE_PREFIXES], dtype=np.int64) * NUMBERS_PER_PREFIX

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class NumberPlan:
    """A one-to-one map from an index below ``NUMBER_SPACE`` to a mobile number.

    It is affine modulo ``NUMBER_SPACE`` with a multiplier coprime to it, so two indices never share a number and no
    table of numbers given out is needed.

    Parameters
    ----------
    multiplier
        Coprime to ``NUMBER_SPACE``.
    offset
        Index of the number that index 0 maps to.
    """

    multiplier: int
    offset: int

    @classmethod
    def draw(cls, rng: np.random.Generator) -> NumberPlan:
        """Return a random plan."""
        multiplier, offset = (int(value * NUMBER_SPACE) for value in rng.random(2))
        while math.gcd(multiplier, NUMBER_SPACE) != 1:
            multiplier += 1
        return cls(multiplier, offset)

    def digits(self, indices: IntArray) -> IntArray:
        """Return the 13 digits of each number, country code included, as integers."""
        places = (indices * self.multiplier + self.offset) % NUMBER_SPACE
        prefixes, subscribers = np.divmod(places, NUMBERS_PER_PREFIX)
        digits: IntArray = _PREFIX_VALUES[prefixes] + (subscribers + _COUNTRY)
        return digits
