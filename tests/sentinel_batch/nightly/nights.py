"""A night at a chosen time: every module's clock says it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from sentinel_batch import window


@contextmanager
def clock_at(moment: datetime) -> Iterator[None]:
    """Let time begin at a moment and go on from there."""
    real = window.now
    began = real()

    def now() -> datetime:
        return moment + (real() - began)

    with pytest.MonkeyPatch.context() as patch:
        for module in list(sys.modules.values()):
            if getattr(module, "__name__", "").startswith("sentinel_batch") and getattr(module, "now", None) is real:
                patch.setattr(module, "now", now)
        yield


def night_of(day: datetime, days: int = 0) -> datetime:
    """Return when the night after a day begins: at two o'clock UTC."""
    return day.replace(hour=2, minute=0) + timedelta(days=days + 1)
