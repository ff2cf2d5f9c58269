"""Boosted trees over the segment statistics: the part of the scorer that gives reasons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from numpy.typing import ArrayLike, NDArray

from audio_batch.errors import ModelError

SETTINGS: dict[str, Any] = {
    "objective": "binary:logistic",
    "tree_method": "hist",
    "max_depth": 5,
    "eta": 0.06,
    "subsample": 0.7,
    "colsample_bynode": 0.3,
    "min_child_weight": 5,
    "max_bin": 64,
    "nthread": 1,
    "seed": 20261121,
}
ROUNDS = 300


class Trees:
    """A trained booster.

    Parameters
    ----------
    booster
        Of xgboost; its inputs are the statistics in the order of the model's names.
    """

    def __init__(self, booster: xgboost.Booster) -> None:
        self._booster = booster
        self._booster.set_param({"nthread": 1})

    def score(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return log-odds of synthetic for values of shape (rows, features)."""
        return np.asarray(self._booster.inplace_predict(values, predict_type="margin"), dtype=np.float64)

    def explain(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the part of each feature in the log-odds (TreeSHAP), shape (rows, features)."""
        parts = self._booster.predict(xgboost.DMatrix(values), pred_contribs=True)
        return np.asarray(parts[:, :-1], dtype=np.float64)

    def save(self, path: Path) -> None:
        """Write the booster as JSON."""
        self._booster.save_model(str(path))


def fit_trees(
    values: NDArray[np.float32], labels: ArrayLike, weights: ArrayLike, *, rounds: int = ROUNDS, **settings: Any
) -> Trees:
    """Train boosted trees.

    Parameters
    ----------
    values
        Shape (rows, features), NaN allowed.
    labels
        0 = human, 1 = synthetic.
    weights
        Importance of each row, see `training.weigh_rows`.
    rounds
        Number of trees.
    settings
        Overrides of `SETTINGS`.
    """
    data = xgboost.DMatrix(values, label=np.asarray(labels), weight=np.asarray(weights))
    return Trees(xgboost.train(SETTINGS | settings, data, num_boost_round=rounds))


def load_trees(path: Path) -> Trees:
    """Read a booster in xgboost's JSON form.

    Raises
    ------
    ModelError
        The file is missing, or is not such a booster.
    """
    if not path.is_file():
        raise ModelError(f"No trees at {str(path)!r}", hint="A model is a folder; copy it as a whole.")
    booster = xgboost.Booster()
    try:
        booster.load_model(str(path))
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise ModelError(f"{str(path)!r} is not a booster in JSON form", hint="Train the model again.") from error
    return Trees(booster)
