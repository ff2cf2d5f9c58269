"""Tokens of OpenID Connect beside keys: signed by the issuer that the settings name, and for this service."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fastapi import HTTPException

from sentinel_batch.config import SERVICE_ROLES, Config
from sentinel_batch.service.issuer import Issuer, IssuerUnreachableError

PREFIX = "oidc:"
"""Before the names of those who come with a token: no key can be called so, and nobody can pass for another."""

LEEWAY_SECONDS = 60.0
"""How far the clocks of issuer and service may be apart."""

_FAMILIES = {
    "RS256": "RSA", "RS384": "RSA", "RS512": "RSA", "PS256": "RSA", "PS384": "RSA", "PS512": "RSA",
    "ES256": "EC", "ES384": "EC", "ES512": "EC", "EdDSA": "OKP",
}  # fmt: skip
"""Algorithms to kinds of key: asymmetric ones only, so that nobody can sign with what is public."""

_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")
_LONGEST, _NAME_LENGTH = 16_384, 128
_LEAST_RSA_BITS = 2048
_NAME_CLAIMS = ("email", "preferred_username", "sub")
_RETRY_SECONDS = 15


class TokenReader:
    """Tells who holds a token.

    Parameters
    ----------
    config
        Its settings ``oidc_*``.
    issuer
        Whose keys sign them.

    Raises
    ------
    MissingExtraError
        If PyJWT is not installed.
    """

    def __init__(self, config: Config, issuer: Issuer) -> None:
        import jwt

        self._jwt = jwt
        self._config = config
        self._issuer = issuer

    async def read(self, text: str) -> tuple[str, str, float]:
        """Return name and role of who holds a token, and until when it is taken (seconds since 1970).

        Raises
        ------
        HTTPException
            401 if it is not valid; 403 if it is, but has no role here; 503 if that cannot be told now.
        """
        claims = await self._verify(text)
        name = _find_name(claims, self._config.oidc_name_claim)
        role = self._find_role(claims)
        if role is None:
            raise HTTPException(
                403,
                f"The token of {name} is valid, but its claim {self._config.oidc_role_claim!r} has none of the values "
                "that give a role here.",
            )
        return name, role, float(claims["exp"]) + LEEWAY_SECONDS

    async def _verify(self, text: str) -> dict[str, Any]:
        if len(text) > _LONGEST:
            raise _refuse("it is too long")
        try:
            header = self._jwt.get_unverified_header(text)
            key = await self._find_key(header)
            claims: dict[str, Any] = self._jwt.decode(
                text,
                key,
                algorithms=[header["alg"]],
                audience=self._config.oidc_audience,
                issuer=self._config.oidc_issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except IssuerUnreachableError as error:
            raise HTTPException(503, error.message, {"Retry-After": str(_RETRY_SECONDS)}) from error
        except (self._jwt.PyJWTError, ValueError, RecursionError) as error:
            raise _refuse(_say(error)) from error
        return claims

    async def _find_key(self, header: Mapping[str, Any]) -> Any:
        algorithm, kid = header.get("alg"), header.get("kid")
        family = _FAMILIES.get(algorithm) if isinstance(algorithm, str) else None
        if family is None or not isinstance(algorithm, str):
            raise _refuse(f"its algorithm is none of {', '.join(_FAMILIES)}")
        found = await self._issuer.find_key(kid if isinstance(kid, str) else None, family)
        if found is None or found.get("alg", algorithm) != algorithm:
            raise _refuse("the issuer has no such key")
        key = self._jwt.PyJWK.from_dict(found, algorithm)
        if family == "RSA" and key.key.key_size < _LEAST_RSA_BITS:
            raise _refuse(f"its key is shorter than {_LEAST_RSA_BITS} bits")
        return key

    def _find_role(self, claims: Mapping[str, Any]) -> str | None:
        """Return the strongest role that the claim gives."""
        value = _look_up(claims, self._config.oidc_role_claim)
        # OAuth 2 writes its scopes as one text.
        said = value.split() if isinstance(value, str) else value if isinstance(value, list) else []
        given = {self._config.oidc_roles.get(word) for word in [value, *said] if isinstance(word, str)}
        return next((role for role in reversed(SERVICE_ROLES) if role in given), None)


def is_token(text: str) -> bool:
    """Tell whether a text has the form of a token; keys have no dots."""
    return _TOKEN.fullmatch(text) is not None


def _look_up(claims: Mapping[str, Any], name: str) -> Any:
    """Return a claim, or, by a path with dots, what lies in one: ``realm_access.roles``."""
    if name in claims:
        return claims[name]
    value: Any = claims
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


def _find_name(claims: Mapping[str, Any], chosen: str | None) -> str:
    """Return the name that is written beside all that is done with a token."""
    names = (chosen, "sub") if chosen is not None else _NAME_CLAIMS
    for name in names:
        if name == "email" and claims.get("email_verified") is False:
            continue
        value = _look_up(claims, str(name))
        if isinstance(value, str) and value.isprintable() and 0 < len(value) <= _NAME_LENGTH:
            return PREFIX + value
    raise _refuse(f"it names nobody in {' or '.join(map(str, names))}")


def _say(error: Exception) -> str:
    """Return why a token is refused, without repeating anything of it."""
    reasons = {
        "ExpiredSignatureError": "it has expired",
        "ImmatureSignatureError": "it is not valid yet",
        "InvalidAudienceError": "it is for another audience",
        "InvalidIssuerError": "it is of another issuer",
        "InvalidSignatureError": "its signature is wrong",
        "MissingRequiredClaimError": f"it has no claim {getattr(error, 'claim', '')!r}",
    }
    return reasons.get(type(error).__name__, "it is malformed")


def _refuse(reason: str) -> HTTPException:
    challenge = f'Bearer realm="sentinel", error="invalid_token", error_description="{reason}"'
    return HTTPException(401, f"The token is not valid: {reason}.", {"WWW-Authenticate": challenge.replace("'", "")})
