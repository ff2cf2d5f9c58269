"""From alerts to cases: link the suspects, group them, continue the cases of earlier nights."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from sentinel_batch.boxes import BOX_RULE, list_standing_members
from sentinel_batch.cases.calls import read_calls
from sentinel_batch.cases.commits import CASE_HISTORY, commit_cases, current_rows
from sentinel_batch.cases.grouping import LINKED, group_suspects, keep_boxes_apart
from sentinel_batch.cases.links import find_links, link_boxes, weigh_pairs
from sentinel_batch.cases.matching import OPEN_STATUSES, Match, match_groups
from sentinel_batch.desk import ConfigLike, Desk, DeskLike, open_desk
from sentinel_batch.errors import UsageError
from sentinel_batch.history import Row
from sentinel_batch.lake import Lake, Snapshot
from sentinel_batch.losses import Rates
from sentinel_batch.runs import recorded_run
from sentinel_batch.schema import CASE_MEMBERS, CASES, FRAUD_ALERTS, SEVERITIES, SEVERITY_RANK
from sentinel_batch.scores.fusion import fuse_findings, price_alerts, weigh_rules
from sentinel_batch.scores.judgement import Judgement, judge_callers
from sentinel_batch.scores.queue import fuse_witnesses
from sentinel_batch.severity import grade_loss
from sentinel_batch.window import Period, now, resolve_period

LOOKBACK = timedelta(days=14)
"""Alerts and calls so far back are looked at, unless told otherwise."""

LEAST_SCORE = 0.35
"""Suspects whose findings together say less (:func:`sentinel_batch.scores.fusion.fuse_findings`) stay single alerts."""

_TRACKED = ("severity", "member_count", "minutes", "last_seen", "recidivism")


@dataclass
class CaseChanges:
    """What a night's grouping changed.

    Parameters
    ----------
    run_id
        The run that grouped.
    suspects
        Number of suspects that were looked at.
    created, updated, unchanged, merged
        Ids of cases.
    notices
        What is to be said about it.
    """

    run_id: str = ""
    suspects: int = 0
    created: list[int] = field(default_factory=list)
    updated: list[int] = field(default_factory=list)
    unchanged: list[int] = field(default_factory=list)
    merged: list[int] = field(default_factory=list)
    notices: tuple[str, ...] = ()

    def counts(self) -> dict[str, int]:
        """Return the number of cases in each class."""
        return {name: len(getattr(self, name)) for name in ("created", "updated", "unchanged", "merged")}


def build_cases(
    lake: DeskLike = None,
    *,
    config: ConfigLike = None,
    since: str | datetime | timedelta | None = None,
    until: str | datetime | timedelta | None = None,
    linked: float = LINKED,
    run_id: str | None = None,
) -> CaseChanges:
    """Group the suspects of alerts into cases, and continue those of earlier nights; repeating it changes nothing.

    Alerts count that are open, or that were confirmed or put on watch, whose suspect called in the period, and whose
    findings together reach :data:`LEAST_SCORE`. So do all members of boxes that an alert is on, whether they have one
    of their own or not; a box is one case. Numbers that only the model of the settings lists join cases, and make none
    by themselves. Losses are priced at the rates of the settings.

    Parameters
    ----------
    lake
        The desk, or the folder of its tables; None is the configured one.
    config
        Settings, or their file; None looks for them as the command line does.
    since, until
        The period ``(since, until]``; by default the 14 days up to the newest call.
    linked
        Strength from which a pair belongs together, 0 to 1.
    run_id
        A run under way that this belongs to; None records a run of its own.

    Raises
    ------
    UsageError
        If the period is empty, or ``linked`` is not from 0 to 1.
    LakeLockedError
        If another process holds the lock for longer than the setting ``lock_timeout``.
    """
    if not 0 < linked <= 1:
        raise UsageError(f"linked = {linked} is not allowed.", hint="Give a number above 0, up to 1.", name="linked")
    desk = open_desk(lake, config)
    with desk.lake.lock(desk.config.lock_timeout):
        tables = desk.lake.snapshot()
        if tables.newest_call is None:
            return CaseChanges()
        period = resolve_period(since, until, tables.newest_call, LOOKBACK)
        if run_id is not None:
            return _build(desk, tables, period, linked, run_id)
        with recorded_run(desk.lake, "cases", {"linked": linked}) as run:
            run.since, run.until = period.since, period.until
            changes = _build(desk, tables, period, linked, run.run_id)
            run.counts = {"suspects": changes.suspects, **changes.counts()}
            return changes


def _build(desk: Desk, tables: Snapshot, period: Period, linked: float, run_id: str) -> CaseChanges:
    standing = price_alerts(_alerts(tables, period), desk.config)
    boxes = _boxes(tables, period, standing)
    fused = fuse_findings(standing, weigh_rules(desk.config))
    alerts = _weighty(standing, fused, boxes)
    judgement, silent = judge_callers(Desk(desk.config, tables), until=period.until)
    accused = {*alerts["suspect_number"], *boxes["number"]}
    compared = sorted({*alerts["suspect_number"], *(judgement.listed if judgement is not None and accused else [])})
    numbers = sorted({*compared, *boxes["number"]})
    changes = CaseChanges(run_id, len(numbers), notices=() if silent is None else (silent,))
    if len(numbers) < 2:
        return changes
    stored = {row["case_id"]: row for row in tables.read(CASES.name).to_dicts()}
    known = current_rows(tables, CASE_MEMBERS.name)
    calls = read_calls(tables, [*numbers, *known["number"]], period)
    # Members of a box without an alert of their own are tied by the box, and need not be compared pair by pair.
    links = pl.concat([find_links(tables, compared, calls, period), link_boxes(boxes)])
    growing = {case_id: row for case_id, row in stored.items() if row["status"] in OPEN_STATUSES}
    members_of = {case_id: known.filter(known["case_id"] == case_id)["number"].to_list() for case_id in growing}
    beliefs = dict(_believe(numbers, fused, boxes, judgement).iter_rows())
    writer = _Writer(alerts, links, stored, known, Rates.of(desk.config), run_id, changes, _activity(calls), beliefs)
    pairs = weigh_pairs(links).filter(pl.col("strength") >= linked)
    groups = group_suspects(keep_boxes_apart(pairs, dict(boxes.select("number", "box_id").iter_rows())), linked=linked)
    for match in match_groups([group for group in groups if not accused.isdisjoint(group)], members_of):
        writer.add(match)
    writer.commit(desk.lake, tables)
    return changes


def _alerts(tables: Snapshot, period: Period) -> pl.DataFrame:
    counts = (pl.col("status") == "open") | (
        (pl.col("status") == "reviewed") & pl.col("disposition").is_in(["confirmed", "watch"])
    )
    within = (pl.col("last_seen") > period.since) & (pl.col("first_seen") <= period.until)
    return tables.scan(FRAUD_ALERTS.name).filter(counts & within).sort("id").collect()


def _weighty(alerts: pl.DataFrame, fused: pl.DataFrame, boxes: pl.DataFrame) -> pl.DataFrame:
    """Return the alerts on members of boxes, however faint, and on suspects who reach the least score."""
    weighed = fused.filter(pl.col("rule_score") >= LEAST_SCORE)
    number = pl.col("suspect_number")
    return alerts.filter(number.is_in(weighed["suspect_number"].implode()) | number.is_in(boxes["number"].implode()))


def _boxes(tables: Snapshot, period: Period, alerts: pl.DataFrame) -> pl.DataFrame:
    """Return the members of boxes that an alert is on and that called in the period, with what ties them."""
    leads = alerts.filter(pl.col("detection_rule") == BOX_RULE)["suspect_number"]
    members = list_standing_members(tables).filter(pl.col("lead_number").is_in(leads.unique().to_list()))
    return members.filter(pl.col("last_day") >= period.since.date())


def _believe(numbers: list[str], fused: pl.DataFrame, boxes: pl.DataFrame, judgement: Judgement | None) -> pl.DataFrame:
    """Return how far rules, box and model speak for fraud of each number (``score``), as in the queue without cases."""
    none = pl.DataFrame(schema={"number": pl.String, "witness": pl.Float64})
    said = pl.DataFrame({"number": numbers}, schema={"number": pl.String})
    for witness in (
        fused.select("rule_score", number="suspect_number"),
        boxes.group_by("number").agg(box=pl.col("probability").max()),
        none if judgement is None else judgement.witness.select("number", "witness"),
    ):
        said = said.join(witness, on="number", how="left")
    score = fuse_witnesses(pl.col("rule_score"), pl.col("witness"), pl.lit(0), pl.col("box"))
    return said.select("number", score=score)


def _activity(calls: pl.DataFrame) -> dict[str, Row]:
    """Return what each number did in the period: calls, minutes, where and with what mostly."""
    talked = pl.when(pl.col("answered").fill_null(pl.col("seconds") > 0)).then("seconds").otherwise(0)
    sums = calls.group_by("number").agg(
        call_count=pl.len(),
        minutes=talked.sum() / 60,
        first_seen=pl.col("begun").min(),
        last_seen=pl.col("begun").max(),
    )
    for name in ("cell", "imei"):
        counts = (
            calls.drop_nulls(name).group_by("number", name).agg(pl.len()).sort("len", name, descending=[True, False])
        )
        most = counts.group_by("number").agg(pl.col(name).first().alias(f"top_{name}"))
        sums = sums.join(most, on="number", how="left")
    return {row["number"]: row for row in sums.to_dicts()}


@dataclass
class _Writer:
    """Collects the rows of one night."""

    alerts: pl.DataFrame
    links: pl.DataFrame
    stored: dict[int, Row]
    known: pl.DataFrame
    rates: Rates
    run_id: str
    changes: CaseChanges
    activity: dict[str, Row]
    beliefs: dict[str, float]

    def __post_init__(self) -> None:
        self.moment = now()
        self.next_id = max(self.stored, default=0) + 1
        self.alerts_of: dict[str, list[Row]] = {}
        for row in self.alerts.to_dicts():
            self.alerts_of.setdefault(row["suspect_number"], []).append(row)
        self.members_before = {(row["case_id"], row["number"]): row for row in self.known.to_dicts()}
        self.cases: list[Row] = []
        self.events: list[Row] = []
        self.members: list[Row] = []
        self.kept_links: list[Row] = []

    def add(self, match: Match) -> None:
        """Open the case of a group, or continue it."""
        case_id = match.case_id
        if case_id is None:
            case_id, self.next_id = self.next_id, self.next_id + 1
        members = [self._member(case_id, number, match) for number in match.members]
        links = self._links(case_id, match)
        before = self.stored.get(case_id)
        after = self._case(case_id, before, members, links)
        if before is None:
            self.changes.created.append(case_id)
            note = f"{len(members)} members"
            self.events.append(CASE_HISTORY.describe(case_id, self.moment, "created", note=note))
        else:
            changed = CASE_HISTORY.compare(before, after, _TRACKED, self.moment, "updated")
            if not changed and not match.absorbed:
                self.changes.unchanged.append(case_id)
                return
            self.changes.updated.append(case_id)
            self.events += changed
        for other in match.absorbed:
            self._absorb(other, case_id)
        self.cases.append(after)
        self.members += members
        self.kept_links += links

    def commit(self, lake: Lake, tables: Snapshot) -> None:
        """Write everything that changed, if anything did."""
        if self.cases:
            commit_cases(lake, tables, self.cases, self.events, self.members, self.kept_links)

    def _absorb(self, other: int, into: int) -> None:
        self.cases.append({**self.stored[other], "status": "merged", "merged_into": into, "updated_at": self.moment})
        self.events.append(CASE_HISTORY.describe(other, self.moment, "merged", field="merged_into", after=into))
        self.events.append(CASE_HISTORY.describe(into, self.moment, "absorbed", after=other))
        self.changes.merged.append(other)

    def _member(self, case_id: int, number: str, match: Match) -> Row:
        alerts = self.alerts_of.get(number, [])
        earlier = [self.members_before.get((old, number)) for old in (match.case_id, *match.absorbed) if old]
        before: Row = next((row for row in earlier if row), {})
        did = self.activity.get(number, {})
        # The period slides on, and would forget the calls of earlier nights; a case must not shrink because time
        # passes.
        minutes = max(did.get("minutes") or 0.0, before.get("minutes") or 0.0)
        rules = {row["detection_rule"] for row in alerts} | set(filter(None, (before.get("rules") or "").split(", ")))
        ids = {row["id"] for row in alerts} | set(json.loads(before.get("alert_ids") or "[]"))
        worst = [row["alert_severity"] for row in alerts] + ([before["severity"]] if before else [])
        first = [t for t in (did.get("first_seen"), before.get("first_seen")) if t]
        last = [t for t in (did.get("last_seen"), before.get("last_seen")) if t]
        return {
            "case_id": case_id,
            "number": number,
            "severity": max(worst, key=SEVERITY_RANK.__getitem__, default=SEVERITIES[0]),
            "rules": ", ".join(sorted(rules)),
            "alert_ids": json.dumps(sorted(ids)),
            "call_count": max(did.get("call_count") or 0, before.get("call_count") or 0),
            "minutes": round(minutes, 3),
            "loss": max([self.rates.loss(minutes), before.get("loss") or 0.0, *(row["loss"] for row in alerts)]),
            "first_seen": min(first, default=None),
            "last_seen": max(last, default=None),
            "top_cell": did.get("top_cell") or before.get("top_cell"),
            "top_imei": did.get("top_imei") or before.get("top_imei"),
        }

    def _links(self, case_id: int, match: Match) -> list[Row]:
        inside = set(match.members)
        both = self.links["number_a"].is_in(inside) & self.links["number_b"].is_in(inside)
        return [{"case_id": case_id, **row} for row in self.links.filter(both).to_dicts()]

    def _case(self, case_id: int, before: Row | None, members: Sequence[Row], links: Sequence[Row]) -> Row:
        kinds = Counter(row["alert_type"] for member in members for row in self.alerts_of.get(member["number"], []))
        minutes = sum(member["minutes"] for member in members)
        earlier = self._earlier(case_id, members)
        loss = round(sum(member["loss"] for member in members), 2)
        probability = self._believe(before, members)
        facts = {
            "severity": grade_loss(loss * probability, self.rates),
            # The most frequent type; its name breaks ties.
            "alert_type": min(kinds, key=lambda kind: (-kinds[kind], kind))
            if kinds
            else (before or {}).get("alert_type", BOX_RULE),
            "member_count": len(members),
            "link_count": len(links),
            "alert_count": len({i for member in members for i in json.loads(member["alert_ids"])}),
            "first_seen": min((m["first_seen"] for m in members if m["first_seen"]), default=None),
            "last_seen": max((m["last_seen"] for m in members if m["last_seen"]), default=None),
            "call_count": sum(member["call_count"] for member in members),
            "minutes": round(minutes, 3),
            "loss": loss,
            "currency": self.rates.currency,
            "probability": probability,
            "recidivism": len(earlier),
            "earlier_cases": json.dumps(earlier),
        }
        if before is not None:
            return {**before, **facts, "updated_at": self.moment, "run_id": self.run_id}
        return {
            "case_id": case_id,
            "status": "unseen",
            **facts,
            "assignee": None,
            "verdict": None,
            "notes": None,
            "created_at": self.moment,
            "updated_at": self.moment,
            "merged_into": None,
            "run_id": self.run_id,
            "content_id": None,
        }

    def _believe(self, before: Row | None, members: Sequence[Row]) -> float:
        """Return how probable the case is: that of its surest member, who has the case as a witness, too."""
        surest = max((self.beliefs.get(member["number"], 0.0) for member in members), default=0.0)
        score = fuse_witnesses(pl.lit(surest), pl.lit(None, dtype=pl.Float64), pl.lit(len(members)))
        probability = float(pl.select(score).item())
        return round(max(probability, (before or {}).get("probability") or 0.0), 4)

    def _earlier(self, case_id: int, members: Sequence[Row]) -> list[int]:
        """Return closed cases that were not cleared and share a number or a handset with these members."""
        numbers = {member["number"] for member in members}
        handsets = {member["top_imei"] for member in members} - {None}
        found = {
            row["case_id"]
            for row in self.members_before.values()
            if row["number"] in numbers or row["top_imei"] in handsets
        }
        # A case that was closed as a false positive is no precedent.
        guilty = {
            old
            for old, row in self.stored.items()
            if row["status"] == "closed" and row["verdict"] != "false-positive" and old != case_id
        }
        return sorted(found & guilty)
