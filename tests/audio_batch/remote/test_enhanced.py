"""The protections do protect: a server counts the requests, a clock that nobody waits for counts the seconds."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from api_server import KEY, ApiServer

from audio_batch.remote import (
    CircuitBreakerConfig,
    CircuitOpenError,
    CircuitState,
    DeadlineError,
    SonotheiaClient,
    SonotheiaClientEnhanced,
)

Ask = Callable[[SonotheiaClient, Path], Any]

METHODS: dict[str, Ask] = {
    "detect": lambda client, audio: client.detect_deepfake(audio),
    "verify": lambda client, audio: client.verify_mfa(audio, "enroll-1"),
    "sar": lambda client, audio: client.submit_sar("s", "review", "why"),
    "enroll": lambda client, audio: client.enroll(audio),
    "analyze": lambda client, audio: client.analyze(audio),
    "features": lambda client, audio: client.extract_features(audio),
}
every_method = pytest.mark.parametrize("ask", METHODS.values(), ids=METHODS)


@pytest.fixture
def make(api: ApiServer, clock: Any) -> Callable[..., SonotheiaClientEnhanced]:
    return lambda **options: SonotheiaClientEnhanced(KEY, api.url, timeout=5, clock=clock, **options)


@every_method
@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_two_failures_and_a_success_are_three_requests(
    make: Any, api: ApiServer, clock: Any, audio: Path, ask: Ask, status: int
) -> None:
    api.script = [status, status]
    assert ask(make(), audio)
    assert len(api.seen) == 3
    assert len({seen.headers["idempotency-key"] for seen in api.seen}) == 1
    first, second = clock.sleeps
    assert 0.25 <= first <= 0.5 and 0.5 <= second <= 1.0


@every_method
@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 500, 501])
def test_what_is_not_transient_is_sent_once(make: Any, api: ApiServer, audio: Path, ask: Ask, status: int) -> None:
    api.script = [status]
    with pytest.raises(requests.HTTPError) as caught:
        ask(make(), audio)
    assert caught.value.response.status_code == status
    assert len(api.seen) == 1


def test_retries_end(make: Any, api: ApiServer, audio: Path) -> None:
    api.script = [503] * 10
    with pytest.raises(requests.HTTPError, match="503"):
        make(max_retries=2, enable_circuit_breaker=False).detect_deepfake(audio)
    assert len(api.seen) == 3
    api.seen.clear()
    with pytest.raises(requests.HTTPError):
        make(max_retries=0).detect_deepfake(audio)
    assert len(api.seen) == 1


def test_two_calls_have_two_keys(make: Any, api: ApiServer) -> None:
    client = make()
    client.submit_sar("s", "deny", "x")
    client.submit_sar("s", "deny", "x")
    assert len({seen.headers["idempotency-key"] for seen in api.seen}) == 2


@pytest.mark.parametrize(("asked", "waited"), [("7", 7), ("0", 0.25), ("99999999999999999999", 120), ("soon", 0.25)])
def test_retry_after_is_respected_and_bounded(
    make: Any, api: ApiServer, clock: Any, audio: Path, asked: str, waited: float
) -> None:
    api.script = [(429, {"Retry-After": asked}, b"{}")]
    make(deadline=1000).detect_deepfake(audio)
    assert waited <= clock.sleeps[0] <= max(waited, 0.5)


def test_a_wait_beyond_the_deadline_is_not_begun(make: Any, api: ApiServer, clock: Any, audio: Path) -> None:
    api.script = [(503, {"Retry-After": "60"}, b"{}")]
    with pytest.raises(requests.HTTPError, match="503"):
        make(deadline=30).detect_deepfake(audio)
    assert clock.sleeps == [] and len(api.seen) == 1


@every_method
def test_six_500s_open_the_circuit(make: Any, api: ApiServer, audio: Path, ask: Ask) -> None:
    client = make()
    api.script = [500] * 10
    for _ in range(5):
        with pytest.raises(requests.HTTPError):
            ask(client, audio)
    with pytest.raises(CircuitOpenError, match="circuit is open") as caught:
        ask(client, audio)
    assert caught.value.retry_after == 60.0 and isinstance(caught.value, requests.RequestException)
    assert len(api.seen) == 5 and client.circuit_breaker.state is CircuitState.OPEN


def test_a_circuit_closes_after_two_successes(make: Any, api: ApiServer, clock: Any, audio: Path) -> None:
    client = make(circuit_breaker_config=CircuitBreakerConfig(1, 60.0, 2), max_retries=0)
    api.script = [500]
    with pytest.raises(requests.HTTPError):
        client.detect_deepfake(audio)
    clock.sleep(59.9)
    with pytest.raises(CircuitOpenError):
        client.detect_deepfake(audio)
    clock.sleep(0.2)
    client.detect_deepfake(audio)
    assert client.circuit_breaker.state is CircuitState.HALF_OPEN
    client.detect_deepfake(audio)
    assert client.circuit_breaker.state is CircuitState.CLOSED


@pytest.mark.parametrize("status", [400, 401, 404, 422, 429])
def test_4xx_never_opens_the_circuit(make: Any, api: ApiServer, audio: Path, status: int) -> None:
    client = make(max_retries=0)
    api.script = [status] * 20
    for _ in range(20):
        with pytest.raises(requests.HTTPError):
            client.detect_deepfake(audio)
    assert client.circuit_breaker.state is CircuitState.CLOSED and len(api.seen) == 20


def test_a_missing_file_says_nothing_of_the_server(make: Any, api: ApiServer, audio: Path) -> None:
    client = make(circuit_breaker_config=CircuitBreakerConfig(1))
    for _ in range(3):
        with pytest.raises(FileNotFoundError):
            client.detect_deepfake("missing.wav")
    assert client.detect_deepfake(audio)


def test_when_the_circuit_opens_under_a_call_the_servers_error_is_told(make: Any, api: ApiServer, audio: Path) -> None:
    api.script = [503] * 9
    with pytest.raises(requests.HTTPError, match="503"):
        make(max_retries=8, deadline=1000).detect_deepfake(audio)
    assert len(api.seen) == 5


def test_nobody_waits_for_a_turn_only_to_be_refused(make: Any, api: ApiServer, clock: Any, audio: Path) -> None:
    client = make(rate_limit_rps=0.1, circuit_breaker_config=CircuitBreakerConfig(1), max_retries=0)
    api.script = [500]
    with pytest.raises(requests.HTTPError):
        client.detect_deepfake(audio)
    for _ in range(3):
        with pytest.raises(CircuitOpenError):
            client.detect_deepfake(audio)
    assert clock.sleeps == []


def test_without_a_breaker_every_call_is_sent(make: Any, api: ApiServer, audio: Path) -> None:
    client = make(enable_circuit_breaker=False, max_retries=0)
    api.script = [500] * 8
    for _ in range(8):
        with pytest.raises(requests.HTTPError):
            client.detect_deepfake(audio)
    assert client.circuit_breaker is None and len(api.seen) == 8


@every_method
def test_every_method_is_paced(make: Any, api: ApiServer, clock: Any, audio: Path, ask: Ask) -> None:
    client = make(rate_limit_rps=2.0)
    for _ in range(6):
        ask(client, audio)
    assert sum(clock.sleeps) == pytest.approx(2.0)


def test_attempts_are_paced_too(make: Any, api: ApiServer, clock: Any, audio: Path) -> None:
    api.script = [503] * 3
    make(rate_limit_rps=0.1).detect_deepfake(audio)
    assert clock.time - 1000 == pytest.approx(30.0)


def test_no_wait_beyond_the_deadline(make: Any, api: ApiServer, clock: Any, audio: Path) -> None:
    client = make(rate_limit_rps=0.01, deadline=10)
    client.detect_deepfake(audio)
    with pytest.raises(DeadlineError, match="rate limit"):
        client.detect_deepfake(audio)
    assert clock.sleeps == [] and len(api.seen) == 1


@pytest.mark.parametrize("lost", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"])
def test_a_lost_answer_is_asked_for_again_only_where_that_is_harmless(
    make: Any, api: ApiServer, audio: Path, lost: bytes
) -> None:
    def cut(handler: Any, seen: Any) -> bool:
        if len(api.seen) % 2 == 0:
            return False
        handler.wfile.write(lost)
        handler.wfile.flush()
        handler.close_connection = True
        return True

    api.misbehave = cut
    client = make()
    assert client.detect_deepfake(audio)
    assert len(api.seen) == 2
    for ask in (METHODS["sar"], METHODS["enroll"]):
        api.seen.clear()
        with pytest.raises(requests.RequestException):
            ask(client, audio)
        assert len(api.seen) == 1


@every_method
def test_a_connection_that_is_refused_is_tried_again(clock: Any, audio: Path, ask: Ask) -> None:
    client = SonotheiaClientEnhanced(KEY, "http://127.0.0.1:1", clock=clock, max_retries=2)
    with pytest.raises(requests.ConnectionError):
        ask(client, audio)
    assert len(clock.sleeps) == 2


def test_one_probe_at_a_time(make: Any, api: ApiServer, clock: Any, audio: Path) -> None:
    client = make(circuit_breaker_config=CircuitBreakerConfig(1, 10.0, 2), max_retries=0)
    api.script = [500]
    with pytest.raises(requests.HTTPError):
        client.detect_deepfake(audio)
    clock.sleep(10)
    begun, release = threading.Event(), threading.Event()

    def hold(handler: Any, seen: Any) -> bool:
        begun.set()
        release.wait(10)
        return False

    api.misbehave = hold
    with ThreadPoolExecutor(1) as threads:
        probe = threads.submit(client.detect_deepfake, audio)
        assert begun.wait(10)
        with pytest.raises(CircuitOpenError):
            client.detect_deepfake(audio)
        release.set()
        assert probe.result()["score"] == 0.12
    assert len(api.seen) == 2


def test_health_is_held_back_by_nothing(make: Any, api: ApiServer, audio: Path) -> None:
    client = make(circuit_breaker_config=CircuitBreakerConfig(1), rate_limit_rps=0.001, max_retries=0)
    api.script = [500]
    with pytest.raises(requests.HTTPError):
        client.detect_deepfake(audio)
    assert client.health()["healthy"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_retries": -1}, "max_retries is -1"),
        ({"rate_limit_rps": 0}, "The rate is 0"),
        ({"rate_limit_rps": float("nan")}, "The rate is nan"),
        ({"deadline": 0}, "deadline is 0"),
    ],
)
def test_settings_that_cannot_be_used(make: Any, options: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make(**options)


def test_the_seeds_code_block(api: ApiServer, audio: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONOTHEIA_API_KEY", KEY)
    monkeypatch.setenv("SONOTHEIA_API_URL", api.url)
    circuit_config = CircuitBreakerConfig(failure_threshold=5, recovery_timeout=60.0, success_threshold=2)
    with SonotheiaClientEnhanced(
        max_retries=3, rate_limit_rps=2.0, enable_circuit_breaker=True, circuit_breaker_config=circuit_config
    ) as client:
        assert client.detect_deepfake(str(audio))["score"] == 0.12
