"""Matching and states, without a lake: every sequence of findings keeps the invariants."""

from __future__ import annotations

from datetime import timedelta
from itertools import count, permutations
from typing import Any

import pytest
from alert_samples import START, at, finding
from hypothesis import given, settings
from hypothesis import strategies as st
from thoroughness import examples

from sentinel_batch.alerts.episodes import FACTS, group_episodes, rank, scope_of
from sentinel_batch.alerts.states import Settlement, settle
from sentinel_batch.alerts.suppression import Suppression
from sentinel_batch.schema import SEVERITIES

Row = dict[str, Any]


class Desk:
    """Alerts in a dict: what a lake would hold."""

    def __init__(self) -> None:
        self.alerts: dict[int, Row] = {}
        self.events: list[Row] = []
        self.suppressed: set[str] = set()
        self.clock = count(1)

    def find(self, *findings: Row) -> Settlement:
        episodes = group_episodes(self.alerts.values(), [(scope_of(row["detection_rule"]), row) for row in findings])
        settlement = settle(
            episodes,
            next_id=1 + max(self.alerts, default=0),
            moment=START + timedelta(days=next(self.clock)),
            run_id="run",
            suppression_of=lambda number: Suppression(number, "test") if number in self.suppressed else None,
        )
        self.alerts |= settlement.changed
        self.events += settlement.events
        return settlement

    def review(self, alert_id: int) -> None:
        self.alerts[alert_id] |= {"status": "reviewed", "reviewed": True, "disposition": "watch", "reviewer_notes": "n"}

    def live(self) -> list[Row]:
        return [alert for alert in self.alerts.values() if alert["status"] != "merged"]


@pytest.mark.parametrize(
    ("second", "alerts"),
    [((11, 20), 2), ((10, 20), 1), ((9, 20), 1), ((-5, 0), 1), ((-5, -1), 2), ((2, 3), 1), ((-5, 30), 1)],
)
def test_findings_match_when_their_episodes_touch_or_overlap(second: tuple[int, int], alerts: int) -> None:
    desk = Desk()
    desk.find(finding(0, 10))
    desk.find(finding(*second))
    assert len(desk.alerts) == alerts


def test_rules_suspects_and_parameters_are_kept_apart() -> None:
    desk = Desk()
    desk.find(finding(), finding(suspect="+2348030000000"), finding(detection_rule="SDHF_002"))
    assert {alert["alert_key"] for alert in desk.alerts.values()} == {
        "SDHF_001|+2348031234567|2026-03-01T00:00:00.000000Z",
        "SDHF_001|+2348030000000|2026-03-01T00:00:00.000000Z",
        "SDHF_002|+2348031234567|2026-03-01T00:00:00.000000Z",
    }
    assert scope_of("R", {"a": 1, "b": 2}) == scope_of("R", {"b": 2, "a": 1}) != scope_of("R", {"a": 1, "b": 3})
    assert scope_of("R", {}) != scope_of("R") == "R"


def test_growing_keeps_key_and_creation_and_a_shorter_period_does_not_shrink() -> None:
    desk = Desk()
    desk.find(finding(0, 10))
    created = dict(desk.alerts[1])
    assert desk.find(finding(-3, 20, "HIGH")).updated == [1]
    assert desk.find(finding(4, 5)).unchanged == [1]
    alert = desk.alerts[1]
    assert (alert["alert_key"], alert["created_at"]) == (created["alert_key"], created["created_at"])
    assert (alert["episode_start"], alert["episode_end"]) == (at(-3), at(20))
    assert alert["alert_severity"] == "HIGH"
    assert alert["updated_at"] > created["updated_at"]


def test_milder_finding_leaves_severity_and_evidence_but_extends_the_episode() -> None:
    desk = Desk()
    desk.find(finding(0, 10, "HIGH", unique_destinations=120))
    desk.find(finding(5, 30, "LOW", unique_destinations=900))
    alert = desk.alerts[1]
    assert (alert["alert_severity"], alert["unique_destinations"], alert["window_end"]) == ("HIGH", 120, at(10))
    assert alert["episode_end"] == at(30)
    assert alert["evidence_summary"] == "HIGH from 0 to 10"


