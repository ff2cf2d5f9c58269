"""How a cost grows with the calls of a day: a part that is always there, and one that grows with a power of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

POWERS = [step / 20 for step in range(6, 41)]
"""Exponents that are tried: 0.30 to 2.00."""

LINEAR = 1.1
"""An exponent up to this one counts as 1: measured over a factor of a few dozen, no more can be told apart."""

NOISE = 0.15
"""Relative error that measurements have: where a straight line is as near as that, the cost is taken to be one."""

FEWEST = 4
"""With fewer sizes than this no exponent is looked for: fixed part, rate and exponent would fit anything."""


@dataclass(frozen=True)
class Law:
    """A cost as ``fixed + rate * millions ** power``.

    Parameters
    ----------
    fixed
        What is there without calls.
    rate
        What a million calls a day adds.
    power
        By which larger days are reckoned: 1 where the fitted one is at most :data:`LINEAR`, or no better.
    fitted
        The exponent that fits the measurements best; None where there were fewer than :data:`FEWEST`.
    """

    fixed: float
    rate: float
    power: float
    fitted: float | None

    def at(self, millions: float) -> float:
        """Return the cost of a day of so many million calls."""
        return self.fixed + self.rate * millions**self.power


def fit(points: Sequence[tuple[float, float]]) -> Law:
    """Return the law that is nearest to what was measured, by the squares of relative errors.

    Parameters
    ----------
    points
        Millions of calls a day, and the cost, above 0.
    """
    if len(points) < FEWEST:
        fixed, rate, _ = _solve(points, 1.0)
        return Law(fixed, rate, 1.0, None)
    trials = [(_solve(points, power), power) for power in POWERS]
    _, fitted = min(trials, key=lambda trial: trial[0][2])
    fixed, rate, error = _solve(points, 1.0)
    if fitted <= LINEAR or error <= NOISE**2 * len(points):
        return Law(fixed, rate, 1.0, fitted)
    fixed, rate, _ = _solve(points, fitted)
    return Law(fixed, rate, fitted, fitted)


def _solve(points: Sequence[tuple[float, float]], power: float) -> tuple[float, float, float]:
    """Return fixed part and rate, neither below 0, and the sum of the squared relative errors."""
    rows = [(1 / cost, millions**power / cost) for millions, cost in points]
    aa, ab, bb = (
        sum(x * y for x, y in pairs) for pairs in ([(a, a) for a, _ in rows], rows, [(b, b) for _, b in rows])
    )
    a, b = sum(a for a, _ in rows), sum(b for _, b in rows)
    choices = [(a / aa, 0.0), (0.0, b / bb)]
    if (whole := aa * bb - ab * ab) > 1e-12 * aa * bb:
        choices.append(((bb * a - ab * b) / whole, (aa * b - ab * a) / whole))
    found = [(fixed, rate) for fixed, rate in choices if fixed >= 0 and rate >= 0]
    error, fixed, rate = min((sum((f * x + r * y - 1) ** 2 for x, y in rows), f, r) for f, r in found)
    return fixed, rate, error
