"""Who asks, and whether the role allows it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from fastapi import Depends, HTTPException, Request
from starlette.datastructures import Headers

from sentinel_batch.config import Config
from sentinel_batch.service.issuer import Issuer
from sentinel_batch.service.keys import KeyStore
from sentinel_batch.service.tokens import TokenReader, is_token

READ = ("reader", "analyst", "admin")
JUDGE = ("analyst", "admin")
SEND = ("ingest", "admin")
LISTEN = ("ingest", "analyst", "admin")
ENROL = ("analyst", "admin")
ANY = ("reader", "analyst", "ingest", "admin")

_TICKET_SECONDS = 30.0
_TICKETS = 10_000
_SUBPROTOCOL = "sentinel.key."


@dataclass(frozen=True)
class Principal:
    """Who asks.

    Parameters
    ----------
    name
        Of the key, or of who holds a token.
    role
        What it may do.
    key_id
        The key, if it is one.
    expires
        Until when the token is taken, in seconds since 1970; None for a key.
    """

    name: str
    role: str
    key_id: str | None = None
    expires: float | None = None


LOCAL = Principal("local", "admin")
"""Everybody on this machine, with ``--insecure-local``."""


class Doorkeeper:
    """Tells who asks, by key, by token of OpenID Connect, or by ticket.

    Parameters
    ----------
    keys
        The valid keys.
    insecure_local
        Whether nobody needs one.
    tokens
        Reads tokens; None if the settings name no issuer.
    """

    def __init__(self, keys: KeyStore, insecure_local: bool, tokens: TokenReader | None = None) -> None:
        self._keys = keys
        self._insecure_local = insecure_local
        self._tokens = tokens
        self._tickets: dict[str, tuple[float, Principal]] = {}

    async def identify(self, headers: Headers) -> Principal | None:
        """Return who sends these headers; None if nobody who is known. A wrong key is wrong on loopback too.

        Raises
        ------
        HTTPException
            If a token is refused, or cannot be judged now.
        """
        text = headers.get("x-api-key") or _bearer(headers.get("authorization", ""))
        if text is not None:
            return await self._find(text)
        return LOCAL if self._insecure_local else None

    async def identify_socket(self, headers: Headers, subprotocols: list[str], ticket: str | None) -> Principal | None:
        """Return who opens a WebSocket: browsers cannot send headers, so by ticket or subprotocol too."""
        if ticket is not None:
            expires, principal = self._tickets.pop(ticket, (0.0, None))
            return principal if time.monotonic() < expires else None
        offered = [name.removeprefix(_SUBPROTOCOL) for name in subprotocols if name.startswith(_SUBPROTOCOL)]
        try:
            return await (self._find(offered[0]) if offered else self.identify(headers))
        except HTTPException:
            # The handshake has one refusal, and no body to say why.
            return None

    def is_still_let_in(self, principal: Principal) -> bool:
        """Tell whether who was let in would be let in now: the key is not revoked, the token not expired."""
        if principal.expires is not None:
            return time.time() < principal.expires
        return principal.key_id is None or self._keys.get_valid(principal.key_id) is not None

    def issue_ticket(self, principal: Principal) -> tuple[str, float]:
        """Return a ticket that opens one WebSocket, and for how many seconds it does."""
        moment = time.monotonic()
        self._tickets = {text: entry for text, entry in self._tickets.items() if entry[0] > moment}
        if len(self._tickets) >= _TICKETS:
            raise HTTPException(503, "Too many tickets are open.", {"Retry-After": str(int(_TICKET_SECONDS))})
        text = secrets.token_urlsafe(32)
        self._tickets[text] = (moment + _TICKET_SECONDS, principal)
        return text, _TICKET_SECONDS

    async def _find(self, text: str) -> Principal | None:
        if self._tokens is not None and is_token(text):
            name, role, expires = await self._tokens.read(text)
            return Principal(name, role, expires=expires)
        key = self._keys.find(text)
        return Principal(key.name, key.role, key.id) if key is not None else None


def read_tokens(config: Config) -> TokenReader | None:
    """Return what reads the tokens of the issuer that the settings name; None if they name none."""
    if config.oidc_issuer is None:
        return None
    return TokenReader(config, Issuer(config.oidc_issuer, config.oidc_jwks_url))


def principal_of(scope: Mapping[str, Any]) -> Principal:
    """Return who asks, as the guard has found."""
    return cast(Principal, scope["state"]["principal"])


def needs(roles: tuple[str, ...]) -> Any:
    """Return a dependency that lets some roles in and gives who asks."""

    # A coroutine, because FastAPI would run a function in a thread, which takes longer than the rest of a request.
    async def check(request: Request) -> Principal:
        principal = principal_of(request.scope)
        check_role(principal, roles, request.method, request.url.path)
        return principal

    return Depends(_named(check, roles))


def check_role(principal: Principal, roles: tuple[str, ...], method: str, path: str) -> None:
    """Refuse a request of somebody whose role is none of these.

    Raises
    ------
    HTTPException
        With 403.
    """
    if principal.role not in roles:
        raise HTTPException(
            403,
            f"The key {principal.name!r} has the role {principal.role}; {method} {path} needs {' or '.join(roles)}.",
        )


def _named(check: Callable[..., Any], roles: tuple[str, ...]) -> Callable[..., Any]:
    check.__name__ = "needs_" + "_or_".join(roles)
    return check


def _bearer(header: str) -> str | None:
    kind, _, text = header.partition(" ")
    return text.strip() if kind.lower() == "bearer" else None
