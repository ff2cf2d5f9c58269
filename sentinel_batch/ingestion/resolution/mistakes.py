"""Columns and values that a user's dialect names and that the file does not have: most likely mistyped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from batch_base.suggestions import find_nearest
from sentinel_batch.ingestion.dialects.catalogue import is_shipped
from sentinel_batch.ingestion.dialects.dialect import Dialect
from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.resolution.finding import Resolution
from sentinel_batch.ingestion.values.words import NOT_CALLS, fold_value, read_outcome

if TYPE_CHECKING:
    import polars as pl

_SHOWN = 5


def note_mistakes(found: Resolution, sample: pl.DataFrame) -> Resolution:
    """Note what an own dialect names in vain; a shipped one names the columns of many releases."""
    layout = found.layout
    if is_shipped(layout.dialect):
        return found
    return found.note(*_strange_columns(layout), *_strange_values(layout, sample))


def _strange_columns(layout: Layout) -> Iterator[str]:
    known = {*layout.columns, *(name for names in layout.dialect.layouts for name in names)}
    for place, names in _list_columns(layout.dialect):
        if names and known.isdisjoint(names):
            meant = find_nearest(names[0], [name for name in layout.columns if name])
            hint = f" Did you mean {meant}?" if meant else ""
            yield f"{place} of the dialect names {' or '.join(names)}, which the file does not have.{hint}"


def _list_columns(dialect: Dialect) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the keys of a dialect, and the columns of which a file should have at least one."""
    needed = ("call_timestamp", "call_date", "call_time")
    for field, names in dialect.fields.items():
        if field not in needed:
            yield f"[fields] {field}", names
    single = {
        "[answered] column": dialect.answered_column,
        "[time] offset": dialect.offset,
        "[direction] subject": dialect.subject,
        "[callers] outbound": dialect.outbound_caller,
    }
    for place, name in single.items():
        yield place, (name,) if name else ()
    yield "[answered] positive or present", (*dialect.answered_positive, *dialect.answered_present)
    yield "[time] epoch", dialect.epoch
    yield "[direction] other", dialect.other
    yield "[legs]", dialect.legs.columns
    for key, rules in (("keep", dialect.keep), ("skip", dialect.skip)):
        yield from ((f"[rows] {key}", (column,)) for column in rules)


def _strange_values(layout: Layout, sample: pl.DataFrame) -> Iterator[str]:
    dialect = layout.dialect
    if dialect.answered_column:
        there = _list_values(layout, sample, dialect.answered_column)
        likely = [value for value in there if read_outcome(value) is not False]
        near = [
            said
            for value in dialect.answered_values
            for said in _compare("[answered] values", dialect.answered_column, value, likely, dialect.unanswered_values)
        ]
        yield from near or _miss("[answered] values", dialect.answered_column, dialect.answered_values, there)
    for key, rules in (("keep", dialect.keep), ("skip", dialect.skip)):
        for column, values in rules.items():
            there, place = _list_values(layout, sample, column), f"[rows] {key}"
            named = [value for value in values if value != NOT_CALLS]
            near = [said for value in named for said in _compare(place, column, value, there, values)]
            yield from near or (_miss(place, column, named, there) if NOT_CALLS not in values else ())
    ways = dialect.fields.get("call_direction", ()) if dialect.own_directions else ()
    for column in ways[:1]:
        there = [value for name in ways for value in _list_values(layout, sample, name)]
        yield from _miss("[direction]", column, list(dialect.directions), there)


def _miss(place: str, column: str, named: Sequence[str], there: Sequence[str]) -> Iterator[str]:
    """Yield that a column holds none of the values that are named, and what it holds."""
    if named and there and not set(named) & set(there):
        listed = ", ".join(map(repr, there[:_SHOWN])) + (", …" if len(there) > _SHOWN else "")
        yield (
            f"{place} of the dialect names {', '.join(map(repr, named[:_SHOWN]))}: {column} holds nothing of that in "
            f"the first rows, but {listed}."
        )


def _list_values(layout: Layout, sample: pl.DataFrame, column: str) -> list[str]:
    place = layout.place(column)
    cells = [] if place is None else sample[f"c{place}"].cast(str).unique(maintain_order=True).drop_nulls().to_list()
    return list(dict.fromkeys(filter(None, map(fold_value, cells))))


def _compare(place: str, column: str, value: str, there: list[str], taken: Iterable[str]) -> Iterator[str]:
    """Yield what a value may have been meant to be: one that is there, and that the dialect says nothing of."""
    meant = None if value in there else find_nearest(value, [other for other in there if other not in set(taken)])
    if meant is not None:
        said = f"{place} of the dialect names {value!r}, which {column} does not hold in the first rows."
        yield f"{said} Did you mean {meant!r}?"
