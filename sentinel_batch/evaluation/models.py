"""Models that have never seen the strategy, nor the populations, that they are tested on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from sentinel_batch.desk import Desk
from sentinel_batch.learning.examples import collect_examples, join_examples
from sentinel_batch.learning.model import Model
from sentinel_batch.learning.training import fit_model

KIND = "simbox"
"""The kind of fraud that the models learn; campaigns are the rules' and are left out of training."""

BACKGROUND = 5_000
"""Ordinary numbers kept of each day and population."""

WINDOW_DAYS = 7


def collect_training(desks: Sequence[Desk]) -> pl.DataFrame:
    """Return the labelled examples of simulated populations, every second day; groups are told apart by population."""
    return join_examples(
        collect_examples(desk.snapshot(), labels="truth", kinds=[KIND], window_days=WINDOW_DAYS, background=BACKGROUND)
        for desk in desks
    )


def train_without(
    examples: pl.DataFrame, strategy: str | None, *, settings: Mapping[str, Any] | None = None, seed: int = 1
) -> Model:
    """Train on all strategies but one; on all if it is None.

    Parameters
    ----------
    examples
        As :func:`collect_training` returns them.
    strategy
        The strategy that the model is to be tested on.
    settings, seed
        As for :func:`sentinel_batch.learning.training.fit_model`.
    """
    kept = examples.filter(pl.col("strategy").ne_missing(strategy)) if strategy is not None else examples
    facts = {"labels": "truth", "kinds": [KIND], "left_out": strategy}
    return fit_model(kept, window_days=WINDOW_DAYS, seed=seed, settings=settings, facts=facts, measured=False)
