"""Texts as integers while figures are worked out: grouping and sorting text costs ten times as much."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

IntArray = npt.NDArray[np.int64]

_MOST_DIGITS = 17
"""Of a code that carries its digits: with their number they fit 63 bits. An IMEI with its software version has 16."""

_LENGTHS = _MOST_DIGITS + 1

_DIGITS = 2**32
"""Codes of digits lie above it, those of other texts do not."""


class Dictionary:
    """Texts by number, counted from 0 in order of appearance; safe to use from several threads."""

    def __init__(self) -> None:
        self._kind = pl.Categorical(pl.Categories.random())
        # Polars forgets what the numbers stand for once no column of the kind is left.
        self._anchor = pl.Series([""], dtype=self._kind)

    def express(self, text: pl.Expr) -> pl.Expr:
        """Return the number of each text; null stays null."""
        return text.cast(self._kind).to_physical().cast(pl.Int64)

    def decode(self, numbers: IntArray) -> pl.Series:
        """Return the texts that have these numbers."""
        return pl.Series(numbers.astype(np.uint32)).cat.to(self._kind).cast(pl.String)


class TextCodes:
    """Codes of the texts of one or several columns, not below 0; 0 where there is none.

    Digits, such as an IMEI, are their own code, in order of the text and above those of other texts.
    """

    def __init__(self) -> None:
        self._others = Dictionary()

    def express_names(self, column: str) -> pl.Expr:
        """Return the code of a column of few different texts."""
        return self._express_others(pl.col(column)).fill_null(0)

    def express_digits(self, column: str) -> pl.Expr:
        """Return the code of a column of many different texts, most of which are digits."""
        text = pl.col(column)
        # Texts from '0' up to ':' start with a digit (':' follows '9'); what is no digit later on fails in the cast.
        short = text.is_between(pl.lit("0"), pl.lit(":"), closed="left") & (text.str.len_bytes() <= _MOST_DIGITS)
        digits = pl.when(short).then(text.str.pad_end(_MOST_DIGITS, "0").cast(pl.Int64, strict=False))
        # A text sorts before those that continue it, so equal digits go by their length.
        code = _DIGITS + digits * _LENGTHS + text.str.len_bytes().cast(pl.Int64)
        return pl.coalesce(code, self._express_others(pl.when(digits.is_null()).then(text)), pl.lit(0, pl.Int64))

    def _express_others(self, text: pl.Expr) -> pl.Expr:
        return self._others.express(text) + 1

    def decode(self, codes: IntArray) -> pl.Series:
        """Return the texts that have these codes, null for 0."""
        texts = pl.Series([None], dtype=pl.String).new_from_index(0, codes.size)
        digits, others = np.flatnonzero(codes > _DIGITS), np.flatnonzero((codes > 0) & (codes <= _DIGITS))
        if digits.size:
            code = pl.Series(codes[digits] - _DIGITS)
            padded = (code // _LENGTHS).cast(pl.String).str.zfill(_MOST_DIGITS)
            texts = texts.scatter(digits, padded.str.head(code % _LENGTHS))
        if others.size:
            texts = texts.scatter(others, self._others.decode(codes[others] - 1))
        return texts

    def sort(self, codes: IntArray) -> IntArray:
        """Return the places of ascending codes in order of their texts."""
        if not codes.size or codes[0] > _DIGITS:
            return np.arange(codes.size)
        order: IntArray = self.decode(codes).arg_sort().to_numpy().astype(np.int64)
        return order
