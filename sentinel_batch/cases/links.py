"""What ties suspects together: handsets, sites, shifts, callees, calls to one another, numbers bought together.

Each kind of link has a strength from 0 to 1, and a pair's strength is ``1 - prod(1 - strength)``: kinds that say little
alone must agree. The strengths are judgements, not probabilities; ``docs/cases.md`` gives the reason for each.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from sentinel_batch.cases.calls import measure_traffic, read_calls
from sentinel_batch.desk import ConfigLike, DeskLike, open_desk
from sentinel_batch.lake import Snapshot
from sentinel_batch.window import Period

if TYPE_CHECKING:
    import duckdb

KINDS = (
    "same_box",
    "same_handset",
    "calls_each_other",
    "shared_callees",
    "same_site",
    "complementary_hours",
    "same_rhythm",
    "same_batch",
)
"""Kinds of link, strongest first."""

LINK_COLUMNS = ("number_a", "number_b", "kind", "strength", "evidence")

_SHARES = """
CREATE TEMP TABLE shares AS
SELECT number, cell, count(*) / sum(count(*)) OVER (PARTITION BY number) AS share
FROM calls WHERE cell IS NOT NULL GROUP BY number, cell
"""

# IMEIs of one repeated digit are placeholders, and would tie strangers together.
_SAME_HANDSET = """
WITH handsets AS (
    SELECT DISTINCT number, imei FROM calls
    WHERE regexp_full_match(imei, '[0-9]{14,16}') AND NOT regexp_full_match(imei, '(0+|1+|9+)')
)
SELECT a.number AS number_a, b.number AS number_b, 0.9 AS strength,
       'handset ' || min(a.imei) || CASE WHEN count(*) > 1 THEN ' and ' || (count(*) - 1) || ' more' ELSE '' END
           AS evidence
FROM handsets AS a JOIN handsets AS b ON a.imei = b.imei AND a.number < b.number
GROUP BY a.number, b.number
"""

_CALLS_EACH_OTHER = """
SELECT least(number, callee) AS number_a, greatest(number, callee) AS number_b,
       CASE WHEN count(*) >= 3 OR count(DISTINCT number) = 2 THEN 0.35 ELSE 0.2 END AS strength,
       count(*) || ' calls to each other' AS evidence
FROM calls WHERE callee IN (SELECT number FROM suspects) AND number <> callee
GROUP BY ALL
"""

# A callee of more than 20 suspects is a hotline or a bank, and ties nobody together. What chance gives is the product
# of both numbers' callees over all callees, as for two random draws.
_SHARED_CALLEES = """
WITH rare AS (SELECT callee FROM pairs GROUP BY callee HAVING count(*) BETWEEN 2 AND 20),
reach AS (SELECT number, count(*) AS callees FROM pairs GROUP BY number),
network AS (SELECT count(DISTINCT callee) AS callees FROM pairs),
common AS (
    SELECT a.number AS number_a, b.number AS number_b, count(*) AS shared,
           any_value(x.callees) * any_value(y.callees) / any_value(network.callees) AS expected
    FROM pairs AS a JOIN rare USING (callee) JOIN pairs AS b ON a.callee = b.callee AND a.number < b.number
    JOIN reach AS x ON x.number = a.number JOIN reach AS y ON y.number = b.number, network
    GROUP BY a.number, b.number
)
SELECT number_a, number_b, 0.4 * (1 - expected / shared) AS strength,
       shared || ' callees in common, ' || round(expected, 1)::DECIMAL(12, 1) || ' by chance' AS evidence
FROM common WHERE shared >= 3 AND shared > 2 * expected
"""

# Cells below 2 % of a number's calls are passing through. least(a, b) summed over cells is the overlap of two
# distributions, 0 to 1; it is rounded before the comparison because the sum's last digit depends on threads.
_SAME_SITE = """
WITH crowding AS (
    SELECT s.cell, sum(s.share) AS suspects,
           greatest(1.0, coalesce(any_value(t.share), 0) * (SELECT count(*) FROM suspects)) AS expected
    FROM shares AS s LEFT JOIN traffic AS t ON t.cell = s.cell GROUP BY s.cell
)
SELECT a.number AS number_a, b.number AS number_b,
       0.6 * sum(least(a.share, b.share) * greatest(0.0, 1 - expected / suspects)) AS strength,
       round(100 * sum(least(a.share, b.share)))::INT || ' % of calls at ' || count(*) || ' cell'
           || CASE WHEN count(*) > 1 THEN 's' ELSE '' END || ' in common, '
           || arg_max(a.cell, (least(a.share, b.share), a.cell)) || ' first' AS evidence
