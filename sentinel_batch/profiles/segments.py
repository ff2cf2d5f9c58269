"""Which kind of customer a number is: from the operator's own list, else by how much it calls."""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from sentinel_batch.errors import UsageError
from sentinel_batch.numbers import normalise_number
from sentinel_batch.profiles.history import MAD_TO_SIGMA

BANDS = (("consumer", 20), ("business", 200))
"""Segment to the most calls of a day that are still in it; above the last lies :data:`ABOVE_BANDS`."""

ABOVE_BANDS = "trunk"

MIN_PEERS = 5
"""With fewer callers a segment's day is not a yardstick."""

SHARE_FLOOR = 0.05
"""Least scale of the night share's robust z: where nearly nobody calls at night the MAD is 0."""

_COLUMNS = ("number", "segment")


@dataclass(frozen=True)
class Segments:
    """Numbers that the operator assigned to segments.

    Parameters
    ----------
    assigned
        Normalised number to segment.
    digest
        Changes with the assignments; ``bands`` without any.
    """

    assigned: dict[str, str]
    digest: str = "bands"

    def express(self) -> pl.Expr:
        """Return the segment of ``number``, which made ``call_count`` calls that day."""
        band = pl.lit(ABOVE_BANDS)
        for name, most in reversed(BANDS):
            band = pl.when(pl.col("call_count") <= most).then(pl.lit(name)).otherwise(band)
        if not self.assigned:
            return band
        listed = pl.col("number").replace_strict(self.assigned, default=None, return_dtype=pl.String)
        return pl.coalesce(listed, band)


def read_segments(file: Path | None, region: str) -> Segments:
    """Read a CSV file with the columns ``number`` and ``segment``; without a file every number is banded by volume.

    Parameters
    ----------
    file
        The file; numbers in any notation.
    region
        Where national numbers are read, such as ``NG``.

    Raises
    ------
    UsageError
        If the file cannot be read, lacks a column, or has a line without number or segment, or two segments for one
        number.
    """
    if file is None:
        return Segments({})
    assigned: dict[str, str] = {}
    for line, (number, segment) in enumerate(_rows(file), start=2):
        normal = normalise_number(number, region)[0]
        if normal is None or not (segment or "").strip():
            raise _wrong(f"{file}:{line}: number = {number!r}, segment = {segment!r}: both are needed.", file)
        name = str(segment).strip()
        if assigned.setdefault(normal, name) != name:
            raise _wrong(f"{file}:{line}: {normal} is in two segments, {assigned[normal]!r} and {name!r}.", file)
    # In order of the numbers: the order of lines in the file changes nothing, so it must not make profiles stale.
    listed = "\n".join(f"{number}\t{assigned[number]}" for number in sorted(assigned))
    return Segments(assigned, hashlib.sha256(listed.encode()).hexdigest()[:12])


def _rows(file: Path) -> list[tuple[str | None, str | None]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise _wrong(f"{file}:1: there is no column {', '.join(missing)}.", file)
            return [(row["number"], row["segment"]) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise _wrong(f"The segments file {file} cannot be read: {reason}.", file) from error


def _wrong(message: str, file: Path) -> UsageError:
    return UsageError(message, hint="Give a CSV file in UTF-8 with the columns number,segment.", file=str(file))


def measure_peers(callers: pl.DataFrame) -> pl.DataFrame:
    """Return what is usual among the callers of each segment of a day: ``segment, middle, scale``.

    Parameters
    ----------
    callers
        ``segment`` and ``night_share`` of all callers of the day.
    """
    share = pl.col("night_share")
    spread = (share - share.median()).abs().median()
    usual = callers.group_by("segment").agg(middle=share.median(), spread=spread, peers=pl.len())
    scale = pl.max_horizontal(pl.col("spread") * MAD_TO_SIGMA, pl.lit(SHARE_FLOOR))
    return usual.select("segment", "middle", scale=pl.when(pl.col("peers") >= MIN_PEERS).then(scale))


def score_night_shares(peers: pl.DataFrame) -> pl.Expr:
    """Return ``night_share_z``: the robust z of ``night_share`` among the callers of the same segment and day.

    ``(x - median) / max(1.4826 MAD, 0.05)``; null in a segment of fewer than five callers.

    Parameters
    ----------
    peers
        Of :func:`measure_peers`.
    """
    middle, scale = (
        pl.col("segment").replace_strict(peers["segment"], peers[name], return_dtype=pl.Float64)
        for name in ("middle", "scale")
    )
    return (pl.col("night_share") - middle) / scale