@pytest.mark.parametrize(
    "worse",
    [
        {"severity": "MEDIUM", "unique_destinations": 1},
        {"unique_destinations": 61},
        {"avg_duration_seconds": 2.4},
        {"window_end": at(9)},
    ],
)
def test_evidence_comes_from_the_worst_then_widest_then_shortest_then_earliest_window(worse: Row) -> None:
    mild, bad = finding(), finding(**worse)
    assert rank(bad) > rank(mild)
    for order in ((mild, bad), (bad, mild)):
        desk = Desk()
        for row in order:
            desk.find(row)
        assert {name: desk.alerts[1][name] for name in FACTS} == {name: bad[name] for name in FACTS}


def test_bridge_keeps_the_oldest_id_and_closes_the_other() -> None:
    desk = Desk()
    desk.find(finding(20, 30, "MEDIUM"))
    desk.find(finding(0, 10))
    result = desk.find(finding(5, 25))
    assert (result.merged, result.updated, result.created) == ([2], [1], [])
    assert (desk.alerts[2]["status"], desk.alerts[2]["merged_into"]) == ("merged", 1)
    assert (desk.alerts[1]["episode_start"], desk.alerts[1]["episode_end"]) == (at(0), at(30))
    assert {(event["alert_id"], event["event"]) for event in desk.events} >= {(2, "merged"), (1, "absorbed")}
    assert desk.find(finding(0, 10)).unchanged == [1]


def test_reviewed_alert_stays_reviewed_until_its_severity_rises() -> None:
    desk = Desk()
    desk.find(finding(0, 10, "LOW"))
    desk.review(1)
    assert desk.find(finding(5, 20, "LOW", unique_destinations=70)).updated == [1]
    assert desk.alerts[1]["status"] == "reviewed"
    assert desk.find(finding(5, 20, "HIGH")).reopened == [1]
    alert = desk.alerts[1]
    assert (alert["status"], alert["reviewed"], alert["disposition"]) == ("open", False, None)
    assert alert["reviewer_notes"] == "n"
    note = next(event["note"] for event in desk.events if event["event"] == "reopened")
    assert "LOW to HIGH" in note
    assert "watch: n" in note


def test_merge_that_brings_a_higher_severity_reopens_the_reviewed_survivor() -> None:
    desk = Desk()
    desk.find(finding(0, 10, "LOW"))
    desk.find(finding(20, 30, "CRITICAL"))
    desk.review(1)
    assert desk.find(finding(10, 20, "LOW")).reopened == [1]
    assert desk.alerts[1]["alert_severity"] == "CRITICAL"


def test_suppressed_finding_is_kept_and_opens_once_nothing_covers_it() -> None:
    desk = Desk()
    desk.suppressed = {finding()["suspect_number"]}
    result = desk.find(finding())
    assert (result.created, len(result.suppressed)) == ([], 1)
    assert desk.alerts[1]["status"] == "suppressed"
    assert desk.find(finding()).suppressed[0]["alert_id"] == 1
    assert len(desk.events) == 1
    desk.suppressed = set()
    assert desk.find(finding()).reopened == [1]
    assert desk.alerts[1]["status"] == "open"


def test_alert_of_a_number_that_is_suppressed_later_stays_open() -> None:
    desk = Desk()
    desk.find(finding())
    desk.suppressed = {finding()["suspect_number"]}
    assert desk.find(finding(5, 20)).suppressed[0]["alert_id"] == 1
    assert (desk.alerts[1]["status"], desk.alerts[1]["episode_end"]) == ("open", at(20))


def test_severity_that_rises_under_suppression_is_not_lost() -> None:
    desk = Desk()
    desk.find(finding(0, 10, "LOW"))
    desk.review(1)
    desk.suppressed = {finding()["suspect_number"]}
    desk.find(finding(0, 10, "HIGH"))
    assert (desk.alerts[1]["status"], desk.alerts[1]["reviewed"]) == ("suppressed", False)
    desk.suppressed = set()
    assert desk.find(finding(0, 10, "HIGH")).reopened == [1]


def test_open_alert_does_not_vanish_into_a_suppressed_one() -> None:
    desk = Desk()
    desk.suppressed = {finding()["suspect_number"]}
    desk.find(finding(0, 10))
    desk.suppressed = set()
    desk.find(finding(20, 30))
    desk.suppressed = {finding()["suspect_number"]}
    desk.find(finding(5, 25))
    assert desk.alerts[1]["status"] == "open"


