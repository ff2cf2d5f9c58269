"""How boxes are written and read: members and links first, then the boxes that refer to them, in one commit."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from sentinel_batch.history import Row
from sentinel_batch.lake import Lake, Snapshot
from sentinel_batch.runs import new_run_id
from sentinel_batch.schema import BOX_LINKS, BOX_MEMBERS, BOXES, polars_schema

BOX_RULE = "SIMBOX_GROUP"
"""Where the alerts of boxes have the id of a rule, and their type; here, so that readers need not load the search."""

STANDING, MERGED = "standing", "merged"
"""Statuses: a box that goes on when it is found again, and one that became part of another."""


def commit_boxes(
    lake: Lake, tables: Snapshot, changed: Sequence[Row], members: Sequence[Row], links: Sequence[Row]
) -> None:
    """Write changed boxes with all their members and links; call it under the lake's lock.

    Side tables are rewritten with what boxes refer to now and what they will refer to, so they do not grow with the
    nights, and a reader, or a run that is killed in between, finds either state whole.

    Parameters
    ----------
    lake
        Where to write.
    tables
        Its tables as they are under the lock.
    changed
        Rows of the boxes that changed, or are new.
    members, links
        Of these boxes.
    """
    content_id = new_run_id()
    for table, rows in ((BOX_MEMBERS, members), (BOX_LINKS, links)):
        fresh = pl.DataFrame(list(rows), schema=polars_schema(table.columns))
        kept = current_rows(tables, table.name)
        lake.overwrite(table.name, pl.concat([kept, fresh.with_columns(content_id=pl.lit(content_id))]))
    renewed = pl.DataFrame(list(changed), schema=polars_schema(BOXES.columns))
    renewed = renewed.with_columns(content_id=pl.lit(content_id))
    kept = tables.read(BOXES.name).filter(~pl.col("box_id").is_in(renewed["box_id"].to_list()))
    # The box's row is the only pointer to its members. It is written last, so those of a killed run are never seen.
    lake.overwrite(BOXES.name, pl.concat([kept, renewed]).sort("box_id"), commit_id=content_id)


def current_rows(tables: Snapshot, name: str) -> pl.DataFrame:
    """Return the members or links (by their table's name) that boxes refer to now."""
    boxes = tables.scan(BOXES.name).select("box_id", "content_id")
    return tables.scan(name).join(boxes, on=["box_id", "content_id"], how="semi").collect()
