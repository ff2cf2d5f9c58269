"""What a terminal shows while a command works: after a second a line with a bar, the time, and the time that is left.

Only one is drawn at a time, on standard error; whatever else is printed removes it first.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from batch_base.progress import watched
from sentinel_batch.cli.text import to_printable

PATIENCE_SECONDS = 1.0
"""A command that is done by then shows nothing."""

_LEAST_SHARE = 0.02
"""Share of the work that must be done before the time that is left is guessed."""
_LONGEST_LABEL = 40

_current: Activity | None = None


class Activity:
    """The line of one command.

    Parameters
    ----------
    label
        What is shown until somebody tells what is worked on.
    colours
        Whether colours may be used.
    """

    def __init__(self, label: str, *, colours: bool) -> None:
        self.label, self.share = label, 0.0
        self._colours = colours
        self._started = self._since = time.monotonic()
        self._lock = threading.Lock()
        self._bar: Any = None
        self._over = threading.Event()
        threading.Thread(target=self._wait, daemon=True).start()

    def __call__(self, label: str, done: int, total: int) -> None:
        """Take how many of how many pieces are done."""
        self.tell(label, done / total if total else 0.0)

    def tell(self, label: str, share: float) -> None:
        """Take what is worked on, and the share that is done."""
        if share < self.share:  # Something new began: its pace says nothing of what was before.
            self._since = time.monotonic()
        self.label, self.share = to_printable(label)[-_LONGEST_LABEL:], share
        if not self._over.is_set() and time.monotonic() - self._started > PATIENCE_SECONDS:
            self._draw()

    def clear(self) -> None:
        """Remove the line; it comes back when more is told."""
        with self._lock:
            if self._bar is not None:
                self._bar.stop()
                self._bar = None

    def end(self) -> None:
        """Remove the line for good."""
        self._over.set()
        self.clear()

    def _wait(self) -> None:
        if not self._over.wait(PATIENCE_SECONDS):
            self._draw()

    def _draw(self) -> None:
        with self._lock:
            if self._over.is_set():
                return
            if self._bar is None:
                self._bar = _make_bar(self._colours)
                self._bar.add_task("", total=None, words="")
                self._bar.start()
            known = self.share > 0
            self._bar.update(0, completed=self.share, total=1.0 if known else None, words=self._say())

    def _say(self) -> str:
        passed = time.monotonic() - self._since
        left = f", {_clock(passed * (1 - self.share) / self.share)} left" if self.share >= _LEAST_SHARE else ""
        return f"{self.label}{left}"


@contextmanager
def show_activity(label: str, *, colours: bool) -> Iterator[Activity]:
    """Show what is worked on inside the block; inside another one, that one goes on."""
    global _current
    if _current is not None:
        yield _current
        return
    _current = activity = Activity(label, colours=colours)
    try:
        with watched(activity.tell):
            yield activity
    finally:
        _current = None
        activity.end()


def clear_line() -> None:
    """Remove the line, before something else is printed."""
    if _current is not None:
        _current.clear()


def _make_bar(colours: bool) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        BarColumn(20),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[words]}", markup=False),
    )
    console = Console(file=sys.stderr, no_color=not colours)
    return Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
