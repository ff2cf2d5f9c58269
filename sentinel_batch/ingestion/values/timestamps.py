"""Times in CDR files: many notations in, UTC out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, cast

from sentinel_batch.ingestion.values.zones import localise, rules_of

if TYPE_CHECKING:
    import polars as pl

_MAIN_FORMAT = "%Y-%m-%d %H:%M:%S"
_NAIVE_FORMATS = (
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M:%S",
    "%Y%m%d%H%M%S%.f",
    "%d-%b-%Y %H:%M:%S",
    "%Y-%m-%d-%H.%M.%S%.f",
)
_AWARE_FORMATS = (
    "%Y-%m-%dT%H:%M:%S%#z",
    "%Y-%m-%d %H:%M:%S%#z",
    "%Y%m%d%H%M%S%#z",
    "%a, %d %b %Y %H:%M:%S %z",
    "%a %b %e %H:%M:%S %Y %z",
    "%a %b %e %H:%M:%S %z %Y",
)
_DAY_FIRST_FORMATS = ("%d/%m/%Y %H:%M:%S", "%d-%m-%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d/%m/%y %H:%M:%S")
_MONTH_FIRST_FORMATS = ("%m/%d/%Y %H:%M:%S", "%m-%d-%Y %H:%M:%S", "%m/%d/%y %H:%M:%S")
_TEXT_DATE = re.compile(r"(?<!\d)(\d{1,2})[/.-](\d{1,2})[/.-](\d{4}|\d\d)(?!\d)")
_PART_OF_DATE = re.compile(r"(?<!\d{3})[/.-]\d{1,2}[/.-](?:\d{4}|\d\d)(?!\d)")
_BYTES_DATE = re.compile(rb"(?<!\d)(\d{1,2})[/.-](\d{1,2})[/.-]\d{4}(?!\d)")
_BYTES_SHORT_DATE = re.compile(rb"(?<![\d./-])(\d{1,2})([/.-])(\d{1,2})\2(\d\d)(?=[T\s]+\d{1,2}:|[\",;|\t\n])")
"""With a year of two digits; more is asked of what surrounds it, as addresses and versions look alike."""
_CLOCK = (
    r"(?P<hour>\d{1,2})[:hH](?P<minute>\d{2})(?:[:m](?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?s?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?"
)
_DOTTED = r"(?P<hour>\d{1,2})[:.](?P<minute>\d{2})[:.](?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?"
"""The clock of databases that write dots: ``09.00.05.123456``."""
_OFFSET = r"\s*(?P<offset>Z|UTC|GMT|[+-]\d{2}:?\d{2})?"
_YEAR_FIRST = re.compile(rf"(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}})[T\s]+{_CLOCK}{_OFFSET}$")
_YEAR_LAST = re.compile(
    rf"(?P<one>\d{{1,2}})[-/.](?P<two>\d{{1,2}})[-/.](?P<year>\d{{4}}|\d\d)[T\s]+{_CLOCK}{_OFFSET}$"
)
_COMPACT = re.compile(
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)T?(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)"
    rf"(?:[.,](?P<fraction>\d{{1,9}}))?{_OFFSET}$"
)
_SHORT_COMPACT = r"^(\d{12}|2\d{9})$"
"""Without seconds, without the century, or without both; epochs of ten digits begin with 2 from 2033 only."""
_DASHED = re.compile(rf"(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d)-{_DOTTED}$")
_NAMED = re.compile(
    r"(?P<day>\d{1,2})[-/. ](?P<name>[A-Za-z]{3})[-/. ](?P<year>\d{4}|\d\d)[T:\s]+"
    rf"(?:{_CLOCK}|{re.sub('<', '<dotted_', _DOTTED)}\s*(?P<dotted_half>[AaPp][Mm])?){_OFFSET}$"
)
_CTIME = re.compile(
    r"(?:[A-Z][a-z]{2},?\s+)?(?P<name>[A-Z][a-z]{2})\s+(?P<day>\d{1,2})\s+(?P<hour>\d\d?):(?P<minute>\d\d):(?P<second>\d\d)"
    r"(?:\s+(?P<before>[+-]\d{2}:?\d{2}|UTC|GMT))?\s+(?P<year>\d{4})(?:\s+(?P<offset>[+-]\d{2}:?\d{2}|UTC|GMT))?$"
)
_MONTH_NAMED = re.compile(
    rf"(?P<name>[A-Za-z]{{3}})[a-z]*\.?\s+(?P<day>\d{{1,2}}),?\s+(?P<year>\d{{4}}),?[T\s]+{_CLOCK}{_OFFSET}$"
)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LEAST_YEAR = 100
_SHORT_YEARS = range(1970, 2070)
_LEAST_MICROS = -59_011_459_200_000_000
"""The begin of that year, in microseconds since 1970."""
_DAY = 86_400_000_000
_CLOCK_ZERO = 0x30303A30303A3030
"""The bytes of ``00:00:00``, last first; XOR with them leaves digits 0 to 9 and nothing of the colons."""
_CLOCK_NINES = 0x0606000606000606
_CLOCK_SHAPE = 0xF0F0FFF0F0FFF0F0
"""Adding the former to a digit above 9 sets a bit of the latter."""
_CLOCK_PAIRS = 0x00FF0000FF0000FF
"""Where hours, minutes and seconds stand once their digits are joined, lowest first."""
_EPOCH_UNITS = {9: 1_000_000, 10: 1_000_000, 11: 1_000_000, 12: 1_000, 13: 1_000, 15: 1, 16: 1}
_RECENT_YEARS, _OLD_YEARS = 2, 5
_TIME_OF_DAY = re.compile(
    r"(?:[01]?\d|2[0-3])[:h][0-5]\d(?:[:m][0-5]\d(?:[.,]\d+)?s?)?\s*(?:[ap]\.?m\.?)?|(?:[01]\d|2[0-3])[0-5]\d[0-5]\d",
    re.IGNORECASE,
)
_DATE_ALONE = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d\d)|(?:19|20)\d{6}|\d\d(?:0\d|1[0-2])[0-3]\d"
    r"|\d{1,2}[-/. ][a-z]{3}[-/. ](?:\d{4}|\d\d)",
    re.IGNORECASE,
)


def may_need_day_first(text: str) -> bool:
    """Tell whether a date such as 03/04/2026 may stand anywhere in a text; to look at its cells costs much more."""
    return _PART_OF_DATE.search(text) is not None


def needs_day_first(cells: Iterable[str | None]) -> bool:
    """Tell whether dates such as 03/04/2026 occur, which can be read two ways."""
    return any(cell and _TEXT_DATE.match(cell.strip().strip("'\"")) for cell in cells)


def has_short_years(cells: Iterable[str | None]) -> bool:
    """Tell whether the first such date has a year of two digits."""
    dates = (_TEXT_DATE.match(cell.strip().strip("'\"")) for cell in cells if cell)
    return next((len(date[3]) == 2 for date in dates if date), False)


def decide_day_first(blocks: Iterable[bytes]) -> bool | None:
    """Decide from a file's dates whether the day comes first; None when every day and month is at most 12."""
    for data in blocks:
        for match in _BYTES_DATE.finditer(data):
            one, two = int(match[1]), int(match[2])
            if one > 12 >= two:
                return True
            if two > 12 >= one:
                return False
    return None


