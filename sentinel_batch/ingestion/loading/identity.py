"""When two rows are one call.

Two rows are equal if they name the same caller, callee and time, last equally long and were both answered or both not;
and if both have a call id, it is the same one. Time alone does not do: in four million calls at a clock of whole
seconds, 22 pairs shared caller, callee and second, and 20 of them differed in how long they lasted.

Rows are counted: a file's second equal row is in the lake only if the lake has two of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from sentinel_batch.lake import count_equal_rows
from sentinel_batch.schema import CALL_RECORDS

CALL_ID = "call_id"
IDENTITY = CALL_RECORDS.key
SAME_CALL = [name for name in IDENTITY if name != CALL_ID]
"""What equal rows share, whether or not they have ids."""


@dataclass(frozen=True)
class Duplicates:
    """What a file holds twice, or the lake holds already.

    Parameters
    ----------
    repeated
        Source lines that equal an earlier line of the file and count as the same call.
    stored
        Source lines whose call is in the lake.
    told_apart
        Lines that equal an earlier line of the file and count as calls of their own.
    """

    repeated: pl.Series
    stored: pl.Series
    told_apart: int


def find_duplicates(new: pl.DataFrame, stored: pl.DataFrame, *, repeats_are_calls: bool) -> Duplicates:
    """Find the rows of a file that add no call.

    Parameters
    ----------
    new
        Rows of the file: the columns of :data:`IDENTITY`, and ``source_line``.
    stored
        Rows of the lake, with the columns of :data:`IDENTITY`.
    repeats_are_calls
        Whether equal rows of one file are calls of their own, as where a clock has no seconds. Rows with a call id
        never are.
    """
    counted = count_equal_rows(CALL_RECORDS.name, new.sort("source_line").lazy()).collect()
    again = counted["nth"] > 0
    repeated = again & counted[CALL_ID].is_not_null() if repeats_are_calls else again
    fresh = counted.filter(~repeated)
    held = stored.group_by(IDENTITY).len("copies")
    met = fresh.join(held, on=IDENTITY, how="left", nulls_equal=True).with_columns(pl.col("copies").fill_null(0))
    known, rest = met.filter(pl.col("nth") < pl.col("copies")), met.filter(pl.col("nth") >= pl.col("copies"))
    known = pl.concat([known, _match_without_ids(rest, held, known)])
    return Duplicates(counted.filter(repeated)["source_line"], known["source_line"], int((again & ~repeated).sum()))


def _match_without_ids(rest: pl.DataFrame, held: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that meet an equal row of the lake where only one of the two has a call id."""
    taken = known.group_by(IDENTITY).len("taken")
    left = (
        held.join(taken, on=IDENTITY, how="left", nulls_equal=True)
        .with_columns(free=pl.col("copies") - pl.col("taken").fill_null(0), lacks_id=pl.col(CALL_ID).is_not_null())
        .group_by([*SAME_CALL, "lacks_id"])
        .agg(pl.col("free").sum())
    )
    # A row of the file that lacks an id is matched with rows of the lake that have one, and the other way round.
    asked = rest.with_columns(lacks_id=pl.col(CALL_ID).is_null())
    asked = asked.with_columns(place=pl.int_range(pl.len()).over([*SAME_CALL, "lacks_id"]))
    matched = asked.join(left, on=[*SAME_CALL, "lacks_id"], how="inner", nulls_equal=True)
    return matched.filter(pl.col("place") < pl.col("free")).select(rest.columns)
