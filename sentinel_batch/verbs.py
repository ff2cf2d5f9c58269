"""The public functions that take ``lake``, as methods.

Type checkers and editors read their signatures in ``verbs.pyi``, which :mod:`sentinel_batch.verb_stub` writes from the
functions themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sentinel_batch.binding import bind_verb, list_verbs


class Verbs:
    """What a desk can do: ``desk.detect(window="6h")`` is ``sentinel_batch.detect(lake=desk, window="6h")``."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return bind_verb(name, self)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *list_verbs()})