def decide_order(blocks: Iterable[bytes], this_year: int) -> str | None:
    """Decide what dates with years of two digits begin with, ``day``, ``month`` or ``year``; None if that is in doubt.

    An order in which some date is none, or of a year to come, is out. Of those left, the one counts in which the dates
    lie in fewer years than in all others; else the one in which they are of the last two years, where in all others
    they are older than five.

    Parameters
    ----------
    blocks
        The file's bytes.
    this_year
        No call is of a later one.
    """
    orders = {"day": (2, 1, 0), "month": (2, 0, 1), "year": (0, 1, 2)}
    years: dict[str, set[int]] = {order: set() for order in orders}
    seen: set[tuple[int, int, int]] = set()
    for data in blocks:
        dates = {(int(match[1]), int(match[3]), int(match[4])) for match in _BYTES_SHORT_DATE.finditer(data)} - seen
        for order in list(years):
            turned = [tuple(date[place] for place in orders[order]) for date in dates]
            if all(year + 2000 <= this_year and 1 <= month <= 12 and 1 <= day <= 31 for year, month, day in turned):
                years[order].update(year + 2000 for year, _, _ in turned)
            else:
                del years[order]
        seen |= dates
        if len(years) < 2:
            break
    if not seen or not years:
        return None
    fewest, *others = sorted(years, key=lambda order: len(years[order]))
    if all(len(years[fewest]) < len(years[other]) for other in others):
        return fewest
    newest, *others = sorted(years, key=lambda order: -max(years[order]))
    recent = this_year - max(years[newest]) < _RECENT_YEARS
    return newest if recent and all(this_year - max(years[other]) > _OLD_YEARS for other in others) else None


