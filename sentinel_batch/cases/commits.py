"""How cases are written: members, links and history first, then the cases that refer to them, in one commit."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from sentinel_batch.history import History, Row
from sentinel_batch.lake import Lake, Snapshot
from sentinel_batch.runs import new_run_id
from sentinel_batch.schema import CASE_EVENTS, CASE_LINKS, CASE_MEMBERS, CASES, polars_schema

CASE_HISTORY = History(CASE_EVENTS, CASES, subject="case_id", commit="content_id")


def commit_cases(
    lake: Lake,
    tables: Snapshot,
    changed: Sequence[Row],
    events: Sequence[Row],
    members: Sequence[Row] = (),
    links: Sequence[Row] = (),
) -> None:
    """Write changed cases with what belongs to them; call it under the lake's lock.

    Cases of whom members are given refer to these from now on. Members and links are rewritten with what cases refer to
    now and what they will refer to, so they do not grow with the nights, and a reader, or a run that is killed in
    between, finds either state whole.

    Parameters
    ----------
    lake
        Where to write.
    tables
        Its tables as they are under the lock.
    changed
        Rows of the cases that changed; the others stay as they are.
    events, members, links
        What belongs to them, still without the commit.
    """
    content_id = new_run_id()
    renewed = {row["case_id"] for row in members}
    for table, rows in ((CASE_MEMBERS, members), (CASE_LINKS, links)):
        if rows:
            fresh = pl.DataFrame(list(rows), schema=polars_schema(table.columns))
            kept = current_rows(tables, table.name)
            lake.overwrite(table.name, pl.concat([kept, fresh.with_columns(content_id=pl.lit(content_id))]))
    CASE_HISTORY.append(lake, events, content_id)
    # The case row is the only pointer to its members. It is written last, so members of a killed run are never seen.
    rows = [{**row, "content_id": content_id} if row["case_id"] in renewed else row for row in changed]
    fresh = pl.DataFrame(rows, schema=polars_schema(CASES.columns))
    kept = tables.read(CASES.name).filter(~pl.col("case_id").is_in(fresh["case_id"].to_list()))
    lake.overwrite(CASES.name, pl.concat([kept, fresh]).sort("case_id"), commit_id=content_id)


def current_rows(tables: Snapshot, name: str, case_ids: Sequence[int] | None = None) -> pl.DataFrame:
    """Return the members or links (by their table's name) that cases refer to now; of all cases, or of some."""
    cases = tables.scan(CASES.name).select("case_id", "content_id")
    if case_ids is not None:
        cases = cases.filter(pl.col("case_id").is_in(list(case_ids)))
    return tables.scan(name).join(cases, on=["case_id", "content_id"], how="semi").collect()
