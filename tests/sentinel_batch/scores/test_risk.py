"""The risk score: the specification's formula, its bounds, and how it is shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from detection_lake import make_lake
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel_batch.config import Config
from sentinel_batch.errors import LakeDamagedError, UsageError
from sentinel_batch.lake import Lake
from sentinel_batch.scores import assess_event, assess_risk, rank_risks
from sentinel_batch.scores.risk import rate_figures, score_counts
from tests.sentinel_batch.profiles.profile_commands import call

END = datetime(2026, 1, 22, 12, tzinfo=UTC)
BOX, PERSON = "+2348031111111", "+2348032222222"
EVENT = {
    "caller_number": PERSON,
    "callee_number": "08039999999",
    "duration_seconds": 2,
    "call_direction": "outbound",
    "timestamp": "2026-01-22T12:30:00Z",
}


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A box with 60 calls of 1.5 s to 60 numbers, and a person with two calls; one older call lies 24 h back."""
    monkeypatch.chdir(tmp_path)
    calls = [(BOX, f"+23480400000{i:02}", END - timedelta(minutes=i), 1 + i % 2) for i in range(60)]
    calls += [(PERSON, BOX, END - timedelta(hours=hours), 120) for hours in (1, 23)]
    calls.append((PERSON, "+2348040000001", END - timedelta(hours=24), 0))
    return make_lake(tmp_path / "data" / "lake", calls)


def test_the_score_is_the_specification_s(lake: Lake) -> None:
    risk = assess_risk(BOX, lake=lake)
    assert (risk.call_count, risk.unique_destinations, risk.avg_duration_seconds) == (60, 60, 1.5)
    assert risk.parts == {"unique_destinations": 1.0, "short_duration": 0.5, "call_frequency": 0.6}
    assert (risk.score, risk.level) == (0.77, "high")
    assert (risk.since, risk.until) == (END - timedelta(hours=24), END)


def test_the_window_is_half_open_and_can_end_elsewhere(lake: Lake) -> None:
    assert assess_risk("0803 222 2222", lake=lake).call_count == 2
    earlier = assess_risk(PERSON, lake=lake, at=END - timedelta(hours=1))
    assert (earlier.call_count, earlier.unique_destinations) == (3, 2)


def test_a_silent_number_is_no_risk(lake: Lake) -> None:
    risk = assess_risk("+2348035555555", lake=lake)
    assert (risk.score, risk.level, risk.call_count, risk.avg_duration_seconds) == (0.0, "none", 0, None)
    assert risk.last_call_at is None
    later = assess_risk(PERSON, lake=lake, at=END + timedelta(days=3))
    assert (later.level, later.last_call_at) == ("none", END - timedelta(hours=1))


def test_scales_are_configured(lake: Lake) -> None:
    config = Config(lake=lake.path, risk_destinations=120, risk_duration=6, risk_calls=60)
    parts = assess_risk(BOX, config=config).parts
    assert parts == {"unique_destinations": 0.5, "short_duration": 0.75, "call_frequency": 1.0}


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 400), st.integers(1, 200), st.floats(0, 20)),
        min_size=1,
        max_size=20,
    )
)
def test_every_score_follows_the_formula(rows: list[tuple[int, int, float]]) -> None:
    names = ("call_count", "unique_destinations", "avg_duration_seconds")
    frame = score_counts(pl.DataFrame(rows, schema=names, orient="row"), Config())
    for (calls, callees, average), row in zip(rows, frame.to_dicts(), strict=True):
        wanted = 0.5 * min(1, callees / 50) + 0.3 * max(0, 1 - average / 3) + 0.2 * min(1, calls / 100)
        assert row["score"] == pytest.approx(wanted, abs=1e-6)
        assert 0 <= row["score"] <= 1
        score = row["score"]
        level = "low" if score < 0.3 else "medium" if score <= 0.6 else "high" if score <= 0.8 else "critical"
        assert row["level"] == level


def test_everybody_is_ranked(lake: Lake) -> None:
    ranked = rank_risks(lake=lake)
    assert ranked.select("number", "score", "level").rows() == [(BOX, 0.77, "high"), (PERSON, 0.014, "low")]
    assert ranked["until"].to_list() == [END, END]


def test_an_event_counts_as_one_more_call(lake: Lake) -> None:
    risk = assess_event(EVENT, lake=lake)
    assert (risk.number, risk.call_count, risk.unique_destinations) == (PERSON, 3, 2)
    assert risk.until == datetime(2026, 1, 22, 12, 30, tzinfo=UTC)
    assert assess_event(json.dumps(EVENT), lake=lake) == risk
    assert lake.snapshot().read("call_records").height == 63


def test_an_event_may_hold_numbers_of_numpy_and_a_time(lake: Lake) -> None:
    typed = {**EVENT, "duration_seconds": np.int64(EVENT["duration_seconds"])}
    typed["timestamp"] = datetime.fromisoformat(str(EVENT["timestamp"]).replace("Z", "+00:00"))
    assert assess_event(typed, lake=lake).score == assess_event(EVENT, lake=lake).score
    with pytest.raises(UsageError, match="duration_seconds"):
        assess_event({**EVENT, "duration_seconds": np.bool_(True)}, lake=lake)