def add_century(text: pl.Series) -> pl.Series:
    """Return times that begin with a year of two digits with one of four."""
    import polars as pl

    return text.cast(pl.String).str.replace(r"^(\s*['\"]?)(\d\d)([-/.]\d{1,2}[-/.]\d{1,2})(\D|$)", "${1}20$2$3$4")


def read_times(text: pl.Series, zone: str, day_first: bool | None) -> pl.Series:
    """Read times into UTC.

    Parameters
    ----------
    text
        Times as typed.
    zone
        Zone of times without an offset.
    day_first
        How to read 03/04/2026; None leaves such times null.

    Returns
    -------
    polars.Series
        ``datetime[us, UTC]``; null where nothing can be read. A local time that a clock change skips is null, one
        that it repeats is the earlier.
    """
    import polars as pl

    name = text.name
    times = localise(_parse(text, _MAIN_FORMAT), zone)
    left = times.is_null() & text.is_not_null()
    if not left.any():
        return times
    distinct = text.filter(left).unique()
    odd = distinct.str.strip_chars(" \t\n'\"")
    table = pl.DataFrame({name: distinct, "typed": odd}).with_columns(_read_digits(odd, zone).alias("time"))
    formats = [(naive, False) for naive in _NAIVE_FORMATS] + [(aware, True) for aware in _AWARE_FORMATS]
    if day_first is not None:
        formats += [(naive, False) for naive in (_DAY_FIRST_FORMATS if day_first else _MONTH_FIRST_FORMATS)]
    for pattern, aware in formats:
        missing = table["time"].is_null()
        if not missing.any():
            break
        typed = table["typed"].filter(missing)
        probe = typed.head(20).str.to_datetime(pattern, time_unit="us", strict=False)
        if probe.is_null().all() and len(typed) > 20:
            continue
        found = _parse(typed, pattern)
        found = found.dt.convert_time_zone("UTC") if aware else localise(found, zone)
        table = _fill(table, typed, found)
    missing = table["time"].is_null()
    if missing.any():
        typed = table["typed"].filter(missing)
        read = [read_time(cell, zone, day_first) for cell in typed.to_list()]
        table = _fill(table, typed, pl.Series(read, dtype=pl.Datetime("us", "UTC")))
    joined = pl.DataFrame({name: text, "main": times}).join(
        table.select(name, "time"), on=name, how="left", maintain_order="left"
    )
    return joined.select(pl.coalesce("main", "time").alias(name))[name]


def _parse(text: pl.Series, pattern: str) -> pl.Series:
    """Read times of one notation; the parser takes 26 for the year 26, which is no year of a call."""
    times = text.str.to_datetime(pattern, time_unit="us", strict=False)
    first = cast(int | None, times.to_physical().min())  # Some years are beyond those of Python's own dates.
    return times if first is None or first >= _LEAST_MICROS else times.set(times.to_physical() < _LEAST_MICROS, None)


