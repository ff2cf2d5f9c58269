"""The client for production: every call is retried, paced and broken off by one rule, whatever its method."""

from __future__ import annotations

import math
import random
import secrets
from typing import Any

import requests
import tenacity

from audio_batch.remote.answers import Answer
from audio_batch.remote.breaker import CircuitBreaker, CircuitBreakerConfig
from audio_batch.remote.bucket import TokenBucket
from audio_batch.remote.client import Operation, SonotheiaClient
from audio_batch.remote.clock import Clock, SystemClock
from audio_batch.remote.errors import CircuitOpenError, DeadlineError
from audio_batch.remote.retries import choose_wait, is_worth_retrying, judge_server

SPARE_SECONDS = 60.0
"""For waits between attempts, in the deadline of a call that names none."""


class SonotheiaClientEnhanced(SonotheiaClient):
    """`SonotheiaClient` with retries, a rate limit and a circuit breaker, which apply to each of its methods.

    Every attempt takes a token of the rate limit and asks the breaker. Retried are connections that did not come about
    and the statuses 429, 502, 503 and 504; lost answers only where a repetition does no harm (not reports, not
    enrolments). Attempts of one call carry one ``Idempotency-Key``. ``Retry-After`` is respected. `health` is held back
    by none of it.

    Parameters
    ----------
    api_key, api_url, deepfake_path, mfa_path, sar_path, timeout, tenant_id
        As for `SonotheiaClient`.
    max_retries
        Attempts after the first.
    rate_limit_rps
        Requests a second (0.2 is one every five seconds), attempts included; None is as many as there are.
    enable_circuit_breaker
        Whether a server that fails is left alone for a while.
    circuit_breaker_config
        When; None is `CircuitBreakerConfig()`.
    deadline
        Seconds that a call may take, with all attempts and waits. None allows each attempt its own time, and a minute
        for the waits.
    clock
        What waits; tests have their own.

    Raises
    ------
    CircuitOpenError
        By the methods: the circuit is open, and nothing was sent.
    DeadlineError
        By the methods: there is no time left for the next token of the rate limit, or for the answer.
    """

    def __init__(
        self,
        api_key: str | None = None,
        api_url: str | None = None,
        deepfake_path: str | None = None,
        mfa_path: str | None = None,
        sar_path: str | None = None,
        timeout: float = 30,
        max_retries: int = 3,
        rate_limit_rps: float | None = None,
        enable_circuit_breaker: bool = True,
        circuit_breaker_config: CircuitBreakerConfig | None = None,
        *,
        deadline: float | None = None,
        tenant_id: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(api_key, api_url, deepfake_path, mfa_path, sar_path, timeout, tenant_id=tenant_id)
        if not isinstance(max_retries, int) or max_retries < 0:
            raise ValueError(f"max_retries is {max_retries!r}; allowed: a whole number from 0")
        if deadline is not None and not 0 < deadline < math.inf:
            raise ValueError(f"deadline is {deadline!r}; allowed: a positive number of seconds")
        self.max_retries = max_retries
        self.deadline = deadline
        self._clock = clock or SystemClock()
        self._draw = random.Random(secrets.randbits(64))  # noqa: S311 (jitter, not a secret)
        self.rate_limiter = None if rate_limit_rps is None else TokenBucket(rate_limit_rps, clock=self._clock)
        config = circuit_breaker_config
        self.circuit_breaker = CircuitBreaker(config, clock=self._clock) if enable_circuit_breaker else None

    def _perform(self, operation: Operation) -> Answer:
        allowed = self._allow(operation)
        whole = self.deadline if self.deadline is not None else allowed * (self.max_retries + 1) + SPARE_SECONDS
        end = self._clock.now() + whole
        attempts = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: is_worth_retrying(error, harmless=operation.harmless)),
            stop=lambda state: state.attempt_number > self.max_retries or self._has_no_time(state, end),
            wait=self._choose_wait,
            sleep=self._clock.sleep,
            reraise=True,
        )
        failed: list[requests.RequestException] = []

        def attempt() -> Answer:
            try:
                return self._attempt_guarded(operation, allowed, end)
            except requests.RequestException as error:
                failed.append(error)
                raise

        try:
            return attempts(attempt)
        except (CircuitOpenError, DeadlineError) as error:
            if error.sent or len(failed) == 1:
                raise
            # It ended between two attempts: what the server did in the first says more than that.
            raise failed[-2] from None

    def _attempt_guarded(self, operation: Operation, allowed: float, end: float) -> Answer:
        breaker = self.circuit_breaker
        if breaker is not None:
            breaker.refuse_if_open()
        self._take_turn(end)
        ticket = breaker.enter() if breaker is not None else 0
        succeeded: bool | None = None
        try:
            answer = self._attempt(operation, min(allowed, max(0.001, end - self._clock.now())))
            succeeded = True
        except Exception as error:
            succeeded = judge_server(error)
            raise
        finally:
            if breaker is not None:
                breaker.leave(ticket, succeeded=succeeded)
        return answer

    def _take_turn(self, end: float) -> None:
        left = end - self._clock.now()
        if left <= 0:
            raise DeadlineError("The call's deadline is over", sent=False)
        wait = 0.0 if self.rate_limiter is None else self.rate_limiter.reserve(left)
        if wait is None:
            words = "There is no time left to wait for the rate limit; raise the deadline, or call less"
            raise DeadlineError(words, sent=False)
        if wait:
            self._clock.sleep(wait)

    def _choose_wait(self, state: tenacity.RetryCallState) -> float:
        return choose_wait(state.attempt_number, _find_error(state), draw=self._draw)

    def _has_no_time(self, state: tenacity.RetryCallState, end: float) -> bool:
        """Tell whether the next attempt would begin after the end: the last error says more than a late one."""
        return self._clock.now() + state.upcoming_sleep >= end


def _find_error(state: tenacity.RetryCallState) -> Any:
    return state.outcome.exception() if state.outcome is not None else None
