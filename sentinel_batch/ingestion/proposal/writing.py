"""A dialect as the text of its TOML file, every line with the reason for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sentinel_batch.ingestion.dialects.dialect import CLOCKS, FIELDS, LEG_GAP_SECONDS, Dialect
from sentinel_batch.ingestion.preview.spelling import list_known
from sentinel_batch.ingestion.reading.layout import Layout
from sentinel_batch.ingestion.values.words import fold_word

Comments = Mapping[tuple[str, str], str]
"""Section and key of a line to the reason for it."""

_WIDTH = 56
_USUAL = {
    ("", "recognised_by"): "a header must have these",
    ("", "number_pattern"): "its group is the number in the columns of caller and callee",
    ("", "numbers"): "how digits without + are read",
    ("rows", "delimiter"): "found in the file",
    ("rows", "header"): "required, optional or none",
    ("rows", "layouts"): "columns of files without a header",
    ("rows", "type_row"): "a row of column types may follow the header",
    ("rows", "wider"): "rows may have further columns, which are not read",
    ("rows", "escape"): "a delimiter inside a field has a backslash before it",
    ("rows", "markers"): "whole lines that are no records",
    ("rows", "content"): "what these columns hold where there is no header",
    ("rows", "keep"): "all other rows are no calls",
    ("rows", "skip"): "rows with these values are no calls",
    ("rows", "repeats"): "equal rows without a call id: calls, or copies of one call",
    ("time", "timezone"): "of times without an offset",
    ("time", "epoch"): "a second clock: the zone is measured by it, file by file",
    ("time", "offset"): "each row's offset from UTC",
    ("time", "day_first"): "how 03/04/2026 is read",
    ("duration", "unit"): "of durations that are plain numbers",
    ("answered", "column"): "tells whether a call was answered",
    ("answered", "values"): "answered",
    ("answered", "unanswered"): "not answered",
    ("time", "offset_unit"): "of numbers in that column",
    ("time", "year_first"): "dates begin with a year of two digits",
    ("answered", "codes"): "what numbers of an outcome are",
    ("answered", "positive"): "answered where any of these is above 0",
    ("answered", "present"): "answered where any of these is not empty",
    ("direction", "inbound"): "words of the file",
    ("direction", "outbound"): "words of the file",
    ("direction", "internal"): "words of the file",
    ("direction", "subject"): "the party that a row is about: on inbound rows the other called",
    ("direction", "other"): "the other party, best first",
    ("direction", "served_device"): "device and cell are the subject's: left out of inbound rows",
    ("legs", "call_id"): "rows with the same value are legs of one call",
    ("legs", "otherwise"): "where that is empty",
    ("legs", "pair"): "ids of a leg and of the other one, which name each other",
    ("legs", "talk"): "whose talk time counts: longest, sum, first, last",
    ("legs", "within"): "a leg begins at most so many seconds after those before ended",
    ("legs", "share_number"): "legs have a number in common with the first",
    ("callers", "short_codes"): "extensions may call",
    ("callers", "outbound"): "who calls on outbound rows without a caller",
}
_DEFAULTS = {
    ("rows", "type_row"): False,
    ("rows", "wider"): False,
    ("rows", "escape"): False,
    ("direction", "served_device"): False,
    ("callers", "short_codes"): False,
}


@dataclass(frozen=True)
class Remark:
    """A key that is not set: a comment says how it would be."""

    section: str
    key: str
    value: Any
    why: str


def write_dialect(
    layout: Layout, spelt: Mapping[str, str], head: Iterable[str], comments: Comments, remarks: Sequence[Remark] = ()
) -> str:
    """Return the text of a file that :func:`~sentinel_batch.ingestion.load_dialect` reads as this dialect.

    Parameters
    ----------
    layout
        The layout whose dialect to write. Columns that the file cannot have are left out.
    spelt
        Names of columns, as they are compared, to how the file spells them.
    head
        Lines of comment above all.
    comments
        Reasons for single lines; the others get the usual ones.
    remarks
        Keys that could be set.
    """
    sections = _list_keys(layout, lambda name: spelt.get(name, name))
    lines = [f"# {write_comment(line)}".rstrip() for line in head]
    for section, keys in sections.items():
        lines += ["", f"[{section}]"] if section and keys else [""] if keys else []
        for key, value in keys.items():
            why = comments.get((section, key)) or _USUAL.get((section, key), "")
            lines.append(_write_line(key, value, why))
        open_keys = [remark for remark in remarks if remark.section == section]
        lines += ["", f"[{section}]"] if open_keys and not keys else []
        lines += ["# " + _write_line(remark.key, remark.value, remark.why) for remark in open_keys]
    return "\n".join(lines) + "\n"


def _write_line(key: str, value: Any, why: str) -> str:
    text = f"{key} = {write_value(value)}"
    return f"{text:<{_WIDTH}} # {write_comment(why)}" if why else text


def _list_keys(layout: Layout, spell: Callable[[str], str]) -> dict[str, dict[str, Any]]:
    dialect, known = layout.dialect, list_known(layout, layout.dialect)

    def names(columns: Iterable[str]) -> list[str]:
        return [spell(name) for name in columns if name in known]

    def name(column: str | None) -> str | None:
        return spell(column) if column in known and column else None

    def table(values: Mapping[str, Any]) -> dict[str, Any]:
        return {spell(column): value for column, value in values.items() if column in known}

    legs = dialect.legs
    joined = legs.call_id if set(legs.call_id) <= known else ()
    has_legs = bool(joined or names(legs.pair) or name(legs.otherwise))
    found: dict[str, dict[str, Any]] = {
        "": {
            "name": dialect.name,
            "description": dialect.description,
            "recognised_by": names(dialect.recognised_by),
            "number_pattern": dialect.number_pattern,
            "numbers": dialect.numbers,
        },
        "rows": {
            "delimiter": layout.delimiter,
            "header": dialect.header,
            "layouts": [list(map(spell, columns)) for columns in dialect.layouts],
            "type_row": dialect.type_row,
            "wider": dialect.wider,
            "escape": dialect.escape,
            "markers": dialect.markers,
            "content": table(dialect.content),
            "keep": table(dialect.keep),
            "skip": table(dialect.skip),
            "repeats": dialect.repeats,
        },
        "fields": {field: _one_or_more(names(dialect.fields.get(field, ()))) for field in (*FIELDS, *CLOCKS)},
        "time": {
            "timezone": dialect.timezone,
            "day_first": dialect.day_first,
            "year_first": dialect.year_first or None,
            "epoch": _one_or_more(names(dialect.epoch)),
            "offset": name(dialect.offset),
            "offset_unit": dialect.offset_unit,
        },
        "duration": {"unit": dialect.unit},
        "answered": {
            "column": name(dialect.answered_column),
            "values": list(dialect.answered_values),
            "unanswered": list(dialect.unanswered_values),
            "codes": dialect.codes,
            "positive": names(dialect.answered_positive),
            "present": names(dialect.answered_present),
        },
        "direction": {
            **_list_directions(dialect),
            "subject": name(dialect.subject),
            "other": _one_or_more(names(dialect.other)),
            "served_device": dialect.served_device,
        },
        "legs": {
            "call_id": _one_or_more(names(joined)),
            "otherwise": name(legs.otherwise),
            "pair": names(legs.pair),
            "talk": legs.talk if has_legs else None,
            "within": legs.within if has_legs and legs.within != LEG_GAP_SECONDS else None,
            "share_number": True if has_legs and legs.share_number else None,
        },
        "callers": {"short_codes": dialect.short_callers, "outbound": name(dialect.outbound_caller)},
    }
    return {section: _set_only(section, keys) for section, keys in found.items()}


def _set_only(section: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in keys.items()
        if value not in (None, "", [], {}) and value is not _DEFAULTS.get((section, key))
    }


def _list_directions(dialect: Dialect) -> dict[str, list[str]]:
    from sentinel_batch.ingestion.dialects.catalogue import load_dialect

    if dialect.directions == load_dialect("generic").directions:
        return {}
    ways = ("inbound", "outbound", "internal")
    return {way: sorted(word for word, meant in dialect.directions.items() if meant == way) for way in ways}


def _one_or_more(names: list[str]) -> list[str] | str:
    return names[0] if len(names) == 1 else names


def write_value(value: Any) -> str:
    """Return a value in TOML; text is quoted, and what is not printable in it escaped."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{_escape(value)}"'
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{write_value(key)} = {write_value(item)}" for key, item in value.items()) + " }"
    return str(value) if isinstance(value, int) else "[" + ", ".join(map(write_value, value)) + "]"


def _escape(text: str) -> str:
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(c if c.isprintable() else f"\\U{_scalar(c):08X}" for c in quoted)


def _scalar(character: str) -> int:
    """Return a character's number; half of a surrogate pair, which TOML cannot hold, becomes a replacement mark."""
    return 0xFFFD if 0xD800 <= ord(character) < 0xE000 else ord(character)


def write_comment(text: str) -> str:
    """Return text that stays within its comment: on one line, without characters that are not printable."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def write_name(stem: str) -> str:
    """Return a dialect's name for a file of this name, none of those that are shipped."""
    from sentinel_batch.ingestion.dialects.catalogue import DIALECTS

    name = fold_word(stem.split(".")[0]).replace("_", "-") or "mine"
    return f"my-{name}" if name in DIALECTS else name
