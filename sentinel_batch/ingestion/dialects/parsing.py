"""A dialect's TOML file to a :class:`Dialect`, every mistake named."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from batch_base.suggestions import find_nearest
from sentinel_batch.errors import DialectError, UsageError
from sentinel_batch.ingestion.dialects.dialect import (
    CLOCKS,
    FIELDS,
    LEG_GAP_SECONDS,
    REPEATS,
    TALK_RULES,
    UNITS,
    Dialect,
    Legs,
)
from sentinel_batch.ingestion.values.codes import CODES
from sentinel_batch.ingestion.values.words import NOT_CALLS, fold_value, fold_word, list_words
from sentinel_batch.ingestion.values.zones import check_zone
from sentinel_batch.numbers import MODES

_DIRECTIONS = ("inbound", "outbound", "internal")
DELIMITERS = (",", ";", "|", "\t", "fixed")
_SEE = "See docs/dialects.md for an example."

_TEXT, _LIST, _LISTS, _FLAG = "text", "text or a list of texts", "a list of lists of texts", "true or false"
_NUMBER, _TABLE, _PATTERNS = "a whole number", "a table of texts or lists of texts", "a table of regular expressions"
_PATTERN = "a regular expression without look-around and back references"
_NUMBER_PATTERN = "a regular expression with one group, without look-around and back references"
_LOOKS_AROUND = re.compile(r"\(\?<?[=!]|\\[1-9]")
"""What the engine's regular expressions, which take linear time, do not have."""
KEYS: dict[str, dict[str, str]] = {
    "": {
        "name": _TEXT,
        "description": _TEXT,
        "recognised_by": _LIST,
        "number_pattern": _NUMBER_PATTERN,
        "numbers": _TEXT,
        "guess": _FLAG,
    },
    "rows": {
        "delimiter": _TEXT,
        "header": _TEXT,
        "layouts": _LISTS,
        "type_row": _FLAG,
        "wider": _FLAG,
        "escape": _FLAG,
        "markers": _PATTERN,
        "content": _PATTERNS,
        "keep": _TABLE,
        "skip": _TABLE,
        "repeats": _TEXT,
    },
    "fields": dict.fromkeys((*FIELDS, *CLOCKS), _LIST),
    "time": {
        "timezone": _TEXT,
        "day_first": _FLAG,
        "year_first": _FLAG,
        "epoch": _LIST,
        "offset": _TEXT,
        "offset_unit": _TEXT,
    },
    "duration": {"unit": _TEXT},
    "answered": {
        "column": _TEXT,
        "values": _LIST,
        "unanswered": _LIST,
        "codes": _TEXT,
        "positive": _LIST,
        "present": _LIST,
    },
    "direction": {
        "inbound": _LIST,
        "outbound": _LIST,
        "internal": _LIST,
        "subject": _TEXT,
        "other": _LIST,
        "served_device": _FLAG,
    },
    "legs": {
        "call_id": _LIST,
        "otherwise": _TEXT,
        "pair": _LIST,
        "talk": _TEXT,
        "within": _NUMBER,
        "share_number": _FLAG,
    },
    "callers": {"short_codes": _FLAG, "outbound": _TEXT},
}
"""Sections of a dialect's file, and the type of each key in them."""

_OPTIONS = {
    ("rows", "delimiter"): DELIMITERS,
    ("rows", "header"): ("required", "optional", "none"),
    ("rows", "repeats"): REPEATS,
    ("duration", "unit"): UNITS,
    ("time", "offset_unit"): ("hours", "minutes", "seconds"),
    ("answered", "codes"): CODES,
    ("legs", "talk"): TALK_RULES,
}


