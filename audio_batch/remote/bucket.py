"""A token bucket: so many requests a second, and no more than that at once."""

from __future__ import annotations

import math
import threading

from audio_batch.remote.clock import Clock, SystemClock


class TokenBucket:
    """Tells each caller how long to wait for its turn. Safe to share between threads.

    Parameters
    ----------
    rate
        Requests a second; 0.2 is one every five seconds.
    clock
        Tests have their own.
    """

    def __init__(self, rate: float, *, clock: Clock | None = None) -> None:
        if not (math.isfinite(rate) and rate > 0):
            raise ValueError(f"The rate is {rate!r}; allowed: a positive number of requests a second")
        self.requests_per_second = float(rate)
        # Below one a second the bucket must still hold one whole token, or nobody would ever get one.
        self.capacity = max(1.0, self.requests_per_second)
        self._clock = clock or SystemClock()
        self._lock = threading.Lock()
        self._tokens = self.capacity
        self._seen = self._clock.now()

    def reserve(self, within: float = math.inf) -> float | None:
        """Take the next token, ahead of its time if need be.

        Parameters
        ----------
        within
            Seconds that the caller would wait.

        Returns
        -------
        float or None
            Seconds to wait; None, and nothing is taken, if they are more than `within`.
        """
        with self._lock:
            now = self._clock.now()
            self._tokens = min(self.capacity, self._tokens + (now - self._seen) * self.requests_per_second)
            self._seen = now
            wait = max(0.0, (1.0 - self._tokens) / self.requests_per_second)
            if wait > within:
                return None
            self._tokens -= 1.0
            return wait
