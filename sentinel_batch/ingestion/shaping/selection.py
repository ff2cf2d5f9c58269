"""Which rows are calls: the others are counted by their type, and left out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.values.words import NOT_CALLS, fold_value, is_not_call

if TYPE_CHECKING:
    import polars as pl

_LONGEST_TYPE = 60


def select_calls(cells: pl.DataFrame, layout: Layout) -> tuple[pl.DataFrame, dict[str, int]]:
    """Return the rows that are calls, and the number of the others by the value that told.

    Parameters
    ----------
    cells
        Split rows.
    layout
        The file's layout; its dialect says which rows to keep and which to skip.
    """
    counts: Counter[str] = Counter()
    for kept, rules in ((True, layout.dialect.keep), (False, layout.dialect.skip)):
        for column, values in rules.items():
            place = layout.place(column)
            if place is not None:
                cells, gone = _drop(cells, f"c{place}", values, kept=kept)
                counts.update(gone)
    return cells, counts


def _drop(
    cells: pl.DataFrame, column: str, values: tuple[str, ...], *, kept: bool
) -> tuple[pl.DataFrame, dict[str, int]]:
    import polars as pl

    text = cells[column].cast(pl.String).fill_null("")
    gone = [cell for cell in text.unique().to_list() if _is_named(cell, values) != kept]
    if not gone:
        return cells, {}
    dropped = text.is_in(gone)
    counts: Counter[str] = Counter()
    for value, count in text.filter(dropped).value_counts().iter_rows():
        counts[value.strip()[:_LONGEST_TYPE] or "(empty)"] += count
    return cells.filter(~dropped), counts


def _is_named(cell: str, values: tuple[str, ...]) -> bool:
    return fold_value(cell) in values or (NOT_CALLS in values and is_not_call(cell))
