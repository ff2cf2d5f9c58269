"""The reasons for what a proposed dialect says, as its comments give them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sentinel_batch.ingestion.dialects.catalogue import load_dialect
from sentinel_batch.ingestion.dialects.dialect import PLACEHOLDER, Dialect
from sentinel_batch.ingestion.preview.view import STORED, FieldView, LayoutView
from sentinel_batch.ingestion.proposal.writing import Remark
from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.values.words import fold_word


def describe_head(path: str, recognised: str, view: LayoutView | None, told: Sequence[str]) -> list[str]:
    """Return the lines above a proposed dialect.

    Parameters
    ----------
    path
        The file.
    recognised
        The dialect that fits it, empty for none.
    view
        How it is read, as far as it is.
    told
        What comes near, and what is missing.
    """
    lines = [f"Proposed for {path} from its first lines. Check it, above all what is GUESSED."]
    if view is not None and recognised:
        lines.append(f"Recognised as {recognised}: {view.reason}.")
    else:
        lines.append(" ".join(["No shipped dialect fits.", *told]))
    if view is None:
        return lines
    lines += [f"Columns that are not used: {', '.join(view.unused) or 'none'}."]
    lines += [f"Fields that no column feeds: {', '.join(view.missing) or 'none'}."]
    lines += [f"Found: {notice}" for notice in view.notices]
    return lines + (["The first calls as they would be stored:", *map(describe_call, view.calls)] if view.calls else [])


def describe_call(call: Mapping[str, Any]) -> str:
    """Return a call on one line, its time in UTC."""
    return "  " + ", ".join(f"{name} {_show(call[name])}" for name in STORED if name in call)


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:%Y-%m-%d %H:%M:%S} UTC" if hasattr(value, "strftime") else str(value)


def comment_lines(
    layout: Layout, view: LayoutView | None, guessed: Mapping[str, str], origin: str
) -> dict[tuple[str, str], str]:
    """Return the reasons for single lines: section and key to the reason."""
    found = {
        ("", "name"): "choose one",
        ("", "description"): "what writes such files",
        ("rows", "header"): "there is none in this file",
        ("duration", "unit"): f"as {origin} writes them"
        if origin and load_dialect(origin).unit
        else _unit_reason(view),
    }
    if layout.header_lines:
        found["rows", "header"] = f"line {layout.preamble_lines + 1} of this file"
    if view is not None:
        found |= {("fields", field.field): _explain_field(field, view) for field in view.fields}
    for field, columns in layout.dialect.fields.items():
        absent = columns == (fold_word(PLACEHOLDER.format(field)),)
        found.setdefault(("fields", field), "no column seems to hold it" if absent else "by its name")
    found |= {("fields", field): f"{reason}; {found['fields', field]}" for field, reason in guessed.items()}
    if layout.dialect.day_first is not None:
        found["time", "day_first"] = "as the dates of the first lines show, or as you said"
    return found


def _unit_reason(view: LayoutView | None) -> str:
    said = [notice for notice in view.notices if notice.startswith("Durations in")] if view is not None else []
    return said[0] if said else "nothing in the file speaks against it"


def _explain_field(field: FieldView, view: LayoutView) -> str:
    place, cell = next(((place, cell) for place, cell in enumerate(field.samples) if cell), (0, ""))
    if not cell:
        return "empty in the first rows"
    stored = view.calls[place].get(field.field) if place < len(view.calls) else None
    return f"{cell} is stored as {_show(stored)}" if stored is not None else f"such as {cell}"


def list_remarks(dialect: Dialect, view: LayoutView | None, zone: str) -> list[Remark]:
    """Return the keys that the file leaves open and that could be set."""
    remarks = []
    if dialect.timezone is None and not dialect.epoch and dialect.offset is None:
        remarks.append(Remark("time", "timezone", zone, "not in the file: if not set, the zone of the run counts"))
    if view is not None and dialect.day_first is None and any("day_first" in notice for notice in view.notices):
        remarks.append(Remark("time", "day_first", True, "the first lines do not decide"))
    if dialect.numbers is None:
        remarks.append(Remark("", "numbers", "international", "if digits without + always begin with a country code"))
    return remarks
