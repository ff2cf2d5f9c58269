"""The seed's contract of the client, against a server on loopback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest
import requests
from api_server import KEY, ApiServer, Seen, make_certificate, serve_api

from audio_batch.remote import DeadlineError, SonotheiaClient, UnusableAnswerError, transport


def test_importing_loads_no_engine() -> None:
    program = (
        "import sys, audio_batch.remote as r; before = set(sys.modules); r.SonotheiaClient('k'); "
        "r.SonotheiaClientEnhanced('k'); "
        "print([m for m in ('numpy', 'polars', 'duckdb', 'librosa', 'soundfile', 'scipy') if m in sys.modules], "
        "'requests' in before)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "[] False"


def test_detect_deepfake_returns_the_promised_keys_first(client: SonotheiaClient, api: ApiServer, audio: Path) -> None:
    result = client.detect_deepfake(str(audio), metadata={"session_id": "my-session"})
    assert list(result)[:2] == ["score", "label"]
    assert result["latency_ms"] == 7 and result["session_id"] == "my-session"
    seen = api.seen[-1]
    assert (seen.method, seen.path, seen.filename) == ("POST", "/v1/voice/deepfake", "call.wav")
    assert seen.headers["authorization"] == f"Bearer {KEY}" and seen.headers["accept"] == "application/json"
    assert seen.form["audio"] == audio.read_bytes()


def test_verify_mfa(client: SonotheiaClient, api: ApiServer, audio: Path) -> None:
    result = client.verify_mfa(audio, "enroll-123", context={"channel": "ivr"})
    assert list(result)[:3] == ["verified", "enrollment_id", "confidence"]
    assert api.seen[-1].form["enrollment_id"] == "enroll-123"
    assert json.loads(api.seen[-1].form["context"]) == {"channel": "ivr"}


def test_submit_sar(client: SonotheiaClient, api: ApiServer) -> None:
    result = client.submit_sar("session-123", "review", "High risk detected", metadata={"n": np.int64(3)})
    assert list(result) == ["status", "case_id", "session_id"]
    assert json.loads(api.seen[-1].body) == {
        "session_id": "session-123", "decision": "review", "reason": "High risk detected", "metadata": {"n": 3},
    }  # fmt: skip


def test_enroll_analyze_and_features(client: SonotheiaClient, api: ApiServer, audio: Path) -> None:
    assert client.enroll(audio)["enrollment_id"] == "enroll-1"
    assert client.analyze(audio)["dsp_features"]["hnr_db"] == 11.5
    assert api.seen[-1].form["extract_features"] == "true"
    assert client.extract_features(audio)["duration_sec"] == 9.6
    assert (api.seen[-1].path, api.seen[-1].form["mode"]) == ("/v1/voice/features", "features_only")


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch, api: ApiServer, audio: Path) -> None:
    monkeypatch.setenv("SONOTHEIA_API_KEY", f"{KEY}\n")
    monkeypatch.setenv("SONOTHEIA_API_URL", f"{api.url}/")
    monkeypatch.setenv("SONOTHEIA_DEEPFAKE_PATH", "custom/deepfake")
    with SonotheiaClient() as client, pytest.raises(requests.HTTPError):
        client.detect_deepfake(audio)
    assert api.seen[-1].path == "/custom/deepfake"


def test_the_default_url_is_the_published_one() -> None:
    client = SonotheiaClient(api_key="k")
    assert (client.api_url, client.timeout) == ("https://api.sonotheia.com", 30)
    assert (client.deepfake_path, client.mfa_path) == ("/v1/voice/deepfake", "/v1/mfa/voice/verify")
    assert client.sar_path == "/v1/reports/sar"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "API key is required"),
        ({"api_key": "  "}, "API key is required"),
        ({"api_key": "sec\nret"}, "characters"),
        ({"api_key": "k", "api_url": "ftp://x"}, "api_url is 'ftp://x'"),
        ({"api_key": "k", "api_url": "https://"}, "api_url is"),
        ({"api_key": "k", "api_url": "https://x/?a=b"}, "without"),
        ({"api_key": "k", "api_url": "https://me:sec@x"}, "name or password"),
        ({"api_key": "k", "timeout": 0}, "timeout is 0"),
    ],
)
def test_settings_that_cannot_be_used(options: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        SonotheiaClient(**options)
    assert "sec" not in str(caught.value).replace("seconds", "")


def test_the_key_is_not_shown(client: SonotheiaClient) -> None:
    assert KEY not in repr(client)


def test_no_key_of_netrc_takes_its_place(
    api: ApiServer, audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    SonotheiaClient(KEY, api.url).detect_deepfake(audio)
    assert api.seen[-1].headers["authorization"] == f"Bearer {KEY}"


def test_a_missing_file_and_a_folder(client: SonotheiaClient, api: ApiServer, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nonexistent"):
        client.detect_deepfake("nonexistent_file.wav")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(ValueError, match="not a file that can be sent"):
            client.verify_mfa(path, "e")
    assert api.seen == []


@pytest.mark.parametrize(("decision", "reason"), [("approve", "x"), ("DENY", "x"), ("deny", " ")])
def test_a_report_that_would_be_refused_is_not_sent(
    client: SonotheiaClient, api: ApiServer, decision: str, reason: str
) -> None:
    with pytest.raises(ValueError, match=r"allowed: allow, deny, review|reason is"):
        client.submit_sar("s", decision, reason)
    with pytest.raises(ValueError, match="enrollment_id"):
        client.verify_mfa(__file__, "")
    assert api.seen == []


def test_metadata_becomes_plain(client: SonotheiaClient, api: ApiServer, audio: Path) -> None:
    given = {
        "f": np.float32(0.5), "i": np.int64(7), "b": np.bool_(True), "a": np.arange(4).reshape(2, 2),
        "nan": float("nan"), "n2": np.float64("inf"), "when": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "path": Path("a/b"), "set": {"y", "x"}, 5: (np.int8(1),),
    }  # fmt: skip
    client.detect_deepfake(audio, metadata=given)
    assert json.loads(api.seen[-1].form["metadata"]) == {
        "f": 0.5, "i": 7, "b": True, "a": [[0, 1], [2, 3]], "nan": None, "n2": None,
        "when": "2026-01-02T03:04:05Z", "path": "a/b", "set": ["x", "y"], "5": [1],
    }  # fmt: skip


def test_metadata_that_cannot_be_sent(client: SonotheiaClient, api: ApiServer, audio: Path) -> None:
    loop: dict = {}
    loop["self"] = loop
    with pytest.raises(ValueError, match="metadata contains itself"):
        client.detect_deepfake(audio, loop)
    with pytest.raises(TypeError, match="context must be a dict, not list"):
        client.verify_mfa(audio, "e", ["x"])  # type: ignore[arg-type]
    assert api.seen == []


def test_an_error_has_its_response(client: SonotheiaClient, api: ApiServer, audio: Path) -> None:
    api.script = [503]
    with pytest.raises(requests.HTTPError) as caught:
        client.detect_deepfake(audio)
    assert caught.value.response.status_code == 503
    assert json.loads(caught.value.response.text)["error"] == "Scripted"
    assert "On demand" in str(caught.value)
    assert api.count("/v1/voice/deepfake") == 1


def test_a_wrong_key_and_an_empty_file(client: SonotheiaClient, api: ApiServer, audio: Path, tmp_path: Path) -> None:
    with pytest.raises(requests.HTTPError) as caught:
        SonotheiaClient("wrong", api.url).detect_deepfake(audio)
    assert caught.value.response.status_code == 401
    (tmp_path / "empty.wav").touch()
    with pytest.raises(requests.HTTPError) as caught:
        client.detect_deepfake(tmp_path / "empty.wav")
    assert caught.value.response.status_code == 400


def _reply(body: bytes, kind: str = "application/json", status: int = 200) -> tuple:
    return status, {"Content-Type": kind}, body


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (_reply(b"<html>captive portal</html>", "text/html"), "is not JSON: '<html>captive"),
        (_reply(b"[1]"), "is not a JSON object but list"),
        (_reply(b'{"label": "likely_real"}'), "has no score; expected a number from 0 to 1"),
        (_reply(b'{"score": NaN, "label": "x"}'), "is not JSON"),
        (_reply(b'{"score": 1.5, "label": "x"}'), "has score = 1.5"),
        (_reply(b'{"score": true, "label": "x"}'), "has score = True"),
        (_reply(b'{"score": 0.5, "label": ""}'), "has label = ''"),
        (_reply(b"[" * 100_000), "is not JSON"),
        ((302, {"Location": "https://elsewhere.example/"}, b""), "points to 'https://elsewhere"),
        ((307, {"Location": "/other"}, b""), "recordings are not sent on"),
    ],
)
def test_answers_that_are_none(client: SonotheiaClient, api: ApiServer, audio: Path, reply: tuple, said: str) -> None:
    api.script = [reply]
    with pytest.raises(UnusableAnswerError, match=said.replace("[", r"\[")) as caught:
        client.detect_deepfake(audio)
    assert isinstance(caught.value, requests.RequestException) and caught.value.response is not None
    assert len(api.seen) == 1


def test_a_huge_answer_is_cut_off(
    client: SonotheiaClient, api: ApiServer, audio: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "MOST_ANSWER_BYTES", 1 << 20)
    api.script = [_reply(b'{"x": "' + b"y" * (2 << 20) + b'"}')]
    with pytest.raises(UnusableAnswerError, match="more than 1 MB"):
        client.detect_deepfake(audio)


def test_a_missing_latency_is_measured(client: SonotheiaClient, api: ApiServer, audio: Path) -> None:
    api.script = [_reply(b'{"score": 0, "label": "likely_real", "latency_ms": "soon"}')]
    assert client.detect_deepfake(audio)["latency_ms"] > 0


def _drip(handler: BaseHTTPRequestHandler, seen: Seen) -> bool:
    """Sends a byte now and then, so that no silence is ever long."""
    stop = threading.Event()
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            stop.wait(0.02)
    except OSError:
        pass
    return True


def test_a_drip_does_not_hold_the_caller(api: ApiServer, audio: Path) -> None:
    api.misbehave = _drip
    client = SonotheiaClient(KEY, api.url, timeout=0.3)
    with pytest.raises(DeadlineError, match=r"was not over after 0\.4"):
        client.detect_deepfake(audio)
    api.misbehave = None
    assert client.detect_deepfake(audio)["score"] == 0.12


def test_over_tls_too(api: ApiServer, audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secure = make_certificate(tmp_path)
    with serve_api(secure) as safe:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", secure[0])
        client = SonotheiaClient(KEY, safe.url.replace("http://127.0.0.1", "https://localhost"), timeout=0.3)
        assert client.detect_deepfake(audio)["score"] == 0.12
        safe.misbehave = _drip
        with pytest.raises(DeadlineError):
            client.detect_deepfake(audio)
        safe.misbehave = None
        assert client.detect_deepfake(audio)["score"] == 0.12
        monkeypatch.delenv("REQUESTS_CA_BUNDLE")
        with pytest.raises(requests.exceptions.SSLError):
            SonotheiaClient(KEY, safe.url.replace("http://127.0.0.1", "https://localhost")).detect_deepfake(audio)


def test_a_proxy_is_used_with_a_deadline_too(api: ApiServer, audio: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", api.url)
    monkeypatch.setenv("NO_PROXY", "")
    api.misbehave = _drip
    with pytest.raises(DeadlineError):
        SonotheiaClient(KEY, "http://scorer.example", timeout=0.3).detect_deepfake(audio)
    assert api.seen[-1].path == "http://scorer.example/v1/voice/deepfake"


def test_addresses_that_do_not_answer_share_the_time(
    api: ApiServer, audio: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name with an address of a black hole before the right one."""
    port = int(api.url.rpartition(":")[2])
    found = [(2, 1, 6, "", (address, port)) for address in ("127.0.0.1", "127.0.0.1")]
    monkeypatch.setattr("audio_batch.remote.transport.socket.getaddrinfo", lambda *_, **__: found)
    assert transport._look_up("x", port) == ["127.0.0.1"]
    tried: list[tuple] = []
    connect = transport.HTTPConnection._new_conn

    def new_conn(self):
        tried.append((self._dns_host, self.timeout))
        if self._dns_host == "10.255.255.1":
            raise OSError("no route")
        return connect(self)

    monkeypatch.setattr(transport.HTTPConnection, "_new_conn", new_conn)
    monkeypatch.setattr(transport, "_look_up", lambda name, port: ["10.255.255.1", "127.0.0.1"])
    assert SonotheiaClient(KEY, f"http://scorer.example:{port}", timeout=8).detect_deepfake(audio)
    assert [address for address, _ in tried] == ["10.255.255.1", "127.0.0.1"]
    assert tried[0][1] <= 4 and api.seen[-1].headers["host"] == f"scorer.example:{port}"


