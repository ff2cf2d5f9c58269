"""A server of the voice fraud API on loopback, for tests of its clients: real sockets, scripted misbehaviour."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.parser import HeaderParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

KEY = "test-key-123"


@dataclass
class Seen:
    """One request that arrived."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str | bytes]:
        """The fields of a multipart body; files as bytes."""
        return {
            str(head.get_param("name", header="content-disposition")): body if head.get_filename() else body.decode()
            for head, body in self._parts()
        }

    @property
    def filename(self) -> str | None:
        """What the file of a multipart body is called."""
        return next((head.get_filename() for head, _ in self._parts() if head.get_filename()), None)

    def _parts(self) -> Iterator[tuple[Message, bytes]]:
        boundary = b"\r\n--" + self.headers["content-type"].partition("boundary=")[2].encode()
        for part in (b"\r\n" + self.body).split(boundary)[1:-1]:
            head, _, body = part.partition(b"\r\n\r\n")
            yield HeaderParser().parsestr(head.strip().decode()), body


Reply = tuple[int, Mapping[str, str], bytes]
Misbehave = Callable[[BaseHTTPRequestHandler, Seen], bool]
"""Answers in place of the API, and returns True; or returns False."""


@dataclass
class ApiServer:
    """What the tests see of the server: where it is, what arrived, and what it is to do next.

    Attributes
    ----------
    script
        Statuses, or replies, of the next requests to the scorer, verifier or reports; then it behaves.
    misbehave
        Asked before everything else.
    """

    url: str = ""
    key: str = KEY
    seen: list[Seen] = field(default_factory=list)
    script: list[int | Reply] = field(default_factory=list)
    misbehave: Misbehave | None = None
    score: float = 0.12
    label: str = "likely_real"
    confidence: float | None = 0.95
    verified: bool = True
    swallow: Callable[[int], None] | None = None
    """Takes the length of each body, which is then read and thrown away; the answer is a score."""
    connections: int = 0

    def count(self, path: str) -> int:
        """Return how many requests came for a path."""
        return sum(seen.path == path for seen in self.seen)

    def next_reply(self) -> Reply | None:
        """Return what the script says, if it says anything more."""
        if not self.script:
            return None
        found = self.script.pop(0)
        return found if isinstance(found, tuple) else (found, {}, _write({"error": "Scripted", "message": "On demand"}))

    def answer(self, seen: Seen) -> Reply:
        """Answer as the API does."""
        if seen.path == "/health":
            return 200, {}, _write({"status": "healthy", "service": "test", "version": "1"})
        if seen.headers.get("authorization") != f"Bearer {self.key}":
            return 401, {}, _write({"error": "Unauthorized", "message": "Invalid API key"})
        scripted = self.next_reply()
        if scripted is not None:
            return scripted
        if seen.path == "/v1/reports/sar":
            return self._report(json.loads(seen.body))
        form = seen.form if seen.headers.get("content-type", "").startswith("multipart/") else {}
        if not form.get("audio"):
            return 400, {}, _write({"error": "Bad request", "message": "Missing 'audio' or 'file' in request"})
        return self._answer_form(seen.path, form)

    def _answer_form(self, path: str, form: Mapping[str, Any]) -> Reply:
        session = json.loads(form.get("metadata") or form.get("context") or "{}").get("session_id", "session-1")
        if path == "/v1/voice/deepfake":
            found = {"score": self.score, "label": self.label, "latency_ms": 7, "session_id": session}
            if self.confidence is not None:
                found["confidence"] = self.confidence
            if form.get("include_reason_codes") == "true":
                found |= {"reason_codes": ["R1"], "dsp_features": {"hnr_db": 11.5, "jitter_percent": 0.9}}
            return 200, {}, _write(found)
        if path == "/v1/mfa/voice/verify":
            facts = {"verified": self.verified, "confidence": 0.91 if self.verified else 0.2}
            return 200, {}, _write({**facts, "enrollment_id": form["enrollment_id"], "session_id": session})
        if path == "/v1/voice/features":
            return 200, {}, _write({"duration_sec": 9.6, "spectral_centroid": 1234.5})
        if path == "/v1/enrollment":
            return 201, {}, _write({"enrollment_id": "enroll-1", "status": "active", "samples_required": 3})
        return 404, {}, _write({"error": "Not found", "message": path})

    def _report(self, document: Mapping[str, Any]) -> Reply:
        if document.get("decision") not in ("allow", "deny", "review"):
            return 400, {}, _write({"error": "Bad request", "message": "Invalid decision"})
        found = {"status": "submitted", "case_id": "sar-1", "session_id": document["session_id"]}
        return 200, {}, _write(found)


def _write(document: Any) -> bytes:
    return json.dumps(document).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    api: ApiServer

    def setup(self) -> None:
        super().setup()
        self.api.connections += 1

    def do_POST(self) -> None:
        self._serve()

    def do_GET(self) -> None:
        self._serve()

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if self.api.swallow is not None:
            self._swallow(length)
            return
        body = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, self.path, headers, body)
        self.api.seen.append(seen)
        if self.api.misbehave is not None and self.api.misbehave(self, seen):
            return
        self.reply(*self.api.answer(seen))

    def _swallow(self, length: int) -> None:
        left = length
        while left and (piece := self.rfile.read(min(left, 1 << 16))):
            left -= len(piece)
        assert self.api.swallow is not None
        self.api.swallow(length - left)
        self.reply(200, {}, _write({"score": 0.1, "label": "likely_real"}))

    def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Send an answer with its length."""
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        pass

    def handle(self) -> None:
        with suppress(ConnectionError, TimeoutError, ValueError):
            super().handle()


def make_certificate(folder: Path) -> tuple[str, str]:
    """Make a certificate for localhost that signs itself; returns the files of certificate and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    today = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    builder = builder.not_valid_before(today - timedelta(days=1)).not_valid_after(today + timedelta(days=1))
    made = builder.add_extension(names, critical=False).sign(key, hashes.SHA256())
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
    return str(folder / "cert.pem"), str(folder / "key.pem")


@contextmanager
def serve_api(certificate: tuple[str, str] | None = None) -> Iterator[ApiServer]:
    """Serve on a free port until the block ends; over TLS with a certificate."""
    api = ApiServer()
    handler = type("Handler", (_Handler,), {"api": api})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # Clients go away: that is what is tested.
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    server.block_on_close = False
    api.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
