"""What goes wrong with CDR files in the field, done on purpose and counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from .calls import COLUMNS
from .numbering import IntArray

Effect = Literal["duplicate", "rejected", "valid"]

STRAY_BYTE = b"\xe9"
_STRAY_BYTE_STAND_IN = "\ue0e9"
TRAILING_BLANK_LINES = 3


@dataclass(frozen=True)
class Damage:
    """One kind of damage.

    Parameters
    ----------
    name
        Name in the truth file.
    effect
        What an ingest should make of the row: ``duplicate`` (one row more, skipped), ``rejected``, or ``valid`` (the
        same record as the undamaged row once it is normalised).
    line
        The row as it stands in the file.
    """

    name: str
    effect: Effect
    line: pl.Expr


def _line(columns: tuple[str, ...] = COLUMNS, **changed: pl.Expr) -> pl.Expr:
    return pl.concat_str([changed.get(name, pl.col(name)) for name in columns], separator=",").alias("line")


def _numbers(form: str) -> pl.Expr:
    """Write both numbers in ``form``, in which $1 to $3 are the prefix, three digits and four digits."""
    pattern = r"^\+234(\d{3})(\d{3})(\d{4})$"
    caller, callee = (pl.col(name).str.replace(pattern, form) for name in ("caller_number", "callee_number"))
    return _line(caller_number=caller, callee_number=callee)


def _clock_duration() -> pl.Expr:
    seconds = pl.col("duration_seconds").cast(pl.Int64)
    hours, minutes, rest = (part.cast(pl.String) for part in (seconds // 3600, seconds // 60 % 60, seconds % 60))
    return pl.concat_str(hours, minutes.str.zfill(2), rest.str.zfill(2), separator=":")


_EMPTY = pl.lit("")
_CALLER = pl.col("caller_number")
_STRAY = pl.col("location_code").str.slice(0, 2) + _STRAY_BYTE_STAND_IN + pl.col("location_code").str.slice(3)

DAMAGES: tuple[Damage, ...] = (
    Damage("duplicate_row", "duplicate", _line()),
    Damage("missing_caller", "rejected", _line(caller_number=_EMPTY)),
    Damage("anonymous_caller", "rejected", _line(caller_number=pl.lit("anonymous"))),
    Damage("negative_duration", "rejected", _line(duration_seconds="-" + pl.col("duration_seconds"))),
    Damage("non_numeric_duration", "rejected", _line(duration_seconds=pl.lit("n/a"))),
    Damage("bad_date", "rejected", _line(call_date=pl.lit("2026-13-45"))),
    Damage("clock_reset", "rejected", _line(call_date=pl.lit("1980-01-06"))),
    # the field is lost or gained in the middle, so that the row is not a record even to a reader that pads or cuts rows
    Damage("field_missing", "rejected", _line(tuple(name for name in COLUMNS if name != "callee_number"))),
    Damage("field_extra", "rejected", _line(caller_number=_CALLER + ",")),
    Damage("national_number", "valid", _numbers("0${1}${2}${3}")),
    Damage("double_zero_number", "valid", _numbers("00234${1}${2}${3}")),
    Damage("spaced_number", "valid", _numbers("+234 ${1} ${2} ${3}")),
    Damage("dashed_number", "valid", _numbers("+234-${1}-${2}-${3}")),
    Damage("quoted_number", "valid", _numbers("'+234${1}${2}${3}'")),
    Damage("clock_duration", "valid", _line(duration_seconds=_clock_duration())),
    Damage(
        "empty_optional_columns",
        "valid",
        _line(call_direction=_EMPTY, termination_cause=_EMPTY, location_code=_EMPTY),
    ),
    Damage("stray_byte", "valid", _line(location_code=_STRAY)),
)
"""Every kind; each affected row suffers one of them, all equally likely. SIM boxes' rows suffer only the first."""

_UNTOUCHED = -1


def draw_damage(rng: np.random.Generator, simbox: npt.NDArray[np.bool_], share: float) -> IntArray:
    """Return each row's position in ``DAMAGES``, or -1 for a row left alone.

    Parameters
    ----------
    rng
        Source of randomness.
    simbox
        Whether a SIM box made the call; its row is then at most doubled, so that detection finds the same.
    share
        Probability that a row is affected, from 0 to 1.
    """
    affected = rng.random(len(simbox)) < share
    kind = (rng.random(len(simbox)) * len(DAMAGES)).astype(np.int64)
    return np.where(affected, np.where(simbox, 0, kind), _UNTOUCHED)


def damaged_csv(frame: pl.DataFrame, kinds: IntArray, counts: Counter[str]) -> bytes:
    """Return the rows as CSV lines, damaged as told; add the number of each kind to ``counts``."""
    texts = frame.with_columns(pl.col("duration_seconds").cast(pl.String), kind=pl.Series(kinds)).with_row_index("row")
    sound = texts.filter(pl.col("kind") <= 0).select("row", _line())
    parts = [sound]
    for position, damage in enumerate(DAMAGES):
        part = texts.filter(pl.col("kind") == position).select("row", damage.line)
        counts[damage.name] += part.height
        parts.append(part)
    lines = pl.concat(parts).sort("row").select("line")
    text = lines.write_csv(include_header=False, quote_style="never")
    return text.encode().replace(_STRAY_BYTE_STAND_IN.encode(), STRAY_BYTE)
