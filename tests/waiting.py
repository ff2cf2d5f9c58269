"""Waiting for what another process does: as long as a busy machine needs, and no longer."""

from __future__ import annotations

import time
from collections.abc import Callable

_PATIENCE = 60.0


def wait_until(ready: Callable[[], object], what: str, seconds: float = _PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not come about in {seconds:.0f} s")
        time.sleep(0.05)
