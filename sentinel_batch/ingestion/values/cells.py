"""Cells as they stand in a file: missing, tidied, mapped; each distinct value once."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

from sentinel_batch.numbers import MISSING_TOKENS

if TYPE_CHECKING:
    import polars as pl


def is_missing(text: pl.Series) -> pl.Series:
    import polars as pl

    return map_distinct(text, lambda cell: "" if is_missing_cell(cell) else "x").cast(pl.String).fill_null("") == ""


def is_missing_cell(cell: str | None) -> bool:
    return (cell or "").strip().strip("'\"").strip().lower() in MISSING_TOKENS


def map_distinct(text: pl.Series, function: Callable[[str], str | None]) -> pl.Series:
    """Apply a function to each distinct value of a column of text or categories; text where any changes."""
    import polars as pl

    if text.null_count() == len(text):
        return text
    values = text.unique().drop_nulls().to_list()
    changed = {value: result for value in values if (result := function(value)) != value}
    if not changed:
        return text
    text = text.cast(pl.String)
    if len(changed) < 64:
        return text.replace(list(changed), list(changed.values()))
    table = pl.DataFrame(
        {"old": list(changed), "new": list(changed.values())}, schema={"old": pl.String, "new": pl.String}
    )
    table = table.with_columns(hit=True)
    joined = text.to_frame("old").join(table, on="old", how="left", maintain_order="left")
    return joined.select(pl.when("hit").then("new").otherwise("old").alias(text.name))[text.name]


def tidy(text: pl.Series) -> pl.Series:
    return map_distinct(text, _tidy_cell)


@lru_cache(maxsize=4096)
def _tidy_cell(cell: str) -> str | None:
    return None if is_missing_cell(cell) else cell.strip().strip("'").strip() or None
