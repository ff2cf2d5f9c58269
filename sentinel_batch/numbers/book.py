"""Columns of typed numbers in normal form."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from .kinds import AUTO, E164, INTERNATIONAL
from .reading import Read, Reader, reader_of
from .tally import Tally
from .typed import WHOLE_FLOAT

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from .screening import Decisions, Screen

_QUOTES = " '\"\t"
_SPACED = r"^\+?[0-9(][0-9 ().\-/]{6,30}$"
"""Numbers from which separators can be taken off without a second look."""

_DOTTED = r"^\+?[0-9]{7,17}[.,][0-9]{1,2}$|\(0\)"
"""Those among them that need one: floats with a fraction, and a national zero in parentheses."""


_READ = ("number", "kind", "reading")


class Normalised(NamedTuple):
    """A column of numbers in normal form.

    Parameters
    ----------
    numbers
        The normal forms.
    kinds
        What each is (:data:`~sentinel_batch.numbers.kinds.KINDS`); None where all are ``e164``.
    tally
        How many were read in which way.
    """

    numbers: pl.Series
    kinds: pl.Series | None
    tally: Tally


class NumberBook:
    """Reads columns of numbers; each distinct one that is not plain is worked out once.

    Parameters
    ----------
    region
        Where national numbers are read, such as ``NG``.
    mode
        How digits without ``+`` are read: one of :data:`~sentinel_batch.numbers.kinds.MODES`.
    """

    _LIMIT = 2_000_000

    def __init__(self, region: str, mode: str = AUTO) -> None:
        self.region, self.mode = region, mode
        self._known: dict[str | None, Read] = {}

    @cached_property
    def _reader(self) -> Reader:
        return reader_of(self.region, self.mode)

    @cached_property
    def _screen(self) -> Screen:
        from .screening import Screen

        return Screen(self._reader)

    def normalise(self, numbers: pl.Series) -> Normalised:
        """Return the numbers in normal form, with their kinds and the ways in which they were read."""
        import polars as pl

        plain = self._find_plain(numbers)
        tally = Tally(Counter({(INTERNATIONAL, E164): int(plain.sum())}) if plain.any() else Counter())
        if plain.all():
            return Normalised(numbers, None, tally)
        rest = self._read_all(numbers.filter(pl.Series(~plain)))
        tally.add(_count(rest))
        read = _put_back(numbers, plain, rest)
        return Normalised(read[numbers.name], None if set(tally.kinds) == {E164} else read["kind"], tally)

    def _find_plain(self, numbers: pl.Series) -> NDArray[np.bool_]:
        """Tell which numbers are valid as they stand: ``+`` and digits."""
        import polars as pl

        from .grading import load_grader
        from .plan import VALID

        name = pl.col(numbers.name)
        kept = name.is_between(pl.lit("+1"), pl.lit("+:")) & name.str.len_bytes().is_between(8, 16)
        frame = numbers.to_frame().select(
            digits=name.str.len_bytes().cast(pl.UInt8, strict=False).fill_null(1) - 1,
            value=pl.when(kept).then(name.str.slice(1).cast(pl.UInt64, strict=False)).fill_null(0),
        )
        values, digits = frame["value"].to_numpy(), frame["digits"].to_numpy()
        plain: NDArray[np.bool_] = (load_grader().grade(values, digits) == VALID) & (values > 0)
        return plain

    def _read_all(self, typed: pl.Series) -> pl.DataFrame:
        """Return ``typed, number, kind, reading`` of numbers that are not plain, in their order."""
        import polars as pl

        frame = _take_apart(typed)
        parts = [pl.DataFrame(schema={"place": pl.UInt32, **dict.fromkeys(_READ, pl.String)})]
        for plus in (True, False):
            part = frame.filter(pl.col("plus") == plus)
            if part.height:
                parts.append(self._decide(part, plus=plus))
        joined = frame.select("place", "typed").join(pl.concat(parts), on="place", how="left", maintain_order="left")
        left = joined.filter(pl.col("kind").is_null())
        if left.is_empty():
            return joined.select("typed", *_READ)
        table = self._look_up(left["typed"].unique())
        looked_up = left.select("place", "typed").join(table, on="typed", how="left", nulls_equal=True)
        whole = pl.concat([joined.filter(pl.col("kind").is_not_null()), looked_up.select(joined.columns)])
        return whole.sort("place").select("typed", *_READ)

    def _decide(self, part: pl.DataFrame, *, plus: bool) -> pl.DataFrame:
        values, digits = part["value"].to_numpy(), part["digits"].to_numpy()
        screen = self._screen
        if plus:
            decisions = screen.decide_international(values, digits)
        else:
            decisions = screen.decide_dialled(part["text"], values, digits)
        return _spell(part, decisions, self._reader.home.code)

    def _look_up(self, odd: pl.Series) -> pl.DataFrame:
        import polars as pl

        if len(self._known) > self._LIMIT:
            self._known = {}
        known, values = self._known, odd.to_list()
        results = []
        for value in values:
            result = known.get(value)
            if result is None:
                result = known[value] = self._reader.read(value)
            results.append(result)
        table = pl.DataFrame(results, schema=dict.fromkeys(_READ, pl.String), orient="row")
        return table.with_columns(pl.Series("typed", values, dtype=pl.String))


def _take_apart(typed: pl.Series) -> pl.DataFrame:
    """Return ``place, typed, text`` (its digits), ``plus, value, digits``; nulls where a text is more than digits."""
    import polars as pl

    text = pl.col("typed")
    dense = pl.when(text.str.contains(r"^\+?[0-9]+$")).then(text).otherwise(_tidy(text))
    frame = typed.to_frame("typed").with_row_index("place").with_columns(dense=dense)
    plus = pl.col("dense").str.starts_with("+")
    frame = frame.with_columns(plus=plus, text=pl.when(plus).then(pl.col("dense").str.slice(1)).otherwise("dense"))
    digits = pl.col("text").str.len_bytes()
    fits = digits.is_between(1, 17)
    return frame.select(
        "place",
        "typed",
        "text",
        plus=pl.when(fits).then("plus"),
        value=pl.when(fits).then("text").cast(pl.UInt64, strict=False),
        digits=pl.when(fits).then(digits).cast(pl.UInt8),
    )


def _tidy(text: pl.Expr) -> pl.Expr:
    """Take off separators, quotes and ``.0``; null where there is more to it."""
    import polars as pl

    bare = text.str.strip_chars(_QUOTES).str.replace(WHOLE_FLOAT, "$1")
    simple = bare.str.contains(_SPACED) & ~bare.str.contains(_DOTTED)
    return pl.when(simple).then(bare.str.replace_all(r"[ ().\-/]", ""))


def _spell(part: pl.DataFrame, decisions: Decisions, code: str) -> pl.DataFrame:
    """Return ``place, number, kind, reading`` of the numbers that are decided."""
    import polars as pl

    from .screening import KIND_NAMES, READING_NAMES, UNDECIDED

    head = pl.when("home").then(pl.lit(f"+{code}")).otherwise(pl.lit("+"))
    frame = part.select("place", "text").with_columns(
        pl.Series("home", decisions.home),
        pl.Series("cut", decisions.cut),
        pl.Series("kind", decisions.kinds),
        pl.Series("reading", decisions.readings),
    )
    decided = frame.filter(pl.col("kind") != UNDECIDED)
    return decided.select(
        "place",
        number=head + pl.col("text").str.slice(pl.col("cut")),
        kind=_named("kind", KIND_NAMES),
        reading=_named("reading", READING_NAMES),
    )


def _named(column: str, names: tuple[str, ...]) -> pl.Expr:
    import polars as pl

    return pl.lit(pl.Series(names)).gather(pl.col(column)).alias(column)


def _put_back(numbers: pl.Series, plain: NDArray[np.bool_], rest: pl.DataFrame) -> pl.DataFrame:
    """Return ``number`` (under the column's name) and ``kind`` of all numbers, in their order."""
    import numpy as np
    import polars as pl

    places = pl.Series(np.where(plain, 0, np.cumsum(~plain) - 1))
    mask = pl.Series(plain)
    number, kind = rest["number"].gather(places), rest["kind"].gather(places)
    return pl.DataFrame(
        [
            numbers.zip_with(mask, number).alias(numbers.name),
            pl.repeat(E164, len(numbers), dtype=pl.String, eager=True).zip_with(mask, kind).alias("kind"),
        ]
    )


def _count(read: pl.DataFrame) -> Tally:
    import polars as pl

    first = [pl.col("typed").first(), pl.col("number").first(), pl.len().alias("count")]
    tally = Tally()
    for row in read.group_by("reading", "kind").agg(first).iter_rows(named=True):
        way = row["reading"], row["kind"]
        tally.counts[way], tally.examples[way] = row["count"], (row["typed"], row["number"])
    return tally
