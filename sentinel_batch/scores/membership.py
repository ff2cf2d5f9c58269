"""Who stands in which case: all that a score has to know of cases, read from their tables."""

from __future__ import annotations

import polars as pl

from sentinel_batch.lake import Snapshot
from sentinel_batch.schema import CASE_MEMBERS, CASES


def list_standing_members(tables: Snapshot) -> pl.DataFrame:
    """Return ``case_id, number`` of the members of every case that was not merged into another, by case and number."""
    cases = tables.scan(CASES.name).filter(pl.col("merged_into").is_null()).select("case_id", "content_id")
    members = tables.scan(CASE_MEMBERS.name).join(cases, on=["case_id", "content_id"], how="semi")
    return members.select("case_id", "number").sort("case_id", "number").collect()
