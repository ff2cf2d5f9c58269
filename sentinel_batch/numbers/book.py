"""Columns of typed numbers in normal form."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from .decisions import KIND_NAMES, READING_NAMES, UNDECIDED, Decisions
from .kinds import AUTO, E164, INTERNATIONAL
from .reading import Reader, reader_of
from .tally import Tally
from .typed import LONGEST_TYPED, WHOLE_FLOAT

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from .screening import Screen

_QUOTES = " '\"\t"
_SPACED = r"^\+?[0-9(][0-9 ().\-/]{6,30}$"
"""Numbers from which separators can be taken off without a second look."""

_DOTTED = r"^\+?[0-9]{7,17}[.,][0-9]{1,2}$|\(0\)"
"""Those among them that need one: floats with a fraction, and a national zero in parentheses."""


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
        self._known: dict[str | None, tuple[str | None, int, int]] = {}

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
        typed = numbers.filter(pl.Series(~plain)) if plain.any() else numbers  # A file mostly keeps to one notation.
        read, decisions = self._read_all(typed)
        tally.add(_count(typed, read, decisions))
        whole = _put_back(numbers, plain, read)
        if set(tally.kinds) == {E164}:
            return Normalised(whole, None, tally)
        kinds = pl.repeat(E164, len(numbers), dtype=pl.String, eager=True)
        return Normalised(whole, _put_back(kinds, plain, pl.Series(KIND_NAMES).gather(decisions.kinds)), tally)

    def _find_plain(self, numbers: pl.Series) -> NDArray[np.bool_]:
        """Tell which numbers are valid as they stand: ``+`` and digits."""
        import numpy as np
        import polars as pl

        from .grading import load_grader
        from .plan import VALID

        name = pl.col(numbers.name)
        kept = name.is_between(pl.lit("+1"), pl.lit("+:")) & name.str.len_bytes().is_between(8, 16)
        frame = numbers.to_frame().select(kept=kept.fill_null(False))
        if not frame["kept"].any():  # National and bare notation: to read their digits here would be for nothing.
            return np.zeros(len(numbers), np.bool_)
        frame = numbers.to_frame().select(
            digits=name.str.len_bytes().cast(pl.UInt8, strict=False).fill_null(1) - 1,
            value=pl.when(frame["kept"]).then(name.cast(pl.UInt64, strict=False)).fill_null(0),  # It reads the plus.
        )
        values, digits = frame["value"].to_numpy(), frame["digits"].to_numpy()
        plain: NDArray[np.bool_] = (load_grader().grade(values, digits) == VALID) & (values > 0)
        return plain

    def _read_all(self, typed: pl.Series) -> tuple[pl.Series, Decisions]:
        """Return the normal forms of numbers that are not plain, and what was decided of each."""
        import polars as pl

        frame = _take_apart(typed)
        plus, values, digits = (frame[name].to_numpy() for name in ("plus", "value", "digits"))
        decisions = Decisions.none(len(typed))
        for chosen in (plus & (digits > 0), ~plus & (digits > 0)):
            if not chosen.any():
                continue
            decide = self._screen.decide_international if plus[chosen.argmax()] else self._screen.decide_dialled
            if chosen.all():
                decisions = decide(frame["text"], values, digits)
            else:
                decisions.put(chosen, decide(frame["text"].filter(pl.Series(chosen)), values[chosen], digits[chosen]))
        read = _spell(frame["text"], decisions, self._reader.home.code)
        left = decisions.kinds == UNDECIDED
        if not left.any():
            return read, decisions
        table = self._look_up(typed.filter(pl.Series(left)))
        decisions.kinds[left], decisions.readings[left] = table["kind"].to_numpy(), table["reading"].to_numpy()
        return _put_back(read, ~left, table["number"]), decisions

    def _look_up(self, odd: pl.Series) -> pl.DataFrame:
        """Return ``number, kind, reading`` (the latter as codes), each distinct number worked out once."""
        import polars as pl

        if len(self._known) > self._LIMIT:
            self._known = {}
        known, values = self._known, odd.unique().to_list()
        for value in values:
            if value not in known:
                number, kind, reading = self._reader.read(value)
                known[value] = number, KIND_NAMES.index(kind), READING_NAMES.index(reading)
        read = [known[value] for value in values]
        table = pl.DataFrame(
            {
                "typed": values,
                "number": [number for number, _, _ in read],
                "kind": [kind for _, kind, _ in read],
                "reading": [reading for _, _, reading in read],
            },
            schema={"typed": pl.String, "number": pl.String, "kind": pl.UInt8, "reading": pl.UInt8},
        )
        return odd.to_frame("typed").join(table, on="typed", how="left", maintain_order="left", nulls_equal=True)


def _take_apart(typed: pl.Series) -> pl.DataFrame:
    """Return ``text`` (a number's digits), ``plus, value, digits``; no digits where there is more to the number."""
    frame = _split(typed)
    for tidy in (_drop_fraction, _tidy):
        odd = (frame["digits"] == 0) & typed.is_not_null()
        if not odd.any():
            break
        known, again = ~odd.to_numpy(), _split(tidy(typed.filter(odd)))
        frame = frame.select(_put_back(frame[name], known, again[name]) for name in frame.columns)
    return frame


def _split(typed: pl.Series) -> pl.DataFrame:
    import polars as pl

    name, text = pl.col("typed"), pl.col("text")
    frame = typed.to_frame("typed").with_columns(plus=name.str.starts_with("+").fill_null(False))
    frame = frame.with_columns(text=pl.when("plus").then(name.str.slice(1)).otherwise(name))
    fits = text.is_between(pl.lit("0"), pl.lit(":")) & (text.str.len_bytes() <= LONGEST_TYPED)
    value = pl.when(fits).then(text).cast(pl.UInt64, strict=False)
    frame = frame.with_columns(value=value)
    digits = pl.when(pl.col("value").is_not_null()).then(text.str.len_bytes()).otherwise(0).cast(pl.UInt8)
    return frame.select("text", "plus", digits=digits, value=pl.col("value").fill_null(0))


def _drop_fraction(typed: pl.Series) -> pl.Series:
    """Take off ``.0``, which a whole column of floats has: a tenth of what the patterns of :func:`_tidy` cost."""
    return typed.str.strip_suffix(".0")


def _tidy(typed: pl.Series) -> pl.Series:
    """Take off separators, quotes and ``.0``; null where there is more to it."""
    import polars as pl

    bare = pl.col("typed").str.strip_chars(_QUOTES).str.replace(WHOLE_FLOAT, "$1")
    simple = bare.str.contains(_SPACED) & ~bare.str.contains(_DOTTED)
    return typed.to_frame("typed").select(pl.when(simple).then(bare.str.replace_all(r"[ ().\-/]", ""))).to_series()


def _spell(text: pl.Series, decisions: Decisions, code: str) -> pl.Series:
    """Return the normal forms of the numbers that are decided; of others, anything."""
    import polars as pl

    cut, home = decisions.cut, decisions.home
    frame = pl.DataFrame([text, pl.Series("home", home), pl.Series("cut", cut)])
    head = pl.when("home").then(pl.lit(f"+{code}")).otherwise(pl.lit("+"))
    if home.all() or not home.any():  # One head and one cut for all, as is usual, cost a third.
        head = pl.lit(f"+{code}" if home[0] else "+")
    start = pl.lit(int(cut[0])) if (cut == cut[0]).all() else pl.col("cut")
    rest = pl.col("text").str.slice(start) if cut.any() else pl.col("text")
    return frame.select(pl.concat_str(head, rest).alias(text.name)).to_series()


def _put_back(whole: pl.Series, kept: NDArray[np.bool_], others: pl.Series) -> pl.Series:
    """Return the whole with others, in their order, in place of what is not kept."""
    import numpy as np
    import polars as pl

    if not kept.any():
        return others.alias(whole.name)
    places = np.where(kept, 0, np.cumsum(~kept) - 1)
    return whole.zip_with(pl.Series(kept), others.gather(places)).alias(whole.name)


def _count(typed: pl.Series, read: pl.Series, decisions: Decisions) -> Tally:
    """Return how many were read in which way, and the first of each."""
    import numpy as np

    ways = decisions.kinds.astype(np.intp) * len(READING_NAMES) + decisions.readings
    counts = np.bincount(ways)
    tally = Tally()
    for code in np.flatnonzero(counts):
        way = READING_NAMES[code % len(READING_NAMES)], KIND_NAMES[code // len(READING_NAMES)]
        place = int(np.argmax(ways == code))
        tally.counts[way], tally.examples[way] = int(counts[code]), (typed[place], read[place])
    return tally
