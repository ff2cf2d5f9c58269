"""Names of columns as the file spells them: they are compared in lower case and without punctuation."""

from __future__ import annotations

from sentinel_batch.ingestion.dialects.dialect import Dialect
from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.reading.splitting import split_line
from sentinel_batch.ingestion.values.headers import fold_header
from sentinel_batch.ingestion.values.words import fold_word

LONGEST_NAME = 80


def spell_columns(layout: Layout) -> dict[str, str]:
    """Return each column's name as it is compared, to its name as the header spells it."""
    text = layout.header_text
    if layout.delimiter == "fixed":
        cells = [text[start:end] for start, end in layout.spans]
    else:
        cells = split_line(text, layout.delimiter) if text else []
    spelt = {name: name for name in layout.columns if name}
    for cell in reversed(cells):
        plain = cell.strip().strip("'\"").strip()
        if plain and len(plain) <= LONGEST_NAME and fold_word(plain) == fold_word(cell):
            spelt |= {name: plain for name in (fold_word(cell), fold_header(cell)) if name in spelt}
    return spelt


def list_known(layout: Layout, dialect: Dialect) -> set[str]:
    """Return the columns that the file has, or has in another of the dialect's layouts."""
    return {*layout.columns, *(name for names in dialect.layouts for name in names)}
