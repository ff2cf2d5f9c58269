"""Handsets: IMEIs with the type allocation codes (TACs) of phones and of radio modules."""

from __future__ import annotations

import numpy as np

from .arrays import Flags, Ints
from .plan import Plan, Purpose

_FEWEST_MODELS = 300
_HANDSETS_PER_MODEL = 1_000
_MODULES = 40
_SERIALS = 1_000_000
_STRIDE = 611_953  # Coprime to the number of serials, so that no serial comes twice.


def draw_imeis(plan: Plan, module: Flags) -> Ints:
    """Return different IMEIs of 15 digits, check digit included.

    Parameters
    ----------
    plan
        The population's parameters.
    module
        Whether each is a radio module (gateways, meters, terminals), not a phone.
    """
    rng = plan.rng(Purpose.HANDSETS)
    models = max(_FEWEST_MODELS, len(module) // _HANDSETS_PER_MODEL)
    tacs = rng.choice(np.arange(35_000_000, 35_999_999), models + _MODULES, replace=False)
    tacs[::3] += 86_000_000 - 35_000_000
    share = 1.0 / np.arange(2, models + 2)
    model = np.searchsorted(np.cumsum(share / share.sum())[:-1], rng.random(len(module)))
    model = np.where(module, models + (rng.random(len(module)) * _MODULES).astype(np.int64), model)
    serial = (_counted_within(model) * _STRIDE + rng.integers(_SERIALS, size=models + _MODULES)[model]) % _SERIALS
    body = tacs[model].astype(np.int64) * _SERIALS + serial
    return body * 10 + check_digit(body)


def _counted_within(group: Ints) -> Ints:
    """Return how many members of its group stand before each."""
    order = np.argsort(group, kind="stable")
    sorted_group = group[order]
    starts = np.flatnonzero(np.concatenate([[True], sorted_group[1:] != sorted_group[:-1]]))
    sizes = np.diff(np.concatenate([starts, [len(group)]]))
    count = np.empty(len(group), dtype=np.int64)
    count[order] = np.arange(len(group)) - np.repeat(starts, sizes)
    return count


def check_digit(body: Ints) -> Ints:
    """Return Luhn's check digit of 14 digits."""
    total = np.zeros(len(body), dtype=np.int64)
    rest = body.copy()
    for place in range(14):
        digit = rest % 10
        rest //= 10
        if place % 2 == 0:
            digit = digit * 2
            digit = digit - 9 * (digit > 9)
        total += digit
    return (10 - total % 10) % 10
