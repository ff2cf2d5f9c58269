"""Legs of one call: rows that a switch wrote for each of its branches, found by their call's id and collapsed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sentinel_batch.ingestion.loading.deduplication import HELD_KEYS
from sentinel_batch.lake import relate_parts, scan_parts
from sentinel_batch.numbers import code_of_region
from sentinel_batch.schema import CALL_RECORDS

if TYPE_CHECKING:
    import polars as pl

    from sentinel_batch.ingestion.dialects.dialect import Legs as DialectLegs
    from sentinel_batch.ingestion.loading.deduplication import Lines


@dataclass(frozen=True)
class LegRule:
    """How rows of one call id become calls.

    Parameters
    ----------
    talk
        Which leg's talk time counts, one of :data:`~sentinel_batch.ingestion.dialects.dialect.TALK_RULES`.
    within
        A row belongs to the call if it starts at most so many seconds after all before it ended.
    share_number
        Whether it must share a number with the call's first row.
    home
        Country code with ``+``: a leg to another country is a call of its own, so that a call forwarded abroad shows.
    """

    talk: str
    within: int
    share_number: bool
    home: str

    @classmethod
    def of(cls, legs: DialectLegs, region: str) -> LegRule:
        """Return the rule of a dialect, for a switch in a region."""
        return cls(legs.talk, legs.within, legs.share_number, f"+{code_of_region(region)}")


@dataclass(frozen=True)
class Legs:
    """What collapsing legs does: lines to drop, and lines to change.

    Parameters
    ----------
    dropped
        Source lines of legs that another row of their call stands for.
    stored
        Of these, the ones that are the very row that the lake holds, so plain duplicates.
    changes
        Columns ``source_line, duration_seconds, answered, termination_cause``: the row that is kept of each call.
    """

    dropped: Lines
    stored: int
    changes: pl.DataFrame


def collapse_legs(staged: Sequence[Path], stored: Sequence[Path], scratch: Path, rule: LegRule) -> Legs:
    """Find the rows that are legs of one call, by ``call_id``; the earliest is kept, with the call's talk time.

    A row is a leg of a call that the lake holds only if they also share a number: two switches may use the same ids.

    Parameters
    ----------
    staged, stored
        Parquet files of the new rows, and of the lake's rows of about the same time.
    scratch
        Where DuckDB may spill.
    rule
        Which rows are of one call.
    """
    import duckdb
    import polars as pl

    if not stored and not _may_repeat(staged):
        return Legs(np.empty(0, np.int64), 0, pl.DataFrame())
    connection = duckdb.connect()
    connection.execute("SET memory_limit = '1GB'")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET temp_directory = $1", [str(scratch)])
    new = relate_parts(connection, CALL_RECORDS.name, staged, partitions=False)
    connection.register("new_rows", new.filter("call_id IS NOT NULL"))
    connection.execute(
        "CREATE TEMP TABLE legs AS " + _LEGS.format(talk=_TALK[rule.talk]), [rule.within, rule.share_number, rule.home]
    )
    kept = connection.sql(
        "SELECT source_line, duration_seconds, answered, termination_cause FROM legs WHERE place = 1"
    ).pl()
    dropped = [connection.sql("SELECT source_line FROM legs WHERE place > 1").pl()["source_line"]]
    same = 0
    if stored:
        old = relate_parts(connection, CALL_RECORDS.name, stored, partitions=False)
        connection.register("old_rows", old.filter("call_id IS NOT NULL"))
        known = connection.sql(_KNOWN, params=[rule.within, rule.home]).pl()
        same = int(known["same"].sum())
        dropped.append(known["source_line"])
    connection.close()
    gone = np.unique(pl.concat(dropped).to_numpy())
    return Legs(gone, same, kept.filter(~pl.col("source_line").is_in(gone.tolist())))


def _may_repeat(staged: Sequence[Path]) -> bool:
    """Tell whether a call id may occur twice: most files of a PBX have one row a call, and need no grouping.

    By hashes of the ids, which cost a fraction of a grouping; of more rows than are held in memory it is not asked.
    """
    import polars as pl

    rows = scan_parts(CALL_RECORDS.name, staged, partitions=False)
    if rows.select(pl.len()).collect().item() > HELD_KEYS:
        return True
    ids = rows.select(pl.col("call_id").drop_nulls().hash()).collect(engine="streaming")
    hashes = np.sort(ids.to_series().to_numpy())
    return bool((hashes[1:] == hashes[:-1]).any())


_TALK = {
    "longest": "max(duration_seconds) OVER branch",
    "sum": "sum(duration_seconds) OVER branch",
    "first": "first(duration_seconds) OVER branch_in_order",
    "last": "last(duration_seconds) OVER (branch_in_order ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
}
"""Expression of a call's talk time, for each rule."""

_LEGS = """
WITH several AS (
    SELECT call_id FROM new_rows GROUP BY call_id HAVING count(*) > 1
), gaps AS (
    SELECT n.*, epoch(n.call_timestamp) - max(epoch(n.call_timestamp) + n.duration_seconds) OVER (
               PARTITION BY n.call_id ORDER BY n.call_timestamp, n.source_line
               ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) > $1 AS far
    FROM new_rows n SEMI JOIN several s ON n.call_id = s.call_id
), calls AS (
    SELECT *, sum(CASE WHEN far THEN 1 ELSE 0 END) OVER (
               PARTITION BY call_id ORDER BY call_timestamp, source_line ROWS UNBOUNDED PRECEDING) AS call
    FROM gaps
), firsts AS (
    SELECT *, first(caller_number) OVER in_order AS first_caller, first(callee_number) OVER in_order AS first_callee
    FROM calls
    WINDOW in_order AS (PARTITION BY call_id, call ORDER BY call_timestamp, source_line)
), branches AS (
    SELECT *, CASE
        WHEN starts_with(callee_number, '+') AND NOT starts_with(callee_number, $3) AND callee_number <> first_callee
        THEN callee_number
        WHEN $2 AND caller_number NOT IN (first_caller, first_callee)
             AND callee_number NOT IN (first_caller, first_callee)
        THEN 'line ' || source_line
        ELSE '' END AS branch
    FROM firsts
)
SELECT source_line,
       row_number() OVER branch_in_order AS place,
       ({talk})::BIGINT AS duration_seconds,
       bool_or(answered) OVER branch AS answered,
       first(termination_cause) OVER (PARTITION BY call_id, call, branch
           ORDER BY answered DESC, duration_seconds DESC, call_timestamp, source_line) AS termination_cause
FROM branches
WINDOW branch AS (PARTITION BY call_id, call, branch),
       branch_in_order AS (PARTITION BY call_id, call, branch ORDER BY call_timestamp, source_line)
QUALIFY count(*) OVER branch > 1
"""

_KNOWN = """
SELECT n.source_line,
       bool_or(n.caller_number = o.caller_number AND n.callee_number = o.callee_number
               AND n.call_timestamp = o.call_timestamp) AS same
FROM new_rows n JOIN old_rows o
  ON n.call_id = o.call_id
 AND epoch(n.call_timestamp) - epoch(o.call_timestamp) BETWEEN -$1 AND $1 + o.duration_seconds
 AND (n.caller_number IN (o.caller_number, o.callee_number) OR n.callee_number IN (o.caller_number, o.callee_number))
WHERE n.callee_number = o.callee_number
   OR NOT (starts_with(n.callee_number, '+') AND NOT starts_with(n.callee_number, $2))
GROUP BY n.source_line
"""