def test_an_event_that_is_in_the_lake_counts_once(lake: Lake) -> None:
    known = {**EVENT, "callee_number": BOX, "timestamp": "2026-01-22T12:00:00+01:00", "duration_seconds": 120}
    assert assess_event(known, lake=lake).call_count == 3
    known["caller_number"], known["callee_number"] = BOX, "+2348040000000"
    assert assess_event({**known, "timestamp": END.isoformat()}, lake=lake).call_count == 60


@pytest.mark.parametrize(
    ("event", "message"),
    [
        ("{", "The event is not valid JSON"),
        ("[1]", "The event is a list, not an object."),
        ({**EVENT, "timestamp": None}, "The event has no timestamp."),
        ({}, "The event has no caller_number, callee_number, duration_seconds, timestamp."),
        ({**EVENT, "duration_seconds": -1}, "duration_seconds = -1 is not allowed"),
        ({**EVENT, "duration_seconds": "2"}, "duration_seconds = '2' is not allowed"),
        ({**EVENT, "duration_seconds": True}, "duration_seconds = True is not allowed"),
        ({**EVENT, "caller_number": 234}, "caller_number = 234 is not a number."),
        ({**EVENT, "callee_number": "-"}, "callee_number = '-' is not a number."),
        ("[" * 100_000, "The event is not valid JSON"),
        ({**EVENT, "timestamp": "0001-01-01T00:00:00Z"}, "since: 24h before until (0001-01-01"),
        ({**EVENT, "timestamp": 1769085000}, "timestamp = '1769085000' is not an instant."),
    ],
)
def test_a_wrong_event_is_refused(lake: Lake, event: Any, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        assess_event(event, lake=lake)
    assert caught.value.message.startswith(message)
    assert caught.value.hint


def test_a_broken_file_is_reported(lake: Lake) -> None:
    lake.snapshot().files("call_records")[0].write_bytes(b"PAR1 no PAR1")
    with pytest.raises(LakeDamagedError, match="doctor"):
        rank_risks(lake=lake, at=END)


def test_the_command_shows_the_parts(lake: Lake) -> None:
    shown = call("risk", "08031111111")
    assert shown.code == 0
    assert "risk 0.77 (high)" in shown.stdout
    assert "unique destinations" in shown.stdout
    found = call("risk", BOX, "--json").document
    assert found["risk_score"] == 0.77
    assert found["risk"]["parts"] == {"unique_destinations": 1.0, "short_duration": 0.5, "call_frequency": 0.6}
    assert found["risk"]["weights"] == {"unique_destinations": 0.5, "short_duration": 0.3, "call_frequency": 0.2}


def test_the_command_ranks_everybody(lake: Lake) -> None:
    found = call("risk", "--all", "--limit", "1", "--json").document
    assert (found["callers"], found["count"], found["risks"][0]["number"]) == (2, 1, BOX)
    assert "1 of 2 callers" in call("risk", "--all", "--limit", "1").stderr


def test_the_command_scores_an_event(lake: Lake) -> None:
    found = call("risk", "--event", json.dumps(EVENT), "--json").document
    assert found["status"] == "accepted"
    assert found["event_id"].startswith("evt_")
    assert found["risk_score"] == found["risk"]["score"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "one of the three"),
        ((BOX, "--all"), "one of the three"),
        (("--event", "{}", "--at", "2026-01-22"), "--at and --event cannot be used together"),
        (("--all", "--limit", "0"), "--limit 0 is not allowed"),
        (("--", "-"), "is not a number"),
        (("--all", "--at", "noon"), "neither an instant nor a duration"),
    ],
)
def test_wrong_arguments_are_refused(lake: Lake, arguments: tuple[str, ...], message: str) -> None:
    refused = call("risk", *arguments)
    assert refused.code == 2
    assert message in refused.stderr


def test_equal_scores_are_ordered_by_what_lies_behind_them(tmp_path: Path) -> None:
    calls = [
        (f"+23480311111{n:02}", f"+2348040000{k:03}", END, 1) for n in range(3) for k in range(60 + 100 * (n == 1))
    ]
    calls += [("+2348031111100", "+2348040000000", END - timedelta(minutes=k), 1) for k in range(1, 60)]
    calls += [("+2348031111102", "+2348040000000", END - timedelta(minutes=k), 1) for k in range(1, 80)]
    ranked = rank_risks(lake=make_lake(tmp_path / "lake", calls))
    assert ranked["score"].n_unique() == 1
    assert ranked["number"].to_list() == ["+2348031111101", "+2348031111102", "+2348031111100"]


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 5000))
def test_one_caller_is_rated_as_many_are(calls: int, destinations: int, seconds: int) -> None:
    config, until = Config(), datetime(2026, 1, 23, tzinfo=UTC)
    counted = pl.DataFrame(
        {"call_count": [calls], "unique_destinations": [destinations], "avg_duration_seconds": [seconds / calls]}
    )
    row = score_counts(counted, config).row(0, named=True)
    found = rate_figures("+2348031112222", until, calls, destinations, seconds, config)
    assert (found.score, found.level) == (row["score"], row["level"])
    assert found.parts == {name: row[f"{name}_part"] for name in found.parts}
