"""A dialect's TOML file to a :class:`Dialect`, every mistake named."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from typing import Any

from batch_base.suggestions import find_nearest
from sentinel_batch.errors import DialectError
from sentinel_batch.ingestion.dialects.dialect import FIELDS, Dialect, normalise_name
from sentinel_batch.ingestion.values.zones import check_zone

_DIRECTIONS: dict[str, str | list[str]] = {
    "inbound": ["inbound", "in", "incoming", "mt", "mtc", "terminating", "entrant"],
    "outbound": ["outbound", "out", "outgoing", "mo", "moc", "originating", "sortant"],
    "internal": ["internal", "on-net", "onnet", "interne"],
}
KEYS: dict[str, set[str]] = {
    "": {"name", "description", "recognised_by", "rows", "fields", "time", "answered", "direction", "legs", "callers"},
    "rows": {"delimiter", "header", "layouts", "type_row"},
    "fields": set(FIELDS),
    "time": {"timezone", "day_first"},
    "answered": {"column", "values", "positive", "present"},
    "direction": {"inbound", "outbound", "internal"},
    "legs": {"call_id", "pair"},
    "callers": {"short_codes"},
}
DELIMITERS = (",", ";", "|", "\t", "fixed")
_SEE = "See docs/dialects.md for an example."


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
    rows, time, answered = data.get("rows", {}), data.get("time", {}), data.get("answered", {})
    fields = {field: _names(columns) for field, columns in data["fields"].items()}
    dialect = Dialect(
        name=data["name"],
        description=data.get("description", ""),
        fields=fields,
        recognised_by=_names(data.get("recognised_by", [])),
        delimiter=rows.get("delimiter"),
        header=rows.get("header", "required"),
        layouts=tuple(_names(layout) for layout in rows.get("layouts", [])),
        type_row=rows.get("type_row", False),
        timezone=time.get("timezone"),
        day_first=time.get("day_first"),
        answered_column=normalise_name(answered["column"]) if "column" in answered else None,
        answered_values=tuple(value.lower() for value in _texts(answered.get("values", []))),
        answered_positive=_names(answered.get("positive", [])),
        answered_present=_names(answered.get("present", [])),
        directions=_read_directions(data.get("direction", _DIRECTIONS)),
        leg_columns=_names(data.get("legs", {}).get("call_id", [])),
        leg_pair=_names(data.get("legs", {}).get("pair", [])),
        short_callers=data.get("callers", {}).get("short_codes", False),
        fingerprint=hashlib.sha256(text.encode()).hexdigest()[:16],
    )
    if not dialect.finds_required({name for names in fields.values() for name in names}):
        raise DialectError(
            f"{source}: [fields] must name columns for caller_number, callee_number, duration_seconds and "
            "call_timestamp (or call_date and call_time).",
            hint='For example: caller_number = ["src"]',
        )
    return dialect


def _check(data: dict[str, Any], source: str) -> None:
    for section, allowed in KEYS.items():
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
    rows = data.get("rows", {})
    for key, options in (("delimiter", DELIMITERS), ("header", ("required", "optional", "none"))):
        if rows.get(key, options[0]) not in options:
            raise DialectError(
                f"{source}: [rows] {key} = {rows[key]!r}. Allowed: {', '.join(map(repr, options))}.",
                hint=f"Leave {key} out for its default.",
            )
    if rows.get("header") in ("optional", "none") and not rows.get("layouts"):
        raise DialectError(
            f"{source}: header = {rows['header']!r} needs [rows] layouts.", hint='layouts = [["src", "dst", "start"]]'
        )


_TEXT, _LIST, _LISTS, _FLAG = "text", "text or a list of texts", "a list of lists of texts", "true or false"
_TYPES: dict[str, dict[str, str]] = {
    "": {"name": _TEXT, "description": _TEXT, "recognised_by": _LIST},
    "rows": {"delimiter": _TEXT, "header": _TEXT, "layouts": _LISTS, "type_row": _FLAG},
    "fields": dict.fromkeys(FIELDS, _LIST),
    "time": {"timezone": _TEXT, "day_first": _FLAG},
    "answered": {"column": _TEXT, "values": _LIST, "positive": _LIST, "present": _LIST},
    "direction": {"inbound": _LIST, "outbound": _LIST, "internal": _LIST},
    "legs": {"call_id": _LIST, "pair": _LIST},
    "callers": {"short_codes": _FLAG},
}


def _check_types(data: dict[str, Any], source: str) -> None:
    for section, types in _TYPES.items():
        table = data if section == "" else data.get(section, {})
        for key, wanted in types.items():
            if key in table and not _is(table[key], wanted):
                place = f"[{section}] {key}" if section else key
                raise DialectError(
                    f"{source}: {place} = {table[key]!r} must be {wanted}.", hint="See docs/dialects.md for an example."
                )
    zone = data.get("time", {}).get("timezone")
    if zone is not None:
        check_zone(zone)


def _is(value: object, wanted: str) -> bool:
    if wanted in (_TEXT, _FLAG):
        return isinstance(value, str if wanted == _TEXT else bool)
    inner = _TEXT if wanted == _LIST else _LIST
    return (wanted == _LIST and isinstance(value, str)) or (
        isinstance(value, list) and all(_is(item, inner) and (inner == _TEXT or item) for item in value)
    )


def _texts(values: str | list[str]) -> list[str]:
    return [values] if isinstance(values, str) else values


def _read_directions(table: Mapping[str, str | list[str]]) -> dict[str, str]:
    return {value.lower(): way for way, values in table.items() for value in _texts(values)}


def _names(columns: str | list[str]) -> tuple[str, ...]:
    return tuple(normalise_name(column) for column in _texts(columns))
