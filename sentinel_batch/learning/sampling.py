"""Stable draws: a number or a group falls where its name and the seed say, whatever else is there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import polars as pl

FOLDS = 10


def draw(name: str, seed: int) -> float:
    """Return a figure from 0 (included) to 1 that looks random and depends on the name and the seed alone."""
    digest = hashlib.blake2b(f"{seed}|{name}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def draw_all(names: Iterable[str], seed: int) -> pl.Series:
    """Return the draw of each name."""
    return pl.Series("draw", [draw(name, seed) for name in names], dtype=pl.Float64)


def assign_folds(examples: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Add ``fold``, 0 to :data:`FOLDS` - 1: groups stay together, and each fold gets its part of the fraudulent ones.

    Parameters
    ----------
    examples
        ``group`` and ``label``, among others.
    seed
        Other seeds give other folds.
    """
    groups = examples.group_by("group").agg(fraud=pl.col("label").max()).sort("group")
    dealt = (
        groups.with_columns(draw_all(groups["group"], seed))
        .sort("fraud", "draw", "group")
        .with_columns(fold=pl.int_range(pl.len(), dtype=pl.Int64).over("fraud") % FOLDS)
    )
    return examples.join(dealt.select("group", "fold"), on="group", how="left", maintain_order="left")
