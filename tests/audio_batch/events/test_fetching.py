"""Recordings at addresses that strangers wrote down, fetched from real servers on loopback."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from audio_batch.errors import AudioUsageError
from audio_batch.events import EventError, Fetcher, FetchRules
from audio_batch.events.fetching import is_public

SOUND = b"RIFF" + bytes(100_000)
Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def _serving(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()


def _send(request: BaseHTTPRequestHandler, status: int = 200, body: bytes = SOUND, **headers: str) -> None:
    request.send_response(status)
    given = {"Content-Length": str(len(body))} | {name.replace("_", "-"): value for name, value in headers.items()}
    for name, value in given.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)


def _fetch(url: str, folder: Path, addresses: tuple[str, ...] = ("127.0.0.1",), **rules: Any) -> Path:
    port = url.split(":")[2].split("/")[0]
    given: dict[str, Any] = {"hosts": (f"records.example:{port}",), "schemes": ("https", "http"), "private": True}
    context = rules.pop("context", None)
    fetcher = Fetcher(FetchRules(**(given | rules)), resolve=lambda host, port: addresses, context=context)
    return fetcher.fetch(url, folder)


def _refused(url: str, folder: Path, **rules: Any) -> EventError:
    with pytest.raises(EventError) as caught:
        _fetch(url, folder, **rules)
    return caught.value


def test_a_recording_is_fetched_under_the_name_of_its_host(tmp_path: Path) -> None:
    asked = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked.append((request.headers["Host"], request.path, request.headers["Accept-Encoding"]))
        _send(request)

    with _serving(answer) as port:
        file = _fetch(f"http://records.example:{port}/a/call.flac?x=1", tmp_path)
    assert file.read_bytes() == SOUND
    assert file.name == "recording.flac"
    assert asked == [(f"records.example:{port}", "/a/call.flac?x=1", "identity")]


def _make_certificate(folder: Path, name: str) -> Path:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / f"{name}.pem"
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize(("name", "taken"), [("records.example", True), ("other.example", False)])
def test_certificates_are_checked_against_the_name_though_the_address_is_pinned(
    name: str, taken: bool, tmp_path: Path
) -> None:
    pem = _make_certificate(tmp_path, name)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(pem)
    trusting = ssl.create_default_context(cafile=str(pem))
    with _serving(_send, serving) as port:
        url = f"https://records.example:{port}/a.wav"
        if taken:
            assert _fetch(url, tmp_path, context=trusting).read_bytes() == SOUND
        else:
            error = _refused(url, tmp_path, context=trusting)
            assert "certificate" in error.message.lower()
            assert error.reason == "fetch_failed"


def test_the_name_is_resolved_once_and_the_connection_goes_there(tmp_path: Path) -> None:
    looked: list[str] = []

    def resolve(host: str, port: int) -> list[str]:
        looked.append(host)
        return ["127.0.0.1"] if len(looked) == 1 else ["127.0.0.2"]

    with _serving(_send) as port:
        rules = FetchRules((f"records.example:{port}",), ("http",), private=True)
        Fetcher(rules, resolve=resolve).fetch(f"http://records.example:{port}/a.wav", tmp_path)
    assert looked == ["records.example"]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1", "::1", "::",
        "fe80::1%eth0", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1",
    ],
)  # fmt: skip
def test_addresses_inside_are_refused_unless_they_are_meant(address: str, tmp_path: Path) -> None:
    assert not is_public(address)
    # One of two is enough.
    error = _refused("http://records.example:80/a.wav", tmp_path, private=False, addresses=("93.184.215.14", address))
    assert error.reason == "url_not_allowed"
    assert error.permanent
    assert address in error.message


def test_public_addresses_are_public() -> None:
    assert is_public("93.184.215.14")
    assert is_public("2606:2800:21f::1")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://records.example:21/a", "scheme 'ftp' is not allowed"),
        ("file:///:0:/etc/passwd", "scheme 'file' is not allowed"),
        ("http://evil.example:80/a", "allowed: records.example:80"),
        ("http://records.example.evil.example:80/", "is not allowed"),
        ("http://xrecords.example:80/", "is not allowed"),
        ("http://records.example:81/a", "is not allowed"),
        ("http://a:b@records.example:80/", "login"),
        ("http://records.example:80\\@evil.example:80/", "backslashes"),
        ("http://evil.example:80#@records.example:80/", "is not allowed"),
        ("http://records.example:80/ä.wav", "printable ASCII"),
        ("http://records.example:80/a\r\nX: y", "printable ASCII"),
        ("http://records.example:99999/", "cannot be read"),
        ("http://[::1:80/", "cannot be read"),
        ("http://:80:80/", "cannot be read"),
    ],
)
def test_addresses_that_are_not_allowed_are_refused_for_good(url: str, said: str, tmp_path: Path) -> None:
    error = _refused(url, tmp_path, hosts=("records.example:80",))
    assert said in error.message
    assert error.permanent
    assert error.reason == "url_not_allowed"


def test_names_below_one_may_be_allowed(tmp_path: Path) -> None:
    with _serving(_send) as port:
        rules = {"hosts": (f"*.records.example:{port}",)}
        assert _fetch(f"http://a.b.records.example:{port}/a.wav", tmp_path, **rules).exists()
        assert _refused(f"http://records.example:{port}/a.wav", tmp_path, **rules).reason == "url_not_allowed"


@pytest.mark.parametrize("place", ["http://evil.example/a.wav", "https://169.254.169.254/", "file:///etc/passwd"])
def test_redirects_are_followed_within_what_is_allowed_only(place: str, tmp_path: Path) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        if request.path == "/good":
            _send(request, 302, b"", Location="/end.wav")
        elif request.path == "/bad":
            _send(request, 302, b"", Location=place)
        elif request.path == "/loop":
            _send(request, 307, b"", Location="/loop")
        else:
            _send(request)

    with _serving(answer) as port:
        assert _fetch(f"http://records.example:{port}/good", tmp_path).name == "recording.wav"
        assert _refused(f"http://records.example:{port}/bad", tmp_path).reason == "url_not_allowed"
        assert "redirected more than 3 times" in _refused(f"http://records.example:{port}/loop", tmp_path).message


@pytest.mark.parametrize(
    ("status", "reason", "permanent"),
    [
        (404, "fetch_refused", True),
        (403, "fetch_refused", True),
        (500, "fetch_failed", False),
        (429, "fetch_failed", False),
    ],
)
def test_what_may_pass_is_tried_again_and_the_rest_is_not(
    status: int, reason: str, permanent: bool, tmp_path: Path
) -> None:
    with _serving(lambda request: _send(request, status)) as port:
        error = _refused(f"http://records.example:{port}/a.wav", tmp_path)
    assert (error.reason, error.permanent) == (reason, permanent)


def test_sizes_are_limited_whether_they_are_announced_or_not(tmp_path: Path) -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        request.close_connection = True
        try:
            while True:
                request.wfile.write(bytes(65536))
        except OSError:
            pass

    for answer in (_send, endless):
        with _serving(answer) as port:
            error = _refused(f"http://records.example:{port}/a.wav", tmp_path, most_bytes=50_000)
        assert (error.reason, error.permanent) == ("too_large", True)
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 65536


def test_a_trickle_ends_at_the_deadline(tmp_path: Path) -> None:
    def trickle(request: BaseHTTPRequestHandler) -> None:
        try:
            while True:  # In the headers, where no size helps, and never silent for long.
                request.wfile.write(b"X")
                time.sleep(0.05)
        except OSError:
            pass

    with _serving(trickle) as port:
        started = time.monotonic()
        error = _refused(f"http://records.example:{port}/a.wav", tmp_path, seconds=0.5)
    assert error.reason == "fetch_failed"
    assert time.monotonic() - started < 20  # It would be for ever.


@pytest.mark.parametrize("headers", [{"Content_Encoding": "gzip"}, {"Content_Length": str(2 * len(SOUND))}])
def test_what_is_packed_or_cut_off_is_not_taken(headers: dict[str, str], tmp_path: Path) -> None:
    def answer(request: BaseHTTPRequestHandler) -> None:
        _send(request, **headers)
        request.close_connection = True

    with _serving(answer) as port:
        error = _refused(f"http://records.example:{port}/a.wav", tmp_path)
    assert error.reason == ("fetch_refused" if "Content_Encoding" in headers else "fetch_failed")


def test_hosts_that_are_not_there_are_tried_again(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        assert not _refused(f"http://records.example:{port}/a.wav", tmp_path).permanent

    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror("no such host")

    rules = FetchRules(("records.example",))
    for resolve in (unknown, lambda host, port: []):
        with pytest.raises(EventError) as caught:
            Fetcher(rules, resolve=resolve).fetch("https://records.example/a.wav", tmp_path)
        assert caught.value.reason == "fetch_failed"


def test_rules_that_cannot_be_meant_are_refused() -> None:
    with pytest.raises(AudioUsageError, match="cannot be allowed"):
        FetchRules(("https://records.example/",))
    with pytest.raises(AudioUsageError, match="https or http"):
        FetchRules((), ("ftp",))
