"""The mock of the voice API: what clients of the original expect of it, faults on demand, and nothing behind it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from running_service import free_port
from typer.testing import CliRunner

from sentinel_batch.cli.application import app
from sentinel_batch.service.voice.mock_state import API_KEY

DETECT, VERIFY, ENROL, REPORT = "/v1/voice/deepfake", "/v1/mfa/voice/verify", "/v1/enrollment", "/v1/reports/sar"
SAR = {"session_id": "s-1", "decision": "review", "reason": "Suspicious activity detected"}
_LOADED = """
import sys
from sentinel_batch.service.voice.mock import create_mock
create_mock()
print(*sorted({name.partition(".")[0] for name in sys.modules} & {"numpy", "polars", "duckdb", "scipy", "librosa"}))
"""


def start_mock(*options: str) -> tuple[subprocess.Popen[bytes], str]:
    """Start a mock as a user does, and wait until it answers."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-P", "-m", "sentinel_batch", "serve", "--mock", "--port", str(port), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{url}/health").status_code == 200:
                return process, url
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"The mock does not start: {process.poll()}")


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Where a mock answers."""
    process, url = start_mock("--mock-seed", "7")
    yield url
    process.terminate()
    assert process.wait(30) == 0


@pytest.fixture
def client(url: str) -> Iterator[httpx.Client]:
    """A client of a mock that behaves, and remembers nothing."""
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {API_KEY}"}) as client:
        yield client
        calm = {name: 0 for name in ("error_rate", "throttle_rate", "cut_rate", "junk_rate", "deepfake_latency_ms")}
        client.post("/mock/config", json={**calm, "rate_limit_per_minute": 100, "simulate_errors": True})


def send(client: httpx.Client, path: str, name: str = "call.wav", content: bytes = b"RIFF" * 99, **texts: str) -> Any:
    """Post a recording."""
    return client.post(path, files={"audio": (name, content)}, data=texts)


@pytest.mark.parametrize("path", [DETECT, "/api/detect"])
@pytest.mark.parametrize(
    ("name", "low", "high", "label"),
    [
        ("a_synthetic.wav", 0.7, 0.95, "likely_synthetic"),
        ("a_real.wav", 0.05, 0.35, "likely_real"),
        ("a.wav", 0.36, 0.69, "uncertain"),
    ],
)
def test_scores_follow_from_the_name_and_the_bytes(
    client: httpx.Client, path: str, name: str, low: float, high: float, label: str
) -> None:
    found = send(client, path, name, metadata='{"session_id": "s-9"}')
    body = found.json()
    assert list(body)[:5] == ["score", "label", "latency_ms", "session_id", "model_version"]
    assert low <= body["score"] <= high and body["label"] == label and body["session_id"] == "s-9"
    assert send(client, path, name).json()["score"] == body["score"]
    assert found.headers["x-ratelimit-limit"] == "100"


@pytest.mark.parametrize(("name", "verified"), [("a_match.wav", True), ("a_mismatch.wav", False)])
def test_verification_follows_from_the_name(client: httpx.Client, name: str, verified: bool) -> None:
    body = send(client, VERIFY, name, enrollment_id="test-enrollment").json()
    assert (body["verified"], body["enrollment_id"]) == (verified, "test-enrollment")
    assert body["confidence"] > 0.8 if verified else body["confidence"] < 0.5
    assert ("recommended_action" in body) is not verified
    assert send(client, VERIFY, name).status_code == 400


def test_enrolment_and_report(client: httpx.Client) -> None:
    made = send(client, ENROL)
    assert made.status_code == 201 and made.json()["samples_collected"] == 1
    twice = [client.post(REPORT, json=SAR, headers={"Idempotency-Key": "k"}).json() for _ in range(2)]
    assert twice[0]["status"] == "submitted" and twice[0]["case_id"] == twice[1]["case_id"]
    assert [one["repeated"] for one in twice] == [False, True]
    assert client.post(REPORT, json=SAR | {"decision": "no"}).status_code == 400
    stats = client.get("/mock/stats").json()
    assert stats["total_enrollments"] == 1 and stats["total_sar_cases"] == 1
    assert client.post("/mock/reset").json() == {"status": "reset"}
    assert client.get("/mock/stats").json()["total_sar_cases"] == 0


def test_refusals_have_the_published_bodies(client: httpx.Client, url: str) -> None:
    for headers, message in (({}, "Missing or invalid"), ({"Authorization": "Bearer no"}, "Invalid API key")):
        refused = httpx.post(url + DETECT, headers=headers, files={"audio": b"x"})
        assert refused.status_code == 401 and refused.json()["error"] == "Unauthorized"
        assert refused.json()["message"].startswith(message)
    assert send(client, DETECT, content=b"").json()["message"].startswith("Audio file is empty")
    assert client.post(DETECT).json()["error"] == "Bad request"
    assert client.get("/nowhere").json()["error"] == "Not found"


def test_limit_of_requests(client: httpx.Client) -> None:
    client.post("/mock/config", json={"rate_limit_per_minute": 3})
    answers = [send(client, DETECT) for _ in range(4)]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert answers[3].json()["error"] == "Rate limit exceeded" and int(answers[3].headers["retry-after"]) > 0
    assert client.post(DETECT, files={"audio": b"x"}, headers={"X-Client-ID": "other"}).status_code == 200


def test_faults_come_as_asked_for_and_in_the_same_order(client: httpx.Client) -> None:
    asked = {"error_rate": 0.5, "throttle_rate": 0.2, "rate_limit_per_minute": 1000}
    rounds = []
    for _ in range(2):
        changed = client.post("/mock/config", json=asked)
        assert changed.json() == {"status": "updated", "config": asked}
        rounds.append([send(client, DETECT).status_code for _ in range(30)])
    assert rounds[0] == rounds[1] and {200, 400, 429, 500, 503} == set(rounds[0])
    client.post("/mock/config", json={"simulate_errors": False})
    assert [send(client, DETECT).status_code for _ in range(5)] == [200] * 5
    assert client.get("/mock/config").json()["error_rate"] == 0.5


def test_bodies_are_cut_or_junk(client: httpx.Client) -> None:
    client.post("/mock/config", json={"cut_rate": 1})
    with pytest.raises(httpx.RemoteProtocolError):
        send(client, DETECT)
    client.post("/mock/config", json={"cut_rate": 0, "junk_rate": 1})
    junk = send(client, DETECT)
    assert junk.status_code == 200 and junk.text.startswith("<html>")


def test_latency_is_simulated_and_told(client: httpx.Client) -> None:
    client.post("/mock/config", json={"deepfake_latency_ms": 120})
    found = send(client, DETECT)
    assert found.json()["latency_ms"] == 120 and found.elapsed.total_seconds() >= 0.12


@pytest.mark.parametrize(
    "wanted",
    [
        {"nothing": 1},
        {"error_rate": 2},
        {"always_succeed": 1},
        {"rate_limit_per_minute": 0},
        {"sar_latency_ms": "long"},
        {"cut_rate": True},
    ],
)
def test_settings_are_checked(client: httpx.Client, wanted: dict[str, Any]) -> None:
    before = client.get("/mock/config").json()
    refused = client.post("/mock/config", json=wanted)
    assert refused.status_code == 400 and next(iter(wanted)) in refused.json()["message"]
    assert client.get("/mock/config").json() == before


def test_pages_may_not_change_it(client: httpx.Client) -> None:
    page = {"Origin": "https://elsewhere.example"}
    assert client.post("/mock/reset", headers=page).json()["error"] == "Forbidden"
    assert client.post("/mock/config", json={}, headers=page).status_code == 403


def test_seed_decides(client: httpx.Client) -> None:
    process, other = start_mock()
    try:
        with httpx.Client(base_url=other, headers={"X-API-Key": API_KEY}) as second:
            names = [f"{number}.wav" for number in range(5)]
            scores = [
                [send(which, DETECT, name, name.encode()).json()["score"] for name in names]
                for which in (client, second)
            ]
    finally:
        process.terminate()
        process.wait(30)
    assert scores[0] != scores[1]


def test_nobody_else_reaches_it() -> None:
    refused = CliRunner().invoke(app, ["serve", "--mock", "--host", "0.0.0.0"])
    assert refused.exit_code == 2


def test_no_engine_is_loaded() -> None:
    done = subprocess.run([sys.executable, "-P", "-c", _LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
