"""Whether what a model says of a night can be trusted, and what its order is worth where its scale is not."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from sentinel_batch.desk import ConfigLike, DeskLike
from sentinel_batch.learning.model import Model, open_model
from sentinel_batch.learning.reference import FEWEST_CALLERS, MUCH, keep_busy, measure_changes, weigh_changes
from sentinel_batch.learning.scoring import score_callers

RANK_TRUST = 0.5
"""What a rank is worth at best: even odds, since the scale that would say more is not trusted."""

_NEAR = 0.5
_WEIGHTY = 0.02
_NAMED = 5


@dataclass(frozen=True)
class ModelCheck:
    """What a model's judgement of a night is worth.

    Parameters
    ----------
    model_version
        Whose judgement.
    callers, busy
        Numbers that were judged, and busy callers among them that the model does not list, whose figures are compared
        with those of the honest ones of training.
    drift, limit
        Mean population stability index, weighted by what figures bring to the trees, and from where on it is too much;
        None where there are too few callers to tell, or the model has no reference.
    drifted
        Figures that carry weight and have changed much: name to index, the greatest first.
    highest, threshold
        Highest probability of the night, and the model's threshold.
    expected
        Fraudulent numbers to be expected at the model's base rate.
    notices
        What is wrong, in sentences; none if the probabilities can be trusted.
    """

    model_version: str
    callers: int
    busy: int
    drift: float | None
    limit: float | None
    drifted: dict[str, float]
    highest: float | None
    threshold: float
    expected: float
    notices: tuple[str, ...]

    @property
    def trusted(self) -> bool:
        """Whether nothing is wrong."""
        return not self.notices

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {**asdict(self), "notices": list(self.notices), "trusted": self.trusted}


def check_model(
    lake: DeskLike = None,
    *,
    config: ConfigLike = None,
    model: Model | str | Path,
    until: datetime | None = None,
) -> ModelCheck:
    """Tell whether a model's judgement of the trailing days can be trusted.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    model
        The model, its folder, or the name of a shipped one.
    until
        The last local day that began before it is the last one looked at; None is the last day with calls.

    Raises
    ------
    ModelError
        If the model cannot be read, or there are no calls.
    """
    opened = open_model(model)
    return check_scores(score_callers(lake, config=config, model=opened, until=until), opened)


def check_scores(rows: pl.DataFrame, model: Model) -> ModelCheck:
    """Return the same of scores that are there (``probability`` and the figures that the model took)."""
    # The reference is of honest callers, so those that the model itself suspects are left out of the comparison.
    busy = keep_busy(rows).filter(pl.col("probability") < model.threshold)
    features = model.reference.get("features", {})
    enough = bool(features) and busy.height >= FEWEST_CALLERS
    changes = measure_changes(features, busy) if enough else {}
    weighty = {name: index for name, index in changes.items() if features[name]["weight"] >= _WEIGHTY and index > MUCH}
    highest = rows["probability"].max()
    check = ModelCheck(
        model_version=model.version,
        callers=rows.height,
        busy=busy.height,
        drift=weigh_changes(features, changes) if enough else None,
        limit=float(model.reference["limit"]) if enough else None,
        drifted=dict(sorted(weighty.items(), key=lambda item: (-item[1], item[0]))),
        highest=highest if isinstance(highest, float) else None,
        threshold=model.threshold,
        expected=model.calibration.base_rate * rows.height,
        notices=(),
    )
    return ModelCheck(**{**vars(check), "notices": tuple(_find_faults(check))})


def _find_faults(check: ModelCheck) -> list[str]:
    faults = []
    if check.drift is not None and check.limit is not None and check.drift > check.limit:
        named = ", ".join(f"{name.replace('_', ' ')} {index:.2f}" for name, index in [*check.drifted.items()][:_NAMED])
        faults.append(
            f"The callers of these days are unlike those that the model {check.model_version} learned from: stability "
            f"index {check.drift:.2f}, above {check.limit:.2f} ({named}). Its probabilities cannot be trusted; its "
            "order takes part. Train it on this network: sentinel-batch model train."
        )
    if check.highest is not None and check.expected >= 1 and check.highest < _NEAR * check.threshold:
        faults.append(
            f"No number comes near the threshold {check.threshold:g} of the model {check.model_version}: the highest "
            f"probability is {check.highest:.3f}, and {check.expected:.0f} fraudulent numbers would be expected among "
            f"{check.callers:,}. Its order takes part. Train it on this network: sentinel-batch model train."
        )
    return faults


def witness(scores: pl.DataFrame, model: Model, check: ModelCheck) -> pl.DataFrame:
    """Return what the model says of each number as a witness of the queue.

    A number of rank k among N has, if the order is right, fraud ahead of it as far as there is any: of the first k, a
    share of ``min(1, base_rate * N / k)`` is expected to be fraudulent. Half of that is what the rank alone is worth;
    the witness is the greater of it and the probability. From the rank alone a number is listed only if the
    probabilities cannot be trusted, and only as many as are expected to be fraudulent.

    Parameters
    ----------
    scores
        ``number, probability``, and ``log_odds`` to rank by.
    model, check
        Whose they are, and what they are worth.

    Returns
    -------
    polars.DataFrame
        ``number, probability, model_rank`` (from 1), ``witness`` (0 to 1), ``listed``, the highest rank first.
    """
    named = scores.select("number", "probability", "log_odds")
    ordered = named.sort("log_odds", "number", descending=[True, False]).with_row_index("model_rank", offset=1)
    ranked = ordered.with_columns(pl.col("model_rank").cast(pl.Int64))
    share = (check.expected / pl.col("model_rank")).clip(0.0, 1.0)
    first = pl.lit(not check.trusted) & (pl.col("model_rank") <= check.expected)
    return ranked.select(
        "number",
        "probability",
        "model_rank",
        witness=pl.max_horizontal("probability", RANK_TRUST * share),
        listed=(pl.col("probability") >= model.threshold) | first,
    )
