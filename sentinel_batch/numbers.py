"""Telephone numbers in one form: E.164 where it can be known, as typed where it cannot."""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

E164 = "e164"
SHORT_CODE = "short_code"
ALPHANUMERIC = "alphanumeric"
ANONYMOUS = "anonymous"
UNKNOWN = "unknown"
MISSING = "missing"
NOTHING = "nothing"

MISSING_TOKENS = ("", "null", "none", "nil", "-", "--", r"\n", "n/a", "na", "nan")
"""What stands for no value, in lower case."""

SHORT_CODE_DIGITS = 7
"""National short codes, special services and extensions have at most so many digits (ITU-T E.164 does not apply)."""

LONGEST_E164 = 16
"""Fifteen digits (ITU-T E.164) and the ``+``; the library calls some longer numbers possible."""

_ANONYMOUS = {"anonymous", "anonyme", "private", "withheld", "restricted", "unavailable", "unknown", "masque", "prive"}
_SEPARATORS = re.compile(r"[\s().\-/]+")
_FORMULA = re.compile(r'^="?(.*?)"?$')
_URI = re.compile(r"^(?:sips?|tel):([^@;>]*)", re.IGNORECASE)


@cache
def is_region(code: str) -> bool:
    """Tell whether national numbers can be read in a region (ISO 3166-1 alpha-2, upper case).

    Looks for the library's data file of the region: importing the library takes longer than loading a small file.
    """
    spec = find_spec("phonenumbers")
    known = spec is not None and spec.origin is not None and code.isalpha() and len(code) == 2
    return known and (Path(str(spec and spec.origin)).parent / "data" / f"region_{code}.py").is_file()


def normalise_number(text: str | None, region: str) -> tuple[str | None, str]:
    """Return one number in normal form, and its type.

    Parameters
    ----------
    text
        The number as typed.
    region
        Where national numbers are read, such as ``NG``.

    Returns
    -------
    tuple
        The number (E.164 with ``+``, or as typed) and ``e164``, ``short_code``, ``alphanumeric``, ``anonymous``,
        ``unknown``, ``missing`` (no value) or ``nothing`` (no letter and no digit).
    """
    typed = _FORMULA.sub(r"\1", (text or "").strip()).strip("'\"").strip()
    if typed.lower() in MISSING_TOKENS:
        return None, MISSING
    uri = _URI.match(typed)
    if uri and not any(character.isalpha() for character in uri[1]):
        typed = uri[1]
    if typed.lower() in _ANONYMOUS:
        return typed.lower(), ANONYMOUS
    if any(character.isalpha() for character in typed):
        return typed, ALPHANUMERIC
    dense = _SEPARATORS.sub("", typed.replace("(0)", "") if typed.startswith("+") else typed)
    plus = dense.startswith("+")
    digits = dense.removeprefix("+")
    if not any(character.isdigit() for character in digits):
        return typed, NOTHING
    if not (digits.isascii() and digits.isdigit()):
        return (dense, SHORT_CODE) if re.fullmatch(r"[0-9*#]+", digits) else (typed, UNKNOWN)
    return _dial(dense, digits, plus, region)


def _dial(dense: str, digits: str, plus: bool, region: str) -> tuple[str, str]:
    if plus:
        return (dense, E164) if 7 <= len(digits) <= 15 and digits[0] != "0" else (dense, UNKNOWN)
    if digits.startswith("00") and 9 <= len(digits) <= 17 and digits[2] != "0":
        found = _parse("+" + digits[2:], None) or _parse(dense, region, valid=True)
        return found or "+" + digits[2:], E164
    if len(digits) > SHORT_CODE_DIGITS or digits.startswith("0"):
        found = _parse(dense, region) or _parse("+" + digits, None)
        if found is not None:
            return found, E164
    return dense, SHORT_CODE if len(digits) <= SHORT_CODE_DIGITS else UNKNOWN


def _parse(text: str, region: str | None, *, valid: bool = False) -> str | None:
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    check = phonenumbers.is_possible_number if region and not valid else phonenumbers.is_valid_number
    if not check(number):
        return None
    found = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return found if len(found) <= LONGEST_E164 else None


class NumberBook:
    """Normal forms of the numbers seen so far, each distinct value worked out once.

    Parameters
    ----------
    region
        Where national numbers are read, such as ``NG``.
    """

    _LIMIT = 2_000_000

    def __init__(self, region: str) -> None:
        self.region = region
        self._known: dict[str | None, tuple[str | None, str]] = {}

    def normalise(self, numbers: pl.Series) -> tuple[pl.Series, pl.Series | None]:
        """Return the numbers in normal form, and their types (None where all are E.164 as they stand)."""
        import polars as pl

        name = numbers.name
        frame = numbers.to_frame()
        text = pl.col(name)
        kept = (
            text.is_between(pl.lit("+1"), pl.lit("+:"))
            & text.str.len_bytes().is_between(8, 16)
            & text.str.slice(1).cast(pl.UInt64, strict=False).is_not_null()
        ).fill_null(False)
        mask = frame.select(kept.alias("kept"))["kept"]
        if mask.all():
            return numbers, None
        odd = frame.filter(~mask)[name].unique()
        table = self._look_up(odd)
        joined = frame.with_columns(mask).join(table, on=name, how="left", maintain_order="left", nulls_equal=True)
        final = joined.select(
            pl.when("kept").then(pl.col(name)).otherwise(pl.col("number")).alias(name),
            pl.when("kept").then(pl.lit(E164)).otherwise(pl.col("kind")).alias("kind"),
        )
        return final[name], final["kind"]

    def _look_up(self, odd: pl.Series) -> pl.DataFrame:
        import polars as pl

        values = odd.to_list()
        if len(self._known) > self._LIMIT:
            self._known = {}
        known = self._known
        results = []
        for value in values:
            result = known.get(value)
            if result is None:
                result = known[value] = normalise_number(value, self.region)
            results.append(result)
        return pl.DataFrame(
            {odd.name: values, "number": [number for number, _ in results], "kind": [kind for _, kind in results]},
            schema={odd.name: pl.String, "number": pl.String, "kind": pl.String},
        )
