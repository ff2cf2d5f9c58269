"""One ranked queue of suspects: what the rules found, how far each speaks for fraud, and what the model adds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from sentinel_batch.alerts import STATUSES, list_alerts
from sentinel_batch.alerts.suppression import find_suppressed
from sentinel_batch.boxes import BOX_RULE
from sentinel_batch.boxes import list_standing_members as list_standing_box_members
from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.errors import UsageError
from sentinel_batch.lake import Snapshot
from sentinel_batch.losses import Rates
from sentinel_batch.profiles.calls import day_bounds
from sentinel_batch.scores.fusion import fuse_findings, price_alerts, weigh_rules
from sentinel_batch.scores.judgement import Judgement, judge_callers
from sentinel_batch.scores.membership import list_standing_members
from sentinel_batch.severity import grade, severity_rank

# Late: lists of suspects without a model need nothing of learning.
if TYPE_CHECKING:
    from sentinel_batch.learning.model import Model
    from sentinel_batch.learning.trust import ModelCheck

QUEUED = ("open",)
"""Statuses of alerts that are queued unless others are asked for."""

CASE_WEIGHT = 0.8
"""How far membership of a very large case speaks for fraud."""

CHANCE_MEMBERS = 3
"""Cases up to this size say nothing: as many suspects meet by chance."""

_COLUMNS = (
    "rank", "suspect_number", "score", "rule_score", "model_probability", "model_rank", "severity", "loss", "rules",
    "alert_ids", "case_id", "box_id", "first_seen", "last_seen", "reasons", "reasons_against", "suppressed",
)  # fmt: skip


@dataclass(frozen=True)
class Queue:
    """The queue of suspects, and what is to be said about it.

    Parameters
    ----------
    suspects
        As :func:`rank_suspects` returns it.
    check
        What the model's judgement is worth; None without a model.
    silent
        Why the model of the settings took no part, if it could not; a model that the caller names raises instead.
    """

    suspects: pl.DataFrame
    check: ModelCheck | None
    silent: str | None = None

    @property
    def notices(self) -> tuple[str, ...]:
        """What is wrong with the model's part in it, if anything is."""
        return (() if self.silent is None else (self.silent,)) + (() if self.check is None else self.check.notices)


def rank_suspects(
    lake: DeskLike = None,
    *,
    config: ConfigLike = None,
    since: datetime | None = None,
    until: datetime | None = None,
    model: Model | str | Path | None = None,
    status: str | Sequence[str] = QUEUED,
    limit: int | None = None,
) -> pl.DataFrame:
    """Return the queue of suspects, one row per number, those with the greatest expected loss first.

    The score of the rules is ``1 - prod(1 - weight * (0.5 + 0.5 * confidence))`` over the rules that found the number,
    each with its best finding: 0 without a finding, towards 1 with many that agree. A model's probability p is joined
    to it as one more witness, ``1 - (1 - rule_score) * (1 - p)``. So a model raises a number or leaves it where it is,
    and never takes one out of the queue; numbers that only the model suspects are queued as well, from its threshold.
    Its order counts, too, so that a wrong scale does not silence it: of the first k of N numbers a share of
    ``min(1, base_rate * N / k)`` is expected to be fraudulent, and half of that is the least that p is taken for. If
    the probabilities cannot be trusted (:func:`sentinel_batch.learning.check_model`), the first ``base_rate * N``
    numbers are queued as well.
    So is the number's case, if it has n > 3 members: ``0.8 * (1 - 3 / n)``; a box is many SIMs. And so is its box, with
    the probability that the box is no chance find: members without any alert are queued, too.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    since, until
        Alerts with calls in ``(since, until]``; None is without bound. The model looks at the days up to ``until``.
    model
        A model, its folder, or the name of a shipped one; ``none`` takes none, None that of the settings, which is the
        shipped one unless set.
    status
        Statuses of the alerts that are queued, one of :data:`sentinel_batch.alerts.STATUSES` or several.
    limit
        At most so many rows; None for all.

    Returns
    -------
    polars.DataFrame
        ``rank`` (from 1), ``suspect_number``, ``score``, ``rule_score``, ``model_probability`` (NULL without a
        model, or without calls in its window), ``model_rank`` (from 1, among all callers), ``severity`` (of loss times
        score), ``loss`` (at stake: the largest of its alerts, or that of its minutes where a box or the model speaks
        against it), ``rules``, ``alert_ids``, ``case_id`` (NULL without cases), ``box_id`` (NULL
        outside boxes), ``first_seen``, ``last_seen``, ``reasons`` (for fraud, in words: of rules, of the box, of the
        model) and ``reasons_against`` (of the model), the weightiest of each first, and ``suppressed`` (why it is on
        the suppression list; NULL if it is not). The order is that of
        :func:`sentinel_batch.severity.sort_by_importance`, the members of a box together in its place, and the
        suppressed last.

    Raises
    ------
    UsageError
        If the limit is negative, or a status is none.
    ModelError
        If the model cannot be read, or does not fit the lake.
    """
    return rank_queue(lake, config=config, since=since, until=until, model=model, status=status, limit=limit).suspects