def read_date_times(dates: pl.Series, clocks: pl.Series, zone: str) -> pl.Series:
    """Read dates and times of day that stand apart, ``2026-01-22`` and ``14:05:09``; others are null."""
    import polars as pl

    same = len(dates) > 0 and dates.eq_missing(dates[0]).all()
    date = (dates.head(1) if same else dates).str.to_date("%Y-%m-%d", strict=False).to_physical().cast(pl.Int64)
    naive = (date * _DAY + _read_clocks(clocks)).cast(pl.Datetime("us"))
    return localise(naive.alias("call_timestamp"), zone)


def _read_clocks(clocks: pl.Series) -> pl.Series:
    """Read ``14:05:09`` into microseconds since midnight; others are null.

    All eight characters at once, as the bytes of one integer: times of day are mostly distinct, and this takes a third
    of the time of the general parser where they are in order, a seventh where they are not. In place: fresh memory
    costs more than the sums.
    """
    import numpy as np
    import polars as pl

    packed = clocks.cast(pl.Binary).bin.reinterpret(dtype=pl.UInt64, endianness="little")
    digits = packed.fill_null(0).to_numpy() ^ _CLOCK_ZERO
    work = digits + _CLOCK_NINES
    work |= digits
    work &= _CLOCK_SHAPE
    good = work == 0
    np.right_shift(digits, 8, out=work)
    digits *= 10
    digits += work
    pairs = digits.view(np.uint8).reshape(-1, 8)
    good &= (pairs[:, 0] < 24) & (pairs[:, 3] < 60) & (pairs[:, 6] < 60)
    digits &= _CLOCK_PAIRS
    np.multiply(digits, 60 << 24 | 1, out=work)  # 60 hours + minutes, 24 bits up
    work >>= 24
    work &= 0xFFFF
    work *= 60
    digits >>= 48
    work += digits
    work *= 1_000_000
    read = pl.Series(clocks.name, work.view(np.int64))
    return read if good.all() else read.set(~pl.Series(good), None)


def read_time(typed: str | None, zone: str, day_first: bool | None) -> datetime | None:
    """Read one time in any of the notations known, or None."""
    text = (typed or "").strip().strip("'\"")
    for pattern in (_YEAR_FIRST, _YEAR_LAST, _COMPACT, _NAMED, _MONTH_NAMED, _DASHED, _CTIME):
        match = pattern.match(text)
        if match:
            parts = match.groupdict()
            dotted = {name.removeprefix("dotted_"): part for name, part in parts.items() if name.startswith("dotted_")}
            return _assemble(parts | (dotted if dotted.get("hour") else {}), zone, day_first)
    if text[:1].isalpha() or text[:1].isdigit():
        try:
            moment = parsedate_to_datetime(text)
            return _to_utc(moment if moment.tzinfo else moment.replace(tzinfo=rules_of(zone)))
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return None


def _read_digits(text: pl.Series, zone: str) -> pl.Series:
    """Read ``YYYYMMDDHHMM``, ``YYMMDDHHMMSS`` or ``YYMMDDHHMM``, and epochs; what is two of the former is no time."""
    import polars as pl

    digits = text.str.extract(_SHORT_COMPACT)
    epochs = _read_epochs(text)
    if digits.null_count() == len(digits):
        return epochs
    minutes = digits.str.len_bytes() == len("2601221405")
    padded = pl.select(pl.when(minutes).then(digits + "00").otherwise(digits)).to_series()
    readings = (
        digits.set(minutes, None).str.to_datetime("%Y%m%d%H%M", time_unit="us", strict=False),
        padded.str.to_datetime("%y%m%d%H%M%S", time_unit="us", strict=False),
    )
    long, short = (reading.set(~reading.dt.year().is_in(_SHORT_YEARS), None) for reading in readings)
    both = long.is_not_null() & short.is_not_null()
    read = localise(long.fill_null(short).alias(text.name), zone)
    # A local time that a clock change skips is no epoch either.
    taken = long.is_not_null() | short.is_not_null()
    return read.zip_with(taken, epochs).set(both, None)