FROM shares AS a JOIN shares AS b ON a.cell = b.cell AND a.number < b.number JOIN crowding ON crowding.cell = a.cell
WHERE a.share >= 0.02 AND b.share >= 0.02
GROUP BY a.number, b.number HAVING round(sum(least(a.share, b.share)), 9) >= 0.5
"""

# A bank of SIMs rests them in turn, so that siblings are hardly ever busy in the same hour.
_COMPLEMENTARY_HOURS = """
WITH slots AS (SELECT DISTINCT number, day, hour FROM calls),
reach AS (SELECT number, count(*) AS slots, min(day) AS first_day, max(day) AS last_day FROM slots GROUP BY number),
together AS (
    SELECT p.number_a, p.number_b, count(b.number) AS hours
    FROM near AS p JOIN slots AS a ON a.number = p.number_a
    LEFT JOIN slots AS b ON b.number = p.number_b AND b.day = a.day AND b.hour = a.hour
    GROUP BY ALL
)
SELECT number_a, number_b, 0.3 AS strength,
       hours || ' of ' || least(x.slots, y.slots) || ' busy hours in common' AS evidence
FROM together JOIN reach AS x ON x.number = number_a JOIN reach AS y ON y.number = number_b
WHERE least(x.slots, y.slots) >= 8 AND hours <= 0.25 * least(x.slots, y.slots)
"""

_SAME_RHYTHM = """
WITH hours AS (SELECT number, hour, count(*) AS calls FROM calls GROUP BY number, hour),
size AS (SELECT number, sqrt(sum(calls * calls)) AS length, sum(calls) AS calls FROM hours GROUP BY number)
SELECT p.number_a, p.number_b, 0.2 AS strength,
       'hours of the day alike, cosine '
           || round(sum(a.calls * b.calls) / any_value(x.length * y.length), 2)::DECIMAL(4, 2) AS evidence
FROM near AS p JOIN hours AS a ON a.number = p.number_a JOIN hours AS b ON b.number = p.number_b AND a.hour = b.hour
JOIN size AS x ON x.number = p.number_a JOIN size AS y ON y.number = p.number_b
WHERE least(x.calls, y.calls) >= 30
GROUP BY p.number_a, p.number_b HAVING sum(a.calls * b.calls) >= 0.9 * any_value(x.length * y.length)
"""

# Numbers whose first call is on the first day of the period may be years old: of those the first day says nothing.
_SAME_BATCH = """
WITH firsts AS (
    SELECT number, min(day) AS first_day FROM calls WHERE regexp_full_match(number, '\\+[0-9]{9,15}') GROUP BY number
)
SELECT a.number AS number_a, b.number AS number_b,
       CASE WHEN a.number[:-4] = b.number[:-4] THEN 0.4 ELSE 0.25 END AS strength,
       'first calls on ' || a.first_day || ', numbers ' || a.number[:-5] || '…' AS evidence
FROM firsts AS a JOIN firsts AS b
  ON a.first_day = b.first_day AND a.number[:-5] = b.number[:-5] AND a.number < b.number
