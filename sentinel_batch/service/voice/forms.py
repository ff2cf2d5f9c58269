"""What comes in: recordings in forms, or in JSON as base64, written to the disk; and what is said beside them."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError

from sentinel_batch.service.settings import MIB
from sentinel_batch.service.uploads import FormShape, receive_form
from sentinel_batch.service.voice.refusals import refuse

FILE_FIELDS = ("audio", "file", "audio_samples")
"""Names of fields with recordings: all mean the same."""

SWITCHES = ("extract_features", "include_reason_codes")
"""Fields that ask for more in the answer about a voice."""

DOCUMENT_BYTES = 64 << 10
TEXT_BYTES = 1 << 10
_TEXTS = {
    "metadata": DOCUMENT_BYTES,
    "context": DOCUMENT_BYTES,
    **dict.fromkeys(("session_id", "enrollment_id", "user_id", *SWITCHES), TEXT_BYTES),
}
_JSON_BYTES = 32 * MIB
_LENGTH = 128


@dataclass(frozen=True)
class Sent:
    """What a request holds.

    Parameters
    ----------
    paths
        Its recordings, on this disk.
    texts
        Its other fields.
    facts
        Its ``metadata`` or ``context``.
    """

    paths: list[Path]
    texts: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The only recording."""
        return self.paths[0]

    def text(self, name: str) -> str | None:
        """Return a field, or the fact of that name; None if there is neither."""
        value = self.texts.get(name) or self.facts.get(name)
        return check_text(name, value) if value is not None else None

    def asks_for(self, switch: str) -> bool:
        """Tell whether one of `SWITCHES` is on."""
        return str(self.texts.get(switch, "")).lower() in ("true", "1", "yes")


async def receive_recordings(request: Request, folder: Path, limit: int, most: int = 1) -> Sent:
    """Write the recordings of a request into a folder.

    Raises
    ------
    HTTPException
        400 if there is none, or a field cannot be read; 413 if one is too large; 415 if the body is neither a form nor
        JSON.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "application/json":
        sent = await _receive_json(request, folder, limit)
    elif kind == "multipart/form-data":
        sent = await _receive_form(request, folder, limit, most)
    else:
        raise refuse(
            400 if kind in ("", "application/x-www-form-urlencoded") else 415,
            f"Missing 'audio' or 'file' in request: the body is {kind or 'of no type'}, not multipart/form-data.",
            code="no_form",
            hint="curl sends a recording with -F audio=@call.wav",
        )
    for path in sent.paths:
        if path.stat().st_size == 0:
            raise refuse(400, "Audio file is empty", code="empty_file", hint=f"It is {path.name!r}: send it again.")
    return sent


async def read_document(request: Request, limit: int) -> dict[str, Any]:
    """Return a JSON object that is a request's body.

    Raises
    ------
    HTTPException
        400 if it is none; 413 if it is too large.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise refuse(413, f"The JSON body is larger than the {limit:,} bytes that are taken.", code="too_large")
    return parse_object("The body", bytes(body))


def parse_object(name: str, text: str | bytes) -> dict[str, Any]:
    """Return a JSON object; 400 if it is none."""
    try:
        found = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise refuse(400, f"{name} is not JSON: {error}", code="bad_json") from error
    if not isinstance(found, dict):
        raise refuse(400, f"{name} is not a JSON object, but {type(found).__name__}.", code="bad_json")
    return found


def check_text(name: str, value: Any, most: int = _LENGTH) -> str:
    """Return a short text of one line; 400 if it is none."""
    fine = isinstance(value, str) and 0 < len(value) <= most and value.isprintable() and value == value.strip()
    if not fine:
        raise refuse(
            400,
            f"{name} is {str(value)[:40]!r}; allowed: 1 to {most} printable characters, no space at either end.",
            code="bad_value",
        )
    return str(value)


async def _receive_form(request: Request, folder: Path, limit: int, most: int) -> Sent:
    shape = FormShape(FILE_FIELDS, _TEXTS, limit, most, fallback="recording")
    try:
        form = await receive_form(request, folder, shape)
    except RequestValidationError as error:
        [problem] = error.errors()
        missing = problem["type"] == "missing"
        message = "Missing 'audio' or 'file' in request" if missing else f"{problem['loc'][-1]}: {problem['msg']}"
        raise refuse(400, message, code=problem["type"]) from error
    facts: dict[str, Any] = {}
    for name in ("metadata", "context"):
        if name in form.texts:
            facts |= parse_object(f"The field {name!r}", form.texts[name])
    return Sent([upload.path for upload in form.uploads], form.texts, facts)


async def _receive_json(request: Request, folder: Path, limit: int) -> Sent:
    """Take a recording in base64, as the later clients send it with their verification."""
    document = await read_document(request, min(_JSON_BYTES, limit * 4 // 3 + DOCUMENT_BYTES))
    sample = document.pop("voice_sample", None)
    if not isinstance(sample, str) or not sample:
        raise refuse(400, "Missing 'voice_sample': a recording in base64.", code="missing")
    path = folder / "recording"
    try:
        path.write_bytes(base64.b64decode(sample, validate=True))
    except (binascii.Error, ValueError) as error:
        raise refuse(400, f"'voice_sample' is not base64: {error}", code="bad_value") from error
    named = document.get("enrollment_id") or document.get("customer_id") or document.get("transaction_id")
    texts = {"enrollment_id": str(named)} if named else {}
    if named is not document.get("transaction_id") and document.get("transaction_id"):
        texts["session_id"] = str(document["transaction_id"])
    facts = document.pop("context", None) or document.pop("metadata", None) or document
    if not isinstance(facts, dict):
        raise HTTPException(400, {"message": "'context' is not a JSON object.", "code": "bad_json"})
    return Sent([path], texts, {**document, **facts})


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not allowed")
