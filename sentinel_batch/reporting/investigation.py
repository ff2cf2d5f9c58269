"""What to look at first, what belongs together, and how right the rules have been: queue, cases, scorecard."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from sentinel_batch.cases import get_case, list_cases
from sentinel_batch.cases.links import weigh_pairs
from sentinel_batch.learning import compute_scorecard
from sentinel_batch.scores import rank_queue

if TYPE_CHECKING:
    from sentinel_batch.desk import Desk
    from sentinel_batch.reporting.period import Period

QUEUE_SHOWN = 25
CASES_SHOWN = 12
PICTURES_SHOWN = 6
REASONS_SHOWN = 5
LINKS_DRAWN = 200
"""Links of one case that its picture has at most, the strongest."""

_MEMBERS_DRAWN = 60
_MEMBER_COLUMNS = ("number", "severity", "rules", "call_count", "minutes", "loss", "top_cell", "top_imei")
_CASE_COLUMNS = (
    "case_id", "status", "severity", "alert_type", "member_count", "link_count", "alert_count", "first_seen",
    "last_seen", "call_count", "minutes", "loss", "currency", "recidivism", "assignee", "verdict", "notes",
)  # fmt: skip


@dataclass(frozen=True)
class Investigation:
    """Queue, cases and scorecard of a report.

    Parameters
    ----------
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
    """

    queue: list[dict[str, Any]] = field(default_factory=list)
    queue_total: int = 0
    model: str | None = None
    model_check: dict[str, Any] | None = None
    cases: list[dict[str, Any]] = field(default_factory=list)
    cases_total: int = 0
    scorecard: list[dict[str, Any]] = field(default_factory=list)
    false_positive_reasons: list[dict[str, Any]] = field(default_factory=list)

    def describe(self) -> dict[str, Any]:
        """Return the parts as the JSON document has them."""
        return {
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
    cases = _cases(desk, period)
    card = compute_scorecard(lake=desk, until=period.until)
    shown = [_describe_case(desk, row, nth < PICTURES_SHOWN) for nth, row in enumerate(cases[:CASES_SHOWN])]
    return Investigation(
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
    )


def _cases(desk: Desk, period: Period) -> list[dict[str, Any]]:
    rows = list_cases(lake=desk, status=["unseen", "open", "watch", "confirmed", "closed"])
    within = (pl.col("first_seen") <= period.until) & (pl.col("last_seen") >= period.first_instant)
    return rows.filter(within).to_dicts()


def _describe_case(desk: Desk, row: dict[str, Any], drawn: bool) -> dict[str, Any]:
    found = get_case(row["case_id"], lake=desk)
    kinds = found.links.group_by("kind").len("links").sort("links", "kind", descending=[True, False])
    return {
        **{name: row[name] for name in _CASE_COLUMNS},
        "members": found.members.select(_MEMBER_COLUMNS).to_dicts(),
        "kinds": kinds.to_dicts(),
        "picture": draw_network(found.members, found.links) if drawn else None,
    }


def draw_network(members: pl.DataFrame, links: pl.DataFrame) -> dict[str, Any] | None:
    """Place the members of a case on a plane, those with strong links near each other.

    Parameters
    ----------
    members
        ``number``, ``severity``, ``minutes``.
    links
        ``number_a``, ``number_b``, ``kind``, ``strength``.

    Returns
    -------
    dict
        ``width``, ``height``; ``nodes`` (``x, y, size, number, short, severity``); ``edges`` (``x1, y1, x2, y2,
        level`` 1 to 3, ``title``); ``left_out`` members. None without links. Equal input gives equal places.
    """
    import networkx  # Late: a report without cases draws no graph.

    shown = members.head(_MEMBERS_DRAWN)
    drawn = shown["number"].implode()
    inside = links.filter(links["number_a"].is_in(drawn) & links["number_b"].is_in(drawn))
    pairs = weigh_pairs(inside).sort("strength", "number_a", "number_b", descending=[True, False, False])
    if pairs.is_empty():
        return None
    graph = networkx.Graph()
    graph.add_nodes_from(sorted(shown["number"]))
    graph.add_weighted_edges_from(pairs.head(LINKS_DRAWN).iter_rows())
    places = networkx.spring_layout(graph, weight="weight", seed=0, iterations=60)
    at = {number: (round(160 + 130 * x, 1), round(110 + 90 * y, 1)) for number, (x, y) in places.items()}
    most = max([row["minutes"] or 0.0 for row in shown.to_dicts()] + [1.0])
    words = _words(inside)
    return {
        "width": 320,
        "height": 220,
        "nodes": [
            {
                "x": at[row["number"]][0],
                "y": at[row["number"]][1],
                "size": round(4 + 5 * ((row["minutes"] or 0) / most) ** 0.5, 1),
                "number": row["number"],
                "short": row["number"][-4:],
                "severity": row["severity"],
            }
            for row in shown.to_dicts()
        ],
        "edges": [
            {
                "x1": at[a][0], "y1": at[a][1], "x2": at[b][0], "y2": at[b][1],
                "level": 1 if strength < 0.5 else 2 if strength < 0.8 else 3,
                "title": words[a, b],
            }
            for a, b, strength in pairs.head(LINKS_DRAWN).iter_rows()
        ],
        "left_out": members.height - shown.height,
    }  # fmt: skip


def _words(links: pl.DataFrame) -> dict[tuple[str, str], str]:
    found: dict[tuple[str, str], list[str]] = {}
    for row in links.to_dicts():
        pair = (row["number_a"], row["number_b"])
        found.setdefault(pair, []).append(f"{row['kind'].replace('_', ' ')}: {row['evidence']}")
    return {pair: f"{pair[0]} – {pair[1]}: " + "; ".join(words) for pair, words in found.items()}
