"""What the page shows when an alert is opened: evidence ready to print, and every call of the worst alerts, packed."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import polars as pl

from sentinel_batch.reporting.evidence import begin_window
from sentinel_batch.reporting.text import clip, localise, tell_number, tell_time, visible

NOTE_LENGTH = 200
"""Characters of a note or file name that the page shows; the JSON document has them whole."""

EVIDENCE_BYTES = 400_000
"""Drill-downs of the worst alerts fill that much of the page, and the others refer to the JSON document."""

CALLS_BYTES = 400_000
"""Packed calls of the worst alerts fill that much of the page; for the others it names the command."""

MOST_CALLS = 5_000
"""An alert with more calls than that has none in the page: nobody reads them there."""

_SHOWN_REASONS = 12
_SECOND = "%Y-%m-%d %H:%M:%S"


def prepare_evidence(alerts: list[dict[str, Any]], timezone: str) -> dict[str, Any]:
    """Return the drill-downs, worst alert first, as far as they fit; parameters, mostly the same, are kept once.

    Parameters
    ----------
    alerts
        As the JSON document has them.
    timezone
        IANA name of the zone of all times.
    """
    kept: dict[int, dict[str, Any]] = {}
    parameters: dict[str, int] = {}
    size = 0
    for row in alerts:
        known = {visible(str(key)): clip(visible(str(value)), NOTE_LENGTH) for key, value in row["parameters"].items()}
        place = parameters.setdefault(json.dumps(known), len(parameters))
        compact = {"p": place, **_compact(row, timezone)}
        size += len(json.dumps(compact, ensure_ascii=False, separators=(",", ":")).encode())
        if size > EVIDENCE_BYTES:
            break
        kept[row["id"]] = compact
    return {"alerts": kept, "parameters": [json.loads(text) for text in parameters]}


def pack_calls(calls: Mapping[int, pl.DataFrame], order: Iterable[int], timezone: str) -> dict[int, str]:
    """Return the calls of alerts, in that order as far as they fit: JSON, compressed (zlib), in Base64.

    ``t`` is local wall-clock seconds since 1970, each but the first as the step from the one before; ``n`` the number
    called, ``d`` the duration in seconds, ``c`` the place of the cell in ``p``, or -1.
    """
    packed: dict[int, str] = {}
    size = 0
    for alert_id in order:
        rows = calls.get(alert_id)
        if rows is None or rows.height > MOST_CALLS:
            continue
        text = base64.b64encode(zlib.compress(_write_calls(rows, timezone))).decode()
        size += len(text)
        if size > CALLS_BYTES:
            break
        packed[alert_id] = text
    return packed


def _write_calls(rows: pl.DataFrame, timezone: str) -> bytes:
    local = pl.col("call_timestamp").dt.convert_time_zone(timezone).dt.replace_time_zone(None).dt.epoch("s")
    steps = rows.select(local.diff().fill_null(local.first())).to_series().to_list()
    cells = [*dict.fromkeys(cell for cell in rows["location_code"].to_list() if cell is not None)]
    places: dict[str | None, int] = {cell: nth for nth, cell in enumerate(cells)}
    content = {
        "t": steps,
        "n": [visible(number or "–") for number in rows["callee_number"].to_list()],
        "d": rows["duration_seconds"].to_list(),
        "c": [places.get(cell, -1) for cell in rows["location_code"].to_list()],
        "p": [visible(cell) for cell in cells],
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _compact(row: dict[str, Any], timezone: str) -> dict[str, Any]:
    """What a drill-down shows, ready to print, under short names: 500 of them must stay small."""
    evidence = row["evidence"] or {}

    def calls(name: str) -> list[list[Any]]:
        return [
            [
                tell_time(call["call_timestamp"], timezone, _SECOND)[5:], visible(call["callee_number"]),
                tell_number(call["duration_seconds"]),
            ]
            for call in evidence.get(name, [])
        ]  # fmt: skip

    compact = {
        "w": [tell_time(moment, timezone, _SECOND) for moment in _end_window(row["window_start"], row["window_end"])],
        "g": evidence.get("figures"),
        "h": evidence.get("calls_by_time"),
        "c": [[visible(item["callee_number"]), item["calls"]] for item in evidence.get("top_callees", [])],
        "a": calls("first_calls"),
        "z": calls("last_calls"),
        "s": [_tell_source(item) for item in evidence.get("sources", [])],
        "f": evidence.get("source_files", 0),
        "e": [_tell_event(event, timezone) for event in evidence.get("events", [])],
        "k": _figures(row["rule_evidence"], timezone),
        "v": visible(row["rule_version"] or "–"),
        "r": visible(row["run_id"] or "–"),
        "d": visible(row["disposition"] or ""),
        "n": clip(visible(row["reviewer_notes"] or ""), NOTE_LENGTH),
    }
    return {name: value for name, value in compact.items() if value or name in ("a", "z")}


def _end_window(start: str | None, end: str | None) -> tuple[str | None, str | None]:
    """Return the part of a window that the evidence is of."""
    if start is None or end is None:
        return start, end
    with suppress(ValueError):
        return begin_window(datetime.fromisoformat(start), datetime.fromisoformat(end)).isoformat(), end
    return start, end


def _tell_source(item: dict[str, Any]) -> list[Any]:
    file = clip(visible(item["source_file"] or "–"), NOTE_LENGTH)
    return [file, tell_number(item["first_line"]), tell_number(item["last_line"]), item["calls"]]


def _tell_event(event: dict[str, Any], timezone: str) -> list[str]:
    words = (
        visible(event["event"] or ""),
        visible(event["actor"] or ""),
        clip(visible(event["note"] or ""), NOTE_LENGTH),
    )
    return [tell_time(event["at"], timezone, "%Y-%m-%d %H:%M"), *words]


def _figures(evidence: dict[str, Any], timezone: str) -> list[list[str]]:
    """The rule's own figures, as words; rows of details are in the JSON document."""
    # How the severity came about, too: loss, probability and what they give.
    flat = {**evidence, **(evidence.get("severity") or {})}
    plain = {name: value for name, value in flat.items() if not isinstance(value, dict | list)}
    return [
        [visible(name.replace("_", " ")), tell_value(value, timezone)]
        for name, value in list(plain.items())[:_SHOWN_REASONS]
    ]


def tell_value(value: Any, timezone: str) -> str:
    """Return a figure of a rule, or a parameter, in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or isinstance(value, int | float):
        return tell_number(value)
    return clip(localise(visible(str(value)), timezone), NOTE_LENGTH)
