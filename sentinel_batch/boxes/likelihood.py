"""How evidence is counted: e-values, whose logarithms add, and the bound that a group must beat.

An *e-value* is a number that is 1 on average if two callers have nothing to do with each other, whatever else is true
of them: a likelihood ratio, or a similarity divided by its average over the candidates. Products of independent
e-values are e-values, and by Markov's inequality one is at least ``1 / a`` with a probability of at most ``a``. So
evidence of different kinds adds as nats (natural logarithms), and a bound on all groups at once is simple arithmetic.

References
----------
Vovk and Wang, E-values: Calibration, combination and applications, Annals of Statistics 49 (2021).
Shafer, Testing by betting, Journal of the Royal Statistical Society A 184 (2021).
Cayley, A theorem on trees (1889): n labelled nodes have n^(n-2) trees.
"""

from __future__ import annotations

import math

import numpy as np

from sentinel_batch.profiles.grouping import RealArray

FALSE_GROUPS = math.exp(-3)
"""Chance that a lake of unrelated callers shows any group at all: 5 %."""

RARELY = 0.1
"""Weight of a kind that few pairs of a box show."""

_SIZES = math.log(math.pi**2 / 6 - 1.25)
"""Every size from 3 up gets a share of that chance that falls with its square; these shares add up to this."""


def hedge(ratios: RealArray, share: float = 0.5) -> RealArray:
    """Return the evidence, in nats, of e-values of one kind that may as well be absent between members of a box.

    ``ln(1 - w + w e)``: the average of e and of 1, the e-value that says nothing. Where the evidence is absent it
    costs ``-ln(1 - w)`` at most.

    Parameters
    ----------
    ratios
        The e-values.
    share
        Weight w of e: in what share of the pairs of a box this kind is expected to show.
    """
    evidence: RealArray = np.log((1.0 - share) + share * ratios)
    return evidence


def calibrate(chances: RealArray) -> RealArray:
    """Turn p-values into e-values: ``1 / (2 sqrt(p))``, one of the calibrators of Vovk and Wang."""
    ratios: RealArray = 0.5 / np.sqrt(chances)
    return ratios


def bound_tree(size: int, candidates: int) -> float:
    """Return the nats that a tree of links must beat so that its members are no chance find.

    The links of a fixed tree are e-values that can be multiplied, leaf by leaf. There are ``C(n, m) m^(m-2)`` trees of
    m of n candidates (Cayley), and each size gets a share of the error that falls with ``1 / m²``, so that the chance
    of any false group, of any size, is at most :data:`FALSE_GROUPS`.

    Parameters
    ----------
    size
        Members m of the group, at least 2.
    candidates
        Candidates n of whom they were chosen.
    """
    ways = math.lgamma(candidates + 1) - math.lgamma(size + 1) - math.lgamma(candidates - size + 1)
    return ways + (size - 2) * math.log(size) + 2 * math.log(size) + _SIZES - math.log(FALSE_GROUPS)


def bound_leaf(candidates: int) -> float:
    """Return the nats that one link must have to be part of a group: ``ln n + 1``, what a leaf adds to the bound."""
    return math.log(max(candidates, 2)) + 1.0
