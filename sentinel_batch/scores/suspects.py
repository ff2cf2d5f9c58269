"""What an analyst reads: one row per suspect or box, with the alerts of its rules beneath."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from sentinel_batch.alerts import list_alerts
from sentinel_batch.alerts.exports import EXPORT_VERSION
from sentinel_batch.alerts.files import check_suffix, export_rows, json_rows
from sentinel_batch.alerts.queries import matches_number
from sentinel_batch.boxes import BOX_RULE
from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.errors import UsageError
from sentinel_batch.losses import Rates
from sentinel_batch.schema import BOXES, SEVERITIES
from sentinel_batch.scores.queue import rank_suspects
from sentinel_batch.severity import grade, sort_by_importance

LISTED = ("open", "reviewed")
"""Statuses of alerts whose suspects are listed unless others are asked for."""

_MOMENT = pl.Datetime("us", "UTC")
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "suspect": pl.String,
    "suspect_number": pl.String,
    "kind": pl.String,
    "member_count": pl.Int64,
    "severity": pl.String,
    "score": pl.Float64,
    "loss": pl.Float64,
    "currency": pl.String,
    "rules": pl.List(pl.String),
    "alert_ids": pl.List(pl.Int64),
    "case_id": pl.Int64,
    "box_id": pl.Int64,
    "first_seen": _MOMENT,
    "last_seen": _MOMENT,
    "review": pl.String,
    "reasons": pl.List(pl.String),
    "reasons_against": pl.List(pl.String),
    "suppressed": pl.String,
    "numbers": pl.List(pl.String),
}
_WORKED_OUT = ("severity", "currency", "review")


def list_suspects(
    lake: DeskLike = None,
    *,
    config: ConfigLike = None,
    severity: str | Sequence[str] | None = None,
    suspect: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    status: str | Sequence[str] = LISTED,
    limit: int | None = None,
    ranking: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Return one row per suspect, or per box whose members are suspects, worst first.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    severity
        One severity or several, in any case; exactly these.
    suspect
        A number, or a prefix followed by ``*``; a box counts if one of its members does.
    since, until
        Alerts with calls in ``(since, until]``; None is without bound.
    status
        Statuses of the alerts that count.
    limit
        At most so many rows; None for all.
    ranking
        What :func:`sentinel_batch.scores.rank_suspects` returned for the same, where that is at hand already.

    Returns
    -------
    polars.DataFrame
        ``suspect`` (the number, or ``box 7``), ``suspect_number`` (the number; of a box, that of its most suspicious
        member), ``kind`` (``number`` or ``box``), ``member_count``, ``severity``,
        ``score`` (a box: the probability that it is no chance find), ``loss`` (a box: of all its members),
        ``currency``, ``rules``, ``alert_ids``, ``case_id``, ``box_id``, ``first_seen``, ``last_seen``, ``review``
        (``open``, or the verdicts where no alert is open any more, or ``suppressed``), ``reasons``, ``reasons_against``
        (of the model; none of a box), ``suppressed`` (why it is on the suppression list), ``numbers``; by severity,
        expected loss, score and name, the suppressed last.

    Raises
    ------
    UsageError
        If a filter has a value that is not allowed.
    """
    desk = open_desk(lake, config).snapshot()
    wanted = _severities(severity)
    if limit is not None and limit < 0:
        raise UsageError(f"The limit {limit} is negative.", hint="Allowed: 0 or more; leave it out for all suspects.")
    if ranking is None:
        ranking = rank_suspects(lake=desk, since=since, until=until, status=status)
    rows = _join_boxes(ranking, desk)
    if wanted is not None:
        rows = rows.filter(pl.col("severity").is_in(wanted))
    if suspect is not None:
        wished = matches_number(pl.element(), suspect, desk.config.region)
        rows = rows.filter(pl.col("numbers").list.eval(wished).list.any())
    return rows if limit is None else rows.head(limit)


def describe_suspects(suspects: pl.DataFrame, *, lake: DeskLike = None) -> list[dict[str, Any]]:
    """Return rows of :func:`list_suspects` as dictionaries, each with its ``alerts``: their rows, one per rule."""
    alerts = _alerts_of(suspects, open_desk(lake).snapshot())
    every = {row["id"]: row for row in alerts.to_dicts()}
    return [
        {**row, "alerts": [every[alert_id] for alert_id in row["alert_ids"] if alert_id in every]}
        for row in suspects.to_dicts()
    ]


def export_suspects(path: str | Path, *, lake: DeskLike = None, config: ConfigLike = None, **filters: Any) -> Path:
    """Write suspects to one plain file, which appears complete or not at all.

    Parameters
    ----------
    path
        Ends in ``.parquet``, ``.csv`` or ``.xlsx`` (lists as text, with ``; `` between), or ``.json`` (``suspects``,
        each with its ``alerts``; and ``alerts``, all of them, as :func:`sentinel_batch.alerts.export_alerts` writes
        them).
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    **filters
        ``severity``, ``suspect``, ``since``, ``until``, ``status`` and ``limit`` of :func:`list_suspects`.

    Raises
    ------
    UsageError
        If the suffix is not one of these, the folder does not exist or cannot be written, or a filter is not allowed.
    """
    target = check_suffix(path, "Suspects")
    desk = open_desk(lake, config).snapshot()
    suspects = list_suspects(desk, **filters)
    return export_rows(target, suspects, flatten_suspects(suspects), lambda: _describe(suspects, desk))


