"""The public keys of who issues tokens: fetched, kept for a while, and fetched anew when a token names another one."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.request import HTTPRedirectHandler, Request, build_opener

from sentinel_batch.config import is_trusted
from sentinel_batch.errors import SentinelError

log = logging.getLogger("sentinel_batch.service")

FETCH_SECONDS = 5.0
"""How long an issuer may take to answer."""

_DISCOVERY = "/.well-known/openid-configuration"
_FRESH_SECONDS = 600.0
_USABLE_SECONDS = 24 * 3600.0
_AGAIN_SECONDS = 15.0
_LONGEST = 1 << 20


class IssuerUnreachableError(SentinelError):
    """The keys cannot be had, so a token can be called neither good nor bad."""


class _NoRedirects(HTTPRedirectHandler):
    """A redirect could lead from the named host to any other, and from TLS to none."""

    def redirect_request(self, *arguments: Any, **named: Any) -> None:
        """Follow none."""


class Issuer:
    """Who issues tokens, and the public keys that it signs them with.

    Parameters
    ----------
    issuer
        Its address, as it stands in the claim ``iss``.
    jwks_url
        Where its keys are; None asks its discovery document.
    clock
        Seconds that only grow.
    """

    def __init__(self, issuer: str, jwks_url: str | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._clock = clock
        self._keys: list[dict[str, Any]] = []
        self._fetched = self._asked = float("-inf")
        self._lock = asyncio.Lock()

    async def find_key(self, kid: str | None, family: str) -> dict[str, Any] | None:
        """Return the key (a JWK) of an id; None if the issuer has none.

        Parameters
        ----------
        kid
            Id of the key; without one, the only key of the family is meant.
        family
            Kind of key (``kty``): ``RSA``, ``EC`` or ``OKP``.

        Raises
        ------
        IssuerUnreachableError
            If the keys cannot be had, and those of earlier are more than a day old or do not have this one.
        """
        found = _choose(self._keys, kid, family)
        if found is not None and self._age() < _FRESH_SECONDS:
            return found
        # One at a time: those who wait find what the first one has fetched.
        async with self._lock:
            found = _choose(self._keys, kid, family)
            if self._age() >= _FRESH_SECONDS or found is None:
                await self._refresh()
                found = _choose(self._keys, kid, family)
        if self._asked > self._fetched and (found is None or self._age() >= _USABLE_SECONDS):
            raise IssuerUnreachableError("The issuer of tokens cannot be asked for its keys now; the log says why.")
        return found

    def _age(self) -> float:
        return self._clock() - self._fetched

    async def _refresh(self) -> None:
        """Fetch the keys, unless that was tried a moment ago: strangers choose how many unknown keys they name."""
        if self._clock() - self._asked < _AGAIN_SECONDS:
            return
        self._asked = self._clock()
        try:
            self._keys = await asyncio.to_thread(self._fetch)
            self._fetched = self._asked
        except (OSError, ValueError) as error:
            log.warning("The keys of %s cannot be fetched: %s", self._issuer, error)

    def _fetch(self) -> list[dict[str, Any]]:
        document = _get(self._jwks_url or self._discover())
        keys = document.get("keys")
        if not isinstance(keys, list):
            raise ValueError("the answer has no list of keys")
        return [key for key in keys if isinstance(key, dict) and key.get("use", "sig") == "sig"]

    def _discover(self) -> str:
        document = _get(self._issuer.rstrip("/") + _DISCOVERY)
        if document.get("issuer") != self._issuer:
            raise ValueError(f"its discovery document is of another issuer, {document.get('issuer')!r}")
        address = document.get("jwks_uri")
        if not isinstance(address, str) or not is_trusted(address):
            raise ValueError(f"its discovery document names no https address of keys, but {address!r}")
        return address


def _choose(keys: list[dict[str, Any]], kid: str | None, family: str) -> dict[str, Any] | None:
    fitting = [key for key in keys if key.get("kty") == family and kid in (None, key.get("kid"))]
    return fitting[0] if len(fitting) == 1 or (fitting and kid is not None) else None


def _get(address: str) -> dict[str, Any]:
    request = Request(address, headers={"Accept": "application/json"})  # noqa: S310  # checked: https or loopback
    with build_opener(_NoRedirects).open(request, timeout=FETCH_SECONDS) as answer:
        text = answer.read(_LONGEST + 1)
    if len(text) > _LONGEST:
        raise ValueError("the answer is longer than a megabyte")
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("the answer is no JSON object")
    return document
