"""The chart of recordings' scores."""

from __future__ import annotations

from typing import Any, cast

import altair as alt
import polars as pl

LABEL_COLOURS = {"likely_synthetic": "#d92d20", "uncertain": "#a67c00", "likely_real": "#3f7fbf"}
"""Each has a contrast of at least 3:1 against the light and the dark page."""

LABEL_WORDS = {"likely_synthetic": "likely synthetic", "uncertain": "uncertain", "likely_real": "likely real"}

LABEL_ICONS = {"likely_synthetic": "◆", "uncertain": "■", "likely_real": "●"}
"""Labels as characters, so that they never depend on colour alone."""

BINS = 20
"""Bars from 0 to 1."""


def count_scores(recordings: pl.DataFrame) -> pl.DataFrame:
    """Count recordings by score and label: ``low`` and ``high`` end of the bar, ``label``, ``recordings``."""
    place = (pl.col("score") * BINS).floor().clip(0, BINS - 1).cast(pl.Int64)
    return (
        recordings.drop_nulls("score")
        .group_by(place.alias("bin"), "label")
        .agg(pl.len().cast(pl.Int64).alias("recordings"))
        .sort("bin", "label")
        .select(_edge(0).alias("low"), _edge(1).alias("high"), "label", "recordings")
    )


def _edge(offset: int) -> pl.Expr:
    return ((pl.col("bin") + offset) / BINS).round(4)


def chart_scores(recordings: pl.DataFrame) -> alt.Chart:
    """Draw how the scores of recordings are distributed.

    Parameters
    ----------
    recordings
        Columns ``score`` (0 human … 1 synthetic; recordings without one are left out) and ``label``.

    Returns
    -------
    altair.Chart
        Bars from 0 to 1, stacked by label.
    """
    words = pl.col("label").replace_strict(LABEL_WORDS, default="no label", return_dtype=pl.String)
    order = pl.col("label").replace_strict(
        {label: place for place, label in enumerate(LABEL_COLOURS)}, default=9, return_dtype=pl.Int64
    )
    counts = count_scores(recordings).with_columns(words.alias("word"), order.alias("order"))
    most = max([1, *counts.group_by("low").agg(pl.col("recordings").sum())["recordings"].to_list()])
    chart = (
        alt.Chart(counts)
        .mark_bar(binSpacing=1)
        .encode(
            x=alt.X(
                "low:Q",
                bin="binned",
                title="Score: 0 human … 1 synthetic",
                scale=alt.Scale(domain=[0, 1], nice=False),
                axis=alt.Axis(values=[0, 0.2, 0.4, 0.6, 0.8, 1], format=".1f", grid=False),
            ),
            x2="high:Q",
            y=alt.Y("recordings:Q", title="Recordings", axis=_count_axis(most), scale=alt.Scale(domain=[0, most])),
            color=_colours(),
            order="order:Q",
            tooltip=[
                alt.Tooltip("low:Q", title="From", format=".2f"),
                alt.Tooltip("high:Q", title="To", format=".2f"),
                alt.Tooltip("word:N", title="Label"),
                alt.Tooltip("recordings:Q", title="Recordings", format=",d"),
            ],
        )
        .properties(height=180)
    )
    return cast("alt.Chart", chart)


def _colours() -> Any:
    scale = alt.Scale(domain=list(LABEL_WORDS.values()), range=list(LABEL_COLOURS.values()))
    return alt.Color("word:N", title=None, scale=scale, legend=alt.Legend(orient="bottom", columns=3))


def _count_axis(most: int) -> Any:
    return alt.Axis(format=",d", values=list(range(0, most + 1, max(1, -(-most // 4)))))
