"""A circuit breaker: a server that fails again and again is left alone for a while, then asked carefully.

Why this is not one of the kept libraries stands in docs/dependencies.md.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import Enum

from audio_batch.remote.clock import Clock, SystemClock
from audio_batch.remote.errors import CircuitOpenError


class CircuitState(Enum):
    """What a breaker does with the next request."""

    CLOSED = "closed"
    """It is let through."""
    OPEN = "open"
    """It is refused."""
    HALF_OPEN = "half_open"
    """It is let through if no other is under way."""


@dataclass(frozen=True)
class CircuitBreakerConfig:
    """When a circuit opens and closes.

    Attributes
    ----------
    failure_threshold
        Failed requests in a row that open it.
    recovery_timeout
        Seconds that it stays open.
    success_threshold
        Requests that must succeed afterwards, one at a time, to close it.
    """

    failure_threshold: int = 5
    recovery_timeout: float = 60.0
    success_threshold: int = 2

    def __post_init__(self) -> None:
        for name in ("failure_threshold", "success_threshold"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}; allowed: a whole number from 1")
        if not 0 <= self.recovery_timeout < 1e9:
            raise ValueError(f"recovery_timeout is {self.recovery_timeout!r}; allowed: seconds, 0 or more")


class CircuitBreaker:
    """Counts what became of requests, and refuses them while the server is down. Safe to share between threads.

    Parameters
    ----------
    config
        When it opens and closes.
    clock
        Tests have their own.
    """

    def __init__(self, config: CircuitBreakerConfig | None = None, *, clock: Clock | None = None) -> None:
        self.config = config or CircuitBreakerConfig()
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._state = CircuitState.CLOSED
        self._era = 0
        self._counted = 0
        self._probing = False
        self._opened_at = 0.0

    @property
    def state(self) -> CircuitState:
        """What would be done with a request now."""
        with self._lock:
            return CircuitState.HALF_OPEN if self._may_probe() else self._state

    def refuse_if_open(self) -> None:
        """Raise what `enter` would while the circuit is open, and take no turn: nobody need wait only to be refused.

        Raises
        ------
        CircuitOpenError
            Not now.
        """
        with self._lock:
            if self._state is CircuitState.OPEN and not self._may_probe():
                raise self._refuse(self._opened_at + self.config.recovery_timeout - self._clock.now())

    def enter(self) -> int:
        """Ask to send a request.

        Returns
        -------
        int
            A ticket; hand it to `leave` when the request is over, whatever became of it.

        Raises
        ------
        CircuitOpenError
            Not now.
        """
        with self._lock:
            if self._may_probe():
                self._change(CircuitState.HALF_OPEN)
            if self._state is CircuitState.OPEN:
                raise self._refuse(self._opened_at + self.config.recovery_timeout - self._clock.now())
            if self._state is CircuitState.HALF_OPEN:
                if self._probing:
                    raise self._refuse(0.0)
                self._probing = True
            return self._era

    def leave(self, ticket: int, *, succeeded: bool | None) -> None:
        """Say what became of a request.

        Parameters
        ----------
        ticket
            From `enter`. One from before the circuit last opened or closed says nothing about now.
        succeeded
            None if it says nothing about the server's state.
        """
        with self._lock:
            if ticket != self._era:
                return
            self._probing = False
            if succeeded is False:
                self._fail()
            elif succeeded:
                self._succeed()

    def _may_probe(self) -> bool:
        waited = self._clock.now() - self._opened_at
        return self._state is CircuitState.OPEN and waited >= self.config.recovery_timeout

    def _fail(self) -> None:
        self._counted += 1
        if self._state is CircuitState.HALF_OPEN or self._counted >= self.config.failure_threshold:
            self._opened_at = self._clock.now()
            self._change(CircuitState.OPEN)

    def _succeed(self) -> None:
        if self._state is CircuitState.CLOSED:
            self._counted = 0
            return
        self._counted += 1
        if self._counted >= self.config.success_threshold:
            self._change(CircuitState.CLOSED)

    def _change(self, state: CircuitState) -> None:
        self._state, self._counted, self._probing = state, 0, False
        self._era += 1

    def _refuse(self, wait: float) -> CircuitOpenError:
        wait = max(0.0, wait)
        return CircuitOpenError(f"The circuit is open: the server failed; try again in {wait:.1f} s", retry_after=wait)