def test_silence_ends(api: ApiServer, audio: Path) -> None:
    release = threading.Event()
    api.misbehave = lambda handler, seen: bool(release.wait(10)) or True
    with pytest.raises(requests.Timeout):
        SonotheiaClient(KEY, api.url, timeout=0.2).detect_deepfake(audio)
    release.set()


def test_nobody_listens(audio: Path, api: ApiServer) -> None:
    with pytest.raises(requests.ConnectionError):
        SonotheiaClient(KEY, "http://127.0.0.1:1").detect_deepfake(audio)


def test_connections_are_reused_by_threads(client: SonotheiaClient, api: ApiServer, audio: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(lambda _: client.detect_deepfake(audio), range(40)))
    assert len(results) == 40 and api.connections <= 4


def test_an_upload_does_not_fill_the_memory(api: ApiServer, tmp_path: Path) -> None:
    """A file of 300 MB, most of it a hole; the server throws it away piece by piece."""
    big = tmp_path / "big.wav"
    with big.open("wb") as file:
        file.truncate(300 << 20)
    program = (
        "import resource, sys\n"
        "from audio_batch.remote import SonotheiaClient\n"
        "client = SonotheiaClient(sys.argv[1], sys.argv[2])\n"
        "client.detect_deepfake(sys.argv[4])\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "client.detect_deepfake(sys.argv[3])\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)\n"
    )
    lengths: list[int] = []
    api.swallow = lengths.append
    small = tmp_path / "small.wav"
    small.write_bytes(b"RIFF")
    words = [sys.executable, "-c", program, KEY, api.url, str(big), str(small)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 20
    assert lengths[-1] > 300 << 20


def test_a_file_that_shrinks_is_told(client: SonotheiaClient, audio: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat = os.fstat
    monkeypatch.setattr(os, "fstat", lambda number: os.stat_result((*stat(number)[:6], 10**6, *stat(number)[7:])))
    with pytest.raises(ValueError, match="became shorter while it was sent"):
        client.detect_deepfake(audio)


def test_names_of_files_cannot_break_the_form(client: SonotheiaClient, api: ApiServer, tmp_path: Path) -> None:
    for name in (b'a"; x="y.wav', b"a\r\nX-Evil: 1.wav", "é ü.wav".encode(), b"\xff.wav"):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        path.write_bytes(b"RIFFxxxx")
        client.detect_deepfake(path)
        assert api.seen[-1].form["audio"] == b"RIFFxxxx"
        assert set(api.seen[-1].form) == {"audio", "metadata"}


def test_tenant(api: ApiServer, audio: Path) -> None:
    SonotheiaClient(KEY, api.url, tenant_id="my-tenant").analyze(audio)
    assert api.seen[-1].headers["x-tenant-id"] == "my-tenant"
