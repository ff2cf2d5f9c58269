"""The calls of local days: which files hold them, and their columns as arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl

from sentinel_batch.lake import Snapshot, scan_parts
from sentinel_batch.profiles.grouping import FlagArray, IntArray
from sentinel_batch.profiles.keys import NumberKeys
from sentinel_batch.profiles.texts import TextCodes
from sentinel_batch.schema import CALL_RECORDS

_EARLIEST, _LATEST = timedelta(hours=14), timedelta(hours=36)
"""A local day lies between these offsets from its midnight in UTC, in every zone of the world."""

_LAST_DAYS = date.max - timedelta(days=2)
"""From here on the end of a day may lie beyond the last instant that there is."""


ROWS_AT_ONCE = 100_000
"""Rows of a block: enough to be worth the trouble of each, few enough for the cache and for memory."""


_NUMBERS = ("caller_number", "callee_number")

_SAMPLED_FILES, _SAMPLE = 8, 200_000
"""Files, and calls of a day, whose numbers say where it is cut. Parts of a bad cut are unequal, not wrong."""

Arrays = dict[str, npt.NDArray[Any]]


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
        Serving cell and device of the caller, as codes (:class:`~sentinel_batch.profiles.texts.TextCodes`).
    """

    caller: IntArray
    callee: IntArray
    start: IntArray
    duration: IntArray
    hour: npt.NDArray[np.int8]
    completed: FlagArray
    cell: IntArray
    imei: IntArray
    imsi: IntArray

    def __len__(self) -> int:
        """Return the number of calls."""
        return self.caller.size


@dataclass(frozen=True)
class ReceivedCalls:
    """Calls as those see them who are called; columns as in :class:`Calls`."""

    callee: IntArray
    caller: IntArray
    duration: IntArray


CALL_KINDS = dict.fromkeys(("caller", "callee", "start", "duration", "cell", "imei", "imsi"), np.int64) | {
    "hour": np.int8,
    "completed": np.bool_,
}
"""Column of :class:`Calls` to its type."""

RECEIVED_KINDS = dict.fromkeys(("callee", "caller", "duration"), np.int64)
"""Column of :class:`ReceivedCalls` to its type."""


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


def read_calls(scan: pl.LazyFrame, keys: NumberKeys, texts: TextCodes) -> Iterator[Arrays]:
    """Read calls that :func:`scan_days` scans, with the columns of :class:`Calls`, block by block in a fixed order."""
    # Many feeds do not say whether a call was answered; then a call that lasted counts as answered.
    answered = pl.coalesce("answered", pl.col("duration_seconds") > 0)
    columns = {
        "start": pl.col("call_timestamp").dt.epoch("us"),
        "duration": pl.col("duration_seconds"),
        "hour": pl.col("local_hour"),
        "completed": answered.fill_null(False),
        "cell": texts.express_names("location_code"),
        "imei": texts.express_digits("imei"),
        "imsi": texts.express_digits("imsi"),
    }
    yield from _key_blocks(scan, keys, ("caller", "callee"), columns)


def read_pairs(scan: pl.LazyFrame, keys: NumberKeys) -> Iterator[Arrays]:
    """Read caller and callee keys (``a``, ``b``) of calls, block by block in a fixed order."""
    yield from _key_blocks(scan, keys, ("a", "b"), {})


def read_lengths(scan: pl.LazyFrame, keys: NumberKeys) -> Iterator[Arrays]:
    """Read ``caller, callee, duration`` (seconds) of calls, block by block in a fixed order."""
    yield from _key_blocks(scan, keys, ("caller", "callee"), {"duration": pl.col("duration_seconds")})


def _key_blocks(
    scan: pl.LazyFrame, keys: NumberKeys, names: tuple[str, str], columns: Mapping[str, pl.Expr]
) -> Iterator[Arrays]:
    numbers = dict(zip(names, _NUMBERS, strict=True))
    keyed = {name: keys.express_numbers(number) for name, number in numbers.items()}
    rows = scan.select(*_NUMBERS, **keyed, **columns)
    for block in rows.collect_batches(chunk_size=ROWS_AT_ONCE, engine="streaming"):
        # Most blocks have nothing but numbers.
        odd = [name for name in names if block[name].null_count()]
        whole = block.with_columns(**{name: keys.express(numbers[name]) for name in odd})
        yield to_arrays(whole.select(*names, *columns))


def to_arrays(block: pl.DataFrame) -> Arrays:
    """Return the columns of rows without nulls."""
    return {name: block[name].to_numpy() for name in block.columns}


def sample_numbers(
    files: list[Path], scan: Callable[[list[Path]], pl.LazyFrame], calls: int, keys: NumberKeys
) -> IntArray:
    """Return the keys of some callers and callees of a day, in order.

    Parameters
    ----------
    files
        Those of the day; if there are many, only some are looked at.
    scan
        Gives the calls of files.
    calls
        Of the day.
    keys
        Gives the numbers their keys.
    """
    numbers = scan(files[:: -(-len(files) // _SAMPLED_FILES)]).select(_NUMBERS)
    chosen = [
        block.gather_every(max(calls // _SAMPLE, 1)) for block in numbers.collect_batches(chunk_size=ROWS_AT_ONCE)
    ]
    found = pl.concat(chosen).select(keys.express(name) for name in _NUMBERS)
    ordered: IntArray = np.sort(np.concatenate([found[name].to_numpy() for name in _NUMBERS]))
    return ordered
