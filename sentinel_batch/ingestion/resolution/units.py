"""The unit of a file's durations: from the other times of a row, the column's name, or the way it is written."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, cast

from sentinel_batch.ingestion.dialects.catalogue import load_dialect
from sentinel_batch.ingestion.dialects.dialect import UNITS
from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.resolution.finding import Resolution
from sentinel_batch.ingestion.resolution.moments import names_utc, says_utc
from sentinel_batch.ingestion.shaping.fields import read_call_times, read_clocks, read_field
from sentinel_batch.ingestion.shaping.outcome import is_no_time
from sentinel_batch.ingestion.values.cells import tidy
from sentinel_batch.ingestion.values.durations import DECIMAL_COMMA, read_durations
from sentinel_batch.ingestion.values.words import fold_word

if TYPE_CHECKING:
    import polars as pl

_NAMED = (
    (r"(^|_)(ms|msec|msecs|millis|milliseconds?|millisecondes?)$", "milliseconds"),
    (r"(^|_)(us|usec|micros|microseconds?)$", "microseconds"),
    (r"(^|_)(tenths|ds|decisec|deciseconds?)$", "tenths"),
    (r"(^|_)(mn|min|mins|minutes?)$", "minutes"),
    (r"(^|_)(hhmmss|hms)$", "hhmmss"),
    (r"(^|_)hhmm$", "hhmm"),
    (r"(^|_)(s|sec|secs|seconds?|secondes?|sekunden|segundos|billsec)$|^billsec$", "seconds"),
)
_UNITS_NAME = re.compile(r"(^|_)(units?|uom|unite|unidad|unidade|einheit)$")
_SHOWN = 5
_LONG_SECONDS = 3 * 3600
_MOST, _FEW = 0.8, 0.2
_SLACK_SECONDS = 2


def settle_unit(found: Resolution, calls: pl.DataFrame, day_first: bool | None) -> Resolution:
    """Find the unit of durations, where the dialect does not say it, and whether they count the ringing.

    The other times of a row decide before the column's name, and that before the way it is written; what none of them
    decides is taken for seconds, with a notice where that is doubtful.
    """
    layout = found.layout
    places = layout.positions("duration_seconds")
    if layout.dialect.unit is not None or not places:
        return found
    column, text = layout.columns[places[0]], read_field(calls, layout, "duration_seconds")
    named = next((unit for pattern, unit in _NAMED if re.search(pattern, column)), None)
    told, doubts = _find_told_unit(layout, calls)
    found = found.note(*doubts)
    whole, talk = _measure_spans(layout, calls, found.zone, day_first)
    if whole is not None and talk is not None and _counts_ringing(text, whole, talk, named):
        fields = {field: names for field, names in layout.dialect.fields.items() if field != "duration_seconds"}
        said = f"{column} counts the ringing too: it is end - start. Talk time is end - answer."
        return found.note(said).settle(fields=fields)
    spans = whole if talk is None else talk
    measured = None if spans is None else _compare(text, spans, named)
    if measured is not None:
        unit, reason = measured, "as the other times of a row show"
    elif named is not None:
        unit, reason = named, "as the column's name says"
    else:
        unit, reason = told or _guess(text)
    if unit != "seconds":
        found = found.note(f"Durations in {column} are {_DESCRIBED.get(unit, unit)}, {reason}.")
    elif measured is None and named is None and told is None:
        found = found.note(*_doubts(text, column))
    if spans is not None and measured is None:
        found = found.note(*_disagreements(text, spans, unit, column))
    return found.settle(unit=unit)


_DESCRIBED = {
    "hhmmss": "hours, minutes and seconds without colons (000135 is 1 min 35 s)",
    "hhmm": "hours and minutes (01:35 is 1 h 35 min)",
    "tenths": "tenths of a second",
}


def _find_told_unit(layout: Layout, calls: pl.DataFrame) -> tuple[tuple[str, str] | None, list[str]]:
    """Return the unit that a column of units names, with the reason; or what is doubtful about it."""
    for place, name in enumerate(layout.columns):
        if not _UNITS_NAME.search(name) or f"c{place}" not in calls.columns:
            continue
        held = sorted(tidy(calls[f"c{place}"]).cast(str).drop_nulls().unique().to_list())
        units = {next((unit for pattern, unit in _NAMED if re.search(pattern, fold_word(word))), None) for word in held}
        if len(units) == 1 and None not in units:
            return (str(units.pop()), f"as column {name} says"), []
        if units - {None}:
            shown = ", ".join(map(repr, held[:_SHOWN]))
            said = f"Column {name} holds {shown}: durations are read in one unit, whatever it says of a row."
            return None, [said]
    return None, []


def _measure_spans(
    layout: Layout, calls: pl.DataFrame, zone: str, day_first: bool | None
) -> tuple[pl.Series | None, pl.Series | None]:
    """Return the seconds from the start and from the answer to the end of each call; None without such a column."""
    layout = _with_likely_end(layout)
    if not layout.positions("end_timestamp"):
        return None, None
    begun = read_call_times(calls, layout, zone, day_first)
    until = read_clocks(calls, layout, "end_timestamp", begun, zone, day_first)
    whole = (until - begun).dt.total_seconds()
    if not layout.positions("answer_timestamp"):
        return whole, None
    none = is_no_time(read_field(calls, layout, "answer_timestamp").cast(str))
    answered = read_clocks(calls, layout, "answer_timestamp", begun, zone, day_first).set(none, None)
    return whole, (until - answered).dt.total_seconds()


def _counts_ringing(text: pl.Series, whole: pl.Series, talk: pl.Series, named: str | None) -> bool:
    """Tell whether durations are end - start, in whatever unit, where that is longer than end - answer."""
    import polars as pl

    rung = (whole - talk >= _SLACK_SECONDS) & (talk >= 0)
    if not rung.fill_null(False).any():
        return False
    for unit in (named,) if named else UNITS:
        read = pl.DataFrame({"read": read_durations(text, unit), "whole": whole, "talk": talk}).filter(rung)
        to_whole, to_talk = ((pl.col("read") - pl.col(name)).abs() for name in ("whole", "talk"))
        if read.select(((to_whole <= 1) & (to_talk > 1)).fill_null(False).mean()).item() >= _MOST:
            return True
    return False


def _disagreements(text: pl.Series, spans: pl.Series, unit: str, column: str) -> list[str]:
    """Say which durations differ from the other times of their rows, with the first that does."""
    import polars as pl

    rows = pl.DataFrame({"text": text.cast(str), "read": read_durations(text, unit), "span": spans})
    rows = rows.filter(pl.col("text").str.contains("[1-9]"), pl.col("span").is_not_null())
    wrong = rows.filter(
        ~pl.col("read").is_between(pl.col("span") - 1 - _SLACK_SECONDS, pl.col("span") + _SLACK_SECONDS)
    )
    if wrong.height <= _FEW * rows.height:
        return []
    shown = wrong.row(0, named=True)
    return [
        f"Durations in {column} differ from the other times of their rows in {wrong.height} of {rows.height} rows, "
        f"such as {shown['text']!r} where those are {shown['span']} s apart; {column} is believed, in "
        f"{_DESCRIBED.get(unit, unit)}."
    ]


def _with_likely_end(layout: Layout) -> Layout:
    """Return the layout with an end by its likely name, where the dialect has not named the column of the end."""
    fields = layout.dialect.fields
    likely = tuple(n for n in load_dialect("generic").fields["end_timestamp"] if names_utc([n]) == says_utc(fields))
    if layout.positions("end_timestamp"):
        return layout
    return replace(layout, dialect=replace(layout.dialect, fields={**fields, "end_timestamp": likely}))


def _compare(text: pl.Series, spans: pl.Series, named: str | None) -> str | None:
    """Return the unit in which most durations are about as long as the times of their rows say; None if several are."""
    import polars as pl

    fitting = []
    for unit in UNITS:
        frame = pl.DataFrame({"text": text.cast(str), "read": read_durations(text, unit), "span": spans})
        frame = frame.filter(pl.col("span") > 0, pl.col("text").str.contains("[1-9]"))
        near = pl.col("read").is_between(pl.col("span") / 3, pl.col("span") + _SLACK_SECONDS) & (pl.col("read") > 0)
        if frame.height and cast(float, frame.select(near.fill_null(False).mean()).item()) >= _MOST:
            fitting.append(unit)
    if named in fitting:
        return named
    return fitting[0] if len(fitting) == 1 or fitting[:1] == ["seconds"] else None


def _guess(text: pl.Series) -> tuple[str, str]:
    """Take six digits that are all good times of day, zeros in front, for ``HHMMSS``; else seconds."""
    cells = text.drop_nulls().str.strip_chars(" '\"")
    padded = cells.filter(cells != "")
    if len(padded) and padded.str.contains(r"^\d\d[0-5]\d[0-5]\d$").all() and padded.str.starts_with("0").any():
        return "hhmmss", "as each has six digits that are a time of day, zeros in front"
    return "seconds", ""


def _doubts(text: pl.Series, column: str) -> list[str]:
    import polars as pl

    plain = text.cast(pl.String).str.strip_chars(" '\"").str.replace(DECIMAL_COMMA, "$1.$2")
    numbers = plain.cast(pl.Float64, strict=False).drop_nulls()
    numbers = numbers.filter(numbers > 0)
    way = 'a dialect\'s [duration] unit = "{}" says so'
    if not len(numbers):
        return []
    broken = numbers.filter(numbers % 1 > 0)
    if len(broken) and (broken * 100 % 1).round(6).is_in([0.0, 1.0]).all() and cast(float, numbers.median()) < 60:
        shown = cast(float, broken[0])  # More than two decimals are a machine's seconds, such as 2.407.
        return [f"Durations in {column} have fractions ({shown:g}) and are taken for seconds; if they are minutes, "
                f"{way.format('minutes')}."]  # fmt: skip
    if cast(float, numbers.median()) > _LONG_SECONDS:
        median = cast(float, numbers.median())
        return [f"Durations in {column} are long (half are above {median:g}) and are taken for seconds; if "
                f"they are milliseconds, {way.format('milliseconds')}."]  # fmt: skip
    return []
