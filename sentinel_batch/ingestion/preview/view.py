"""How a file is read, for people: which column feeds which field, and the first calls as they would be stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sentinel_batch.ingestion.dialects.dialect import CLOCKS, FIELDS
from sentinel_batch.ingestion.preview.advice import advise
from sentinel_batch.ingestion.preview.reasons import explain_layout
from sentinel_batch.ingestion.preview.spelling import spell_columns
from sentinel_batch.ingestion.reading.given import NOTHING_GIVEN, Given
from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.reading.source import Source
from sentinel_batch.ingestion.resolution.finding import Resolution
from sentinel_batch.ingestion.shaping.rows import OPTIONAL_TEXT, Shaping, shape_rows

if TYPE_CHECKING:
    import polars as pl

CALLS = 3
_TRIED_ROWS = 200
"""So many rows are shaped to find calls to show."""
_LONGEST_CELL = 80
STORED = (
    "call_timestamp",
    "caller_number",
    "callee_number",
    "duration_seconds",
    "answered",
    "number_type",
    "call_direction",
    *OPTIONAL_TEXT,
    "trunk",
    "call_id",
)
"""Columns of a call that are shown."""

_SAME = STORED[:5]
"""Rows that are alike in these are shown once."""


@dataclass(frozen=True)
class FieldView:
    """One field of a call.

    Parameters
    ----------
    field
        Its name.
    columns
        Columns of the file that feed it, as they are spelt, best first.
    samples
        What the first of them that is not empty holds in the rows of the shown calls.
    """

    field: str
    columns: tuple[str, ...]
    samples: tuple[str, ...]


@dataclass(frozen=True)
class LayoutView:
    """How a file is read, from its first rows.

    Parameters
    ----------
    path
        The file.
    dialect, description
        The dialect that it is of.
    reason
        Why.
    delimiter, encoding
        How it is written; ``fixed`` are aligned columns.
    header_line
        Number of the line with the header, None where there is none.
    columns
        All its columns, as they are spelt.
    fields
        What feeds each field.
    calls
        The first calls as they would be stored, times in UTC; legs are not joined yet.
    unused
        Columns that feed nothing.
    missing
        Fields of a call that no column feeds.
    timezone, unit, day_first
        Zone of times without an offset, unit of durations, how 03/04/2026 is read (None: not decided).
    notices
        What was found out or guessed, and what is in doubt.
    """

    path: str
    dialect: str
    description: str
    reason: str
    delimiter: str
    encoding: str
    header_line: int | None
    columns: tuple[str, ...]
    fields: tuple[FieldView, ...]
    calls: tuple[Mapping[str, Any], ...]
    unused: tuple[str, ...]
    missing: tuple[str, ...]
    timezone: str
    unit: str | None
    day_first: bool | None
    notices: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the view as JSON can hold it."""
        facts = {name: _to_json(value) for name, value in vars(self).items() if name != "fields"}
        return facts | {"fields": [_to_json(vars(field)) for field in self.fields]}


def view_layout(
    name: str,
    source: Source,
    resolution: Resolution,
    shaping: Shaping,
    given: Given = NOTHING_GIVEN,
) -> LayoutView:
    """Show how a file is read.

    Parameters
    ----------
    name
        What to call it.
    source
        The opened file, its layout as found.
    resolution
        What was settled about it.
    shaping
        How its rows become calls.
    given
        Options to repeat in the commands that are named.
    """
    layout, dialect = resolution.layout, resolution.layout.dialect
    spelt, sample = spell_columns(layout), source.sample().head(_TRIED_ROWS)
    calls, lines, remarks = _shape_calls(sample, shaping, name, given)
    rows = sample.filter(sample["source_line"].is_in(lines)) if lines else sample.head(CALLS)
    fields = tuple(_view_field(field, layout, spelt, rows) for field in (*FIELDS, *CLOCKS) if layout.positions(field))
    fed = {view.field for view in fields}
    return LayoutView(
        path=name,
        dialect=dialect.name,
        description=dialect.description,
        reason=explain_layout(source.layout, spelt),
        delimiter=layout.delimiter,
        encoding=source.encoding,
        header_line=layout.preamble_lines + 1 if layout.header_lines else None,
        columns=tuple(spelt.get(name, name) for name in layout.columns),
        fields=fields,
        calls=calls,
        unused=tuple(spelt.get(name, name) for name in source.layout.ignored if name in layout.ignored),
        missing=tuple(field for field in FIELDS if field not in fed | _substituted(fed)),
        timezone=resolution.zone,
        unit=dialect.unit,
        day_first=shaping.day_first,
        notices=(*resolution.notices, *remarks),
    )


def _substituted(fed: set[str]) -> set[str]:
    """Return the fields that are not needed beside those that a file has."""
    times = {"call_date", "call_time"} if "call_timestamp" in fed else {"call_timestamp"}
    return times | ({"duration_seconds"} if "end_timestamp" in fed else set())


def _view_field(field: str, layout: Layout, spelt: Mapping[str, str], rows: pl.DataFrame) -> FieldView:
    places = layout.positions(field)
    columns = [rows[f"c{place}"].cast(str).to_list() for place in places]
    cells = [next((cell for cell in row if cell), "") for row in zip(*columns, strict=True)]
    names = tuple(spelt.get(layout.columns[place], layout.columns[place]) for place in places)
    return FieldView(field, names, tuple(cell[:_LONGEST_CELL] for cell in cells))


def _shape_calls(
    sample: pl.DataFrame, shaping: Shaping, name: str, given: Given
) -> tuple[tuple[dict[str, Any], ...], list[int], list[str]]:
    """Return the first calls, their lines, and what became of the rows when there are none."""
    if sample.is_empty():
        return (), [], ["There are no rows to show."]
    shaped = shape_rows(sample, shaping)
    records = shaped.records.unique(_SAME, keep="first", maintain_order=True).head(CALLS)
    lines = records["source_line"].to_list() if "source_line" in records.columns else []
    rows = records.select(name for name in STORED if name in records.columns).to_dicts()
    calls = tuple({name: _cut(value) for name, value in row.items() if value is not None} for row in rows)
    if calls:
        return calls, lines, []
    reasons = shaped.rejects["reason"].value_counts(sort=True).sort(["count", "reason"], descending=[True, False])
    told = [f"{reason} {count}" for reason, count in reasons.iter_rows()]
    told += [f"no call ({kind}) {count}" for kind, count in shaped.skipped.items()]
    said = f"None of the first {sample.height} rows would be stored: {', '.join(told)}."
    counts = dict(reasons.iter_rows())
    return (), lines, [f"{said} {advise(counts, shaping.layout, sample, name, given)}" if counts else said]


def _cut(value: Any) -> Any:
    return value[:_LONGEST_CELL] if isinstance(value, str) else value


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {name: _to_json(item) for name, item in value.items()}
    return [_to_json(item) for item in value] if isinstance(value, tuple) else value
