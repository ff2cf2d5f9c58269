"""How the figures of the callers that a model learned from are distributed, to tell how far another night is from them.

The distance is the population stability index, ``sum((a - e) ln(a / e))`` over ten bins of equal mass in training and
one of unknown values: below 0.1 nothing has changed, above 0.25 much has (N. Siddiqi, "Credit Risk Scorecards", 2006).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from sentinel_batch.learning.figures import FEATURE_NAMES

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 10
MUCH = 0.25
"""Index from which a distribution has changed much."""

FEWEST_CALLERS = 100
"""Of fewer busy callers an index is mostly chance: some 10 / n for each of two samples of n."""

_LEAST_SHARE = 1e-3


def take_reference(examples: pl.DataFrame, gains: Mapping[str, float]) -> dict[str, Any]:
    """Return what a model stores of the callers that it learned from.

    Parameters
    ----------
    examples
        As :func:`sentinel_batch.learning.examples.collect_examples` returns them, of several lakes with ``network``.
    gains
        What each figure brings to the trees; figures that bring nothing are left out.

    Returns
    -------
    dict
        ``features``: by name ``edges`` (of bins), ``shares`` (of bins, the last of unknown values) and ``weight``;
        ``limit``: the greater of :data:`MUCH` and the farthest that one of the networks is from all together, since
        the model is known to cope with these. Empty for too few callers.
    """
    honest = keep_busy(examples.filter(pl.col("label") == 0))
    total = sum(gains.values())
    if honest.height < FEWEST_CALLERS or not total:
        return {}
    weights = honest["weight"].to_numpy().astype(np.float64)
    features = {
        name: {**_bin(honest[name].to_numpy().astype(np.float64), weights), "weight": gains[name] / total}
        for name in FEATURE_NAMES
        if gains.get(name, 0.0) > 0
    }
    networks = honest.partition_by("network") if "network" in honest.columns else []
    distances = [
        weigh_changes(features, measure_changes(features, part)) for part in networks if part.height >= FEWEST_CALLERS
    ]
    return {"features": features, "limit": round(max([MUCH, *distances]), 6)}


def keep_busy(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the busier half of the busy callers: those that a model has to tell apart."""
    return rows.filter(pl.col("callees_per_day") >= 0)


def measure_changes(features: Mapping[str, Mapping[str, Any]], rows: pl.DataFrame) -> dict[str, float]:
    """Return the population stability index of each figure of rows against a reference."""
    weights = rows["weight"].to_numpy().astype(np.float64) if "weight" in rows.columns else np.ones(rows.height)
    changes = {}
    for name, kept in features.items():
        found = _share(rows[name].to_numpy().astype(np.float64), np.array(kept["edges"]), weights)
        actual, expected = (np.maximum(part, _LEAST_SHARE) for part in (found, np.array(kept["shares"])))
        changes[name] = float(np.sum((actual - expected) * np.log(actual / expected)))
    return changes


def weigh_changes(features: Mapping[str, Mapping[str, Any]], changes: Mapping[str, float]) -> float:
    """Return the mean index, each figure weighted by what it brings to the trees."""
    return float(sum(kept["weight"] * changes[name] for name, kept in features.items()))


def _bin(values: NDArray[Any], weights: NDArray[Any]) -> dict[str, list[float]]:
    known = ~np.isnan(values)
    edges: NDArray[Any] = np.zeros(0)
    if known.any():
        order = np.argsort(values[known], kind="stable")
        mass = np.cumsum(weights[known][order])
        places = np.searchsorted(mass, mass[-1] * np.arange(1, BINS) / BINS)
        # Many equal values fill several bins: they share one edge, and the shares are counted after that.
        edges = np.unique(np.round(values[known][order][np.minimum(places, len(order) - 1)], 6))
    return {"edges": edges.tolist(), "shares": np.round(_share(values, edges, weights), 6).tolist()}


def _share(values: NDArray[Any], edges: NDArray[Any], weights: NDArray[Any]) -> NDArray[Any]:
    """Return the share of each bin, values at an edge below it, and of unknown values."""
    unknown = np.isnan(values)
    places = np.where(unknown, len(edges) + 1, np.searchsorted(edges, np.round(values, 6), side="left"))
    counted = np.bincount(places, weights=weights, minlength=len(edges) + 2)
    shares: NDArray[Any] = counted / max(counted.sum(), _LEAST_SHARE)
    return shares
