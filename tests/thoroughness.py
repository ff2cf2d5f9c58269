"""What the quick run leaves to the thorough one: examples of properties, and cases of which there are very many.

``make test`` tries an eighth of the examples; ``make test-slow``, ``make test-all`` and ``pytest --hypothesis-profile
thorough`` all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar

import pytest
from hypothesis import settings

Value = TypeVar("Value")

_LEAST = 10
"""Fewer examples would miss what goes wrong in one of ten."""

# A busy machine makes any example slow, so no example has a deadline.
settings.register_profile("thorough", deadline=None)
settings.register_profile("quick", deadline=None, max_examples=12)
settings.load_profile("quick")


def examples(number: int, *, quick: int | None = None) -> int:
    """Return how many examples to try in this run, of those that the thorough run tries.

    Parameters
    ----------
    number
        How many the thorough run tries.
    quick
        How many the quick run tries; an eighth of ``number``, but at least ten, unless given. For examples that are
        large in themselves, where few are worth much.
    """
    if settings.get_current_profile_name() == "thorough":
        return number
    return min(number, max(_LEAST, number // 8) if quick is None else quick)


def slow_but(quick: Collection[Value] | Callable[[Value], bool], values: Iterable[Value]) -> list[Any]:
    """Mark parameters of a test as slow, but for those that stand for the others in the quick run.

    Parameters
    ----------
    quick
        Parameters that the quick run has too, or what is true of them. Each must be among ``values``.
    values
        All parameters; a tuple holds one of each of several arguments.

    Raises
    ------
    ValueError
        If no parameter is left for the quick run, or one that was named is none.
    """
    known = list(values)
    kept = [quick(value) if callable(quick) else value in quick for value in known]
    if not any(kept) or (not callable(quick) and sum(kept) < len(quick)):
        raise ValueError(f"{quick} are not among the parameters {known}.")
    slow = pytest.mark.slow
    return [
        value if keep else pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=slow)
        for value, keep in zip(known, kept, strict=True)
    ]
