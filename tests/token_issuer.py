"""An issuer of OpenID Connect tokens on loopback, with real keys."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

AUDIENCE = "sentinel-batch"

_MAKE: Mapping[str, Any] = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "PS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


@dataclass
class TokenIssuer:
    """An issuer: its keys by id, and what it was asked for.

    Parameters
    ----------
    url
        Its address, which is its name.
    broken
        Whether it answers with errors.
    """

    url: str
    broken: bool = False
    keys: dict[str, tuple[str, Any]] = field(default_factory=dict)
    published: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    discovery: dict[str, Any] = field(default_factory=dict)

    def add_key(self, kid: str, algorithm: str = "RS256", key: Any = None) -> None:
        """Make a key and publish its public half."""
        private = key or _MAKE[algorithm]()
        self.keys[kid] = (algorithm, private)
        public = jwt.get_algorithm_by_name(algorithm).to_jwk(private.public_key(), as_dict=True)  # type: ignore[attr-defined]
        self.published.append({**public, "kid": kid, "use": "sig"})

    def token(self, kid: str = "first", headers: Mapping[str, Any] | None = None, **changed: Any) -> str:
        """Return a good token, but for what is changed; a claim of None is left out."""
        algorithm, private = self.keys[kid]
        return jwt.encode(self.claims(**changed), private, algorithm, headers={"kid": kid, **(headers or {})})

    def claims(self, **changed: Any) -> dict[str, Any]:
        """Return the claims of a good token, but for what is changed."""
        moment = int(time.time())
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "u-17", "iat": moment, "exp": moment + 300}
        claims |= {"email": "ada@corp.example", "email_verified": True, "roles": ["analyst"]} | changed
        return {name: value for name, value in claims.items() if value is not None}


@contextmanager
def running_issuer() -> Iterator[TokenIssuer]:
    """Give an issuer with one RSA key, ``first``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            documents = {
                "/.well-known/openid-configuration": {
                    "issuer": issuer.url,
                    "jwks_uri": f"{issuer.url}/keys",
                    **issuer.discovery,
                },
                "/keys": {"keys": issuer.published},
            }
            found = None if issuer.broken else documents.get(self.path)
            body = json.dumps(found).encode()
            self.send_response(200 if found is not None else 500)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    issuer = TokenIssuer(f"http://127.0.0.1:{server.server_port}")
    issuer.add_key("first")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield issuer
    finally:
        server.shutdown()
        server.server_close()
