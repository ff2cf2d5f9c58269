"""How far a batch is, and when it will be done."""

from __future__ import annotations

import time
from dataclasses import dataclass

from audio_batch.batch.tasks import Task


@dataclass(frozen=True)
class Progress:
    """State of a batch after one more recording, or while a long one is under way.

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
        The recording that was done last, or is under way.
    share
        Done of all bytes, 0 to 1, those of recordings under way included.
    """

    done: int
    total: int
    failed: int
    resumed: int
    elapsed_seconds: float
    eta_seconds: float | None
    name: str
    share: float


class ProgressMeter:
    """Counts recordings; resumed ones cost nothing and do not count for the speed."""

    def __init__(self, total: int, total_bytes: int) -> None:
        self.total, self.bytes = total, total_bytes
        self.started = time.monotonic()
        self.done = self.failed = self.resumed = self.bytes_computed = self.bytes_resumed = 0
        self.under_way: dict[str, float] = {}

    def hear(self, task: Task, share: float) -> Progress:
        """Take how much of a recording is done."""
        self.under_way[task.name] = share * task.size
        return self._report(task.name)

    def count(self, task: Task, *, failed: bool, resumed: bool) -> Progress:
        """Take one recording as done."""
        self.under_way.pop(task.name, None)
        self.done += 1
        self.failed += failed
        self.resumed += resumed
        self.bytes_computed += 0 if resumed else task.size
        self.bytes_resumed += task.size if resumed else 0
        return self._report(task.name)

    def _report(self, name: str) -> Progress:
        elapsed = time.monotonic() - self.started
        computed = self.bytes_computed + sum(self.under_way.values())
        left = self.bytes - self.bytes_resumed - computed
        eta = elapsed * left / computed if computed else None
        share = 1 - left / self.bytes if self.bytes else 1.0
        return Progress(self.done, self.total, self.failed, self.resumed, elapsed, eta, name, share)