def flatten_suspects(suspects: pl.DataFrame) -> pl.DataFrame:
    """Return suspects with their lists as text, for files that know no lists."""
    lists = [name for name, kind in suspects.schema.items() if isinstance(kind, pl.List)]
    return suspects.with_columns(pl.col(name).cast(pl.List(pl.String)).list.join("; ") for name in lists)


def _describe(suspects: pl.DataFrame, desk: Desk) -> dict[str, Any]:
    alerts = _alerts_of(suspects, desk)
    plain = {row["id"]: row for row in json_rows(alerts)}
    rows = [{**row, "alerts": [plain[i] for i in row["alert_ids"] if i in plain]} for row in json_rows(suspects)]
    return {"version": EXPORT_VERSION, "count": alerts.height, "suspects": rows, "alerts": list(plain.values())}


def _alerts_of(suspects: pl.DataFrame, desk: Desk) -> pl.DataFrame:
    ids = suspects["alert_ids"].list.explode(keep_nulls=False, empty_as_null=False)
    return list_alerts(lake=desk, status="all").filter(pl.col("id").is_in(ids.implode()))


def _join_boxes(queue: pl.DataFrame, desk: Desk) -> pl.DataFrame:
    """Return the queue with one row for each box instead of its members."""
    # Of boxes no more is needed: their lists would read all alerts once more.
    probability = dict(desk.tables.scan(BOXES.name).select("box_id", "probability").collect().iter_rows())
    schema = {name: kind for name, kind in _SCHEMA.items() if name not in _WORKED_OUT}
    in_boxes = queue.filter(pl.col("box_id").is_not_null()).sort("rank").group_by("box_id", maintain_order=True)
    boxes = pl.DataFrame([_box(members, probability.get(key[0], 0.0)) for key, members in in_boxes], schema=schema)
    single = _single(queue.filter(pl.col("box_id").is_null()))
    every = pl.concat([single.select(pl.col(name).cast(kind) for name, kind in schema.items()), boxes])
    expected = pl.col("loss") * pl.col("score")
    rates = Rates.of(desk.config)
    graded = _review(every.with_columns(severity=grade(expected, rates), currency=pl.lit(rates.currency)), desk)
    ordered = sort_by_importance(graded, "suspect")
    return ordered.sort(pl.col("suppressed").is_not_null(), maintain_order=True).select(list(_SCHEMA))


def _single(queue: pl.DataFrame) -> pl.DataFrame:
    number = pl.col("suspect_number")
    return queue.with_columns(
        suspect=number, kind=pl.lit("number"), member_count=pl.lit(1), numbers=pl.concat_list(number)
    )


def _box(members: pl.DataFrame, probability: float) -> dict[str, Any]:
    rows = members.to_dicts()
    # What was said of this box comes first (its lead's alert may speak of one that it took over), then of a member.
    box_id = rows[0]["box_id"]
    names = (f"{BOX_RULE}: Box {box_id}: ", f" of box {box_id}: ")
    reasons = [reason for row in rows for reason in row["reasons"]]
    own = [reason for name in names for reason in reasons if name in reason]
    return {
        **rows[0],
        "reasons_against": [],
        "suspect": f"box {box_id}",
        "kind": "box",
        "member_count": len(rows),
        "score": probability,
        "loss": round(sum(row["loss"] or 0.0 for row in rows), 2),
        "rules": sorted({rule for row in rows for rule in row["rules"]}),
        "alert_ids": sorted({alert_id for row in rows for alert_id in row["alert_ids"]}),
        "case_id": next((row["case_id"] for row in rows if row["case_id"] is not None), None),
        "first_seen": min(row["first_seen"] for row in rows),
        "last_seen": max(row["last_seen"] for row in rows),
        "reasons": (own or reasons)[:1],
        # A box is left alone only if all of its SIMs are.
        "suppressed": None if any(row["suppressed"] is None for row in rows) else rows[0]["suppressed"],
        "numbers": [row["suspect_number"] for row in rows],
    }


def _review(rows: pl.DataFrame, desk: Desk) -> pl.DataFrame:
    """Add whether an alert is open, or else the verdicts that were given."""
    alerts = list_alerts(lake=desk, status="all").select("id", said=pl.coalesce("disposition", "status"))
    said = rows.select("suspect", id="alert_ids").explode("id").join(alerts, on="id").group_by("suspect")
    verdicts = said.agg(pl.col("said").unique().sort()).select(
        "suspect",
        review=pl.when(pl.col("said").list.contains("open"))
        .then(pl.lit("open"))
        .otherwise(pl.col("said").list.join(", ")),
    )
    hidden = pl.col("suppressed").is_not_null()
    state = pl.when(hidden).then(pl.lit("suppressed")).otherwise(pl.col("review").fill_null("open"))
    return rows.join(verdicts, on="suspect", how="left").with_columns(review=state)


def _severities(severity: str | Sequence[str] | None) -> list[str] | None:
    if severity is None:
        return None
    chosen = [severity] if isinstance(severity, str) else list(severity)
    for name in chosen:
        if name.upper() not in SEVERITIES:
            raise UsageError(f"{name!r} is not a severity.", hint=f"Allowed: {', '.join(SEVERITIES)}.")
    return [name.upper() for name in chosen]
