"""Call events as they come over HTTP: checked, read as ingest will read them, answered with their caller's risk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any

from fastapi import HTTPException
from pydantic import ValidationError

from batch_base.errors import ReportedError
from batch_base.plain import to_plain
from sentinel_batch.config import Config
from sentinel_batch.errors import UsageError
from sentinel_batch.ingestion.loading.options import FUTURE
from sentinel_batch.numbers import normalise_number
from sentinel_batch.numbers.kinds import CALLERS, NOTHING, ROUNDED
from sentinel_batch.scores.risk import WINDOW, read_event
from sentinel_batch.service.events import Event, make_event
from sentinel_batch.service.scoring import Scored
from sentinel_batch.service.shapes import CallEvent
from sentinel_batch.window import now, resolve_period

MOST_EVENTS = 1000
"""Events in one request."""

_LONGEST_ID = 200


@dataclass(frozen=True)
class Refused:
    """An event of many that is not kept, and why, as FastAPI words it."""

    detail: Sequence[dict[str, Any]]


def read_call(call: CallEvent, by: str, given_id: str | None, config: Config) -> Event:
    """Return a checked call as an event.

    Parameters
    ----------
    call
        As it was sent.
    by
        Name of the key that sent it.
    given_id
        The header ``Idempotency-Key``; an ``event_id`` in the call itself goes before it.
    config
        Says where national numbers are read.

    Raises
    ------
    UsageError
        If a number or the time cannot be read, or ingest would refuse it.
    HTTPException
        If the header is too long.
    """
    fields = call.model_dump(exclude_none=True)
    own_id = fields.pop("event_id", None) or given_id
    if own_id is not None and len(own_id) > _LONGEST_ID:
        raise HTTPException(422, f"The Idempotency-Key is longer than {_LONGEST_ID} characters.")
    read = {**fields, **read_event(fields, config)}
    # What cannot be scored, or loaded, is refused before it is kept.
    resolve_period(None, read["timestamp"], None, WINDOW)
    _check_loadable(read, config)
    return make_event(read, by, own_id)


def _check_loadable(call: Mapping[str, Any], config: Config) -> None:
    """Refuse a call that ingest would reject later, when nobody hears of it."""
    caller, callee = (normalise_number(call[name], config.region)[1] for name in ("caller_number", "callee_number"))
    if caller not in CALLERS:
        said = f"caller_number = {call['caller_number']!r} is no subscriber ({caller.replace('_', ' ')})."
        raise UsageError(said, hint="Give it as +2348012345678, or as it is dialled.", name="caller_number")
    if callee in (NOTHING, ROUNDED):
        said = f"callee_number = {call['callee_number']!r} is no number ({callee})."
        raise UsageError(said, hint="Give it as it was dialled.", name="callee_number")
    first, last = datetime.combine(config.earliest_call, time.min, UTC), now() + FUTURE
    if not first <= call["timestamp"] <= last:
        said = f"timestamp = {call['timestamp'].isoformat()} is before {first:%Y-%m-%d}, or more than a day ahead."
        raise UsageError(said, hint="Set the sender's clock, or earliest_call of the settings.", name="timestamp")


def describe_event(event: Event, scored: Scored) -> dict[str, Any]:
    """Return the answer to an event, the published keys first."""
    risk = scored.risk
    answer = {
        "status": "accepted",
        "event_id": event.event_id,
        "risk_score": risk.score,
        "risk_level": risk.level,
        "repeated": not scored.fresh,
        "call_count": risk.call_count,
        "unique_destinations": risk.unique_destinations,
        "avg_duration_seconds": risk.avg_duration_seconds,
        "since": risk.since,
        "until": risk.until,
    }
    plain: dict[str, Any] = to_plain(answer)
    return plain


def read_many(body: bytes, by: str, config: Config) -> list[Event | Refused]:
    """Return the events of a body, a JSON array or an object in each line (NDJSON); a wrong one loses no other.

    Raises
    ------
    HTTPException
        If the body is neither, empty, or has too many.
    """
    entries = _read_array(body) if body.lstrip()[:1] == b"[" else [line for line in body.splitlines() if line.strip()]
    if not 1 <= len(entries) <= MOST_EVENTS:
        said = f"The body has {len(entries):,} events; 1 to {MOST_EVENTS:,} are taken."
        raise HTTPException(413 if entries else 422, said)
    return [_read_entry(entry, by, config) for entry in entries]


def refuse(error: ValidationError, *place: str | int) -> list[dict[str, Any]]:
    """Return what is wrong with a body, without what was sent: it may be long, or hold what JSON cannot."""
    return [
        {"type": item["type"], "loc": ["body", *place, *item["loc"]], "msg": item["msg"], "ctx": item.get("ctx", {})}
        for item in error.errors(include_url=False, include_input=False)
    ]


def _read_array(body: bytes) -> list[Any]:
    try:
        entries: list[Any] = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(422, f"The body is not valid JSON: {error}.") from None
    return entries


def _read_entry(entry: Any, by: str, config: Config) -> Event | Refused:
    try:
        call = CallEvent.model_validate_json(entry) if isinstance(entry, bytes) else CallEvent.model_validate(entry)
        return read_call(call, by, None, config)
    except ValidationError as error:
        return Refused(refuse(error))
    except ReportedError as error:
        return Refused([{"type": error.code, "loc": ["body"], "msg": error.message, "ctx": {"hint": error.hint}}])
