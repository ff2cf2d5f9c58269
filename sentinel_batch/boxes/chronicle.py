"""What the SIMs of a box did, day by day, and whom they called in common: read from the stored traces."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from sentinel_batch.lake import Snapshot
from sentinel_batch.schema import BOX_TRACES

_FIGURES = ("number", "local_date", "value", "calls", "minutes")


def read_member_days(tables: Snapshot, numbers: Sequence[str], first: date, last: date) -> pl.DataFrame:
    """Return where SIMs called from on each local day.

    Parameters
    ----------
    tables
        Where to read.
    numbers
        The SIMs.
    first, last
        Local days, both included.

    Returns
    -------
    polars.DataFrame
        ``number, local_date, cell`` (NULL where the feed does not say), ``calls, minutes`` (of answered calls), in this
        order. A day on which a SIM called fewer than four numbers that had never called it has no trace.
    """
    keys = ["number", "local_date"]
    rows = _read(tables, numbers, first, last, ["cell", "hour"])
    cells = rows.filter(pl.col("kind") == "cell").select(*keys, "calls", "minutes", cell="value")
    total, known = (
        part.group_by(keys).agg(pl.col("calls", "minutes").sum()) for part in (rows.filter(kind="hour"), cells)
    )
    rest = total.join(known, on=keys, how="left", suffix="_known").select(
        *keys,
        calls=pl.col("calls") - pl.col("calls_known").fill_null(0),
        minutes=pl.col("minutes") - pl.col("minutes_known").fill_null(0.0),
        cell=pl.lit(None, pl.String),
    )
    together = pl.concat([cells, rest.filter(pl.col("calls") > 0)], how="diagonal")
    return together.select(*keys, "cell", "calls", pl.col("minutes").round(3)).sort(*keys, "cell", nulls_last=True)


def read_common_callees(tables: Snapshot, numbers: Sequence[str], first: date, last: date) -> pl.DataFrame:
    """Return whom at least two SIMs of a box called.

    Returns
    -------
    polars.DataFrame
        ``callee, members`` (how many of the SIMs called it), ``calls``; most members first. Without the SIMs
        themselves, who may ring each other.
    """
    rows = _read(tables, numbers, first, last, ["callee"]).filter(~pl.col("value").is_in(list(numbers)))
    counted = rows.group_by(callee="value").agg(
        members=pl.col("number").n_unique().cast(pl.Int64), calls=pl.sum("calls")
    )
    common = counted.filter(pl.col("members") > 1)
    return common.sort("members", "calls", "callee", descending=[True, True, False])


def _read(tables: Snapshot, numbers: Sequence[str], first: date, last: date, kinds: Sequence[str]) -> pl.DataFrame:
    wanted = pl.col("number").is_in(list(numbers)) & pl.col("kind").is_in(list(kinds))
    scan = tables.scan(BOX_TRACES.name).filter(pl.col("local_date").is_between(first, last), wanted)
    return scan.select("kind", *_FIGURES).collect(engine="streaming")
