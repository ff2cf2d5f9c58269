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


def slow_but(
    quick: Collection[Any], values: Iterable[Value], key: Callable[[Value], Any] = lambda value: value
) -> list[Any]:
    """Mark parameters of a test as slow, but for those that stand for the others in the quick run.

    Parameters
    ----------
    quick
        Keys of the parameters that the quick run has too.
    values
        All parameters; a tuple holds one of each of several arguments.
    key
        Of a parameter; by default itself.

    Raises
    ------
    ValueError
        If no parameter is left for the quick run, or a key is that of none.
    """
    known = [(value, key(value)) for value in values]
    strange = [wanted for wanted in quick if all(wanted != own for _, own in known)]
    if strange or not quick:
        raise ValueError(f"There are no parameters {strange}, or none at all for the quick run.")
    return [
        value
        if own in quick
        else pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.slow)
        for value, own in known
    ]
