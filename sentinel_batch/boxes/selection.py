"""Who is a candidate: callers with many callees that never called back, from the traces of the window."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl
from scipy import sparse

from sentinel_batch.boxes.candidates import SUMS, Candidates
from sentinel_batch.profiles.grouping import IntArray, RealArray
from sentinel_batch.profiles.keys import NumberKeys
from sentinel_batch.schema import BOX_TRACES, polars_schema

PLACEHOLDERS = ("01234567891234", "12345678901234", "35000000000000", "86000000000000")
"""First 14 digits of IMEIs that are no handset."""

_TAC_DIGITS = 8
_HANDSET_DIGITS = 14
_KINDS = ("callee", "caller", "cell", "handset", "hour")

Parts = dict[str, pl.DataFrame]
"""Kind of trace to its rows."""


def choose_candidates(traces: pl.DataFrame, days: Sequence[date], *, callees: int, share: float) -> Candidates:
    """Return the candidates of a window.

    A candidate has at least so many callees that never called it, other candidates left out: calls between suspects
    speak neither for nor against them.

    Parameters
    ----------
    traces
        Rows of table ``box_traces``, of the window.
    days
        The local days of the window.
    callees
        Fewest one-way callees.
    share
        Least share of them among the callees.
    """
    parts, keys = _key_numbers(_part(traces))
    made = parts["callee"].group_by("number", callee="value").agg(pl.col("calls", "completed", "minutes").sum())
    back = parts["caller"].group_by("number", callee="value").agg(back=pl.col("calls").sum())
    pairs = made.join(back, on=["number", "callee"], how="left")
    silent = pl.col("back").is_null()
    suspects = pairs.group_by("number").agg(silent.sum()).filter(pl.col("back") >= callees).select("number")
    pairs = pairs.join(suspects, on="number", how="semi")
    outside = pairs.join(suspects, left_on="callee", right_on="number", how="anti")
    counted = outside.group_by("number").agg(
        pl.col("calls", "completed", "minutes").sum().name.prefix("outside_"),
        callees=pl.len(),
        one_way_callees=silent.sum(),
    )
    enough = (pl.col("one_way_callees") >= callees) & (pl.col("one_way_callees") >= share * pl.col("callees"))
    numbers = counted.filter(enough).sort("number").with_row_index("row")
    mine = {kind: rows.join(numbers.select("number", "row"), on="number") for kind, rows in parts.items()}
    received = mine["caller"].join(suspects, left_on="value", right_on="number", how="anti")
    figures, first, last = _measure(numbers, mine["callee"], received, days)
    one_way = outside.filter(silent).join(numbers.select("number", "row"), on="number")
    among = mine["callee"].join(numbers.select(value="number", column="row"), on="value")
    handsets = read_handsets(mine["handset"])
    size = numbers.height
    digits = figures["number"].to_numpy()
    return Candidates(
        figures.with_columns(number=keys.decode(digits)),
        # Keys of what is no number are negative.
        np.maximum(digits, -1),
        _matrix(size, one_way.select("row", value="callee", calls=1.0)),
        _place(among["calls"], among["row"], among["column"], (size, size)),
        _matrix(size, mine["cell"]),
        _matrix(size, handsets),
        _matrix(size, handsets.with_columns(pl.col("value").str.slice(0, _TAC_DIGITS))),
        _count_by(size, mine["hour"], pl.col("value").cast(pl.Int64), 24),
        _count_by(size, mine["hour"], (pl.col("local_date") - days[0]).dt.total_days(), len(days)),
        figures.select(SUMS).to_numpy().astype(np.float64),
        first,
        last,
        days,
    )


def _part(traces: pl.DataFrame) -> Parts:
    """Return the rows of each kind; traces lack those that a feed does not have."""
    empty = pl.DataFrame(schema=polars_schema(BOX_TRACES.columns)).select(traces.columns)
    found = {str(kind): rows for (kind,), rows in traces.partition_by("kind", as_dict=True).items()}
    return {kind: found.get(kind, empty) for kind in _KINDS}


def _key_numbers(parts: Parts) -> tuple[Parts, NumberKeys]:
    """Put integers in the place of numbers: joining and grouping by text takes several times as long."""
    keys = NumberKeys()
    columns = [(kind, "number") for kind in parts] + [("callee", "value"), ("caller", "value")]
    keyed = dict(parts)
    for kind, name in columns:
        keyed[kind] = keyed[kind].with_columns(keys.express(name).alias(name))
    return keyed, keys


def read_handsets(rows: pl.DataFrame) -> pl.DataFrame:
    """Cut IMEIs, in column ``value``, to 14 digits, without what is none, placeholders and test equipment."""
    known = rows.filter(pl.col("value").str.contains(r"^[0-9]{14,16}$"), ~pl.col("value").str.starts_with("00"))
    cut = known.with_columns(pl.col("value").str.slice(0, _HANDSET_DIGITS))
    repeated = pl.col("value").str.strip_chars(pl.col("value").str.slice(0, 1)) == ""
    return cut.filter(~repeated, ~pl.col("value").is_in(PLACEHOLDERS))


def _measure(
    numbers: pl.DataFrame, made: pl.DataFrame, received: pl.DataFrame, days: Sequence[date]
) -> tuple[pl.DataFrame, IntArray, IntArray]:
    """Return the figures of candidates, and their first and last day, counted from the first of the window."""
    sums = made.group_by("row").agg(
        pl.col("calls", "minutes").sum(),
        active_days=pl.col("local_date").n_unique(),
        first_day=pl.col("local_date").min(),
        last_day=pl.col("local_date").max(),
    )
    incoming = received.group_by("row").agg(incoming_calls=pl.col("calls").sum())
    joined = numbers.join(sums, on="row", how="left").join(incoming, on="row", how="left").sort("row")
    since = [(joined[name] - days[0]).dt.total_days().to_numpy().astype(np.int64) for name in ("first_day", "last_day")]
    return joined.with_columns(pl.col("incoming_calls").fill_null(0)).drop("row"), since[0], since[1]


def _matrix(size: int, rows: pl.DataFrame) -> sparse.csr_array:
    """Return candidates × values; columns are in order of the values."""
    distinct = rows["value"].unique().sort()
    columns = rows["value"].rank("dense").cast(pl.Int64) - 1
    return _place(rows["calls"], rows["row"], columns, (size, max(distinct.len(), 1)))


def _place(values: pl.Series, rows: pl.Series, columns: pl.Series, shape: tuple[int, int]) -> sparse.csr_array:
    places = (rows.to_numpy().astype(np.int64), columns.to_numpy().astype(np.int64))
    return sparse.csr_array((values.to_numpy().astype(np.float64), places), shape=shape)


def _count_by(size: int, rows: pl.DataFrame, slot: pl.Expr, slots: int) -> RealArray:
    """Return candidates × hours or days: calls in each."""
    sums = rows.group_by("row", slot.alias("slot")).agg(pl.col("calls").sum())
    counts = np.zeros((size, slots))
    counts[sums["row"].to_numpy(), sums["slot"].to_numpy()] = sums["calls"].to_numpy()
    return counts