def test_ids_follow_severity_then_destinations_then_suspect() -> None:
    rows = [
        finding(suspect="+3"),
        finding(suspect="+1"),
        finding(suspect="+2", unique_destinations=70),
        finding(suspect="+4", severity="CRITICAL"),
    ]
    for order in permutations(rows):
        desk = Desk()
        desk.find(*order)
        assert [desk.alerts[key]["suspect_number"] for key in sorted(desk.alerts)] == ["+4", "+2", "+1", "+3"]


FINDINGS = st.builds(
    lambda start, length, severity, suspect, width: finding(
        start, start + length, severity, suspect, unique_destinations=width
    ),
    st.integers(0, 40),
    st.integers(1, 9),
    st.sampled_from(SEVERITIES),
    st.sampled_from(["+1", "+2"]),
    st.integers(51, 53),
)
STEPS = st.lists(st.one_of(st.lists(FINDINGS, min_size=1, max_size=4), st.integers(0, 9)), min_size=1, max_size=12)


def expected_episodes(findings: list[Row]) -> set[tuple[str, Any, Any, str]]:
    """Join touching intervals pair by pair until nothing changes: slow, and independent of the code under test."""
    parts = [(f["suspect_number"], f["episode_start"], f["episode_end"], f["alert_severity"]) for f in findings]
    while True:
        for first in parts:
            touching = [p for p in parts if p[0] == first[0] and p[1] <= first[2] and first[1] <= p[2]]
            if len(touching) > 1:
                joined = (
                    first[0],
                    min(p[1] for p in touching),
                    max(p[2] for p in touching),
                    max((p[3] for p in touching), key=SEVERITIES.index),
                )
                parts = [p for p in parts if p not in touching] + [joined]
                break
        else:
            return set(parts)


@settings(max_examples=examples(300), deadline=None)
@given(STEPS)
def test_any_sequence_of_findings_and_reviews_keeps_the_invariants(steps: list[Any]) -> None:
    desk, seen = Desk(), []
    for step in steps:
        before = {key: dict(alert) for key, alert in desk.alerts.items()}
        if isinstance(step, int):
            if before:
                chosen = desk.live()[step % len(desk.live())]
                desk.review(chosen["id"])
            continue
        seen += step
        result = desk.find(*step)
        classes = result.created + result.updated + result.unchanged + result.reopened + result.merged
        assert len(classes) == len(set(classes))
        for key, old in before.items():
            new = desk.alerts[key]
            for column in ("id", "alert_key", "created_at", "suspect_number", "detection_rule"):
                assert new[column] == old[column]
            assert rank(new) >= rank(old)
            assert new["episode_start"] <= old["episode_start"]
            assert new["episode_end"] >= old["episode_end"]
            if old["status"] == "reviewed" and new["status"] == "open":
                assert new["alert_severity"] != old["alert_severity"]
            if old["status"] == "merged":
                assert new == old
        live = desk.live()
        assert {
            (a["suspect_number"], a["episode_start"], a["episode_end"], a["alert_severity"]) for a in live
        } == expected_episodes(seen)
        assert len(live) == len(expected_episodes(seen))
        frozen = {key: dict(alert) for key, alert in desk.alerts.items()}
        events = len(desk.events)
        again = desk.find(*step)
        assert (desk.alerts, len(desk.events), again.changed) == (frozen, events, {})
    assert len({alert["alert_key"] for alert in desk.alerts.values()}) == len(desk.alerts)
    assert all(desk.alerts[a["merged_into"]]["id"] < a["id"] for a in desk.alerts.values() if a["merged_into"])


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(FINDINGS, min_size=2, max_size=8), st.randoms())
def test_order_of_arrival_matters_for_nothing_but_ids(findings: list[Row], random: Any) -> None:
    shuffled = list(findings)
    random.shuffle(shuffled)
    facts = []
    for order in (findings, shuffled):
        desk = Desk()
        for row in order:
            desk.find(row)
        columns = [name for name in FACTS if name != "evidence_summary"]
        facts.append(sorted([str(alert[name]) for name in ("suspect_number", *columns)] for alert in desk.live()))
    assert facts[0] == facts[1]
