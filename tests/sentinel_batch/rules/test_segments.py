"""Thresholds of their own for segments of callers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from detection_lake import make_lake

from sentinel_batch.config import load_config
from sentinel_batch.desk import Desk, open_desk
from sentinel_batch.errors import ConfigurationError, UsageError
from sentinel_batch.lake import Lake
from sentinel_batch.rules import examine, examine_rules

NOON = datetime(2026, 1, 22, 12, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """Three callers of 80 numbers each; a file puts the first into the segment ``vip``."""
    callers = ["+2348030000001", "+2348030000002", "+2348030000003"]
    calls = [
        (caller, f"+234809000{n:04}", NOON + timedelta(minutes=n, seconds=place), 2)
        for place, caller in enumerate(callers)
        for n in range(80)
    ]
    (tmp_path / "segments.csv").write_text("number,segment\n+2348030000001,vip\n", encoding="utf-8")
    (tmp_path / "sentinel.toml").write_text('segments_file = "segments.csv"\n', encoding="utf-8")
    monkeypatch.setenv("SENTINEL_CONFIG", str(tmp_path / "sentinel.toml"))
    local = [call[2] + timedelta(hours=1) for call in calls]
    return make_lake(tmp_path / "lake", calls, local_date=[t.date() for t in local], local_hour=[t.hour for t in local])


def configure(lake: Lake, settings: dict[str, Any]) -> Desk:
    return open_desk(lake, rules={"SDHF_001": settings})


def suspects(lake: Lake, **configured: Any) -> list[str]:
    desk = configure(lake, configured)
    [found] = examine_rules(["SDHF_001"], lake=desk)
    assert found.configured
    assert examine(lake=desk).findings.equals(found.findings)
    return [number[-1] for number in found.findings["suspect_number"]]


def test_a_segment_has_its_own_threshold(lake: Lake) -> None:
    assert suspects(lake) == ["1", "2", "3"]
    assert suspects(lake, segments={"vip": {"min_unique_destinations": 100}}) == ["2", "3"]
    assert suspects(lake, min_unique_destinations=100, segments={"vip": {"min_unique_destinations": 50}}) == ["1"]
    assert suspects(lake, segments={"vip": {"min_unique_destinations": 100}, "nobody": {}}) == ["2", "3"]


def test_a_finding_names_the_parameters_of_its_segment(lake: Lake) -> None:
    settings = {"min_unique_destinations": 60, "segments": {"vip": {"min_unique_destinations": 70}}}
    found = examine(lake=configure(lake, settings))
    assert ['"min_unique_destinations": 70' in text for text in found.findings["parameters"]] == [True, False, False]
    assert found.parameters["segments"]["vip"]["min_unique_destinations"] == 70


def test_parameters_of_one_run_go_for_everybody(lake: Lake) -> None:
    settings = {"segments": {"vip": {"min_unique_destinations": 100}}}
    assert examine(lake=configure(lake, settings), min_unique_destinations=60).findings.height == 3


def test_a_segment_s_parameters_are_checked(lake: Lake) -> None:
    with pytest.raises(UsageError, match="min_unique_destinations = 0"):
        examine(lake=configure(lake, {"segments": {"vip": {"min_unique_destinations": 0}}}))
    with pytest.raises(ConfigurationError, match=r"rules.SDHF_001.segments = 1 is not allowed") as caught:
        examine(lake=configure(lake, {"segments": {"vip": 1}}))
    assert "[rules.SDHF_001.segments.NAME]" in caught.value.hint


def test_the_configuration_file_carries_segments(tmp_path: Path) -> None:
    (tmp_path / "sentinel.toml").write_text("[rules.SDHF_001.segments.vip]\nmin_unique_destinations = 100\n")
    assert load_config(environ={}, start=tmp_path).rules == {
        "SDHF_001": {"segments": {"vip": {"min_unique_destinations": 100}}}
    }


@pytest.mark.parametrize(("name", "value"), [("role", "opener"), ("role", "bogus"), ("enabled", False)])
def test_what_a_rule_has_once_is_not_for_segments(lake: Lake, name: str, value: object) -> None:
    desk = configure(lake, {"segments": {"vip": {name: value}}})
    with pytest.raises(ConfigurationError, match=f"{name} = {value!r} in .*segments.vip.* is not allowed") as caught:
        examine(lake=desk)
    assert caught.value.hint == "Set it in [rules.SDHF_001]."