def parse_dialect(text: str, source: str) -> Dialect:
    """Read a dialect from the text of its file; ``source`` names that in errors.

    Raises
    ------
    DialectError
        If the text is no valid dialect.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DialectError(f"{source} is not valid TOML: {error}", hint=_SEE) from error
    _check(data, source)
    dialect = _build(data, hashlib.sha256(text.encode()).hexdigest()[:16])
    if not dialect.finds_required({name for names in dialect.fields.values() for name in names}):
        raise DialectError(
            f"{source}: [fields] must name columns for caller_number, callee_number, duration_seconds (or "
            "end_timestamp) and call_timestamp (or call_date and call_time).",
            hint='For example: caller_number = ["src"]',
        )
    return dialect


def _build(data: dict[str, Any], fingerprint: str) -> Dialect:
    rows, time, answered = data.get("rows", {}), data.get("time", {}), data.get("answered", {})
    direction, legs = data.get("direction", {}), data.get("legs", {})
    fields = {field: _names(columns) for field, columns in data["fields"].items()}
    subject, other = _name(direction.get("subject")), _names(direction.get("other", []))
    for field, columns in (("caller_number", (subject,) if subject else ()), ("callee_number", other)):
        if columns:
            fields[field] = (*columns, *(name for name in fields.get(field, ()) if name not in columns))
    words = {way: direction[way] for way in _DIRECTIONS if way in direction}
    return Dialect(
        name=data["name"],
        description=data.get("description", ""),
        fields=fields,
        recognised_by=_names(data.get("recognised_by", [])),
        delimiter=rows.get("delimiter"),
        header=rows.get("header", "required"),
        layouts=tuple(_names(layout) for layout in rows.get("layouts", [])),
        type_row=rows.get("type_row", False),
        wider=rows.get("wider", False),
        escape=rows.get("escape", False),
        markers=rows.get("markers"),
        content={fold_word(column): pattern for column, pattern in rows.get("content", {}).items()},
        keep=_values(rows.get("keep", {})),
        skip=_values(rows.get("skip", {})),
        repeats=rows.get("repeats"),
        timezone=time.get("timezone"),
        epoch=_names(time.get("epoch", [])),
        offset=_name(time.get("offset")),
        offset_unit=time.get("offset_unit"),
        day_first=time.get("day_first"),
        year_first=time.get("year_first", False),
        unit=data.get("duration", {}).get("unit"),
        answered_column=_name(answered.get("column")),
        answered_values=tuple(map(fold_value, _texts(answered.get("values", [])))),
        unanswered_values=tuple(map(fold_value, _texts(answered.get("unanswered", [])))),
        codes=answered.get("codes"),
        answered_positive=_names(answered.get("positive", [])),
        answered_present=_names(answered.get("present", [])),
        directions=_read_directions(words or {way: list_words("direction", way) for way in _DIRECTIONS}),
        own_directions=bool(words),
        subject=subject,
        other=other,
        served_device=direction.get("served_device", False),
        number_pattern=data.get("number_pattern"),
        outbound_caller=_name(data.get("callers", {}).get("outbound")),
        legs=Legs(
            call_id=_names(legs.get("call_id", [])),
            otherwise=_name(legs.get("otherwise")),
            pair=_names(legs.get("pair", [])),
            talk=legs.get("talk", "longest"),
            within=legs.get("within", LEG_GAP_SECONDS),
            share_number=legs.get("share_number", False),
        ),
        numbers=data.get("numbers"),
        short_callers=data.get("callers", {}).get("short_codes", False),
        guess=data.get("guess", False),
        fingerprint=fingerprint,
    )


def _check(data: dict[str, Any], source: str) -> None:
    for section, types in KEYS.items():
        allowed = {*types, *filter(None, KEYS)} if section == "" else set(types)
        table = data if section == "" else data.get(section, {})
        if not isinstance(table, dict):
            raise DialectError(f"{source}: [{section}] must be a table.", hint=_SEE)
        for key in table:
            if key not in allowed:
                near = find_nearest(key, allowed)
                place = f"[{section}] {key}" if section else key
                raise DialectError(
                    f"{source}: unknown key {place!r}. Allowed: {', '.join(sorted(allowed))}.",
                    hint=f"Did you mean {near}?" if near else "Remove it.",
                )
    _check_types(data, source)
    for key in ("name", "fields"):
        if not data.get(key):
            raise DialectError(f"{source}: {key!r} is missing.", hint=_SEE)
    for (section, key), options in _OPTIONS.items():
        value = data.get(section, {}).get(key, options[0])
        if value not in options:
            near = find_nearest(value, options)
            raise DialectError(
                f"{source}: [{section}] {key} = {value!r}. Allowed: {', '.join(map(repr, options))}.",
                hint=f"Did you mean {near}?" if near else f"Leave {key} out for its default.",
            )
    rows = data.get("rows", {})
    if rows.get("header") in ("optional", "none") and not rows.get("layouts"):
        raise DialectError(
            f"{source}: header = {rows['header']!r} needs [rows] layouts.", hint='layouts = [["src", "dst", "start"]]'
        )


def _check_types(data: dict[str, Any], source: str) -> None:
    for section, types in KEYS.items():
        table = data if section == "" else data.get(section, {})
        for key, wanted in types.items():
            if key in table and not _is(table[key], wanted):
                place = f"[{section}] {key}" if section else key
                raise DialectError(
                    f"{source}: {place} = {table[key]!r} must be {wanted}.", hint="See docs/dialects.md for an example."
                )
    if data.get("numbers", MODES[0]) not in MODES:
        near = find_nearest(data["numbers"], MODES)
        raise DialectError(
            f"{source}: numbers = {data['numbers']!r}. Allowed: {', '.join(MODES)}.",
            hint=f"Did you mean {near}?" if near else "Leave it out for the run's way.",
        )
    zone = data.get("time", {}).get("timezone")
    if zone is not None:
        try:
            check_zone(zone)
        except UsageError as error:
            raise DialectError(f"{source}: [time] timezone = {zone!r}. {error.message}", hint=error.hint) from error


def _is(value: object, wanted: str) -> bool:
    if wanted in (_TEXT, _FLAG, _NUMBER):
        kinds = {_TEXT: str, _FLAG: bool, _NUMBER: int}
        return isinstance(value, kinds[wanted]) and (wanted != _NUMBER or not isinstance(value, bool))
    if wanted in (_PATTERN, _NUMBER_PATTERN):
        groups = 1 if wanted == _NUMBER_PATTERN else None
        return isinstance(value, str) and _is_pattern(value, groups) and _LOOKS_AROUND.search(value) is None
    if wanted in (_TABLE, _PATTERNS):
        inner = _LIST if wanted == _TABLE else _TEXT
        whole = isinstance(value, dict) and all(_is(item, inner) for item in value.values())
        return whole and (wanted == _TABLE or all(map(_is_pattern, dict(value).values())))  # type: ignore[call-overload]
    inner = _TEXT if wanted == _LIST else _LIST
    return (wanted == _LIST and isinstance(value, str)) or (
        isinstance(value, list) and all(_is(item, inner) and (inner == _TEXT or item) for item in value)
    )


def _is_pattern(text: str, groups: int | None = None) -> bool:
    try:
        return groups in (None, re.compile(text).groups)
    except re.error:
        return False


def _texts(values: str | Iterable[str]) -> Iterable[str]:
    return [values] if isinstance(values, str) else values


def _read_directions(table: Mapping[str, str | Iterable[str]]) -> dict[str, str]:
    return {fold_value(value): way for way, values in table.items() for value in _texts(values)}


def _names(columns: str | Iterable[str]) -> tuple[str, ...]:
    return tuple(fold_word(column) for column in _texts(columns))


def _name(column: str | None) -> str | None:
    return fold_word(column) if column else None


def _values(table: Mapping[str, str | Iterable[str]]) -> dict[str, tuple[str, ...]]:
    return {
        fold_word(column): tuple(value if value == NOT_CALLS else fold_value(value) for value in _texts(values))
        for column, values in table.items()
    }
