"""The chart of recordings' scores."""

from __future__ import annotations

from typing import Any, cast

import altair as alt
import polars as pl

from sentinel_batch.reporting.marks import LABEL_COLOURS, LABEL_WORDS, count_scores


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
