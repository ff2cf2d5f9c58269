"""Verdicts on alerts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from alert_samples import finding, frame, make_lake

from sentinel_batch.alerts import annotate_alerts, get_alert, list_alerts, record_alerts, review_alerts, undo_review
from sentinel_batch.alerts.review import give_verdict
from sentinel_batch.desk import open_desk
from sentinel_batch.errors import AlertNotFoundError, UsageError
from sentinel_batch.lake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = make_lake(tmp_path)
    record_alerts(frame(finding(0, 10), finding(20, 30), finding(suspect="+9")), lake=lake)
    return lake


def test_verdict_sets_the_columns_and_the_history(lake: Lake) -> None:
    rows = review_alerts([2, 1], disposition="confirmed", notes="=cmd()", by="ada", lake=lake)
    assert rows["id"].to_list() == [2, 1]
    alert = get_alert(1, lake=lake)
    assert (alert["status"], alert["reviewed"], alert["disposition"]) == ("reviewed", True, "confirmed")
    assert alert["reviewer_notes"] == "=cmd()"
    assert alert["updated_at"] > alert["created_at"]
    verdict = [event for event in alert["events"] if event["event"] == "reviewed"]
    assert {event["actor"] for event in verdict} == {"ada"}
    assert {event["field"] for event in verdict} == {"status", "reviewed", "disposition", "reviewer_notes"}
    assert lake.snapshot().read("runs")["command"].sort().to_list() == ["detect", "review"]
    assert list_alerts(lake=lake, reviewed=False)["id"].to_list() == [3]


def test_second_verdict_keeps_notes_and_the_same_one_changes_nothing(lake: Lake) -> None:
    review_alerts(1, disposition="watch", notes="wait", by="ada", lake=lake)
    review_alerts(1, disposition="confirmed", by="bob", lake=lake)
    before = get_alert(1, lake=lake)
    assert (before["disposition"], before["reviewer_notes"]) == ("confirmed", "wait")
    review_alerts(1, disposition="confirmed", by="eve", lake=lake)
    assert get_alert(1, lake=lake) == before
    assert [event["actor"] for event in before["events"]][-1] == "bob"


def test_who_is_taken_from_the_session(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "grace")
    review_alerts(1, disposition="watch", lake=lake)
    assert get_alert(1, lake=lake)["events"][-1]["actor"] == "grace"


def test_unknown_id_writes_nothing_and_names_neighbours(lake: Lake) -> None:
    with pytest.raises(AlertNotFoundError, match=r"There is no alert 7, 9\. Nearest ids: 1, 2, 3\.") as caught:
        review_alerts([1, 7, 9], disposition="confirmed", lake=lake)
    assert caught.value.details["unknown"] == [7, 9]
    assert "alerts list" in caught.value.hint
    assert get_alert(1, lake=lake)["reviewed"] is False


def test_disposition_and_ids_are_checked(lake: Lake) -> None:
    with pytest.raises(
        UsageError, match=r"'guilty' is not a disposition.\nHint: Allowed: confirmed, false-positive, watch"
    ):
        review_alerts(1, disposition="guilty", lake=lake)
    with pytest.raises(UsageError, match="No alert was named"):
        review_alerts([], disposition="watch", lake=lake)


def test_merged_alert_points_to_its_survivor(lake: Lake) -> None:
    merged = record_alerts(frame(finding(5, 25)), lake=lake).merged
    with pytest.raises(UsageError, match=rf"Alert {merged[0]} was merged into alert 1\."):
        review_alerts([1, *merged], disposition="watch", lake=lake)
    assert get_alert(1, lake=lake)["reviewed"] is False


def test_a_pinned_desk_reads_its_moment_and_judges_the_newest(lake: Lake) -> None:
    pinned = open_desk(lake).snapshot()
    review_alerts(1, disposition="watch", lake=lake)
    assert get_alert(1, lake=pinned)["disposition"] is None
    assert list_alerts(lake=pinned, reviewed=True).is_empty()
    review_alerts(1, disposition="confirmed", lake=pinned)
    alert = get_alert(1, lake=lake)
    assert alert["disposition"] == "confirmed"
    assert (alert["events"][-1]["before"], alert["events"][-1]["after"]) == ("watch", "confirmed")


def verdict(lake: Lake, alert_id: int = 1) -> tuple[object, ...]:
    alert = get_alert(alert_id, lake=lake)
    return alert["status"], alert["reviewed"], alert["disposition"], alert["reviewer_notes"]


def test_a_verdict_is_not_replaced_in_silence(lake: Lake) -> None:
    review_alerts(1, disposition="confirmed", by="ada", lake=lake)
    with pytest.raises(UsageError, match=r"Alert 1 was judged confirmed by ada on \d{4}-") as caught:
        review_alerts([2, 1], disposition="false-positive", by="bob", lake=lake)
    assert "--replace" in caught.value.hint and "alerts undo 1" in caught.value.hint
    assert verdict(lake, 2) == ("open", False, None, None)
    review_alerts([2, 1], disposition="false-positive", by="bob", replace=True, lake=lake)
    assert verdict(lake)[2] == verdict(lake, 2)[2] == "false-positive"


def judge(lake: Lake, ids: list[int], disposition: str | None, by: str, notes: str = "") -> list[str]:
    return give_verdict(ids, disposition=disposition, notes=notes, replace=False, by=by, lake=lake).notices


def test_a_review_tells_whose_notes_it_replaces(lake: Lake) -> None:
    assert judge(lake, [1, 2], "confirmed", "ada", "called back") == []
    assert judge(lake, [2], None, "ada", "called back") == [judged(lake, 2)]
    (said,) = judge(lake, [2, 3], None, "bob", "x")
    assert re.fullmatch(r"Alert 2: the notes given by ada on \d{4}-\d\d-\d\d \d\d:\d\d UTC were replaced.*show 2", said)
    (said,) = judge(lake, [2], None, "eve", "y")
    assert "given by bob" in said
    undo_review(2, by="zoe", lake=lake)
    (said,) = judge(lake, [2], None, "eve", "z")
    assert "given by bob" in said


def judged(lake: Lake, alert_id: int) -> str:
    when = get_alert(alert_id, lake=lake)["events"][-1]["at"]
    return f"Alert {alert_id}: nothing changed: judged confirmed by ada on {when:%Y-%m-%d %H:%M} UTC."


def test_a_review_tells_that_nothing_changed(lake: Lake) -> None:
    judge(lake, [1], "confirmed", "ada")
    assert judge(lake, [1, 2], "confirmed", "bob") == [judged(lake, 1)]
    judge(lake, [3], None, "cy")
    (said,) = judge(lake, [3], None, "bob")
    assert said.startswith("Alert 3: nothing changed: looked at by cy on ")


def test_an_alert_can_be_looked_at_without_a_verdict(lake: Lake) -> None:
    review_alerts(1, notes="seen", lake=lake)
    assert verdict(lake) == ("reviewed", True, None, "seen")
    review_alerts(1, disposition="confirmed", lake=lake)
    review_alerts(1, notes="told the police", lake=lake)
    assert verdict(lake) == ("reviewed", True, "confirmed", "told the police")


def test_reviews_are_taken_back_one_by_one(lake: Lake) -> None:
    review_alerts([1, 2], disposition="watch", notes="wait", by="ada", lake=lake)
    review_alerts(1, disposition="confirmed", notes="sure", by="bob", lake=lake)
    undo_review(1, by="eve", notes="a slip", lake=lake)
    assert verdict(lake) == ("reviewed", True, "watch", "wait")
    undo_review([1, 2], by="eve", lake=lake)
    assert verdict(lake) == verdict(lake, 2) == ("open", False, None, None)
    with pytest.raises(UsageError, match="Alert 1 has no review that could be taken back"):
        undo_review([1, 3], lake=lake)
    said = [(event["event"], event["actor"]) for event in get_alert(1, lake=lake)["events"]]
    assert ("review undone", "eve") in said and ("reviewed", "bob") in said
    review_alerts(1, disposition="false-positive", lake=lake)
    undo_review(1, lake=lake)
    assert verdict(lake) == ("open", False, None, None)


def test_notes_are_replaced_and_erased_without_a_review(lake: Lake) -> None:
    before = get_alert(1, lake=lake)
    row = annotate_alerts(1, notes="called back", by="ada", lake=lake).to_dicts()[0]
    assert (row["reviewer_notes"], row["reviewed"], row["status"]) == ("called back", False, "open")
    review_alerts(1, disposition="watch", by="bob", lake=lake)
    assert annotate_alerts([1], notes="", by="eve", lake=lake)["reviewer_notes"].to_list() == [None]
    alert = get_alert(1, lake=lake)
    noted = [event for event in alert["events"] if event["event"] == "noted"]
    assert [(event["actor"], event["before"], event["after"]) for event in noted] == [
        ("ada", before["reviewer_notes"], "called back"),
        ("eve", "called back", None),
    ]
    # A note is no review: what is taken back is the verdict.
    assert undo_review(1, lake=lake)["status"].to_list() == ["open"]