WHERE a.first_day > (SELECT min(day) FROM calls)
"""

_DIRECT = {
    "same_handset": _SAME_HANDSET,
    "calls_each_other": _CALLS_EACH_OTHER,
    "shared_callees": _SHARED_CALLEES,
    "same_site": _SAME_SITE,
    "same_batch": _SAME_BATCH,
}
_SUPPORTING = {"complementary_hours": _COMPLEMENTARY_HOURS, "same_rhythm": _SAME_RHYTHM}
"""Kinds that count only for pairs that something else ties together: half a country keeps the same hours."""

_DIGITS = 6
"""Threads add fractions in any order: what lies behind this digit may differ from run to run."""

FAINTEST = 0.05
"""Links weaker than this are left out."""


def link_suspects(
    numbers: Iterable[str],
    *,
    lake: DeskLike = None,
    config: ConfigLike = None,
    since: datetime,
    until: datetime,
) -> pl.DataFrame:
    """Find what ties suspects together.

    Parameters
    ----------
    numbers
        The suspects.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    since, until
        Calls in ``(since, until]`` count.

    Returns
    -------
    polars.DataFrame
        ``number_a`` < ``number_b``, ``kind`` (one of :data:`KINDS`), ``strength`` (0 to 1), ``evidence`` (in words);
        in a stable order.
    """
    tables, suspects, period = open_desk(lake, config).tables, list(numbers), Period(since, until)
    return find_links(tables, suspects, read_calls(tables, suspects, period), period)


def find_links(tables: Snapshot, numbers: Iterable[str], calls: pl.DataFrame, period: Period) -> pl.DataFrame:
    """Return what :func:`link_suspects` does; ``calls`` are those of the suspects, and may hold others."""
    suspects = pl.Series("number", sorted(set(numbers)), dtype=pl.String)
    with tables.connect() as connection:
        # How crowded a cell is without the suspects: in the busiest cell of a city many suspects meet by chance.
        connection.register("traffic", measure_traffic(tables, suspects, period).to_arrow())
        connection.register("suspects", suspects.to_frame().to_arrow())
        made = calls.filter(pl.col("number").is_in(suspects.implode()))
        connection.register("calls", made.to_arrow())
        connection.register("pairs", _pair_up(made, suspects).to_arrow())
        connection.execute(_SHARES)
        found = [_query(connection, kind, sql) for kind, sql in _DIRECT.items()]
        # Supporting links are looked for only among pairs that something else ties: all pairs would be quadratic, too.
        near = pl.concat(found).select("number_a", "number_b").unique()
        connection.register("near", near.to_arrow())
        found += [_query(connection, kind, sql) for kind, sql in _SUPPORTING.items()]
    rank = pl.col("kind").replace_strict(list(KINDS), list(range(len(KINDS))), return_dtype=pl.Int8)
    return pl.concat(found).filter(pl.col("strength") >= FAINTEST).sort("number_a", "number_b", rank)


def link_boxes(members: pl.DataFrame) -> pl.DataFrame:
    """Link the members of each box to its first: what ties them is told by the box.

    Parameters
    ----------
    members
        ``box_id, number, probability, member_count, why``, from :func:`sentinel_batch.boxes.list_standing_members`.
    """
    first = pl.col("number").min().over("box_id")
    return (
        members.with_columns(number_a=first)
        .filter(pl.col("number") != pl.col("number_a"))
        .select(
            "number_a",
            number_b="number",
            kind=pl.lit("same_box"),
            strength=pl.col("probability"),
            evidence=pl.format("box {} of {} SIMs: {}", "box_id", "member_count", "why"),
        )
    )


def weigh_pairs(links: pl.DataFrame) -> pl.DataFrame:
    """Return ``number_a, number_b, strength`` with the strength of all links of a pair together."""
    together = 1 - (1 - pl.col("strength")).product()
    return links.group_by("number_a", "number_b").agg(together.alias("strength")).sort("number_a", "number_b")


def _pair_up(calls: pl.DataFrame, suspects: pl.Series) -> pl.DataFrame:
    """Return who called whom, but for calls between suspects; callees as whole numbers, which are joined faster."""
    called = calls.filter(~pl.col("callee").is_in(suspects.implode()))
    return called.select("number", pl.col("callee").cast(pl.Categorical).to_physical()).unique()


def _query(connection: duckdb.DuckDBPyConnection, kind: str, sql: str) -> pl.DataFrame:
    rows: pl.DataFrame = connection.sql(sql).pl()
    return rows.select(
        pl.col("number_a").cast(pl.String),
        pl.col("number_b").cast(pl.String),
        pl.lit(kind).alias("kind"),
        pl.col("strength").cast(pl.Float64).round(_DIGITS),
        pl.col("evidence").cast(pl.String),
    )
