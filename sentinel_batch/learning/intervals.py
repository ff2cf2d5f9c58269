"""Intervals for shares that were counted in small samples."""

from __future__ import annotations

from math import sqrt

Z_95 = 1.959964
"""Standard normal quantile of a two-sided 95 % interval."""


def wilson_interval(hits: float, trials: float, z: float = Z_95) -> tuple[float, float] | None:
    """Return the Wilson score interval of a share.

    Parameters
    ----------
    hits, trials
        Counts; ``0 <= hits <= trials``. Weighted counts may be fractions.
    z
        Standard normal quantile; the default gives 95 %.

    Returns
    -------
    tuple of float or None
        Lower and upper bound, 0 to 1; None without trials.

    Notes
    -----
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927) 209-212.
    Unlike the textbook interval it does not collapse at 0 or 1, nor below ten trials.
    """
    if trials <= 0:
        return None
    share = hits / trials
    scale = 1 + z * z / trials
    middle = (share + z * z / (2 * trials)) / scale
    reach = z / scale * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return max(0.0, middle - reach), min(1.0, middle + reach)
