"""Training of the model of callers: split, boosted trees, calibration, figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import xgboost

from batch_base.progress import follow
from sentinel_batch.desk import ConfigLike, DeskLike
from sentinel_batch.errors import ModelError
from sentinel_batch.learning.assessment import assess
from sentinel_batch.learning.examples import BACKGROUND, collect_examples, join_examples, open_desks
from sentinel_batch.learning.features import to_matrix
from sentinel_batch.learning.figures import FEATURE_NAMES, FEATURES
from sentinel_batch.learning.model import Model, check_settings, dump_booster
from sentinel_batch.learning.probability import BASE_RATE, Calibration, check_base_rate, fit_calibration
from sentinel_batch.learning.reference import take_reference
from sentinel_batch.learning.sampling import assign_folds

if TYPE_CHECKING:
    from numpy.typing import NDArray

SETTINGS: dict[str, Any] = {
    "objective": "binary:logistic",
    "base_score": 0.5,
    "tree_method": "hist",
    "max_depth": 4,
    "eta": 0.1,
    "subsample": 0.8,
    "colsample_bynode": 0.5,
    "min_child_weight": 1.0,
    "lambda": 2.0,
    "max_bin": 128,
    "nthread": 1,
}
"""Settings of xgboost; one thread and a seed make the trees the same everywhere."""

ROUNDS = 150
THRESHOLD = 0.5
LEAST_NUMBERS = 10
"""Fewest fraudulent, and fewest honest, numbers to train on."""

LEAST_GROUPS = 3
"""Fewest groups of fraudulent numbers: of two boxes, one would be left to learn from."""

HELD_OUT_FOLDS = 3
HELD_OUT_DAYS = 1 / 3
_CALIBRATION_FOLDS = 5


def train_model(
    lakes: DeskLike | Sequence[DeskLike] = None,
    *,
    config: ConfigLike = None,
    labels: str = "both",
    kinds: Sequence[str] | None = None,
    window_days: int = 7,
    step_days: int = 2,
    base_rate: float = BASE_RATE,
    threshold: float = THRESHOLD,
    background: int = BACKGROUND,
    rounds: int = ROUNDS,
    seed: int = 1,
) -> Model:
    """Train a model of callers on the labelled numbers of one lake or several.

    Parameters
    ----------
    lakes
        Desks, or folders of their tables, one or several; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    labels
        ``verdicts`` of analysts and labels from outside, ``truth`` of simulated lakes, or ``both``: the truth if there
        is one, and verdicts before it.
    kinds
        Kinds of fraud to take from the truth; None is all.
    window_days
        Trailing days that a number is described by.
    step_days
        Days between two descriptions of a number.
    background
        Ordinary numbers kept of each day, drawn by their name.
    base_rate
        Share of fraudulent numbers that the probabilities are stated for.
    threshold
        Probability from which the model queues a number that no rule found.
    rounds
        Number of trees.
    seed
        Of every draw: background, split, trees.

    Returns
    -------
    Model
        The same for the same calls, labels, arguments and versions.

    Raises
    ------
    ModelError
        If there are too few labels, no calls, no truth where it is asked for, or an argument is not allowed.
    """
    check_settings(window_days, threshold, seed)
    desks = open_desks(lakes, config)
    examples = join_examples(
        collect_examples(
            desk, labels=labels, kinds=kinds, window_days=window_days, step_days=step_days, background=background,
            seed=seed,
        )
        for desk in desks
    )  # fmt: skip
    facts = {"labels": labels, "kinds": list(kinds or []), "lakes": len(desks), "step_days": step_days}
    return fit_model(
        examples, window_days=window_days, base_rate=base_rate, threshold=threshold, rounds=rounds, seed=seed,
        facts=facts,
    )  # fmt: skip


def fit_model(
    examples: pl.DataFrame,
    *,
    window_days: int,
    base_rate: float = BASE_RATE,
    threshold: float = THRESHOLD,
    rounds: int = ROUNDS,
    seed: int = 1,
    settings: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
    measured: bool = True,
) -> Model:
    """Train a model on examples.

    The split is by time and by group at once: the later third of the days and three tenths of the groups are held out,
    and no example of a held-out group, or of a held-out day, is trained on: the figures come from that. Then the model
    is trained once more, on all examples. Each time trees are calibrated by five-fold cross-validation over groups.

    Parameters
    ----------
    examples
        As :func:`sentinel_batch.learning.examples.collect_examples` returns them.
    window_days, base_rate, threshold, rounds, seed
        As for :func:`train_model`.
    settings
        Over :data:`SETTINGS`.
    facts
        What the card says of the data beside what the examples show.
    measured
        Whether to measure it on what the split holds out, which takes as long again.

    Raises
    ------
    ModelError
        If there are too few examples of a class, or an argument is not allowed.
    """
    check_base_rate(base_rate)
    check_settings(window_days, threshold, seed)
    _check_numbers(examples)
    training, held_out, later = split_examples(examples, seed)
    measurable = measured and _count_numbers(training) is None and held_out["label"].n_unique() == 2
    chosen = {**SETTINGS, **(settings or {}), "monotone_constraints": _constraints(), "seed": seed}
    about = {
        **(facts or {}), "seed": seed, "rounds": rounds, "settings": {k: str(v) for k, v in chosen.items()},
        "held_out_since": later.isoformat() if later else None, "training": summarise(training),
        "held_out": summarise(held_out), "all": summarise(examples),
    }  # fmt: skip

    def fit(part: pl.DataFrame, figures: dict[str, Any]) -> Model:
        trees = _boost(part, chosen, rounds)
        calibration = _calibrate(part, chosen, rounds, base_rate)
        reference = take_reference(part, _measure_gains(trees))
        return Model(
            dump_booster(trees), calibration, window_days, threshold, training=about, figures=figures,
            reference=reference,
        )  # fmt: skip

    return fit(examples, assess(fit(training, {}), held_out) if measurable else {})


def split_examples(examples: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, pl.DataFrame, date | None]:
    """Return what the figures are trained on, what they are measured on, and the first held-out day.

    The day is None if there is only one, so that only groups can be held out.
    """
    folded = assign_folds(examples, seed)
    later = _held_out_since(folded)
    early, late = (pl.col("day") < later, pl.col("day") >= later) if later else (pl.lit(True), pl.lit(True))
    kept = pl.col("fold") >= HELD_OUT_FOLDS
    return folded.filter(kept & early).drop("fold"), folded.filter(~kept & late).drop("fold"), later


def _calibrate(examples: pl.DataFrame, settings: Mapping[str, Any], rounds: int, base_rate: float) -> Calibration:
    scores = _cross_score(examples, settings, rounds)
    return fit_calibration(scores, examples["label"], weights=examples["weight"], base_rate=base_rate)


def _measure_gains(trees: xgboost.Booster) -> dict[str, float]:
    """Return how much each figure lowers the loss, over all its splits."""
    gains = trees.get_score(importance_type="total_gain")
    return {FEATURE_NAMES[int(name[1:])]: round(float(str(gain)), 6) for name, gain in gains.items()}


def summarise(examples: pl.DataFrame) -> dict[str, Any]:
    """Return what examples there are: rows, numbers and groups of each class, days, kinds of fraud."""
    fraud, honest = examples.filter(pl.col("label") == 1), examples.filter(pl.col("label") == 0)
    kinds = fraud.group_by("kind", "strategy").agg(numbers=pl.col("number").n_unique()).sort("kind", "strategy")
    first, last = examples["day"].min(), examples["day"].max()
    return {
        "rows": examples.height,
        "fraud_rows": fraud.height,
        "fraud_numbers": fraud["number"].n_unique(),
        "fraud_groups": fraud["group"].n_unique(),
        "honest_numbers": honest["number"].n_unique(),
        "first_day": str(first) if first else None,
        "last_day": str(last) if last else None,
        "sources": dict(examples["source"].value_counts().sort("source").iter_rows()),
        "kinds": [
            {"kind": kind, "strategy": strategy, "numbers": count} for kind, strategy, count in kinds.iter_rows()
        ],
    }


def _check_numbers(examples: pl.DataFrame) -> None:
    problem = _count_numbers(examples)
    if problem is not None:
        raise problem


def _count_numbers(examples: pl.DataFrame) -> ModelError | None:
    """Return what is wrong with the number of labels, if it is."""
    for label, name in ((1, "fraudulent"), (0, "honest")):
        count = examples.filter(pl.col("label") == label)["number"].n_unique()
        if count < LEAST_NUMBERS:
            return ModelError(
                f"There are too few labels: {count} {name} numbers; at least {LEAST_NUMBERS} are needed.",
                hint="Review more alerts (sentinel-batch alerts review), or add simulated calls (--labels truth).",
                label=name,
                found=count,
                needed=LEAST_NUMBERS,
            )
    # SIMs of one box resemble each other: twelve of them are one example, not twelve.
    groups = examples.filter(pl.col("label") == 1)["group"].n_unique()
    if groups < LEAST_GROUPS:
        return ModelError(
            f"The fraudulent numbers form {groups} groups; at least {LEAST_GROUPS} are needed.",
            hint="Numbers of one box look alike: label numbers of other boxes.",
            found=groups,
            needed=LEAST_GROUPS,
        )
    return None


def _held_out_since(examples: pl.DataFrame) -> date | None:
    """Return the first held-out day; None if there is only one day, so that only groups can be held out."""
    days = examples["day"].unique().sort().to_list()
    if len(days) < 2:
        return None
    found: date = days[min(len(days) - 1, round(len(days) * (1 - HELD_OUT_DAYS)))]
    return found


def _constraints() -> str:
    return "(" + ",".join(str(feature.direction) for feature in FEATURES) + ")"


def _boost(examples: pl.DataFrame, settings: Mapping[str, Any], rounds: int) -> xgboost.Booster:
    data = xgboost.DMatrix(
        to_matrix(examples), label=examples["label"].to_numpy(), weight=_weigh_classes(examples["label"].to_numpy())
    )
    return xgboost.train(dict(settings), data, num_boost_round=rounds)


def _weigh_classes(labels: NDArray[Any]) -> NDArray[Any]:
    """Weigh fraud up by the square root of its rarity: full balance would spoil the order in the tail."""
    fraud = labels == 1
    return np.asarray(np.where(fraud, np.sqrt((~fraud).sum() / fraud.sum()), 1.0))


def _cross_score(examples: pl.DataFrame, settings: Mapping[str, Any], rounds: int) -> NDArray[Any]:
    """Score every example by trees that have not seen its group."""
    # Another seed than the held-out split, or the calibration folds would be cut along the same lines.
    folds = assign_folds(examples, int(settings["seed"]) + 1)["fold"].to_numpy() % _CALIBRATION_FOLDS
    scores = np.full(examples.height, np.nan)
    for fold in follow(range(_CALIBRATION_FOLDS), lambda fold: f"fold {fold + 1} of {_CALIBRATION_FOLDS}"):
        seen, unseen = examples.filter(pl.Series(folds != fold)), examples.filter(pl.Series(folds == fold))
        if unseen.height and seen["label"].n_unique() == 2:
            scores[folds == fold] = _boost(seen, settings, rounds).inplace_predict(
                to_matrix(unseen), predict_type="margin"
            )
    # Where the other folds lack a class, nothing can be trained to score a fold; its rows get the mean, which hardly
    # moves the line.
    return np.asarray(np.nan_to_num(scores, nan=float(np.nanmean(scores))))
