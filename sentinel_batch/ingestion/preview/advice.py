"""What to do about rows that are rejected, by the reason that most of them have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sentinel_batch.ingestion.preview.spelling import spell_columns
from sentinel_batch.ingestion.reading.given import Given
from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.values.cells import is_missing_cell
from sentinel_batch.ingestion.values.headers import find_side

if TYPE_CHECKING:
    import polars as pl

_NUMBER = re.compile(r"\+?\d{8,15}")
_BY_REASON = {
    "ragged_row": "Rows have other numbers of columns than the header: check [rows] delimiter in a dialect",
    "caller": "Check --region, and which column feeds caller_number ([fields] in a dialect)",
    "callee": "Check which column feeds callee_number ([fields] in a dialect)",
    "timestamp": "Check which column feeds call_timestamp (or call_date and call_time), and [time] in a dialect",
    "duration": "Check which column feeds duration_seconds, and [duration] unit in a dialect",
}


def advise(reasons: Mapping[str, int], layout: Layout, sample: pl.DataFrame, name: str, given: Given) -> str:
    """Return what may be wrong, and the commands to type.

    Parameters
    ----------
    reasons
        Reason to number of rows.
    layout
        How the file is read.
    sample
        Its first rows, with all columns.
    name
        The file's name.
    given
        Options to repeat in the commands.
    """
    first = max(reasons, key=lambda reason: reasons[reason])
    if first != "caller_short_code":
        return _BY_REASON.get(first, _BY_REASON.get(first.split("_")[-1], _BY_REASON["caller"])) + "."
    longer = _find_callers(layout, sample)
    said = f"Column {longer} holds whole numbers: as caller_number it would name the callers. " if longer else ""
    said += "Callers are extensions, which a dialect allows with [callers] short_codes = true"
    if given.dialect.endswith(".toml"):
        return f"{said}: add that to {given.dialect}."
    return f"{said}. For one that does: {given.type_proposal(name)}."


def _find_callers(layout: Layout, sample: pl.DataFrame) -> str | None:
    """Return an unused column of whole telephone numbers that may be the callers', as the file spells it."""
    spelt = spell_columns(layout)
    for column in layout.ignored:
        cells = sample[f"c{layout.place(column)}"].cast(str).drop_nulls().head(200).to_list()
        known = [cell.strip(" '\"") for cell in cells if not is_missing_cell(cell)]
        if known and all(map(_NUMBER.fullmatch, known)) and find_side(spelt[column]) == "caller":
            return spelt[column]
    return None
