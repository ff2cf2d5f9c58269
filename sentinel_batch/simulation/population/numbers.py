"""Numbers given out: settled ones anywhere, fresh ones from the ranges on sale, and numbers abroad."""

from __future__ import annotations

import numpy as np

from sentinel_batch.simulation.numbering import MOBILE_PREFIXES, NUMBER_SPACE, NUMBERS_PER_PREFIX

from .arrays import Flags, Floats, Ints

RANGE = 10_000
"""Consecutive numbers that are sold at the same time."""

_DENSITY = 0.4
_FEWEST_RANGES = 4
_COUNTRY = 234 * 10**10
_PREFIXES = np.array([int(prefix) for prefix in MOBILE_PREFIXES], dtype=np.int64) * NUMBERS_PER_PREFIX
FIXED_LINES = 2_342_010_000_000
"""Lagos: +234 201 and seven digits, since the fixed networks' renumbering."""

FOREIGN = {
    447400000000: (9, 0.20), 447900000000: (8, 0.08), 12140000000: (7, 0.09), 13460000000: (7, 0.08),
    17130000000: (7, 0.06), 19170000000: (7, 0.05), 14160000000: (7, 0.05), 971500000000: (8, 0.08),
    233240000000: (7, 0.05), 233200000000: (7, 0.03), 22961000000: (6, 0.02), 237670000000: (7, 0.03),
    27820000000: (7, 0.04), 8613800000000: (8, 0.04), 4915100000000: (8, 0.03), 33600000000: (8, 0.02),
    393300000000: (8, 0.02), 966500000000: (8, 0.01), 23276000000: (6, 0.008), 37120000000: (7, 0.004),
    252610000000: (7, 0.004), 21620000000: (6, 0.004),
}  # fmt: skip
"""First number, free digits and share of the numbers abroad: where Nigerians have relatives and trade."""

HIGH_RISK = {
    252_90_0000000: (6, "+25290"),
    371_292_00000: (5, "+371292"),
    232_76_700000: (5, "+232767"),
    216_20_600000: (5, "+216206"),
    882_16_50000000: (6, "+8821650"),
    53_521_00000: (5, "+53521"),
    675_701_00000: (5, "+675701"),
}
"""First number, free digits and prefix of ranges that revenue share fraud and Wangiri use; invented, so that no real
subscriber stands in them on purpose."""


class NumberRegister:
    """Nigerian numbers, each given out once.

    Parameters
    ----------
    rng
        Source of randomness.
    expected
        How many fresh numbers will be asked for: so many ranges are on sale.
    """

    def __init__(self, rng: np.random.Generator, expected: int) -> None:
        ranges = max(_FEWEST_RANGES, int(np.ceil(expected / (RANGE * _DENSITY))))
        blocks = rng.choice(NUMBER_SPACE // RANGE, ranges, replace=False)
        self._rng = rng
        self._ranges = blocks.astype(np.int64) * RANGE
        self._free: Flags = np.ones((ranges, RANGE), dtype=np.bool_)
        self._settled = np.zeros(0, dtype=np.int64)

    def take_run(self, size: int) -> Ints:
        """Return fresh numbers bought together: close to each other, with gaps, within one range."""
        span = min(RANGE, 3 * size)
        while True:
            block = int(self._rng.integers(len(self._ranges)))
            start = int(self._rng.integers(RANGE - span + 1))
            free = start + np.flatnonzero(self._free[block, start : start + span])
            if len(free) >= size:
                chosen = np.sort(self._rng.choice(free, size, replace=False))
                self._free[block, chosen] = False
                return _digits(self._ranges[block] + chosen)

    def take_fresh(self, size: int) -> Ints:
        """Return fresh numbers from anywhere in the ranges on sale, in random order."""
        free = np.flatnonzero(self._free.ravel())
        chosen = self._rng.choice(free, size, replace=False)
        self._free.ravel()[chosen] = False
        return _digits(self._ranges[chosen // RANGE] + chosen % RANGE)

    def take_settled(self, size: int) -> Ints:
        """Return numbers from all other ranges, in random order."""
        found: Ints = np.zeros(0, dtype=np.int64)
        while len(found) < size:
            drawn = self._rng.integers(NUMBER_SPACE, size=int((size - len(found)) * 1.1) + 16)
            known = is_among(drawn // RANGE * RANGE, np.sort(self._ranges)) | is_among(drawn, self._settled)
            found = make_distinct(np.concatenate([found, drawn[~known]]))
        found = self._rng.permutation(found)[:size]
        self._settled = np.sort(np.concatenate([self._settled, found]))
        return _digits(found)

    def take_fixed(self, size: int) -> Ints:
        """Return fixed-line numbers of Lagos; call it once."""
        return FIXED_LINES + self._rng.choice(NUMBERS_PER_PREFIX, size, replace=False)

    def take_unused(self, near: Ints) -> Ints:
        """Return, for each given number, one nearby that nobody holds: the last four digits differ."""
        used = np.sort(self._used())
        drawn = near // 10_000 * 10_000 + self._rng.integers(10_000, size=len(near))
        while (clash := is_among(drawn, used)).any():
            drawn[clash] = near[clash] // 10_000 * 10_000 + self._rng.integers(10_000, size=int(clash.sum()))
        return drawn

    def _used(self) -> Ints:
        sold = np.flatnonzero(~self._free.ravel())
        return np.concatenate([_digits(self._settled), _digits(self._ranges[sold // RANGE] + sold % RANGE)])


def draw_range(rng: np.random.Generator) -> Ints:
    """Return the consecutive numbers of a random one of the ranges into which the mobile numbers are cut."""
    block = int(rng.integers(NUMBER_SPACE // RANGE))
    return _digits(block * RANGE + np.arange(RANGE, dtype=np.int64))


def draw_foreign(rng: np.random.Generator, size: int) -> Ints:
    """Return different numbers abroad."""
    firsts = np.array(list(FOREIGN), dtype=np.int64)
    spans = 10 ** np.array([digits for digits, _ in FOREIGN.values()], dtype=np.int64)
    shares: Floats = np.array([share for _, share in FOREIGN.values()])
    found: Ints = np.zeros(0, dtype=np.int64)
    while len(found) < size:
        country = rng.choice(len(firsts), size + 64, p=shares / shares.sum())
        drawn = firsts[country] + (rng.random(size + 64) * spans[country]).astype(np.int64)
        found = make_distinct(np.concatenate([found, drawn]))
    return rng.permutation(found)[:size]


def make_distinct(values: Ints) -> Ints:
    """Return the different values in order; ``numpy.unique`` hashes, which takes many times as long."""
    ordered = np.sort(values)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])] if len(ordered) else ordered


def is_among(values: Ints, ordered: Ints) -> Flags:
    """Tell which values occur in an ordered array."""
    if not len(ordered):
        return np.zeros(len(values), dtype=np.bool_)
    place = np.minimum(np.searchsorted(ordered, values), len(ordered) - 1)
    found: Flags = ordered[place] == values
    return found


def _digits(places: Ints) -> Ints:
    prefixes, subscribers = np.divmod(places, NUMBERS_PER_PREFIX)
    digits: Ints = _PREFIXES[prefixes] + (subscribers + _COUNTRY)
    return digits