def rank_queue(
    lake: DeskLike = None,
    *,
    config: ConfigLike = None,
    since: datetime | None = None,
    until: datetime | None = None,
    model: Model | str | Path | None = None,
    status: str | Sequence[str] = QUEUED,
    limit: int | None = None,
) -> Queue:
    """Return the queue of :func:`rank_suspects`, whose arguments it takes, and what the model's part in it is worth."""
    desk = open_desk(lake, config).snapshot()
    if limit is not None and limit < 0:
        raise UsageError(f"The limit {limit} is negative.", hint="Allowed: 0 or more; leave it out for all suspects.")
    judgement, silent = judge_callers(desk, model, until)
    alerts = _within(list_alerts(lake=desk, status=status), since, until)
    queue = fuse_findings(price_alerts(alerts, desk.config), weigh_rules(desk.config)).drop("severity")
    rates = Rates.of(desk.config)
    queue = _add_model(queue, judgement, rates)
    queue = _add_boxes(queue, _list_members(desk, alerts, since, until))
    queue = _order(_mark_suppressed(_fuse(_locate_cases(queue, desk.tables)), desk), rates)
    queue = queue if limit is None else queue.head(limit)
    if judgement is None:
        return Queue(queue, None, silent)
    return Queue(_add_model_reasons(queue, judgement, desk.tables), judgement.check)


def _within(alerts: pl.DataFrame, since: datetime | None, until: datetime | None) -> pl.DataFrame:
    if since is not None:
        alerts = alerts.filter(pl.col("last_seen") > since)
    return alerts if until is None else alerts.filter(pl.col("first_seen") <= until)


def _add_model(queue: pl.DataFrame, judgement: Judgement | None, rates: Rates) -> pl.DataFrame:
    """Add what the model says, and the numbers that it alone suspects."""
    if judgement is None:
        silent = {"model_probability": pl.Float64, "model_rank": pl.Int64, "model_witness": pl.Float64}
        return queue.with_columns(pl.lit(None, dtype=kind).alias(name) for name, kind in silent.items())
    # Of millions of callers few are queued.
    told = judgement.witness.filter(pl.col("listed") | _is_one(queue["suspect_number"]))
    seen = judgement.scores.filter(_is_one(told["number"])).select(
        "number", first_seen="first_day_start", last_seen="last_call",
        model_loss=pl.col("minutes") * rates.bypassed_minute,
    )  # fmt: skip
    said = told.join(seen, on="number", maintain_order="left").select(
        "model_rank", "listed", "first_seen", "last_seen", suspect_number="number", model_probability="probability",
        model_witness="witness", model_loss=pl.when("listed").then("model_loss"),
    )  # fmt: skip
    joined = queue.join(said.drop("listed", "first_seen", "last_seen"), on="suspect_number", how="left").with_columns(
        loss=pl.max_horizontal("loss", "model_loss")
    )
    alone = said.filter("listed", ~pl.col("suspect_number").is_in(queue["suspect_number"].implode()))
    raised = alone.drop("listed").with_columns(rule_score=pl.lit(0.0), loss="model_loss")
    together = pl.concat([joined, raised], how="diagonal").drop("model_loss")
    return together.with_columns(pl.col("rules", "alert_ids", "reasons").fill_null([]))


def _is_one(numbers: pl.Series) -> pl.Expr:
    return pl.col("number").is_in(numbers.implode())


def _list_members(desk: Desk, alerts: pl.DataFrame, since: datetime | None, until: datetime | None) -> pl.DataFrame:
    """Return the members of boxes, each in its newest, as rows of the queue that no rule has a say in.

    A box whose alert has been dealt with, and is not among those that are queued, is left out. Of a box that was at
    work in the period all members count, those that were quiet, too.
    """
    newest = list_standing_box_members(desk.tables).sort("box_id").unique("number", keep="last", maintain_order=True)
    every, queued = (
        rows.filter(pl.col("detection_rule") == BOX_RULE) for rows in (list_alerts(lake=desk, status=STATUSES), alerts)
    )
    done = set(every["suspect_number"]) - set(queued["suspect_number"])
    newest = newest.filter(~pl.col("lead_number").is_in(list(done)))
    zone, end, moment = desk.config.timezone, desk.tables.newest_call, pl.Datetime("us", "UTC")
    begins = [day_bounds(day, zone)[0] for day in newest["first_day"]]
    # A local day ends when the calls do.
    ends = [min(day_bounds(day, zone)[1], end or datetime.max.replace(tzinfo=UTC)) for day in newest["last_day"]]
    newest = newest.with_columns(pl.Series("first_seen", begins, moment), pl.Series("last_seen", ends, moment))
    begun, seen = pl.col("first_seen").min().over("box_id"), pl.col("last_seen").max().over("box_id")
    if since is not None:
        newest = newest.filter(seen > since)
    if until is not None:
        newest = newest.filter(begun <= until)
    words = pl.format(f"{BOX_RULE}: one of {{}} SIMs of box {{}}: {{}}", "member_count", "box_id", "why")
    return newest.select(
        suspect_number="number",
        box_id="box_id",
        box_probability="probability",
        rule_score=pl.lit(0.0),
        loss=pl.col("minutes") * Rates.of(desk.config).bypassed_minute,
        first_seen="first_seen",
        last_seen="last_seen",
        reasons=pl.concat_list(words),
    )