def is_time(typed: str, day_first: bool | None) -> bool:
    """Tell whether a text is a time as a whole column of such would be read, epochs included."""
    import polars as pl

    return not read_times(pl.Series([typed]), "UTC", day_first).null_count()


def is_time_of_day(cell: str) -> bool:
    """Tell whether a cell is a time of day without a date, such as ``10:05:30``, ``10h05`` or ``100530``."""
    return _TIME_OF_DAY.fullmatch(cell) is not None


def is_date_alone(cell: str) -> bool:
    """Tell whether a cell is a date without a time of day, such as ``01/09/2026`` or ``260901``."""
    return _DATE_ALONE.fullmatch(cell) is not None


def _assemble(parts: dict[str, str | None], zone: str, day_first: bool | None) -> datetime | None:
    month, day = parts.get("month"), parts.get("day")
    if parts.get("one"):
        if day_first is None:
            return None
        day, month = (parts["one"], parts["two"]) if day_first else (parts["two"], parts["one"])
    if parts.get("name"):
        name = (parts["name"] or "").title()
        month = str(_MONTHS.index(name) + 1) if name in _MONTHS else None
    hour = int(parts["hour"] or 0)
    half = (parts.get("half") or "").lower()
    if half:
        hour = hour % 12 + (12 if half.startswith("p") else 0)
    micros = int((parts.get("fraction") or "0").ljust(6, "0")[:6])
    try:
        year = int(parts["year"] or 0)
        date = (year + 2000 if year < _LEAST_YEAR else year, int(month or 0), int(day or 0))
        clock = (hour, int(parts["minute"] or 0), int(parts.get("second") or 0), micros)
        moment = datetime(*date, *clock, tzinfo=_read_offset(parts.get("offset") or parts.get("before"), zone))
        return _to_utc(moment)
    except (ValueError, OverflowError):
        return None


def _to_utc(moment: datetime) -> datetime | None:
    utc = moment.astimezone(UTC)
    skipped = utc.astimezone(moment.tzinfo).replace(tzinfo=None) != moment.replace(tzinfo=None)
    return None if skipped else utc


def _read_offset(text: str | None, zone: str) -> tzinfo:
    if not text:
        return rules_of(zone)
    if text in ("Z", "UTC", "GMT"):
        return UTC
    digits = text[1:].replace(":", "")
    span = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-span if text[0] == "-" else span)


def _read_epochs(text: pl.Series) -> pl.Series:
    import polars as pl

    frame = pl.DataFrame({"text": text}).with_columns(
        whole=pl.col("text").str.extract(r"^(\d{9,16})(?:\.\d+)?$"),
        part=pl.col("text").str.extract(r"^\d+\.(\d{1,6})"),
    )
    length = pl.col("whole").str.len_bytes().cast(pl.Int64)
    unit = length.replace_strict(_EPOCH_UNITS, default=None, return_dtype=pl.Int64)
    part = pl.col("part").str.pad_end(6, "0").cast(pl.Int64, strict=False).fill_null(0)
    micros = pl.col("whole").cast(pl.Int64) * unit + pl.when(unit == 1_000_000).then(part).otherwise(0)
    return frame.select(micros.cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias("time"))["time"]


def _fill(table: pl.DataFrame, typed: pl.Series, found: pl.Series) -> pl.DataFrame:
    import polars as pl

    gained = pl.DataFrame({"typed": typed, "found": found}).unique("typed")
    return (
        table.join(gained, on="typed", how="left", maintain_order="left")
        .with_columns(time=pl.coalesce("time", "found"))
        .drop("found")
    )


def bounds_of(frame: pl.DataFrame) -> tuple[datetime, datetime]:
    """Return the times of the oldest and the newest call of a frame that has any."""
    moments = frame["call_timestamp"]
    return cast(datetime, moments.min()), cast(datetime, moments.max())
