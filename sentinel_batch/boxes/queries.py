"""Reading of boxes that were kept: lists, and single ones with members and links."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from batch_base.plain import unwrap
from sentinel_batch.alerts import list_alerts
from sentinel_batch.boxes.chronicle import read_common_callees, read_member_days, read_traces
from sentinel_batch.boxes.storage import BOX_RULE, STANDING
from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.errors import BoxNotFoundError, UsageError
from sentinel_batch.history import Row
from sentinel_batch.lake import Snapshot
from sentinel_batch.losses import Rates
from sentinel_batch.schema import BOX_LINKS, BOX_MEMBERS, BOXES
from sentinel_batch.severity import grade, sort_by_importance


@dataclass(frozen=True)
class BoxFile:
    """One box with all that belongs to it.

    Parameters
    ----------
    box
        Its row of :func:`list_boxes`.
    members
        Rows of ``box_members``, the most evidence first.
    links
        Rows of ``box_links``: what ties members, in nats and in words, pair by pair, the most evidence first.
    days
        Where each SIM called from on each local day: ``number, local_date, cell, calls, minutes``.
    common_callees
        Whom at least two of its SIMs called: ``callee, members, calls``, most members first.
    loss
        What its minutes would have cost as international calls, in ``currency`` (ISO 4217).
    """

    box: Row
    members: pl.DataFrame
    links: pl.DataFrame
    days: pl.DataFrame
    common_callees: pl.DataFrame
    loss: float
    currency: str

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        tables = {name: getattr(self, name).to_dicts() for name in ("members", "links", "days", "common_callees")}
        return {"box": dict(self.box), **tables, "loss": self.loss, "currency": self.currency}

    def explain(self, number: str | None = None) -> list[str]:
        """Return a sentence for each pair of members, or for each pair of one of them.

        Raises
        ------
        UsageError
            If the number is no member.
        """
        if number is not None and number not in self.members["number"].to_list():
            raise UsageError(
                f"{number} is no member of box {self.box['box_id']}.",
                hint=f"sentinel-batch boxes show {self.box['box_id']} names its members.",
            )
        pairs = self.links.group_by("number_a", "number_b", maintain_order=True).agg("words", "evidence")
        chosen = [row for row in pairs.iter_rows() if number is None or number in row[:2]]
        return [f"{a} and {b}: {_say(words, nats)} ({sum(nats):+.1f} nats)." for a, b, words, nats in chosen]


def _say(words: list[str], nats: list[float]) -> str:
    speaking = [word for word, part in zip(words, nats, strict=True) if part > 0]
    return "; ".join(speaking)


def list_boxes(*, lake: DeskLike = None, config: ConfigLike = None, limit: int | None = None) -> pl.DataFrame:
    """Return the boxes that stand, in the one order of importance.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    limit
        At most so many rows; None for all.

    Returns
    -------
    polars.DataFrame
        Columns of ``schema.BOXES``, and ``loss`` (of all members' minutes), ``severity`` (of loss times probability),
        ``review`` (the verdict on the box's alert, or its status; NULL without one); ordered by
        :func:`sentinel_batch.severity.sort_by_importance`.

    Raises
    ------
    UsageError
        If the limit is negative.
    """
    if limit is not None and limit < 0:
        raise UsageError(f"The limit {limit} is negative.", hint="Allowed: 0 or more; leave it out for all boxes.")
    desk = open_desk(lake, config).snapshot()
    rows = desk.tables.scan(BOXES.name).filter(pl.col("status") == STANDING).collect()
    ordered = sort_by_importance(_judge(rows, desk), "box_id", probability="probability")
    return ordered if limit is None else ordered.head(limit)


def get_box(box_id: int, *, lake: DeskLike = None, config: ConfigLike = None) -> BoxFile:
    """Return one box, whatever its status, with members and links.

    Parameters
    ----------
    box_id
        Its id.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.

    Raises
    ------
    UsageError
        If the id is no whole number.
    BoxNotFoundError
        If there is none of that id.
    """
    box_id = unwrap(box_id)
    if not isinstance(box_id, int):
        raise UsageError(f"{box_id!r} is no id of a box.", hint="Give a whole number, such as 1.", value=str(box_id))
    found = get_boxes([box_id], lake=lake, config=config)
    if not found:
        raise BoxNotFoundError(
            f"There is no box {box_id}.", hint="sentinel-batch boxes list names them.", box_id=box_id
        )
    return found[0]


def get_boxes(
    box_ids: Sequence[int], *, lake: DeskLike = None, config: ConfigLike = None, newest_days: int | None = None
) -> list[BoxFile]:
    """Return several boxes, in the order of their ids, as :func:`get_box` does; each table is read once.

    Parameters
    ----------
    box_ids
        Their ids; those that there are not are left out.
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    newest_days
        ``days`` and ``common_callees`` are of so many local days, up to the last of each box, and ``members`` are those
        that were at work in them; None is its whole life.
    """
    desk = open_desk(lake, config).snapshot()
    tables, rates = desk.tables, Rates.of(desk.config)
    boxes = _judge(tables.scan(BOXES.name).filter(pl.col("box_id").is_in(list(box_ids))).collect(), desk)
    if boxes.is_empty():
        return []
    members, links = (_belonging(tables, name, boxes) for name in (BOX_MEMBERS.name, BOX_LINKS.name))
    spans = _limit(boxes.select("box_id", "first_day", "last_day"), newest_days)
    members = _keep_at_work(members, spans)
    traces = read_traces(tables, members.select("box_id", "number").join(spans, on="box_id"))
    days, callees = _by_box(read_member_days(traces)), _by_box(read_common_callees(traces, members))
    by_id = {row["box_id"]: row for row in boxes.to_dicts()}
    total = pl.col("evidence").sum().over("box_id", "number_a", "number_b")
    ordered = links.sort(-total, pl.col("number_a"), pl.col("number_b"), -pl.col("evidence"))
    members_of, links_of = _by_box(members.sort("evidence", "number", descending=[True, False])), _by_box(ordered)
    return [
        BoxFile(
            by_id[box_id], members_of(box_id), links_of(box_id), days(box_id).drop("box_id"),
            callees(box_id).drop("box_id"), by_id[box_id]["loss"], rates.currency,
        )
        for box_id in box_ids
        if box_id in by_id
    ]  # fmt: skip


def _limit(spans: pl.DataFrame, newest_days: int | None) -> pl.DataFrame:
    if newest_days is None:
        return spans
    return spans.with_columns(pl.max_horizontal("first_day", pl.col("last_day") - pl.duration(days=newest_days - 1)))


def _keep_at_work(members: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """Return the members of boxes that called in the days that are told."""
    begun = spans.select("box_id", begun="first_day")
    told = members.join(begun, on="box_id", maintain_order="left")
    return told.filter(pl.col("last_day") >= pl.col("begun")).drop("begun")


def _judge(rows: pl.DataFrame, desk: Desk) -> pl.DataFrame:
    """Add what boxes cost, how severe that is, and what was said of their alerts."""
    rates = Rates.of(desk.config)
    loss = (pl.col("minutes") * rates.bypassed_minute).round(2)
    spoken = (pl.col("detection_rule") == BOX_RULE) & (pl.col("status") != "merged")
    alerts = list_alerts(lake=desk, status="all").filter(spoken)
    said = (
        alerts.sort("id").group_by(lead_number="suspect_number").agg(review=pl.coalesce("disposition", "status").last())
    )
    priced = rows.with_columns(loss=loss, severity=grade(loss * pl.col("probability"), rates))
    return priced.join(said, on="lead_number", how="left", maintain_order="left")


def list_standing_members(tables: Snapshot) -> pl.DataFrame:
    """Return the members of every box that stands, by box and number.

    Returns
    -------
    polars.DataFrame
        ``box_id, number``; ``lead_number, probability, member_count, why`` of the box; ``minutes, first_day, last_day``
        of the member.
    """
    facts = ("lead_number", "probability", "member_count", "why")
    boxes = tables.scan(BOXES.name).filter(pl.col("status") == STANDING).select("box_id", "content_id", *facts)
    members = tables.scan(BOX_MEMBERS.name).join(boxes, on=["box_id", "content_id"])
    return (
        members.select("box_id", "number", *facts, "minutes", "first_day", "last_day")
        .sort("box_id", "number")
        .collect()
    )


def _belonging(tables: Snapshot, name: str, boxes: pl.DataFrame) -> pl.DataFrame:
    current = boxes.select("box_id", "content_id").lazy()
    return tables.scan(name).join(current, on=["box_id", "content_id"], how="semi").drop("content_id").collect()


def _by_box(rows: pl.DataFrame) -> Callable[[int], pl.DataFrame]:
    parts = rows.partition_by("box_id", as_dict=True, maintain_order=True)
    return lambda box_id: parts.get((box_id,), rows.clear())