def _add_boxes(queue: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
    """Add the boxes of the numbers, and members that neither rules nor the model suspect."""
    known = members.select("suspect_number", "box_id", "box_probability", box_loss="loss", box_reasons="reasons")
    joined = queue.join(known, on="suspect_number", how="left").with_columns(
        loss=pl.max_horizontal("loss", "box_loss"),
        reasons=pl.concat_list("reasons", pl.col("box_reasons").fill_null([])),
    )
    raised = members.filter(~pl.col("suspect_number").is_in(queue["suspect_number"].implode()))
    together = pl.concat([joined.drop("box_loss", "box_reasons"), raised], how="diagonal")
    return together.with_columns(pl.col("rules", "alert_ids").fill_null([]))


def _locate_cases(queue: pl.DataFrame, tables: Snapshot) -> pl.DataFrame:
    sized = list_standing_members(tables).with_columns(case_size=pl.len().over("case_id"))
    # A number can be in an old case and a new one; the newest is the one that somebody works on.
    newest = sized.group_by(suspect_number="number").agg(pl.col("case_id", "case_size").sort_by("case_id").last())
    return queue.join(newest, on="suspect_number", how="left")


def fuse_witnesses(
    rule_score: pl.Expr, probability: pl.Expr, case_size: pl.Expr, box_probability: pl.Expr | None = None
) -> pl.Expr:
    """Return the score that the queue is ordered by; a witness that is NULL says nothing.

    Parameters
    ----------
    rule_score, probability
        What the rules, and the model, say: 0 to 1.
    case_size
        Members of the number's case.
    box_probability
        That the number's box is no chance find; None leaves boxes out.
    """
    # Grows with the size of the case: four suspects may meet by chance, forty in one box do not.
    case = CASE_WEIGHT * (1 - CHANCE_MEMBERS / pl.max_horizontal(case_size, CHANCE_MEMBERS))
    witnesses = [rule_score, probability, case, *([] if box_probability is None else [box_probability])]
    doubt = pl.lit(1.0)
    for said in witnesses:
        doubt = doubt * (1 - said.fill_null(0.0))
    return 1 - doubt


def _fuse(queue: pl.DataFrame) -> pl.DataFrame:
    witnesses = (pl.col(name) for name in ("rule_score", "model_witness", "case_size", "box_probability"))
    return queue.with_columns(score=fuse_witnesses(*witnesses))


def _mark_suppressed(queue: pl.DataFrame, desk: Desk) -> pl.DataFrame:
    """Add why a number is on the suppression list now; its standing alerts say nothing of that."""
    numbers = queue["suspect_number"].to_list()
    reasons = find_suppressed(numbers, desk.tables, desk.config)
    return queue.with_columns(pl.Series("suppressed", map(reasons.get, numbers), dtype=pl.String))


def _order(queue: pl.DataFrame, rates: Rates) -> pl.DataFrame:
    """Sort by importance; the members of a box stand together where their box does, the suppressed at the end."""
    expected = pl.col("loss") * pl.col("score")
    in_box = pl.col("box_id").is_not_null()
    of_box = pl.col("loss").sum().over("box_id") * pl.col("box_probability")
    placed = queue.with_columns(
        severity=grade(expected, rates),
        reasons_against=pl.lit([], dtype=pl.List(pl.String)),
        at_stake=pl.when(in_box).then(of_box).otherwise(expected).fill_null(-1.0),
        sure=pl.when(in_box).then("box_probability").otherwise("score"),
    )
    ordered = placed.with_columns(worst=grade(pl.col("at_stake"), rates)).sort(
        pl.col("suppressed").is_not_null(), severity_rank("worst"), "at_stake", "sure", "box_id", expected,
        "suspect_number",
        descending=[False, True, True, True, False, True, False], nulls_last=True,
    )  # fmt: skip
    ranked = ordered.with_columns(loss=pl.col("loss").round(2)).with_row_index("rank", offset=1)
    return ranked.with_columns(pl.col("rank").cast(pl.Int64)).select(_COLUMNS)


def _add_model_reasons(queue: pl.DataFrame, judgement: Judgement, tables: Snapshot) -> pl.DataFrame:
    from sentinel_batch.learning.scoring import Reasons, word_reasons

    named = judgement.scores.filter(_is_one(queue["suspect_number"]))
    words = word_reasons(named, judgement.model, tables=tables)
    said = [words.get(number, Reasons()) for number in queue["suspect_number"]]
    speaking = [[*own, *more.speaking] for own, more in zip(queue["reasons"].to_list(), said, strict=True)]
    return queue.with_columns(
        pl.Series("reasons", speaking, dtype=pl.List(pl.String)),
        pl.Series("reasons_against", [more.against for more in said], dtype=pl.List(pl.String)),
    )
