"""How cases are written: members, links and history first, then the cases that refer to them, in one commit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sentinel_batch.alerts.events import describe_changes, new_event
from sentinel_batch.lake import Lake
from sentinel_batch.runs import new_run_id
from sentinel_batch.schema import CASE_EVENTS, CASE_LINKS, CASE_MEMBERS, CASES, polars_schema

if TYPE_CHECKING:
    import polars as pl

Row = dict[str, Any]


def new_case_event(case_id: int, at: datetime, event: str, **facts: Any) -> Row:
    """Return a row of ``case_events``, still without its content id; facts are those of an alert's event."""
    row = new_event(case_id, at, event, **facts)
    return {"case_id": row.pop("alert_id"), **row}


def describe_case_changes(
    before: Row, after: Row, columns: Sequence[str], at: datetime, event: str, **facts: Any
) -> list[Row]:
    """Return one event for each of the columns whose value changed."""
    rows = describe_changes(before, {**after, "id": after["case_id"]}, columns, at, event, **facts)
    return [{"case_id": row.pop("alert_id"), **row} for row in rows]


def commit_cases(
    lake: Lake, changed: Sequence[Row], events: Sequence[Row], members: Sequence[Row] = (), links: Sequence[Row] = ()
) -> None:
    """Write changed cases with what belongs to them; call it under the lake's lock.

    Cases of whom members are given refer to these from now on. What was written for a commit that never happened is
    referred to by nobody.
    """
    import polars as pl

    content_id = new_run_id()
    renewed = {row["case_id"] for row in members}
    for table, rows in ((CASE_MEMBERS, members), (CASE_LINKS, links), (CASE_EVENTS, events)):
        if rows:
            frame = pl.DataFrame(list(rows), schema=polars_schema(table.columns))
            lake.append(table.name, frame.with_columns(content_id=pl.lit(content_id)))
    rows = [{**row, "content_id": content_id} if row["case_id"] in renewed else row for row in changed]
    fresh = pl.DataFrame(rows, schema=polars_schema(CASES.columns))
    kept = lake.read(CASES.name).filter(~pl.col("case_id").is_in(fresh["case_id"].to_list()))
    lake.overwrite(CASES.name, pl.concat([kept, fresh]).sort("case_id"), commit_id=content_id)


def current_rows(lake: Lake, table: str, case_ids: Sequence[int] | None = None) -> pl.DataFrame:
    """Return the members or links that cases refer to now; of all cases, or of some."""
    import polars as pl

    cases = lake.scan(CASES.name).select("case_id", "content_id")
    if case_ids is not None:
        cases = cases.filter(pl.col("case_id").is_in(list(case_ids)))
    return lake.scan(table).join(cases, on=["case_id", "content_id"], how="semi").collect()
