"""Telephone numbers as 64-bit integers, because grouping text costs ten times as much.

An E.164 number is its digits. Any other caller id gets a negative key.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from sentinel_batch.profiles.texts import Dictionary

KeyArray = npt.NDArray[np.int64]

PREFIX_LENGTH = 7
"""Characters of a prefix, the ``+`` included: ``+234803``, as in column ``callee_prefix``."""

_MOST_BYTES = 19
"""``+`` and 18 digits: what surely fits 64 bits."""

_MASK = 2**32 - 1
_SCATTER = 2_654_435_761
"""Odd, so that multiplying by it is reversible; about 2^32 divided by the golden ratio."""
_GATHER = pow(_SCATTER, -1, 2**32)


class NumberKeys:
    """Keys of numbers; safe to use from several threads.

    The same object must give all keys that are compared with each other.
    """

    def __init__(self) -> None:
        self._odd = Dictionary()

    def express(self, column: str) -> pl.Expr:
        """Return the key of a text column, null where there is none."""
        key = self.express_numbers(column)
        place = self._odd.express(pl.when(key.is_null()).then(pl.col(column)))
        # Scattered: in order of appearance, those that come later would all lie beyond any bound between parts.
        scattered = ((place.cast(pl.UInt64) * pl.lit(_SCATTER, pl.UInt64)) & pl.lit(_MASK, pl.UInt64)).cast(pl.Int64)
        return pl.coalesce(key, -1 - scattered)

    def express_numbers(self, column: str) -> pl.Expr:
        """Return the key of a text column, null for what is no E.164 number: in less time than all keys take."""
        text = pl.col(column)
        # Texts from '+1' up to '+:' start with a plus and a digit (':' follows '9'). A comparison is cheaper than a
        # pattern; what is not a number after all becomes null in the cast.
        regular = text.is_between(pl.lit("+1"), pl.lit("+:")) & text.str.len_bytes().is_between(2, _MOST_BYTES)
        return pl.when(regular).then(text.str.slice(1).cast(pl.Int64, strict=False))

    def decode(self, keys: KeyArray) -> pl.Series:
        """Return the numbers that have these keys."""
        texts = "+" + pl.Series("number", keys).cast(pl.String)
        odd = np.flatnonzero(keys < 0)
        return texts.scatter(odd, self._decode_odd(keys[odd])) if odd.size else texts

    def _decode_odd(self, keys: KeyArray) -> pl.Series:
        places = ((-1 - keys).astype(np.uint64) * np.uint64(_GATHER)) & np.uint64(_MASK)
        return self._odd.decode(places.astype(np.int64))

    def leading(self, keys: KeyArray, digits: int) -> KeyArray:
        """Return the first so many digits of each E.164 number (all of a shorter one), and the key of any other."""
        if not keys.size:
            return keys
        cut = keys.copy()
        longest = len(str(max(int(keys.max()), 0)))
        # One division by a constant for each length that occurs: a fraction of the time of a divisor for each number.
        for length in range(digits + 1, longest + 1):
            chosen = keys >= 10 ** (length - 1)
            if length < longest:
                chosen &= keys < 10**length
            if chosen.any():
                np.floor_divide(keys, 10 ** (length - digits), out=cut, where=chosen)
        return cut

    def prefixes(self, keys: KeyArray) -> KeyArray:
        """Return an integer for each number; two are equal if the first seven characters of the numbers are."""
        found = self.leading(keys, PREFIX_LENGTH - 1)
        odd = np.flatnonzero(keys < 0)
        if odd.size:
            prefix = self._decode_odd(keys[odd]).str.head(PREFIX_LENGTH).alias("prefix")
            digits = pl.when(pl.col("prefix").str.contains(r"^\+[1-9][0-9]*$")).then(pl.col("prefix").str.slice(1))
            other = -1 - pl.col("prefix").rank("dense").cast(pl.Int64)
            chosen = prefix.to_frame().select(pl.coalesce(digits.cast(pl.Int64), other))
            found[odd] = chosen.to_series().to_numpy()
        return found
