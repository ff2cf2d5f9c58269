"""One event: what it must hold, what it may hold, and what is refused, with all that is wrong with it at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from audio_batch.events.errors import EventError
from batch_base.hashing import hash_value
from batch_base.suggestions import suggest

EVENT_POLICIES = {
    "transaction_verification": "wire_transfer",
    "account_access": "call_centre",
    "payment_processing": "ecommerce_checkout",
    "user_registration": "ecommerce_account_creation",
    "guest_checkout": "ecommerce_guest",
    "login": "mobile_login",
    "mobile_transaction": "mobile_transaction",
    "password_reset": "mobile_password_reset",
    "account_change": "mobile_account_change",
    "account_recovery": "account_recovery",
    "voice_check": "voice_only",
}
"""Type of an event to the policy that routes it, unless the consumer names another."""

MOST_BYTES = 64 << 10
"""Of one event, since recordings are named and never carried; with it, its result still fits into a message of SQS."""

_NAME = re.compile(r"[\x21-\x7e]{1,200}")
_TEXT_LENGTH, _ADDRESS_LENGTH = 200, 2000
_TEXTS = ("customer_id", "enrollment_id", "session_id")
_TABLES = ("context", "metadata")
_SHOWN = 60


@dataclass(frozen=True)
class Event:
    """An event that may be processed.

    Attributes
    ----------
    id
        Its name, unique for ever: two events of one id are one event.
    type
        One of :data:`EVENT_POLICIES`.
    audio_path, audio_url
        The recording; exactly one of the two is given.
    context
        What the routing policy may look at.
    wants_sar
        Whether a draft of a report is asked for; it is made only if the consumer was told so as well.
    document
        The whole event, with fields that nobody here knows.
    """

    id: str
    type: str
    audio_path: str | None
    audio_url: str | None
    customer_id: str | None = None
    enrollment_id: str | None = None
    session_id: str | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    wants_sar: bool = False
    document: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Hash of what the result depends on; other fields, such as a time of sending, do not count."""
        asked = (self.type, self.audio_path, self.audio_url, self.customer_id, self.enrollment_id, self.wants_sar)
        return hash_value([*asked, dict(self.context)])


def parse_event(body: bytes | str) -> Event:
    """Read an event.

    Parameters
    ----------
    body
        Its JSON.

    Returns
    -------
    Event

    Raises
    ------
    EventError
        If it is not of the form that ``event.schema.json`` describes; names every field that is wrong, and what is
        allowed. It is permanent: the same bytes will never be an event.
    """
    document = _read_object(body)
    problems = list(_find_problems(document))
    if problems:
        raise _refuse(" ".join(problems), hint=_suggest_type(document))
    given = {name: document.get(name) or None for name in ("audio_path", "audio_url", *_TEXTS)}
    return Event(
        id=document["event_id"],
        type=document["event_type"],
        context=_gather_context(document),
        wants_sar=document.get("sar") is True,
        document=document,
        **given,
    )


def find_id(body: bytes) -> str | None:
    """Return the id of what may be no event, or None."""
    try:
        found = _read_object(body).get("event_id")
    except EventError:
        return None
    return found if isinstance(found, str) and _NAME.fullmatch(found) else None


def _read_object(body: bytes | str) -> dict[str, Any]:
    if len(body) > MOST_BYTES:
        raise _refuse(
            f"The event has {len(body):,} bytes; allowed: {MOST_BYTES:,}.", hint="Name the recording; do not send it."
        )
    try:
        text = body.decode() if isinstance(body, bytes) else body
        document = json.loads(text, parse_constant=_refuse_constant)
        # Half of a surrogate pair is JSON, and can be neither stored nor sent on.
        json.dumps(document, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise _refuse(f"The event is no JSON in UTF-8: {str(error) or 'it is nested too deeply'}.") from error
    if not isinstance(document, dict):
        raise _refuse(f"The event is a JSON {type(document).__name__}; allowed: an object.")
    return document


def _find_problems(document: Mapping[str, Any]) -> Iterator[str]:
    name, kind = document.get("event_id"), document.get("event_type")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield f"event_id is {_show(name)}; allowed: 1 to 200 printable ASCII characters without spaces."
    if not isinstance(kind, str) or kind not in EVENT_POLICIES:
        yield f"event_type is {_show(kind)}; allowed: {', '.join(EVENT_POLICIES)}."
    yield from _find_audio_problems(document)
    for key in _TEXTS:
        yield from _check(document, key, _is_short_text, f"a text of at most {_TEXT_LENGTH} characters")
    for key in _TABLES:
        yield from _check(document, key, lambda value: isinstance(value, dict), "an object")
    yield from _check(document, "sar", lambda value: isinstance(value, bool), "true or false")


def _find_audio_problems(document: Mapping[str, Any]) -> Iterator[str]:
    for key in ("audio_path", "audio_url"):
        yield from _check(document, key, _is_address, f"a text of at most {_ADDRESS_LENGTH} characters")
    given = [key for key in ("audio_path", "audio_url") if document.get(key)]
    if len(given) != 1:
        yield f"audio_path and audio_url are {'both' if given else 'not'} given; allowed: exactly one of them."


def _check(document: Mapping[str, Any], key: str, allowed: Callable[[Any], bool], description: str) -> Iterator[str]:
    value = document.get(key)
    if value is not None and not allowed(value):
        yield f"{key} is {_show(value)}; allowed: {description}."


def _is_short_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _TEXT_LENGTH


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= _ADDRESS_LENGTH and "\0" not in value


def _gather_context(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the policy may look at: ``context`` wins over ``metadata``, the event's own fields over both."""
    context = {**(document.get("metadata") or {}), **(document.get("context") or {})}
    for name in ("customer_id", "enrollment_id"):
        context.pop(name, None)
        if document.get(name):
            context[name] = document[name]
    return context


def _refuse(message: str, hint: str = "") -> EventError:
    return EventError(message, reason="invalid_event", permanent=True, hint=hint)


def _refuse_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON number")


def _suggest_type(document: Mapping[str, Any]) -> str:
    kind = document.get("event_type")
    return suggest(kind, EVENT_POLICIES) if isinstance(kind, str) and kind not in EVENT_POLICIES else ""


def _show(value: Any) -> str:
    text = "missing" if value is None else json.dumps(value, ensure_ascii=True)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
