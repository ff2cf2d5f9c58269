"""How severities are ordered, in frames."""

from __future__ import annotations

import polars as pl

from sentinel_batch.schema import SEVERITIES, SEVERITY_RANK


def severity_rank(column: str = "alert_severity") -> pl.Expr:
    """Return the rank of a column's severities: 0 for the mildest, -1 for what is none."""
    return pl.col(column).replace_strict(SEVERITY_RANK, default=-1, return_dtype=pl.Int64)


def name_severity(column: str) -> pl.Expr:
    """Undo :func:`severity_rank`: return the names of a column of ranks, NULL for what is none."""
    return pl.col(column).replace_strict(dict(enumerate(SEVERITIES)), default=None, return_dtype=pl.String)
