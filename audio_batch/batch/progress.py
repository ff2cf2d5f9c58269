"""How far a batch is, and when it will be done."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Progress:
    """State of a batch after one more recording.

    Attributes
    ----------
    done, total
        Recordings.
    failed
        Those of the done ones without a score.
    resumed
        Those of the done ones that an earlier run had finished.
    elapsed_seconds
        Since the batch began.
    eta_seconds
        Until it ends, from the bytes of what was computed so far; None before anything was.
    name
        The recording that was done last.
    """

    done: int
    total: int
    failed: int
    resumed: int
    elapsed_seconds: float
    eta_seconds: float | None
    name: str


class ProgressMeter:
    """Counts recordings; resumed ones cost nothing and do not count for the speed."""

    def __init__(self, total: int, total_bytes: int) -> None:
        self.total, self.bytes_left = total, total_bytes
        self.started = time.monotonic()
        self.done = self.failed = self.resumed = self.bytes_computed = 0

    def count(self, name: str, size: int, *, failed: bool, resumed: bool) -> Progress:
        """Take one recording as done."""
        self.done += 1
        self.failed += failed
        self.resumed += resumed
        self.bytes_left -= size
        self.bytes_computed += 0 if resumed else size
        elapsed = time.monotonic() - self.started
        eta = elapsed * self.bytes_left / self.bytes_computed if self.bytes_computed else None
        return Progress(self.done, self.total, self.failed, self.resumed, elapsed, eta, name)
