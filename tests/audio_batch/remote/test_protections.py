"""The breaker, the bucket and the rules for retries, each by itself."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from audio_batch.remote.breaker import CircuitBreaker, CircuitBreakerConfig, CircuitState
from audio_batch.remote.bucket import TokenBucket
from audio_batch.remote.errors import CircuitOpenError
from audio_batch.remote.retries import LONGEST_WAIT, choose_wait, read_retry_after

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


@given(st.floats(0.001, 5000), st.integers(2, 60))
def test_a_bucket_lets_through_its_rate(rate: float, requests_sent: int) -> None:
    clock = Hand()
    bucket = TokenBucket(rate, clock=clock)
    for _ in range(requests_sent):
        wait = bucket.reserve()
        assert wait is not None
        clock.sleep(wait)
    over = max(0.0, requests_sent - max(1.0, rate))
    assert clock.time == pytest.approx(over / rate, rel=1e-6, abs=1e-9)


def test_a_bucket_takes_nothing_from_who_will_not_wait() -> None:
    clock = Hand()
    bucket = TokenBucket(0.5, clock=clock)
    assert bucket.reserve(0) == 0
    assert bucket.reserve(1.9) is None
    assert bucket.reserve(2.0) == 2.0
    assert bucket.reserve() == 4.0
    clock.sleep(1000)
    assert [bucket.reserve(0), bucket.reserve(0)] == [0.0, None]


def test_a_bucket_is_fair_to_threads() -> None:
    bucket = TokenBucket(1.0, clock=Hand())
    with ThreadPoolExecutor(8) as threads:
        waits = sorted(threads.map(lambda _: bucket.reserve(), range(100)))
    assert waits == pytest.approx(list(range(100)))


def _breaker(**options: Any) -> tuple[CircuitBreaker, Hand]:
    clock = Hand()
    return CircuitBreaker(CircuitBreakerConfig(**options), clock=clock), clock


def _fail(breaker: CircuitBreaker) -> None:
    breaker.leave(breaker.enter(), succeeded=False)


def test_a_success_starts_the_count_again() -> None:
    breaker, _ = _breaker(failure_threshold=3)
    for succeeded in (False, False, True, False, False):
        breaker.leave(breaker.enter(), succeeded=succeeded)
    assert breaker.state is CircuitState.CLOSED
    _fail(breaker)
    assert breaker.state is CircuitState.OPEN


def test_a_failed_probe_opens_it_again_for_the_whole_time() -> None:
    breaker, clock = _breaker(failure_threshold=1, recovery_timeout=10)
    _fail(breaker)
    clock.sleep(10)
    assert breaker.state is CircuitState.HALF_OPEN
    _fail(breaker)
    clock.sleep(9)
    with pytest.raises(CircuitOpenError) as caught:
        breaker.enter()
    assert caught.value.retry_after == pytest.approx(1)


def test_a_request_from_before_says_nothing() -> None:
    breaker, clock = _breaker(failure_threshold=1, recovery_timeout=10, success_threshold=1)
    late = breaker.enter()
    _fail(breaker)
    clock.sleep(10)
    probe = breaker.enter()
    breaker.leave(late, succeeded=True)
    with pytest.raises(CircuitOpenError):
        breaker.enter()
    breaker.leave(probe, succeeded=None)
    assert breaker.state is CircuitState.HALF_OPEN
    breaker.leave(breaker.enter(), succeeded=True)
    assert breaker.state is CircuitState.CLOSED


@pytest.mark.parametrize(
    "options",
    [
        {"failure_threshold": 0},
        {"success_threshold": 1.5},
        {"recovery_timeout": -1},
        {"recovery_timeout": float("nan")},
    ],
)
def test_thresholds_are_checked(options: dict) -> None:
    with pytest.raises(ValueError, match="allowed"):
        CircuitBreakerConfig(**options)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3.0),
        (" 3 ", 3.0),
        ("Sun, 29 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 29 Nov 2026 11:00:00 GMT", 0.0),
        ("Sun, 29 Nov 2030 12:00:30 GMT", 120.0),
        ("-5", None),
        ("1.5", None),
        ("", None),
        ("²", None),
        ("Sun, 99 Nov 2026 12:00:30 GMT", None),
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    assert read_retry_after({"Retry-After": text}, NOW) == seconds


@given(st.integers(1, 2000), st.integers())
def test_waits_grow_and_are_bounded(attempt: int, seed: int) -> None:
    wait = choose_wait(attempt, requests.ConnectionError(), draw=random.Random(seed))
    whole = min(LONGEST_WAIT, 0.5 * 2.0 ** min(attempt - 1, 30))
    assert whole / 2 <= wait <= whole
