"""What to look at first, what belongs together, and how right the rules have been: queue, cases, scorecard."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from sentinel_batch.boxes import list_standing_members as list_box_members
from sentinel_batch.cases import CaseFile, list_cases, read_cases
from sentinel_batch.cases.links import weigh_pairs
from sentinel_batch.learning import compute_scorecard
from sentinel_batch.reporting.network import draw_network, link_words
from sentinel_batch.schema import SEVERITY_RANK
from sentinel_batch.scores import describe_suspects, list_standing_members, list_suspects, rank_queue

if TYPE_CHECKING:
    from sentinel_batch.desk import Desk
    from sentinel_batch.reporting.period import Period

QUEUE_SHOWN = 25
CASES_SHOWN = 12
PICTURES_SHOWN = 6
REASONS_SHOWN = 5
_MEMBER_COLUMNS = ("number", "severity", "rules", "call_count", "minutes", "loss", "top_cell", "top_imei")
_ALERT_COLUMNS = (
    "id", "suspect_number", "detection_rule", "alert_severity", "status", "disposition", "first_seen", "last_seen",
    "evidence_summary",
)  # fmt: skip
_CASE_COLUMNS = (
    "case_id", "status", "severity", "alert_type", "member_count", "link_count", "alert_count", "first_seen",
    "last_seen", "call_count", "minutes", "loss", "currency", "recidivism", "assignee", "verdict", "notes",
)  # fmt: skip


@dataclass(frozen=True)
class Investigation:
    """Queue, cases and scorecard of a report.

    Parameters
    ----------
    suspects
        The first rows of :func:`sentinel_batch.scores.list_suspects`, one per number or box, each with its ``alerts``.
    suspects_total
        Number of all of them.
    queue
        The first rows of :func:`sentinel_batch.scores.rank_suspects`.
    queue_total
        Number of all suspects in the queue.
    model
        Name or folder of the model that took part, if any.
    model_check
        What its judgement is worth (:class:`sentinel_batch.learning.ModelCheck`).
    cases
        Cases of the period, worst first, each with ``members``, ``kinds`` (links by kind) and ``picture``.
    cases_total
        Number of all cases of the period.
    scorecard
        Rows of :attr:`sentinel_batch.learning.Scorecard.rules`, of everything up to the period's end.
    false_positive_reasons
        The most frequent notes of false positives.
    listed
        All rows of :func:`sentinel_batch.scores.list_suspects` that ``suspects`` begins; None without calls.
    """

    suspects: list[dict[str, Any]] = field(default_factory=list)
    suspects_total: int = 0
    queue: list[dict[str, Any]] = field(default_factory=list)
    queue_total: int = 0
    model: str | None = None
    model_check: dict[str, Any] | None = None
    cases: list[dict[str, Any]] = field(default_factory=list)
    cases_total: int = 0
    scorecard: list[dict[str, Any]] = field(default_factory=list)
    false_positive_reasons: list[dict[str, Any]] = field(default_factory=list)
    listed: pl.DataFrame | None = None

    def describe(self) -> dict[str, Any]:
        """Return the parts as the JSON document has them."""
        return {
            "suspects": self.suspects,
            "suspects_total": self.suspects_total,
            "queue": self.queue,
            "queue_total": self.queue_total,
            "model": self.model,
            "model_check": self.model_check,
            "cases": [{key: value for key, value in case.items() if key != "picture"} for case in self.cases],
            "cases_total": self.cases_total,
            "scorecard": self.scorecard,
            "false_positive_reasons": self.false_positive_reasons,
        }


def gather_investigation(desk: Desk, period: Period | None) -> Investigation:
    """Read the queue, the cases and the scorecard of a period.

    Parameters
    ----------
    desk
        Where to read; its model, if it has one, takes part in the ranking.
    period
        The period; None for a lake without calls.
    """
    if period is None:
        return Investigation()
    ranked = rank_queue(lake=desk, since=period.since, until=period.until)
    queue = ranked.suspects
    suspects = list_suspects(desk, since=period.since, until=period.until, status="open", ranking=queue)
    cases = _cases(desk, period)
    card = compute_scorecard(lake=desk, until=period.until)
    files = read_cases(desk.tables, [row["case_id"] for row in cases[:CASES_SHOWN]])
    shown = [describe_case(found, nth < PICTURES_SHOWN) for nth, found in enumerate(files)]
    return Investigation(
        suspects=[_describe_suspect(row) for row in describe_suspects(suspects.head(QUEUE_SHOWN), lake=desk)],
        suspects_total=suspects.height,
        queue=queue.head(QUEUE_SHOWN).to_dicts(),
        queue_total=queue.height,
        model=desk.config.model,
        model_check=None if ranked.check is None else ranked.check.to_dict(),
        cases=shown,
        cases_total=len(cases),
        scorecard=card.rules.to_dicts(),
        false_positive_reasons=card.reasons.sort("alerts", descending=True, maintain_order=True)
        .head(REASONS_SHOWN)
        .to_dicts(),
        listed=suspects,
    )


def group_alerts(desk: Desk, alerts: pl.DataFrame, news: dict[str, Any] | None) -> dict[int, dict[str, Any]]:
    """Return for each alert the ``case`` and the ``box`` of its number, if any, and whether it is ``new``.

    New ones were opened since the night that the ``news`` are measured from; where there was no night, on the latest
    day (of the settings' zone) on which any of them was.
    """
    cases = list_standing_members(desk.tables).group_by("number").agg(pl.col("case_id").max())
    boxes = list_box_members(desk.tables).group_by("number").agg(pl.col("box_id").max())
    opened = pl.col("created_at").dt.convert_time_zone(desk.config.timezone).dt.date()
    since = None if news is None else news["since"]
    after = pl.lit(True) if since is None else pl.col("created_at") > since
    new = opened == opened.max() if news is None else after
    rows = (
        alerts.select("id", number="suspect_number", new=new.fill_null(False))
        .join(cases, on="number", how="left")
        .join(boxes, on="number", how="left")
    )
    return {row["id"]: {"case": row["case_id"], "box": row["box_id"], "new": row["new"]} for row in rows.to_dicts()}


def _describe_suspect(row: dict[str, Any]) -> dict[str, Any]:
    alerts = [{name: alert[name] for name in _ALERT_COLUMNS} for alert in row["alerts"]]
    return {**row, "alerts": sorted(alerts, key=lambda alert: (-SEVERITY_RANK[alert["alert_severity"]], alert["id"]))}


def _cases(desk: Desk, period: Period) -> list[dict[str, Any]]:
    rows = list_cases(lake=desk, status=["unseen", "open", "watch", "confirmed", "closed"])
    within = (pl.col("first_seen") <= period.until) & (pl.col("last_seen") >= period.first_instant)
    return rows.filter(within).to_dicts()


def describe_case(found: CaseFile, drawn: bool) -> dict[str, Any]:
    """Return a case as the page shows it, with ``members``, ``kinds`` of links and, if it is drawn, its ``picture``."""
    kinds = found.links.group_by("kind").len("links").sort("links", "kind", descending=[True, False])
    return {
        **{name: found.case[name] for name in _CASE_COLUMNS},
        "members": found.members.select(_MEMBER_COLUMNS).to_dicts(),
        "kinds": kinds.to_dicts(),
        "picture": draw_case(found) if drawn else None,
    }


def draw_case(found: CaseFile) -> dict[str, Any] | None:
    """Return the network of a case, as :func:`sentinel_batch.reporting.network.draw_network` does."""
    kinds = pl.col("kind").str.replace_all("_", " ")
    words = found.links.select("number_a", "number_b", words=pl.format("{}: {}", kinds, "evidence"))
    return draw_network(found.members, weigh_pairs(found.links), link_words(words))
