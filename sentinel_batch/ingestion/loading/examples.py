"""Rejected rows in words: the line, the file's column, what stands there, and the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sentinel_batch.ingestion.preview.spelling import spell_columns
from sentinel_batch.ingestion.reading.layout import Layout

if TYPE_CHECKING:
    import polars as pl

_LONGEST_CELL = 80
_LONGEST_ROW = 160
_PARTS = {
    "call_timestamp": ("call_timestamp", "call_date", "call_time"),
    "duration_seconds": ("duration_seconds", "end_timestamp"),
}


def describe_examples(rejects: pl.DataFrame, cells: pl.DataFrame, layout: Layout) -> list[str]:
    """Return some rejects as ``line: column 'value': reason``; a row that could not be split is shown whole.

    Parameters
    ----------
    rejects
        ``source_line, column, reason, raw`` of a few rows.
    cells
        The split rows that they are among.
    layout
        Where the fields stand.
    """
    spelt, found = spell_columns(layout), []
    for row in rejects.iter_rows(named=True):
        places = _find_places(layout, row["column"])
        shown = cells.filter(cells["source_line"] == row["source_line"]) if places else cells.head(0)
        held = [f"{spelt[layout.columns[place]]} {_cut(shown[f'c{place}'][0])!r}" for place in places if shown.height]
        text = " and ".join(held) or repr(row["raw"][:_LONGEST_ROW])
        found.append(f"{row['source_line']}: {text}: {row['reason']}")
    return found


def _find_places(layout: Layout, field: str | None) -> list[int]:
    """Return the columns that feed a field, of each part of it the first; none where rows say which one counts."""
    if field is None or (layout.dialect.subject and field.endswith("_number")):
        return []
    parts = [layout.positions(part) for part in _PARTS.get(field, (field,))]
    found = list(dict.fromkeys(places[0] for places in parts if places))
    return found[:1] if field == "duration_seconds" else found


def _cut(cell: str | None) -> str:
    return (cell or "")[:_LONGEST_CELL]
