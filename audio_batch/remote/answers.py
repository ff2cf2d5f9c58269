"""What a server answered: raised if it is an error, refused if it is not what the API promises, else a dict."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import requests

from audio_batch.remote.errors import UnusableAnswerError

Answer = dict[str, Any]
Field = tuple[str, Callable[[Any], bool]]
_SHOWN_CHARACTERS = 200


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


_TEXT: Field = ("a text", _is_text)
_SHARE: Field = ("a number from 0 to 1", _is_share)

SCORE: Mapping[str, Field] = {"score": _SHARE, "label": _TEXT}
"""What every answer of the scorer has. `latency_ms`, if it is missing, is put in by the client."""
VERIFICATION: Mapping[str, Field] = {
    "verified": ("true or false", lambda value: isinstance(value, bool)),
    "enrollment_id": _TEXT,
    "confidence": _SHARE,
}
REPORT: Mapping[str, Field] = {"status": _TEXT, "case_id": _TEXT, "session_id": _TEXT}
ENROLLMENT: Mapping[str, Field] = {"enrollment_id": _TEXT, "status": _TEXT}
FEATURES: Mapping[str, Field] = {}


def read_answer(response: requests.Response, fields: Mapping[str, Field]) -> Answer:
    """Return the JSON object of an answer, the promised keys first.

    Raises
    ------
    requests.HTTPError
        The status is 4xx or 5xx; the response hangs on the error.
    UnusableAnswerError
        It is a redirection, no JSON object, or lacks a promised key.
    """
    _raise_for_status(response)
    document = _parse(response)
    for name, (allowed, holds) in fields.items():
        if not holds(document.get(name)):
            found = f"{name} = {document[name]!r:.{_SHOWN_CHARACTERS}}" if name in document else f"no {name}"
            raise _refuse(response, f"has {found}; expected {allowed}")
    return {**{name: document[name] for name in fields}, **document}


def _raise_for_status(response: requests.Response) -> None:
    if 300 <= response.status_code < 400:
        target = response.headers.get("Location", "nowhere")
        raise _refuse(response, f"points to {target!r:.{_SHOWN_CHARACTERS}}; recordings are not sent on: set api_url")
    try:
        response.raise_for_status()
    except requests.HTTPError as error:
        said = _describe(response)
        raise requests.HTTPError(f"{error}{said}", response=response, request=response.request) from None


def _describe(response: requests.Response) -> str:
    """Return the server's own words, if it has the API's (`error`, `message`) or FastAPI's (`detail`)."""
    try:
        body = response.json()
    except ValueError:
        return ""
    if not isinstance(body, dict):
        return ""
    words = [body[name] for name in ("error", "message", "detail") if isinstance(body.get(name), str)]
    return f": {': '.join(words)}"[: _SHOWN_CHARACTERS * 2] if words else ""


def _parse(response: requests.Response) -> Answer:
    try:
        document = json.loads(response.content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        start = response.text[:_SHOWN_CHARACTERS]
        raise _refuse(response, f"is not JSON: {start!r}") from None
    if not isinstance(document, dict):
        raise _refuse(response, f"is not a JSON object but {type(document).__name__}")
    return document


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _refuse(response: requests.Response, problem: str) -> UnusableAnswerError:
    message = f"The answer of {response.url} (status {response.status_code}) {problem}"
    return UnusableAnswerError(message, response=response, request=response.request)


def put_latency(answer: Answer, seconds: float) -> Answer:
    """Return the answer with `latency_ms`; the time that was measured here, if the server gave none."""
    given = answer.get("latency_ms")
    if isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given) and given >= 0:
        return answer
    return {**answer, "latency_ms": round(seconds * 1000, 3)}
