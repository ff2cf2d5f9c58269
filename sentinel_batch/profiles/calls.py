"""The calls of one local day as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from sentinel_batch.lake import Snapshot, scan_parts
from sentinel_batch.profiles.grouping import FlagArray, IntArray
from sentinel_batch.profiles.keys import NumberKeys
from sentinel_batch.schema import CALL_RECORDS

_EARLIEST, _LATEST = timedelta(hours=14), timedelta(hours=36)
"""A local day lies between these offsets from its midnight in UTC, in every zone of the world."""

_LAST_DAYS = date.max - timedelta(days=2)
"""From here on the end of a day may lie beyond the last instant that there is."""


@dataclass(frozen=True)
class Labels:
    """A text column as integers in order of the text, -1 where there is none."""

    codes: IntArray
    texts: pl.Series

    def decode(self, codes: IntArray) -> pl.Series:
        """Return the texts of some codes, null for -1."""
        places = pl.select(pl.lit(pl.Series(codes)).cast(pl.Int64)).to_series()
        return self.texts.gather(places.set(places < 0, None))


@dataclass(frozen=True)
class Calls:
    """Calls in columns of equal length.

    Parameters
    ----------
    caller, callee
        Keys of the numbers (:class:`~sentinel_batch.profiles.keys.NumberKeys`).
    start
        Begin of the call, in microseconds since 1970 (UTC).
    duration
        In seconds.
    hour
        Local hour, 0 to 23.
    completed
        Whether the call was answered; if that is unknown, whether it lasted at all.
    cell, imei, imsi
        Serving cell and device of the caller.
    """

    caller: IntArray
    callee: IntArray
    start: IntArray
    duration: IntArray
    hour: IntArray
    completed: FlagArray
    cell: Labels
    imei: Labels
    imsi: Labels

    def __len__(self) -> int:
        """Return the number of calls."""
        return self.caller.size


def day_bounds(day: date, zone: str) -> tuple[datetime, datetime]:
    """Return the midnights, in UTC, between which a local day lies: ``[start, end)``."""
    rules = ZoneInfo(zone)
    start, end = (datetime.combine(d, time(), rules) for d in (day, day + timedelta(days=1)))
    return start.astimezone(UTC), end.astimezone(UTC)


def list_files(tables: Snapshot, first: date, last: date) -> list[Path]:
    """List the files that may hold calls of the local days from first to last."""
    begin = None if first == date.min else datetime.combine(first, time(), UTC) - _EARLIEST
    end = None if last >= _LAST_DAYS else datetime.combine(last, time(), UTC) + _LATEST
    return tables.files(CALL_RECORDS.name, begin, end)


def scan_days(files: list[Path], first: date, last: date, zone: str) -> pl.LazyFrame:
    """Scan the calls of the local days from first to last.

    The local day and hour are those of ingest; where a call has none they follow from the zone.
    """
    stored = scan_parts(CALL_RECORDS.name, files)
    local = pl.col("call_timestamp").dt.convert_time_zone(zone)
    # Split in two, so that the filter on the stored date can be pushed down to the files; one on a derived date cannot.
    missing = pl.col("local_date").is_null() | pl.col("local_hour").is_null()
    derived = stored.filter(missing).with_columns(local_date=local.dt.date(), local_hour=local.dt.hour())
    day = pl.col("local_date").is_between(pl.lit(first), pl.lit(last))
    return pl.concat([stored.filter(day & ~missing), derived.filter(day)])


def read_calls(scan: pl.LazyFrame, keys: NumberKeys, part: tuple[int, int] = (0, 1)) -> Calls:
    """Read calls that :func:`scan_days` scans.

    Parameters
    ----------
    scan
        The calls.
    keys
        Gives the numbers their keys.
    part
        ``(k, n)``: only calls from or to a number of part k of n, so that a large day fits memory.
    """
    learn_numbers(scan, keys)
    # Many feeds do not say whether a call was answered; then a call that lasted counts as answered.
    answered = pl.coalesce("answered", pl.col("duration_seconds") > 0)
    rows = scan.select(
        keys.express("caller_number").alias("caller"),
        keys.express("callee_number").alias("callee"),
        pl.col("call_timestamp").dt.epoch("us").alias("start"),
        pl.col("duration_seconds").alias("duration"),
        pl.col("local_hour").cast(pl.Int64).alias("hour"),
        answered.fill_null(False).alias("completed"),
        "location_code",
        "imei",
        "imsi",
    )
    if part[1] > 1:
        number, parts = part
        rows = rows.filter((pl.col("caller") % parts == number) | (pl.col("callee") % parts == number))
    return _to_arrays(rows.collect(engine="streaming"))


def read_pairs(scan: pl.LazyFrame, keys: NumberKeys) -> pl.LazyFrame:
    """Return caller and callee keys (``a``, ``b``) of calls; numbers that have no key are null."""
    return scan.select(keys.express("caller_number").alias("a"), keys.express("callee_number").alias("b"))


def learn_numbers(scan: pl.LazyFrame, keys: NumberKeys) -> None:
    """Give every number of the calls a key."""
    names = ("caller_number", "callee_number")
    unknown = [pl.when(keys.express(name).is_null()).then(name).alias(name) for name in names]
    # A first pass for the few ids that are not numbers: they need keys before the second pass can use them.
    odd = scan.select(unknown).filter(pl.any_horizontal(pl.all().is_not_null())).collect(engine="streaming")
    keys.learn(number for name in names for number in odd[name].unique().drop_nulls())


def _to_arrays(rows: pl.DataFrame) -> Calls:
    return Calls(
        caller=rows["caller"].to_numpy(),
        callee=rows["callee"].to_numpy(),
        start=rows["start"].to_numpy(),
        duration=rows["duration"].to_numpy(),
        hour=rows["hour"].to_numpy(),
        completed=rows["completed"].to_numpy(),
        cell=_label(rows["location_code"]),
        imei=_label(rows["imei"]),
        imsi=_label(rows["imsi"]),
    )


def _label(texts: pl.Series) -> Labels:
    # A shortcut: most feeds have no IMEI or cell at all.
    if texts.null_count() == texts.len():
        return Labels(np.full(texts.len(), -1), pl.Series([None], dtype=pl.String))
    distinct = texts.unique().drop_nulls().sort()
    codes = texts.cast(pl.Enum(distinct)).to_physical().cast(pl.Int64).fill_null(-1)
    return Labels(codes.to_numpy(), distinct)
