"""What severities and labels look like without colour, and how much a chart shows; for the page and for notebooks."""

from __future__ import annotations

import polars as pl

SEVERITY_ICONS = {"CRITICAL": "◆", "HIGH": "▲", "MEDIUM": "■", "LOW": "●"}
"""Severities as characters, so that they never depend on colour alone."""

MAX_DAYS = 62
"""A heat map shows at most that many days, the latest ones."""

MAX_SUSPECTS = 20
"""A timeline shows at most that many suspects, the worst ones."""

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
