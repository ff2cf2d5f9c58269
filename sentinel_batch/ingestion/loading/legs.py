"""Legs of one call: rows that a switch wrote for each of its branches, found by their call's id and collapsed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sentinel_batch.lake import relate_parts
from sentinel_batch.schema import CALL_RECORDS

if TYPE_CHECKING:
    import polars as pl

    from sentinel_batch.ingestion.loading.deduplication import Lines

LEG_GAP_SECONDS = 86_400
"""Rows with one call id that start further apart are different calls: switches use ids again."""


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
        Columns ``source_line, duration_seconds, answered``: the row that is kept of each call.
    """

    dropped: Lines
    stored: int
    changes: pl.DataFrame


def collapse_legs(staged: Sequence[Path], stored: Sequence[Path], scratch: Path) -> Legs:
    """Find the rows that are legs of one call, by ``call_id``; the earliest is kept, with the longest talk time.

    A row is a leg of a call that the lake holds only if they also share a number: two switches may use the same ids.

    Parameters
    ----------
    staged, stored
        Parquet files of the new rows, and of the lake's rows of about the same time.
    scratch
        Where DuckDB may spill.
    """
    import duckdb
    import polars as pl

    connection = duckdb.connect()
    connection.execute("SET memory_limit = '1GB'")
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET temp_directory = $1", [str(scratch)])
    new = relate_parts(connection, CALL_RECORDS.name, staged, partitions=False)
    connection.register("new_rows", new.filter("call_id IS NOT NULL"))
    connection.execute("CREATE TEMP TABLE legs AS " + _LEGS, [LEG_GAP_SECONDS])
    kept = connection.sql("SELECT source_line, duration_seconds, answered FROM legs WHERE place = 1").pl()
    dropped = [connection.sql("SELECT source_line FROM legs WHERE place > 1").pl()["source_line"]]
    same = 0
    if stored:
        old = relate_parts(connection, CALL_RECORDS.name, stored, partitions=False)
        connection.register("old_rows", old.filter("call_id IS NOT NULL"))
        known = connection.sql(_KNOWN, params=[LEG_GAP_SECONDS]).pl()
        same = int(known["same"].sum())
        dropped.append(known["source_line"])
    connection.close()
    gone = np.unique(pl.concat(dropped).to_numpy())
    return Legs(gone, same, kept.filter(~pl.col("source_line").is_in(gone.tolist())))


_LEGS = """
WITH several AS (
    SELECT call_id FROM new_rows GROUP BY call_id HAVING count(*) > 1
), gaps AS (
    SELECT n.call_id, n.source_line, n.call_timestamp, n.duration_seconds, n.answered,
           epoch(n.call_timestamp) - lag(epoch(n.call_timestamp)) OVER (
               PARTITION BY n.call_id ORDER BY n.call_timestamp, n.source_line) > $1 AS far
    FROM new_rows n SEMI JOIN several s ON n.call_id = s.call_id
), calls AS (
    SELECT *, sum(CASE WHEN far THEN 1 ELSE 0 END) OVER (
               PARTITION BY call_id ORDER BY call_timestamp, source_line ROWS UNBOUNDED PRECEDING) AS call
    FROM gaps
)
SELECT source_line,
       row_number() OVER (PARTITION BY call_id, call ORDER BY call_timestamp, source_line) AS place,
       max(duration_seconds) OVER (PARTITION BY call_id, call) AS duration_seconds,
       bool_or(answered) OVER (PARTITION BY call_id, call) AS answered
FROM calls
QUALIFY count(*) OVER (PARTITION BY call_id, call) > 1
"""

_KNOWN = """
SELECT n.source_line,
       bool_or(n.caller_number = o.caller_number AND n.callee_number = o.callee_number
               AND n.call_timestamp = o.call_timestamp) AS same
FROM new_rows n JOIN old_rows o
  ON n.call_id = o.call_id AND abs(epoch(n.call_timestamp) - epoch(o.call_timestamp)) <= $1
 AND (n.caller_number IN (o.caller_number, o.callee_number) OR n.callee_number IN (o.caller_number, o.callee_number))
GROUP BY n.source_line
"""
