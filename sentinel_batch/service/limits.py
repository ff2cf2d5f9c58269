"""How many requests a key may send: a leaky bucket each, so a burst is let through and a flood is not."""

from __future__ import annotations

import math
from collections import OrderedDict
from threading import Lock

from pyrate_limiter import Duration, MonotonicClock, Rate, RateItem, StateBucket

_BUCKETS = 10_000


class RateLimits:
    """A bucket for each name.

    Parameters
    ----------
    per_minute
        Requests that a name may send in a minute, and at once.
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._buckets: OrderedDict[str, StateBucket] = OrderedDict()
        self._clock = MonotonicClock()
        self._lock = Lock()

    def take(self, name: str, number: int = 1) -> tuple[bool, dict[str, str]]:
        """Count requests, all or none; returns whether they are let through, and the headers that say what is left."""
        with self._lock:
            bucket = self._bucket(name)
            item = RateItem(name, self._clock.now(), number)
            allowed = bool(bucket.put(item))
            # Numbers, not promises: the store is in memory.
            owed = int(bucket.count())  # type: ignore[arg-type]
            wait = 0 if allowed else int(bucket.waiting(item))  # type: ignore[arg-type]
        headers = {
            "X-RateLimit-Limit": str(self.per_minute),
            "X-RateLimit-Remaining": str(max(0, self.per_minute - owed) if allowed else 0),
            "X-RateLimit-Reset": str(math.ceil(owed * 60 / self.per_minute)),
        }
        return allowed, headers if allowed else {**headers, "Retry-After": str(max(1, math.ceil(wait / 1000)))}

    def _bucket(self, name: str) -> StateBucket:
        bucket = self._buckets.pop(name, None) or self._make_bucket()
        self._buckets[name] = bucket
        # Bounded: strangers' addresses are names too.
        while len(self._buckets) > _BUCKETS:
            self._buckets.popitem(last=False)
        return bucket

    def _make_bucket(self) -> StateBucket:
        return StateBucket([Rate(self.per_minute, Duration.MINUTE)], clock=self._clock)
