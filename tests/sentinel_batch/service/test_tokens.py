"""Tokens of OpenID Connect, of a real issuer on loopback with real keys."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import HTTPException
from running_service import V1, RunningService
from starlette.datastructures import Headers
from token_issuer import TokenIssuer, running_issuer
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

import sentinel_batch as sb
from sentinel_batch.config import Config, load_config
from sentinel_batch.errors import ConfigurationError, UsageError
from sentinel_batch.service import KeyStore
from sentinel_batch.service.access import Doorkeeper, Principal
from sentinel_batch.service.issuer import Issuer
from sentinel_batch.service.tokens import TokenReader


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def issuer() -> Iterator[TokenIssuer]:
    with running_issuer() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def reader(issuer: TokenIssuer, clock: Clock) -> TokenReader:
    return _reader(issuer, clock)


def _reader(issuer: TokenIssuer, clock: Clock, **settings: Any) -> TokenReader:
    config = Config().override(oidc_issuer=issuer.url, **settings)
    return TokenReader(config, Issuer(issuer.url, config.oidc_jwks_url, clock))


def _read(reader: TokenReader, token: str) -> tuple[str, str]:
    return asyncio.run(reader.read(token))[:2]


def _refusal(reader: TokenReader, token: str) -> tuple[int, str]:
    with pytest.raises(HTTPException) as caught:
        _read(reader, token)
    return caught.value.status_code, caught.value.detail


def test_who_came_with_a_token_is_let_in_until_it_expires(
    issuer: TokenIssuer, reader: TokenReader, tmp_path: Path
) -> None:
    keeper = Doorkeeper(KeyStore(tmp_path), insecure_local=False, tokens=reader)

    def enter(ends: float) -> Principal:
        found = asyncio.run(keeper.identify(Headers({"Authorization": f"Bearer {issuer.token(exp=int(ends))}"})))
        assert found is not None
        return found

    assert keeper.is_still_let_in(enter(time.time() + 30))
    almost = enter(time.time() - 58)
    assert almost.expires is not None and almost.expires <= time.time() + 2
    assert not keeper.is_still_let_in(replace(almost, expires=time.time() - 1))


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA"])
def test_tokens_of_all_kinds_of_keys(issuer: TokenIssuer, reader: TokenReader, algorithm: str) -> None:
    issuer.add_key("other", algorithm)
    assert _read(reader, issuer.token("other")) == ("oidc:ada@corp.example", "analyst")
    assert _read(reader, issuer.token()) == ("oidc:ada@corp.example", "analyst")
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"exp": int(time.time()) - 120}, "expired"),
        ({"exp": None}, "no claim 'exp'"),
        ({"exp": "soon"}, "malformed"),
        ({"nbf": int(time.time()) + 86_400}, "not valid yet"),
        ({"iat": int(time.time()) + 86_400}, "not valid yet"),
        ({"aud": "another"}, "another audience"),
        ({"aud": None}, "no claim 'aud'"),
        ({"iss": "https://evil.example"}, "another issuer"),
        ({"sub": None}, "no claim 'sub'"),
        ({"email": None, "sub": "a\nb"}, "names nobody"),
    ],
)
def test_claims_are_checked(issuer: TokenIssuer, reader: TokenReader, changed: dict[str, Any], said: str) -> None:
    status, detail = _refusal(reader, issuer.token(**changed))
    assert status == 401 and said in detail


def test_clocks_may_be_a_minute_apart(issuer: TokenIssuer, reader: TokenReader) -> None:
    moment = int(time.time())
    assert _read(reader, issuer.token(exp=moment - 40, iat=moment + 40, nbf=moment + 40))


def _encode(part: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def test_a_token_that_anybody_could_have_made_is_refused(issuer: TokenIssuer, reader: TokenReader) -> None:
    claims = _encode(issuer.claims(roles=["admin"]))
    unsigned = f"{_encode({'alg': 'none', 'kid': 'first'})}.{claims}."
    # The public key, which everybody has, taken for the secret of a symmetric signature.
    public = issuer.keys["first"][1].public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signed = f"{_encode({'alg': 'HS256', 'kid': 'first'})}.{claims}"
    mark = hmac.new(pem, signed.encode(), hashlib.sha256).digest()
    confused = f"{signed}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"
    for token in (unsigned, confused):
        status, detail = _refusal(reader, token)
        assert status == 401 and "algorithm" in detail
    head, _, tail = issuer.token().split(".")
    assert _refusal(reader, f"{head}.{claims}.{tail}") == (401, "The token is not valid: its signature is wrong.")


def test_a_key_in_the_header_of_a_token_is_not_believed(issuer: TokenIssuer, reader: TokenReader) -> None:
    with running_issuer() as other:
        evil = {"jwk": other.published[0], "jku": f"{other.url}/keys"}
        status, detail = _refusal(reader, other.token(headers=evil, iss=issuer.url))
        assert status == 401 and "signature" in detail and other.asked == []


def test_weak_keys_and_keys_of_other_uses_are_refused(issuer: TokenIssuer, reader: TokenReader) -> None:
    issuer.add_key("weak", key=rsa.generate_private_key(65537, 1024))
    issuer.add_key("enc")
    issuer.published[-1]["use"] = "enc"
    issuer.add_key("bound")
    issuer.published[-1]["alg"] = "PS256"
    for kid, said in (("weak", "shorter"), ("enc", "no such key"), ("bound", "no such key")):
        status, detail = _refusal(reader, issuer.token(kid))
        assert status == 401 and said in detail


@pytest.mark.parametrize("token", ["a.b.c", "e30.e30.", "." * 2, "x" * 20_000 + ".a.b", "🙂.a.b"])
def test_what_is_no_token_is_refused(reader: TokenReader, token: str) -> None:
    assert _refusal(reader, token)[0] == 401


def test_a_header_nested_without_end_is_refused(reader: TokenReader) -> None:
    deep = base64.urlsafe_b64encode(b"[" * 9_000).rstrip(b"=").decode()
    assert _refusal(reader, f"{deep}.e30.e30")[0] == 401


def test_a_new_key_is_fetched_once_and_unknown_ones_not_always(
    issuer: TokenIssuer, reader: TokenReader, clock: Clock
) -> None:
    _read(reader, issuer.token())
    issuer.add_key("second")
    # Strangers choose the ids: they cannot make the service ask the issuer again and again.
    assert _refusal(reader, issuer.token("second")) == (401, "The token is not valid: the issuer has no such key.")
    assert len(issuer.asked) == 2
    clock.seconds += 16
    assert _read(reader, issuer.token("second"))
    issuer.keys["third"] = issuer.keys["second"]
    for _ in range(5):
        assert _refusal(reader, issuer.token("third"))[0] == 401
    assert len(issuer.asked) == 4


def test_many_at_once_fetch_once(issuer: TokenIssuer, reader: TokenReader) -> None:
    async def read_all() -> None:
        assert len(set(await asyncio.gather(*[reader.read(issuer.token()) for _ in range(20)]))) == 1

    asyncio.run(read_all())
    assert len(issuer.asked) == 2


def test_an_issuer_that_cannot_be_reached_is_no_wrong_token(
    issuer: TokenIssuer, reader: TokenReader, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.broken = True
    status, detail = _refusal(reader, issuer.token())
    assert status == 503 and "log" in detail and "HTTP Error 500" in caplog.text
    issuer.broken = False
    clock.seconds += 16
    assert _read(reader, issuer.token())
    # Keys that are known go on for a day; then nobody knows whether they were withdrawn.
    issuer.broken = True
    clock.seconds += 3600
    assert _read(reader, issuer.token())
    clock.seconds += 24 * 3600
    assert _refusal(reader, issuer.token())[0] == 503


def test_a_withdrawn_key_is_refused_after_a_while(issuer: TokenIssuer, reader: TokenReader, clock: Clock) -> None:
    _read(reader, issuer.token())
    issuer.published.clear()
    clock.seconds += 601
    assert _refusal(reader, issuer.token())[0] == 401


@pytest.mark.parametrize(
    "changed", [{"issuer": "https://evil.example"}, {"jwks_uri": "http://evil.example/keys"}, {"jwks_uri": None}]
)
def test_a_discovery_document_of_somebody_else(
    issuer: TokenIssuer, reader: TokenReader, changed: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    issuer.discovery = changed
    status, detail = _refusal(reader, issuer.token())
    assert status == 503 and "evil" not in detail and "discovery document" in caplog.text


def test_keys_at_a_named_address(issuer: TokenIssuer, clock: Clock) -> None:
    assert _read(_reader(issuer, clock, oidc_jwks_url=f"{issuer.url}/keys"), issuer.token())
    assert issuer.asked == ["/keys"]


def test_roles_and_names_of_the_claims_that_are_named(issuer: TokenIssuer, clock: Clock) -> None:
    reader = _reader(
        issuer,
        clock,
        oidc_role_claim="realm_access.roles",
        oidc_roles={"fraud-desk": "analyst", "fraud-heads": "admin"},
        oidc_name_claim="preferred_username",
    )
    held = {"realm_access": {"roles": ["offline", "fraud-desk", "fraud-heads"]}, "preferred_username": "ada"}
    assert _read(reader, issuer.token(**held)) == ("oidc:ada", "admin")
    status, detail = _refusal(reader, issuer.token(realm_access={"roles": ["admin"]}))
    assert status == 403 and "realm_access.roles" in detail and "oidc:u-17" in detail
    scoped = _reader(issuer, clock, oidc_role_claim="scope", oidc_roles={"read": "reader"})
    assert _read(scoped, issuer.token(scope="openid read", email_verified=False)) == ("oidc:u-17", "reader")


def test_serve_without_keys(issuer: TokenIssuer, calls_lake: Path) -> None:
    config = {"oidc_issuer": issuer.url, "oidc_roles": {"desk": "analyst", "feed": "ingest"}}
    running = RunningService(calls_lake, {"config": config}).start()
    try:
        desk = {"Authorization": f"Bearer {issuer.token(roles=['desk'])}"}
        feed = {"Authorization": f"Bearer {issuer.token(roles=['feed'])}"}
        assert httpx.get(f"{running.url}{V1}/alerts", headers=desk).status_code == 200
        assert httpx.get(f"{running.url}{V1}/alerts", headers=feed).status_code == 403
        note = {"reviewed": True, "reviewer_notes": "seen"}
        assert httpx.patch(f"{running.url}{V1}/alerts/1", json=note, headers=desk).status_code == 200
        assert sb.get_alert(1, lake=calls_lake)["events"][-1]["actor"] == "oidc:ada@corp.example"
        old = {"Authorization": f"Bearer {issuer.token(exp=1)}"}
        refused = httpx.get(f"{running.url}{V1}/alerts", headers=old)
        assert refused.status_code == 401 and "expired" in refused.json()["detail"]
        assert 'error="invalid_token"' in refused.headers["www-authenticate"]
        # Keys go on beside tokens.
        _, key = KeyStore(calls_lake / ".service").add("ada", "reader")
        assert httpx.get(f"{running.url}{V1}/alerts", headers={"X-API-Key": key}).status_code == 200
        _listen(running, issuer)
    finally:
        assert running.stop() == 0


def _listen(running: RunningService, issuer: TokenIssuer) -> None:
    address = f"ws://127.0.0.1:{running.port}{V1}/ws/alerts"
    good, old = (["sentinel.v1", f"sentinel.key.{issuer.token(roles=['desk'], exp=exp)}"] for exp in (2**33, 1))
    with connect(address, subprotocols=good) as socket:  # type: ignore[arg-type]
        assert json.loads(socket.recv())["type"] == "connected"
    with pytest.raises(InvalidStatus, match="403"), connect(address, subprotocols=old):  # type: ignore[arg-type]
        pass


def test_settings(tmp_path: Path) -> None:
    (tmp_path / "sentinel.toml").write_text(
        '[oidc]\nissuer = "https://login.example/realm/"\nrole_claim = "groups"\nroles = { "fraud-desk" = "analyst" }\n'
    )
    config = load_config(environ={"SENTINEL_OIDC_ROLES": "a b=reader,c=ADMIN"}, start=tmp_path)
    assert config.oidc_issuer == "https://login.example/realm/" and config.oidc_role_claim == "groups"
    assert config.oidc_roles == {"a b": "reader", "c": "admin"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('issuer = "http://login.example"', ["oidc.issuer", "https://"]),
        ('issuer = "https://u:s3cr3t@login.example"', ["oidc.issuer"]),
        ('roles = { "desk" = "root" }', ["oidc.roles", "reader, analyst, ingest, admin"]),
        ('roles = ["desk"]', ["oidc.roles"]),
        ('client_secret = "s3cr3t"', ["client_secret", "no secret is needed"]),
    ],
)
def test_wrong_settings_are_named(text: str, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "sentinel.toml").write_text(f"[oidc]\n{text}\n")
    with pytest.raises(ConfigurationError) as caught:
        load_config(environ={}, start=tmp_path)
    assert [word for word in words if word not in str(caught.value)] == [] and "s3cr3t" not in str(caught.value)


def test_a_key_cannot_be_called_as_the_service_or_a_token(tmp_path: Path) -> None:
    for name in ("local", "events", "oidc:ada"):
        with pytest.raises(UsageError):
            KeyStore(tmp_path).add(name, "admin")
