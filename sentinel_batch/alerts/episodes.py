"""Matching of findings to alerts: plain rows in, plain rows out, nothing stored.

An episode is an interval of time in which one suspect met one rule. Intervals that touch or overlap are one episode.
Joining rows takes the union of their intervals and the worst of their evidence, so that the order in which findings
arrive does not matter, and a finding that arrives twice changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from sentinel_batch.history import Row
from sentinel_batch.schema import SEVERITY_RANK

EVIDENCE = (
    "alert_type",
    "alert_severity",
    "confidence",
    "call_count",
    "unique_destinations",
    "avg_duration_seconds",
    "window_start",
    "window_end",
    "evidence_summary",
    "evidence",
    "rule_version",
    "parameters",
)
"""Columns that belong to one window: they are taken together, or not at all."""

FACTS = (*EVIDENCE, "first_seen", "last_seen", "episode_start", "episode_end")
"""Columns of an alert that detection decides."""

_NEVER = float("-inf")


@dataclass
class Episode:
    """One suspect, one rule, one stretch of time: the alerts recorded so far, oldest id first, and the new findings.

    Parameters
    ----------
    scope
        Rule id, and after ``#`` the hash of ad-hoc parameters: alerts of different scopes never match.
    suspect
        The suspect's number.
    alerts, findings
        Rows whose intervals touch or overlap, directly or through one another.
    """

    scope: str
    suspect: str
    alerts: list[Row] = field(default_factory=list)
    findings: list[Row] = field(default_factory=list)

    @cached_property
    def facts(self) -> Row:
        """Columns that detection decides, joined over all rows; read it once the episode is complete."""
        rows = self.alerts + self.findings
        worst = max(rows, key=rank)  # the first of equals, so that stored evidence is not replaced for nothing
        return {
            **{column: worst[column] for column in EVIDENCE},
            "first_seen": min(row["first_seen"] for row in rows),
            "last_seen": max(row["last_seen"] for row in rows),
            "episode_start": min(row["episode_start"] for row in rows),
            "episode_end": max(row["episode_end"] for row in rows),
        }


def scope_of(rule: str, parameters: Mapping[str, Any] | None = None) -> str:
    """Return the scope of a rule's alerts.

    Parameters
    ----------
    rule
        Id of the rule.
    parameters
        Ad-hoc parameters; None stands for the rule's configured ones.
    """
    if parameters is None:
        return rule
    text = json.dumps(parameters, sort_keys=True, default=str)
    return f"{rule}#{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def alert_key(scope: str, suspect: str, start: datetime) -> str:
    """Return the readable natural key of an alert; the start is that of its first recording and never changes."""
    return f"{scope}|{suspect}|{start:%Y-%m-%dT%H:%M:%S.%fZ}"


def rank(row: Row) -> tuple[float, ...]:
    """Return how bad a row's evidence is: severity, most destinations, lowest average, earliest window, most calls."""
    return (
        SEVERITY_RANK[row["alert_severity"]],
        _NEVER if row["unique_destinations"] is None else row["unique_destinations"],
        _NEVER if row["avg_duration_seconds"] is None else -row["avg_duration_seconds"],
        -row["window_end"].timestamp(),
        -row["window_start"].timestamp(),
        _NEVER if row["call_count"] is None else row["call_count"],
    )


def severity_rose(before: Row, after: Row) -> bool:
    """Tell whether ``after`` is more severe than ``before``."""
    return SEVERITY_RANK[after["alert_severity"]] > SEVERITY_RANK[before["alert_severity"]]


def group_episodes(alerts: Iterable[Row], findings: Iterable[tuple[str, Row]]) -> list[Episode]:
    """Group findings and the alerts that they touch into episodes, worst first.

    Parameters
    ----------
    alerts
        Rows of ``fraud_alerts``; merged ones are ignored.
    findings
        Pairs of scope and finding.

    Returns
    -------
    list of Episode
        Those with at least one finding, in a stable order: worst evidence first, then by suspect and start.
    """
    lanes: dict[tuple[str, str], list[tuple[Row, bool]]] = defaultdict(list)
    for scope, finding in findings:
        lanes[scope, finding["suspect_number"]].append((finding, False))
    for alert in alerts:
        # The scope is the part of the key before the first bar: a rule's id has no bar, the suspect may.
        lane = (alert["alert_key"].partition("|")[0], alert["suspect_number"])
        if lane in lanes and alert["status"] != "merged":
            lanes[lane].append((alert, True))
    episodes = [episode for lane, rows in lanes.items() for episode in _joined(*lane, rows)]
    return sorted((episode for episode in episodes if episode.findings), key=_order)


def _joined(scope: str, suspect: str, rows: list[tuple[Row, bool]]) -> list[Episode]:
    episodes: list[Episode] = []
    reach: datetime | None = None
    for row, known in sorted(rows, key=lambda pair: pair[0]["episode_start"]):
        # Sorted by start, rows touch exactly if the next one starts before the farthest end so far.
        if reach is None or row["episode_start"] > reach:
            episodes.append(Episode(scope, suspect))
            reach = row["episode_end"]
        reach = max(reach, row["episode_end"])
        (episodes[-1].alerts if known else episodes[-1].findings).append(row)
    for episode in episodes:
        episode.alerts.sort(key=lambda alert: alert["id"])
        if len(episode.findings) > 1:
            # Ties between equal findings are broken by content, so that the order in which a rule returned them does
            # not show.
            episode.findings.sort(key=lambda row: [str(row[column]) for column in FACTS])
    return episodes


def _order(episode: Episode) -> tuple[Any, ...]:
    facts = episode.facts
    return (*(-figure for figure in rank(facts)[:3]), episode.suspect, episode.scope, facts["episode_start"])
