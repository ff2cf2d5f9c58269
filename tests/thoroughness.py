"""How many examples a property is tried on: enough to notice a mistake, or all of them in the thorough run.

``make test`` tries a quarter; ``make test-slow``, ``make test-all`` and ``pytest --hypothesis-profile thorough`` all.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("thorough")


def examples(number: int) -> int:
    """Return how many examples to try in this run, of those that the thorough run tries."""
    return number if settings.get_current_profile_name() == "thorough" else max(1, number // 4)
