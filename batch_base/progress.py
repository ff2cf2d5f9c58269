"""How far a long piece of work is, told to whoever watches; work that nobody watches pays nothing for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")
Watcher = Callable[[str, float], None]
"""Is called with what is worked on, and the share of the whole that is done, 0 to 1."""


@dataclass(frozen=True)
class _Span:
    """The part of the whole that the work under way stands for."""

    watcher: Watcher
    start: float = 0.0
    width: float = 1.0


_span: ContextVar[_Span | None] = ContextVar("span", default=None)


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Let a function watch what is done inside the block.

    Parameters
    ----------
    watcher
        Called with what is worked on, and the share that is done.
    """
    token = _span.set(_Span(watcher))
    try:
        yield
    finally:
        _span.reset(token)


def follow(items: Sequence[T], label: Callable[[T], str] = str) -> Iterator[T]:
    """Yield items, telling the watcher which one is worked on; what is followed inside one is a part of it.

    Parameters
    ----------
    items
        Pieces of about the same size.
    label
        What the watcher is told of one.
    """
    span = _span.get()
    if span is None:
        yield from items
        return
    width = span.width / max(len(items), 1)
    for number, item in enumerate(items):
        start = span.start + number * width
        span.watcher(label(item), start)
        _span.set(_Span(span.watcher, start, width))
        try:
            yield item
        finally:
            _span.set(span)


def tell_share(label: str, share: float) -> None:
    """Tell the watcher how much of the piece that is worked on is done.

    Parameters
    ----------
    label
        What is worked on.
    share
        Done of it, 0 to 1.
    """
    span = _span.get()
    if span is not None:
        span.watcher(label, span.start + span.width * min(max(share, 0.0), 1.0))
