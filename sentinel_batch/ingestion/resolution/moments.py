"""Which columns tell when a call began: one with date and time, or two; and whether their names say UTC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from sentinel_batch.ingestion.dialects.dialect import CLOCKS
from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.values.cells import tidy
from sentinel_batch.ingestion.values.timestamps import is_date_alone, is_time_of_day, read_times

if TYPE_CHECKING:
    import polars as pl

Fields = dict[str, tuple[str, ...]]
_BEGINS = ("call_timestamp", "call_date", "call_time")
_UTC = {"utc", "gmt", "zulu"}
_MOST = 0.9


def settle_times(layout: Layout, sample: pl.DataFrame, fields: Mapping[str, tuple[str, ...]]) -> tuple[Fields, str]:
    """Let one column with date and time tell when a call began, or a date and a time of day beside it.

    Parameters
    ----------
    layout
        The layout as found.
    sample
        The first rows.
    fields
        Field to the one column that feeds it.

    Returns
    -------
    tuple
        The fields, and what is to be said of the columns that are passed over; empty where there are none.
    """
    listed = {field: [layout.columns[place] for place in layout.positions(field)] for field in _BEGINS}
    names = list(dict.fromkeys(name for field in _BEGINS for name in listed[field]))
    held = {name: _hold(sample[f"c{layout.place(name)}"]) for name in names}
    chosen = _choose(listed, held) or {field: fields[field] for field in _BEGINS[:1] if field in fields}
    kept = {field: columns for field, columns in fields.items() if field not in _BEGINS} | chosen
    kept = _agree(kept, says_utc(kept))
    kept = {field: c for field, c in kept.items() if field not in CLOCKS or _tells_times(layout, sample, c[0])}
    if kept.get("answer_timestamp") == kept.get("call_timestamp"):
        kept.pop("answer_timestamp", None)
    used = {name for columns in kept.values() for name in columns}
    passed, read = [name for name in names if name not in used], [columns[0] for columns in chosen.values()]
    if not passed or not read:
        return kept, ""
    return kept, f"the time is read from {' and '.join(read)}, not from {' or '.join(passed)}"


def _choose(listed: Mapping[str, list[str]], held: Mapping[str, str]) -> Fields | None:
    """Return what feeds the time of a call; None where nothing holds both a date and a time of day."""
    ordered = list(dict.fromkeys((*listed["call_date"], *listed["call_timestamp"], *listed["call_time"])))
    dates = [name for name in ordered if held[name] == "date"]
    dates += [name for name in listed["call_date"] if held[name] == "text"]
    clocks = [name for name in (*listed["call_time"], *listed["call_timestamp"]) if held[name] == "clock"]
    clocks += [name for name in listed["call_time"] if held[name] == "text" and name not in dates]
    for name in (*listed["call_timestamp"], *ordered):
        if held[name] == "moment":
            return {"call_timestamp": (name,)}
        if held[name] and dates and clocks:
            return {"call_date": (dates[0],), "call_time": (name if name in clocks else clocks[0],)}
    return None


def _hold(column: pl.Series) -> str:
    """Return ``date``, ``clock``, ``moment`` or other ``text`` for what most of a column is; empty for nothing."""
    cells = tidy(column).drop_nulls().cast(str).unique(maintain_order=True).head(200)
    if cells.is_empty():
        return ""
    for kind, fits in (("clock", is_time_of_day), ("date", is_date_alone)):
        if sum(map(fits, cells.to_list())) >= _MOST * len(cells):
            return kind
    return "moment" if _reads(cells) else "text"


def _reads(cells: pl.Series) -> bool:
    return any(read_times(cells, "UTC", order).is_not_null().any() for order in (True, False))


def _tells_times(layout: Layout, sample: pl.DataFrame, name: str) -> bool:
    """Tell whether a column holds times, or nothing; ``response_time`` may be a number of seconds."""
    cells = tidy(sample[f"c{layout.place(name)}"]).drop_nulls().cast(str).unique(maintain_order=True).head(200)
    if all(map(is_time_of_day, cells.to_list())):
        return True
    return _reads(cells)


def _agree(fields: Fields, utc: bool) -> Fields:
    """Leave out clocks that are in another zone than the begin, as their names say, where that can be told."""
    return {
        field: columns
        for field, columns in fields.items()
        if field not in CLOCKS or names_utc(columns) == utc or "duration_seconds" not in fields
    }


def says_utc(fields: Mapping[str, tuple[str, ...]]) -> bool:
    """Tell whether the name of the column with the time of a call says that it is in UTC."""
    return names_utc(name for field in ("call_timestamp", "call_time") for name in fields.get(field, ()))


def names_utc(names: Iterable[str]) -> bool:
    """Tell whether any name of a column says UTC."""
    return any(not _UTC.isdisjoint(name.split("_")) for name in names)
