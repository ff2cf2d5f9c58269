"""What leaves the service: plain JSON, with numbers masked for those who only read."""

from __future__ import annotations

import json
import re
from typing import Any

from fastapi import HTTPException, Request
from starlette.responses import JSONResponse

from batch_base.plain import to_plain
from sentinel_batch.service.access import Principal
from sentinel_batch.service.settings import ServiceSettings

_NUMBER = re.compile(r"\+\d{8,15}(?!\d)")
_HEAD, _TAIL = 6, 2


def answer(request: Request, content: Any, status: int = 200, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return content as a response for who asks."""
    state = request.scope["state"]
    settings: ServiceSettings = request.app.state.service.settings
    plain = to_plain(content)
    masked = is_masked(state.get("principal"), settings)
    return JSONResponse(mask(plain) if masked else plain, status, headers)


def render(content: Any, *, masked: bool) -> bytes:
    """Return content as JSON, for those who see whole numbers or for those who do not."""
    plain = to_plain(content)
    return dump(mask(plain) if masked else plain).encode()


def is_masked(principal: Principal | None, settings: ServiceSettings) -> bool:
    """Tell whether somebody sees masked numbers."""
    return settings.mask_numbers and principal is not None and principal.role == "reader"


def check_search(request: Request, suspect: str | None) -> None:
    """Refuse a search by prefix of somebody who sees masked numbers: digit by digit it would tell what is masked.

    Raises
    ------
    HTTPException
        With 403.
    """
    settings: ServiceSettings = request.app.state.service.settings
    if suspect and "*" in suspect and is_masked(request.scope["state"].get("principal"), settings):
        raise HTTPException(403, "Who sees masked numbers may look for whole numbers only, not for prefixes.")


def mask(value: Any) -> Any:
    """Return plain values with the middle digits of every telephone number replaced: ``+23480******78``."""
    if isinstance(value, str):
        return _NUMBER.sub(lambda found: mask_number(found[0]), value)
    if isinstance(value, dict):
        return {mask(key): mask(item) for key, item in value.items()}
    return [mask(item) for item in value] if isinstance(value, list) else value


def mask_number(number: str) -> str:
    """Return a number without its middle digits."""
    return number[:_HEAD] + "*" * (len(number) - _HEAD - _TAIL) + number[-_TAIL:]


def dump(value: Any) -> str:
    """Return a value as compact JSON text."""
    return json.dumps(to_plain(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
