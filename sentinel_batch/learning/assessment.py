"""How well a model judges numbers that it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from sentinel_batch.desk import ConfigLike, DeskLike
from sentinel_batch.errors import ModelError
from sentinel_batch.learning.examples import BACKGROUND, collect_examples, join_examples, open_desks
from sentinel_batch.learning.features import to_matrix
from sentinel_batch.learning.intervals import wilson_interval
from sentinel_batch.learning.measures import average_precision, precision_at, recall_at, reliability
from sentinel_batch.learning.model import Model, open_model
from sentinel_batch.learning.probability import to_probability

if TYPE_CHECKING:
    from numpy.typing import NDArray


def evaluate_model(
    model: Model | str | Path,
    lakes: DeskLike | Sequence[DeskLike] = None,
    *,
    config: ConfigLike = None,
    labels: str = "both",
    kinds: Sequence[str] | None = None,
    step_days: int = 2,
    background: int = BACKGROUND,
    seed: int = 1,
) -> dict[str, Any]:
    """Measure a model on the labelled numbers of other lakes than those it was trained on.

    Parameters
    ----------
    model
        The model, its folder, or the name of a shipped one.
    lakes
        Desks, or folders of their tables, one or several; None is the configured one. On a lake that the model
        was trained on, the figures are too good.
    config
        Settings, or their file; None looks for them as the command line does.
    labels
        ``verdicts`` of analysts and labels from outside, ``truth`` of simulated lakes, or ``both``: the truth if there
        is one, and verdicts before it.
    kinds
        Kinds of fraud to take from the truth; None is all.
    step_days
        Days between two descriptions of a number.
    background
        Ordinary numbers kept of each day, drawn by their name.
    seed
        Of the draw.

    Returns
    -------
    dict
        The figures of :func:`sentinel_batch.learning.assessment.assess`.

    Raises
    ------
    ModelError
        If the model cannot be read, or the lakes hold no fraudulent, or no honest, labelled number.
    """
    opened = open_model(model)
    examples = join_examples(
        collect_examples(
            desk, labels=labels, kinds=kinds, window_days=opened.window_days, step_days=step_days,
            background=background, seed=seed,
        )
        for desk in open_desks(lakes, config)
    )  # fmt: skip
    return assess(opened, examples)


def assess(model: Model, examples: pl.DataFrame) -> dict[str, Any]:
    """Return the figures of a model on examples.

    Parameters
    ----------
    model
        The model.
    examples
        As :func:`sentinel_batch.learning.examples.collect_examples` returns them.

    Returns
    -------
    dict
        ``rows``, ``fraud_rows``; of every number at its last description: ``numbers``, ``fraud_numbers``,
        ``average_precision`` (at the share of fraud in the examples), ``average_precision_at_base_rate`` (weighted to
        the model's base rate), ``precision_at_k`` (k is the number of fraudulent numbers), ``threshold`` with
        ``precision`` and ``recall`` from it, each with its 95 % interval; ``recall_by_kind``; and, over all rows,
        ``log_loss`` and ``reliability`` at the base rate.

    Raises
    ------
    ModelError
        If a class is missing.
    """
    if examples.is_empty() or examples["label"].n_unique() < 2:
        raise ModelError(
            "The examples hold no fraudulent, or no honest, number: there is nothing to measure.",
            hint="Add labels: review alerts, or simulate fraud.",
        )
    probability = to_probability(model.calibration.log_odds(model.score(to_matrix(examples))))
    judged = examples.select("number", "day", "group", "label", "weight", "kind", "strategy").with_columns(
        pl.Series("probability", probability),
        based=pl.Series(_weigh_to(examples, model.calibration.base_rate)),
    )
    latest = judged.sort("day").group_by("group", "number", maintain_order=True).last()
    return {
        "rows": judged.height,
        "fraud_rows": int(judged["label"].sum()),
        **_rank(latest, model),
        "log_loss": _log_loss(judged),
        "reliability": reliability(judged["label"], judged["probability"], judged["based"]),
    }


def _rank(numbers: pl.DataFrame, model: Model) -> dict[str, Any]:
    label, probability = numbers["label"], numbers["probability"]
    fraud = int(label.sum())
    flagged = numbers.filter(pl.col("probability") >= model.threshold)
    hits = int(flagged["label"].sum())
    return {
        "numbers": numbers.height,
        "fraud_numbers": fraud,
        "base_rate": model.calibration.base_rate,
        "average_precision": average_precision(label, probability),
        "average_precision_at_base_rate": average_precision(
            label, probability, _weigh_to(numbers, model.calibration.base_rate)
        ),
        "precision_at_k": precision_at(label, probability, fraud),
        "recall_at_50": recall_at(label, probability, 50),
        "threshold": model.threshold,
        "flagged": flagged.height,
        "precision": hits / flagged.height if flagged.height else None,
        "precision_interval": wilson_interval(hits, flagged.height),
        "recall": hits / fraud if fraud else None,
        "recall_interval": wilson_interval(hits, fraud),
        "recall_by_kind": _recall_by_kind(numbers, model.threshold),
    }


def _recall_by_kind(numbers: pl.DataFrame, threshold: float) -> list[dict[str, Any]]:
    return (
        numbers.filter(pl.col("label") == 1)
        .group_by("kind", "strategy")
        .agg(
            numbers=pl.len().cast(pl.Int64),
            recall=(pl.col("probability") >= threshold).mean(),
            median_probability=pl.col("probability").median(),
        )
        .sort("kind", "strategy")
        .to_dicts()
    )


def _weigh_to(rows: pl.DataFrame, base_rate: float) -> NDArray[Any]:
    """Weigh rows so that fraud has the base rate, and within a class each row what it stands for."""
    mass, fraud = rows["weight"].to_numpy().astype(np.float64), rows["label"].to_numpy() == 1
    scale = np.ones(len(mass))
    for inside, share in ((fraud, base_rate), (~fraud, 1 - base_rate)):
        total = mass[inside].sum()
        scale[inside] = share / total if total else 0.0
    return mass * scale


def _log_loss(rows: pl.DataFrame) -> float:
    stated = np.clip(rows["probability"].to_numpy(), 1e-12, 1 - 1e-12)
    true = np.where(rows["label"].to_numpy() == 1, stated, 1 - stated)
    return float(-(rows["based"].to_numpy() * np.log(true)).sum())
