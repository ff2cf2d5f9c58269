"""Labelled examples: numbers, described as they looked on a day, with what they turned out to be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

import polars as pl

from batch_base.progress import follow
from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.errors import ModelError
from sentinel_batch.lake import Lake
from sentinel_batch.learning.features import describe_callers
from sentinel_batch.learning.figures import FEATURE_NAMES
from sentinel_batch.learning.history import list_days, load_profiles
from sentinel_batch.learning.labels import (
    check_source,
    has_truth,
    known_numbers,
    label_by_truth,
    read_truth,
    read_verdicts,
    snapshot_days,
)
from sentinel_batch.learning.sampling import draw_all

BACKGROUND = 20_000
"""Ordinary numbers kept of each day unless told otherwise; each stands for several."""

_COLUMNS = ("number", "day", "group", "label", "weight", "source", "kind", "strategy")


def open_desks(lakes: DeskLike | Sequence[DeskLike], config: ConfigLike) -> list[Desk]:
    """Return the desks of one lake or several, each as it is now.

    Raises
    ------
    ModelError
        If none is named.
    """
    given = [lakes] if lakes is None or isinstance(lakes, Desk | Lake | str | Path) else list(lakes)
    if not given:
        raise ModelError("No lake was named.", hint="Name at least one lake to learn from.")
    return [open_desk(lake, config).snapshot() for lake in given]


def join_examples(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Return the examples of several lakes as one frame; groups are told apart by lake, its place is ``network``."""
    return pl.concat(
        part.with_columns(group=pl.format("{} {}", pl.lit(place), "group"), network=pl.lit(place))
        for place, part in enumerate(parts)
    )


def collect_examples(
    desk: Desk,
    *,
    labels: str = "both",
    kinds: Sequence[str] | None = None,
    window_days: int = 7,
    step_days: int = 2,
    background: int = BACKGROUND,
    seed: int = 1,
) -> pl.DataFrame:
    """Return the labelled examples of a lake.

    Parameters
    ----------
    desk
        A snapshot: where the calls, the verdicts and (if it is simulated) the truth lie.
    labels
        ``verdicts``: alerts that were confirmed or found false, on the day of their alert, labels from outside, on
        theirs, and a background of numbers that never had either, taken to be honest. ``truth``: every number of a
        simulated lake, every ``step_days``. ``both``: the truth if there is one, and verdicts before it.
    kinds
        Kinds of fraud to learn from truth; None is all.
    window_days
        Trailing days that a number is described by.
    step_days
        Days between two descriptions of a number.
    background
        Ordinary numbers kept of each day, drawn by their name.
    seed
        Of the draw.

    Returns
    -------
    polars.DataFrame
        ``number, day, group, label`` (1 is fraud), ``weight`` (numbers that the row stands for), ``source, kind,
        strategy`` and the features. Rows of one group (a box, a handset with several numbers, else one number) belong
        on one side of any split.

    Raises
    ------
    ModelError
        If there are no calls, or no truth where it is asked for.
    """
    source, tables = check_source(labels), desk.tables
    days = list_days(desk)
    profiles = load_profiles(desk, *_ends(days))
    truth = read_truth(tables) if source == "truth" or (source == "both" and has_truth(tables)) else None
    verdicts = read_verdicts(tables, days) if source != "truth" else None
    wanted = _wanted_days(days, verdicts, truth is not None, step_days)
    honest = None if truth is not None else known_numbers(tables)
    parts = []
    for day, rows in _describe(profiles, wanted, window_days):
        labelled = _label(rows, day, truth, verdicts, honest, kinds, window_days)
        parts.append(_thin(labelled, background, seed))
    return _group(pl.concat(parts)).select(*_COLUMNS, *FEATURE_NAMES).sort("day", "number")


def _wanted_days(days: pl.DataFrame, verdicts: pl.DataFrame | None, regular: bool, step: int) -> list[date]:
    first, last = _ends(days)
    wanted = set(snapshot_days(first, last, step)) if regular else {last}
    return sorted(wanted | set(verdicts["day"].to_list() if verdicts is not None else []))


def _ends(days: pl.DataFrame) -> tuple[date, date]:
    dates = days["local_date"].to_list()
    return dates[0], dates[-1]


def _describe(profiles: pl.LazyFrame, days: list[date], window: int) -> Iterator[tuple[date, pl.DataFrame]]:
    for day in follow(days):
        yield day, describe_callers(profiles, until=day, days=window)


def _label(
    rows: pl.DataFrame,
    day: date,
    truth: pl.DataFrame | None,
    verdicts: pl.DataFrame | None,
    honest: pl.Series | None,
    kinds: Sequence[str] | None,
    window: int,
) -> pl.DataFrame:
    """Label the numbers of one day; ``honest`` holds those that do not belong to the background."""
    if truth is not None:
        known = label_by_truth(rows.with_columns(days=pl.lit(window)), truth, kinds).with_columns(
            source=pl.lit("truth"), common=pl.col("role").fill_null("subscriber") == "subscriber"
        )
    else:
        alerted = pl.col("number").is_in(honest.implode()) if honest is not None else pl.lit(False)
        known = rows.with_columns(
            label=pl.when(~alerted).then(pl.lit(0, dtype=pl.Int8)),
            source=pl.lit("background"),
            common=~alerted,
            **{name: pl.lit(None, dtype=pl.String) for name in ("kind", "strategy", "box_id")},
        )
    if verdicts is not None:
        known = _overrule(known, verdicts.filter(pl.col("day") == day).select("number", verdict="label"))
    return known.filter(pl.col("label").is_not_null())


def _overrule(rows: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    judged = pl.col("verdict").is_not_null()
    return rows.join(verdicts, on="number", how="left").with_columns(
        label=pl.coalesce("verdict", "label"),
        source=pl.when(judged).then(pl.lit("verdict")).otherwise("source"),
        common=pl.col("common") & ~judged,
    )


def _thin(rows: pl.DataFrame, background: int, seed: int) -> pl.DataFrame:
    """Keep a draw of the ordinary numbers, each of which then stands for several."""
    common = pl.col("common") & (pl.col("label") == 0)
    total = rows.filter(common).height
    share = min(1.0, background / total) if total else 1.0
    drawn = rows.with_columns(draw_all(rows["number"], seed)) if share < 1 else rows.with_columns(draw=pl.lit(0.0))
    kept = drawn.filter(~common | (pl.col("draw") < share))
    left = kept.filter(common).height
    return kept.with_columns(weight=pl.when(common).then(total / left if left else 1.0).otherwise(1.0))


def _group(rows: pl.DataFrame) -> pl.DataFrame:
    shared = pl.col("number").n_unique().over("main_imei") > 1
    handset = pl.when(pl.col("main_imei").is_not_null() & shared).then(pl.format("handset {}", "main_imei"))
    return rows.with_columns(group=pl.coalesce(pl.format("box {}", "box_id"), handset, "number"))
