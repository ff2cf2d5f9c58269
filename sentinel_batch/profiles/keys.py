"""Telephone numbers as 64-bit integers, because grouping text costs ten times as much.

An E.164 number is its digits. Any other caller id gets a negative key, in order of appearance.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import polars as pl

KeyArray = npt.NDArray[np.int64]

PREFIX_LENGTH = 7
"""Characters of a prefix, the ``+`` included: ``+234803``, as in column ``callee_prefix``."""

_MOST_BYTES = 19
"""``+`` and 18 digits: what surely fits 64 bits."""


class NumberKeys:
    """Keys of the numbers met so far.

    The same object must give all keys that are compared with each other.
    """

    def __init__(self) -> None:
        self._odd: dict[str, int] = {}
        self._texts: dict[int, str] = {}

    def express(self, column: str) -> pl.Expr:
        """Return the key of a text column; null for a number that is not E.164 and was never learnt."""
        text = pl.col(column)
        # Texts from '+1' up to '+:' start with a plus and a digit (':' follows '9'). A comparison is cheaper than a
        # pattern; what is not a number after all becomes null in the cast.
        regular = text.is_between(pl.lit("+1"), pl.lit("+:")) & text.str.len_bytes().is_between(2, _MOST_BYTES)
        key: pl.Expr = pl.when(regular).then(text.str.slice(1).cast(pl.Int64, strict=False))
        if self._odd:
            key = pl.coalesce(key, text.replace_strict(self._odd, default=None, return_dtype=pl.Int64))
        return key

    def learn(self, numbers: Iterable[str]) -> None:
        """Give keys to numbers for which :meth:`express` has none."""
        # Sorted, so that keys do not depend on the order of files or threads.
        for number in sorted(set(numbers) - set(self._odd)):
            key = -1 - len(self._odd)
            self._odd[number] = key
            self._texts[key] = number

    def decode(self, keys: KeyArray) -> pl.Series:
        """Return the numbers that have these keys."""
        series = pl.Series("number", keys)
        text = pl.lit("+") + pl.col("number").cast(pl.String)
        if keys.size and keys.min() < 0:
            odd = pl.col("number").replace_strict(self._texts, default=None, return_dtype=pl.String)
            text = pl.when(pl.col("number") < 0).then(odd).otherwise(text)
        return series.to_frame().select(text.alias("number"))["number"]

    def leading(self, keys: KeyArray, digits: int) -> KeyArray:
        """Return the first so many digits of each E.164 number (all of a shorter one), and the key of any other."""
        powers = np.array([10**power for power in range(19)], dtype=np.int64)
        # The number of digits by search among powers of ten: exact, where a logarithm rounds at 10^k.
        length = np.searchsorted(powers, np.maximum(keys, 1), side="right")
        cut: KeyArray = np.where(keys > 0, keys // powers[np.maximum(length - digits, 0)], keys)
        return cut

    def prefixes(self, keys: KeyArray) -> KeyArray:
        """Return an integer for each number; two are equal if the first seven characters of the numbers are."""
        found = self.leading(keys, PREFIX_LENGTH - 1)
        known: dict[str, int] = {}
        for place in np.flatnonzero(keys < 0):
            prefix = self._texts[int(keys[place])][:PREFIX_LENGTH]
            digits = prefix[1:]
            regular = prefix[0] == "+" and digits.isascii() and digits.isdigit() and digits[0] != "0"
            found[place] = int(digits) if regular else known.setdefault(prefix, -1 - len(known))
        return found
