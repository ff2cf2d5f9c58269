"""What the SIMs of a box did, day by day, and whom they called in common: read from the stored traces."""

from __future__ import annotations

import polars as pl

from sentinel_batch.lake import Snapshot
from sentinel_batch.schema import BOX_TRACES

_FIGURES = ("number", "local_date", "kind", "value", "calls", "minutes")
_KINDS = ("cell", "hour", "callee")


def read_traces(tables: Snapshot, members: pl.DataFrame) -> pl.DataFrame:
    """Return the traces of the SIMs of boxes, once, for the functions below.

    Parameters
    ----------
    tables
        Where to read.
    members
        ``box_id, number``, and the box's ``first_day`` and ``last_day`` (local, both included).
    """
    bounds = members.select(pl.col("first_day").min(), pl.col("last_day").max()).row(0)
    wanted = pl.col("number").is_in(members["number"].implode()) & pl.col("kind").is_in(_KINDS)
    scan = tables.scan(BOX_TRACES.name).filter(pl.col("local_date").is_between(*bounds), wanted)
    rows = scan.select(_FIGURES).collect(engine="streaming").join(members, on="number")
    return rows.filter(pl.col("local_date").is_between("first_day", "last_day")).select("box_id", *_FIGURES)


def read_member_days(traces: pl.DataFrame) -> pl.DataFrame:
    """Return where SIMs called from on each local day.

    Parameters
    ----------
    traces
        From :func:`read_traces`.

    Returns
    -------
    polars.DataFrame
        ``box_id, number, local_date, cell`` (NULL where the feed does not say), ``calls, minutes`` (answered calls), in
        this order. A day on which a SIM called fewer than four numbers that had never called it has no trace.
    """
    keys = ["box_id", "number", "local_date"]
    cells = traces.filter(pl.col("kind") == "cell").select(*keys, "calls", "minutes", cell="value")
    total, known = (
        part.group_by(keys).agg(pl.col("calls", "minutes").sum()) for part in (traces.filter(kind="hour"), cells)
    )
    rest = total.join(known, on=keys, how="left", suffix="_known").select(
        *keys,
        calls=pl.col("calls") - pl.col("calls_known").fill_null(0),
        minutes=pl.col("minutes") - pl.col("minutes_known").fill_null(0.0),
        cell=pl.lit(None, pl.String),
    )
    together = pl.concat([cells, rest.filter(pl.col("calls") > 0)], how="diagonal")
    return together.select(*keys, "cell", "calls", pl.col("minutes").round(3)).sort(*keys, "cell", nulls_last=True)


def read_common_callees(traces: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """Return whom at least two SIMs of a box called.

    Parameters
    ----------
    traces
        From :func:`read_traces`.
    members
        ``box_id, number`` of all SIMs.

    Returns
    -------
    polars.DataFrame
        ``box_id, callee, members`` (how many of the SIMs called it), ``calls``; most members first. Without the SIMs
        themselves, who may ring each other.
    """
    rows = traces.filter(pl.col("kind") == "callee").rename({"value": "callee"})
    own = members.select("box_id", callee="number")
    counted = (
        rows.join(own, on=["box_id", "callee"], how="anti")
        .group_by("box_id", "callee")
        .agg(members=pl.col("number").n_unique().cast(pl.Int64), calls=pl.sum("calls"))
    )
    common = counted.filter(pl.col("members") > 1)
    return common.sort("box_id", "members", "calls", "callee", descending=[False, True, True, False])
