"""Who called: in files about a subscriber the first party is always that one, whichever way the call went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.resolution.finding import Resolution
from sentinel_batch.ingestion.shaping.fields import read_call_times, read_directions
from sentinel_batch.ingestion.values.cells import tidy
from sentinel_batch.ingestion.values.words import list_words

if TYPE_CHECKING:
    import polars as pl

_MOST, _FEW = 0.8, 0.2
_SHOWN = 5
_LEG_SECONDS = 30
"""The outgoing and the incoming leg of a call begin at most so far apart."""


def settle_parties(found: Resolution, calls: pl.DataFrame, day_first: bool | None) -> Resolution:
    """Find out whether the caller's column holds the party that the row is about."""
    layout, dialect = found.layout, found.layout.dialect
    if dialect.subject is not None or not all(layout.positions(name) for name in ("caller_number", "callee_number")):
        return found
    subject, other = (dialect.fields[name][0] for name in ("caller_number", "callee_number"))
    headed = subject in list_words("header", "subject") and other in list_words("header", "other")
    if not layout.positions("call_direction"):
        return found.note(*_doubt_directions(layout, calls, subject, other)) if headed else found
    if not headed and not _always_first(found, calls, (subject, other), day_first):
        return found
    reason = "as their names say" if headed else f"as {subject} is the same party on outgoing and on incoming rows"
    said = f"{subject} is the party that a row is about, {reason}: on incoming rows {other} is the caller."
    return found.note(said).settle(subject=subject, other=(other,), served_device=True)


def _doubt_directions(layout: Layout, calls: pl.DataFrame, subject: str, other: str) -> list[str]:
    """Say that nothing understood tells who called, with the columns of types that may."""
    likely = [name for name in layout.dialect.skip if layout.place(name) is not None]
    shown = [f"{name} ({_show(calls[f'c{layout.place(name)}'])})" for name in likely]
    where = f": {' and '.join(shown)} has no word that is known" if shown else ""
    return [
        f"{subject} is the party that a row is about, and no column tells which way a call went{where}. All rows are "
        f"read as calls of {subject} to {other}; a dialect's [direction] can say better."
    ]


def _show(text: pl.Series) -> str:
    values = sorted(map(repr, text.cast(str).unique().drop_nulls().to_list()))
    return ", ".join(values[:_SHOWN]) + (", …" if len(values) > _SHOWN else "")


def _always_first(found: Resolution, calls: pl.DataFrame, columns: tuple[str, str], day_first: bool | None) -> bool:
    """Tell whether the same numbers stand first on rows of both directions, and not second.

    Where a switch writes both legs of a call, outgoing and incoming, they do so too: there each incoming row has an
    outgoing one beside it.
    """
    import polars as pl

    directions = read_directions(calls, found.layout)
    if directions is None:
        return False
    parties = (tidy(calls[f"c{found.layout.place(name)}"]).cast(str) for name in columns)
    rows = pl.DataFrame([*(text.alias(name) for text, name in zip(parties, ("first", "second"), strict=True))])
    rows = rows.with_columns(
        way=directions.cast(pl.String), time=read_call_times(calls, found.layout, "UTC", day_first)
    )
    inbound, outbound = rows.filter(pl.col("way") == "inbound"), rows.filter(pl.col("way") == "outbound")
    if inbound.is_empty() or outbound.is_empty():
        return False
    own = outbound["first"].unique().drop_nulls().implode()
    there, elsewhere = (float(str(inbound[name].is_in(own).mean() or 0)) for name in ("first", "second"))
    legs = inbound.with_row_index().join(outbound, on=["first", "second"])
    legs = legs.filter((pl.col("time") - pl.col("time_right")).abs() <= pl.duration(seconds=_LEG_SECONDS))
    return there >= _MOST and elsewhere <= _FEW and legs["index"].n_unique() <= _FEW * inbound.height
