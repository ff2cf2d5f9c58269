"""A model's judgement of numbers, and its reasons in words."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sentinel_batch import __version__
from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.errors import ModelError
from sentinel_batch.lake import Snapshot
from sentinel_batch.learning.features import KEYS, describe_callers, to_matrix
from sentinel_batch.learning.figures import FEATURE_NAMES, FEATURES
from sentinel_batch.learning.history import find_last_day, load_profiles
from sentinel_batch.learning.keeping import keep_rows
from sentinel_batch.learning.model import Model, open_model
from sentinel_batch.learning.probability import to_probability
from sentinel_batch.learning.wording import WORDING
from sentinel_batch.numbers import normalise_number

SHOWN = 5
"""Reasons for fraud shown of each number, and as many against."""

_SCORED_AT_ONCE = 500_000

_LEAST_PART = 0.05
"""Log-odds below which a figure does not count as a reason."""


@dataclass(frozen=True)
class Reasons:
    """What speaks for fraud, and what against it, the weightiest first, such as ``3.0 times the calls of …: +1.8``.

    Parameters
    ----------
    speaking, against
        In words, with their part in the log-odds.
    """

    speaking: list[str] = field(default_factory=list)
    against: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class CallerExplanation:
    """Why a model thinks what it thinks of a number.

    Parameters
    ----------
    number, day, window_days
        Whom it looked at, and in which trailing days.
    probability
        That the number is fraudulent, at ``base_rate``.
    log_odds
        The same as log-odds: ``start`` plus all contributions.
    start
        Log-odds before anything is known of the number.
    base_rate, model_version
        Of the model.
    contributions
        ``feature, value, words, contribution`` of every figure: first those that speak for fraud, then those against
        it, the weightiest of each first; contributions are log-odds (TreeSHAP), above 0 for fraud.
    """

    number: str
    day: date
    window_days: int
    probability: float
    log_odds: float
    start: float
    base_rate: float
    model_version: str
    contributions: pl.DataFrame

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {**vars(self), "contributions": self.contributions.to_dicts()}


def score_callers(
    lake: DeskLike = None,
    *,
    config: ConfigLike = None,
    model: Model | str | Path,
    until: datetime | None = None,
    numbers: Sequence[str] | None = None,
    base_rate: float | None = None,
) -> pl.DataFrame:
    """Return the model's judgement of every number that called in the trailing days, the most suspicious first.

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
    numbers
        Only these; None is all.
    base_rate
        Share of fraudulent numbers to state probabilities for; None is the model's.

    Returns
    -------
    polars.DataFrame
        ``number, probability, log_odds, segment, day, first_day_start, last_call, minutes, main_imei, main_cell`` and
        the figures that the model took.

    Raises
    ------
    ModelError
        If the model cannot be read, there are no calls, or the base rate is not allowed.
    """
    opened = open_model(model)
    rows = _describe(open_desk(lake, config).snapshot(), opened, until)
    if numbers is not None:
        rows = rows.filter(pl.col("number").is_in(list(numbers)))
    log_odds = opened.calibration.log_odds(rows.drop_in_place("margin").to_numpy(), base_rate)
    judged = (pl.Series("probability", to_probability(log_odds)), pl.Series("log_odds", log_odds))
    # In one piece each, or the frame would copy all of them at once.
    number, *rest = [rows.drop_in_place(name).rechunk() for name in rows.columns]
    return pl.DataFrame([number, *judged, *rest])


def explain_caller(
    number: str,
    *,
    lake: DeskLike = None,
    config: ConfigLike = None,
    model: Model | str | Path,
    until: datetime | None = None,
) -> CallerExplanation:
    """Say why the model thinks what it thinks of a number.

    Parameters
    ----------
    number
        A caller, in any notation.
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
        If the model cannot be read, or the number made no call in the trailing days.
    """
    opened, desk = open_model(model), open_desk(lake, config)
    number = normalise_number(number, desk.config.region)[0] or number
    judged = score_callers(lake=desk, model=opened, until=until, numbers=[number])
    if judged.is_empty():
        raise ModelError(
            f"{number!r} made no call in the {opened.window_days} days that the model looks at.",
            hint="Name a caller as in the call records, such as +2348031234567, or another --until.",
            number=number,
        )
    row = judged.row(0, named=True)
    parts = attribute_callers(judged, opened).drop("number")
    return CallerExplanation(
        number=number,
        day=row["day"],
        window_days=opened.window_days,
        probability=row["probability"],
        log_odds=row["log_odds"],
        # TreeSHAP parts add up to the score, so what is left over is what the model says of nobody in particular.
        start=row["log_odds"] - float(parts["contribution"].sum()),
        base_rate=opened.calibration.base_rate,
        model_version=opened.version,
        contributions=parts,
    )


def attribute_callers(rows: pl.DataFrame, model: Model) -> pl.DataFrame:
    """Return ``number, feature, value, words, contribution`` of rows of figures, by number.

    What speaks for fraud comes first, then what speaks against it, the weightiest of each first.
    """
    parts = model.attribute(to_matrix(rows))
    values = rows.select(FEATURE_NAMES).rows()
    return pl.DataFrame(
        [
            (number, feature.name, figures[place], feature.spell(figures[place]), float(part[place]))
            for number, figures, part in zip(rows["number"], values, parts, strict=True)
            for place, feature in enumerate(FEATURES)
        ],
        schema={
            "number": pl.String, "feature": pl.String, "value": pl.Float64, "words": pl.String,
            "contribution": pl.Float64,
        },
        orient="row",
    ).sort(
        "number", pl.col("contribution") > 0, pl.col("contribution").abs(), "feature",
        descending=[False, True, True, False],
    )  # fmt: skip


def word_reasons(
    rows: pl.DataFrame, model: Model, count: int = SHOWN, *, tables: Snapshot | None = None
) -> dict[str, Reasons]:
    """Return the weightiest reasons of each number in words; for and against are never mixed.

    Parameters
    ----------
    rows
        As :func:`score_callers` returns them.
    model
        The model that they were judged by.
    count
        At most so many reasons for, and so many against, of a number.
    tables
        The lake that they are of, which keeps the answer; None keeps none.
    """

    def compute() -> pl.DataFrame:
        return attribute_callers(rows, model).filter(pl.col("contribution").abs() >= _LEAST_PART)

    asked = hashlib.sha256(to_matrix(rows).tobytes() + repr(rows["number"].to_list()).encode()).hexdigest()
    weighty = (
        compute() if tables is None else keep_rows(tables, "reasons", model.version, WORDING, asked, compute=compute)
    )
    sided = weighty.with_columns(speaks=pl.col("contribution") > 0)
    shown = sided.group_by("number", "speaks", maintain_order=True).head(count)
    reasons: dict[str, Reasons] = {}
    for number, words, part in shown.select("number", "words", "contribution").iter_rows():
        own = reasons.setdefault(number, Reasons())
        (own.speaking if part > 0 else own.against).append(f"{words}: {part:+.1f}")
    return reasons


def _describe(desk: Desk, model: Model, until: datetime | None) -> pl.DataFrame:
    """Return the figures of every caller, and what the trees add up to (``margin``), the highest first."""
    day = find_last_day(desk, until)

    def compute() -> pl.DataFrame:
        profiles = load_profiles(desk, day - timedelta(days=model.window_days - 1), day)
        rows = describe_callers(profiles, until=day, days=model.window_days)
        margins = [model.score(to_matrix(part)) for part in rows.iter_slices(_SCORED_AT_ONCE)]
        margin = np.concatenate([[], *margins])
        # Stable, of rows by number: a fifth of the time of a sort by both. Log-odds rise with the margin.
        order = np.argsort(-margin, kind="stable")
        # Column by column: of millions of callers, the figures in both orders would not fit.
        columns = [rows.drop_in_place(name).gather(order) for name in rows.columns]
        return pl.DataFrame([*columns, pl.Series("margin", margin[order], dtype=pl.Float64)])

    # Segments of days that are not stored come from their file.
    segments = desk.config.segments_file
    told = segments.stat().st_mtime_ns if segments is not None and segments.exists() else None
    # Another version of this program may tell more of a number, or in another order.
    columns = (__version__, "by margin", *KEYS, *FEATURE_NAMES)
    return keep_rows(
        desk.tables, "scores", columns, model.version, day, desk.config.timezone, segments, told, compute=compute
    )
