"""A desk: settings travel with it, every public verb is its method, and a snapshot stays at its moment."""

from __future__ import annotations

import ast
import inspect
import os
from pathlib import Path

import pytest
from conftest import Call

import sentinel_batch as sb
from sentinel_batch import verbs
from sentinel_batch.binding import list_verbs
from sentinel_batch.desk import Desk
from sentinel_batch.errors import ConfigurationError, LakeNotFoundError, UsageError
from sentinel_batch.verb_stub import render_stub


def test_methods_are_the_free_functions(calls_lake: Path, simboxes: list[str]) -> None:
    desk = sb.open(calls_lake)
    assert desk.detect(window="12h").equals(sb.detect(lake=calls_lake, window="12h"))
    assert desk.list_alerts(limit=1).equals(sb.list_alerts(lake=calls_lake, limit=1))
    assert sorted(desk.list_alerts()["suspect_number"]) == sorted(simboxes)
    assert desk.get_alert(1) == sb.get_alert(1, lake=calls_lake)
    desk.build_profiles()
    assert desk.read_profiles("2026-01-01", "2026-12-31").equals(sb.read_profiles(calls_lake))


def test_every_public_verb_that_takes_a_lake_is_a_method(tmp_path: Path) -> None:
    desk = sb.open(tmp_path)
    verbs = {
        name
        for name in sb.__all__
        if inspect.isfunction(getattr(sb, name)) and "lake" in inspect.signature(getattr(sb, name)).parameters
    } - {"open"}
    assert {"ingest", "detect", "run_detection", "explain", "write_report", "run_nightly", "build_cases"} <= verbs
    assert verbs <= set(dir(desk))
    for name in verbs:
        method = getattr(desk, name)
        assert {"lake", "config"}.isdisjoint(inspect.signature(method).parameters), name
        assert method.__doc__ == getattr(sb, name).__doc__


def test_type_checkers_see_the_methods_as_they_are() -> None:
    stub = Path(str(verbs.__file__)).with_suffix(".pyi").read_text(encoding="utf-8")
    assert stub == render_stub(), "run: python -m sentinel_batch.verb_stub sentinel_batch/verbs.pyi"
    [methods] = [node.body for node in ast.parse(stub).body if isinstance(node, ast.ClassDef)]
    written = {node.name: node for node in methods if isinstance(node, ast.FunctionDef)}
    assert tuple(written) == list_verbs()
    assert [argument.arg for argument in written["run_detection"].args.args] == ["self", "rules"]


def test_a_method_has_no_argument_for_another_lake(calls_lake: Path) -> None:
    with pytest.raises(UsageError, match="config is an argument of") as caught:
        sb.open(calls_lake).detect(config=sb.load_config())
    assert "sentinel_batch.open" in caught.value.hint


def test_names_that_are_no_verbs(tmp_path: Path) -> None:
    desk = sb.open(tmp_path)
    with pytest.raises(AttributeError, match="no attribute 'detekt'"):
        desk.detekt  # noqa: B018
    with pytest.raises(AttributeError, match="load_config is not a method"):
        desk.load_config  # noqa: B018


def test_settings_come_from_a_file_and_single_ones_win(tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text('region = "GH"\ntimezone = "UTC"\n[rules.SDHF_001]\nwindow = "12h"\n')
    desk = sb.open(tmp_path / "lake", tmp_path / "my.toml", timezone="Africa/Nairobi")
    assert (desk.config.region, desk.config.timezone) == ("GH", "Africa/Nairobi")
    assert desk.config.lake == tmp_path / "lake"
    assert desk.config.rules == {"SDHF_001": {"window": "12h"}}
    assert desk.config.origin("timezone") == "argument timezone"
    other = desk.configure(rules={"SDHF_001": {"window": "6h"}})
    assert (other.config.rules["SDHF_001"]["window"], desk.config.rules["SDHF_001"]["window"]) == ("6h", "12h")
    assert sb.open(desk, sb.load_config(environ={}, start=tmp_path)).config.lake == tmp_path / "lake"
    with pytest.raises(ConfigurationError, match="there is no setting 'time_zone'") as caught:
        sb.open(tmp_path, time_zone="UTC")
    assert "timezone" in caught.value.hint


def test_settings_reach_what_runs_on_the_desk(calls_lake: Path) -> None:
    assert sb.open(calls_lake, rules={"SDHF_001": {"min_unique_destinations": 1000}}).detect().is_empty()
    found = sb.open(calls_lake, rules={"SDHF_001": {"enabled": False}}).run_detection(record=False)
    assert "SDHF_001" not in [detection.rule.id for detection in found.by_rule]


def test_a_desk_may_be_opened_before_its_lake_is_made(tmp_path: Path, calls_file: Path) -> None:
    desk = sb.open(tmp_path / "lake")
    with pytest.raises(LakeNotFoundError):
        desk.list_alerts()
    assert desk.ingest(calls_file).records_inserted == 1200
    assert desk.list_alerts().is_empty()


def test_a_snapshot_stays_and_a_desk_moves_on(calls_lake: Path) -> None:
    desk = sb.open(calls_lake)
    then = desk.snapshot()
    assert then.snapshot() is then
    desk.review_alerts([1], disposition="confirmed")
    assert then.get_alert(1)["disposition"] is None
    assert desk.get_alert(1)["disposition"] == "confirmed"
    assert (repr(desk).endswith("a snapshot)"), repr(then).endswith("a snapshot)")) == (False, True)


def test_a_snapshot_keeps_its_moment_under_other_settings(calls_lake: Path) -> None:
    then = sb.open(calls_lake).snapshot()
    sb.review_alerts([1], disposition="confirmed", lake=calls_lake)
    assert then.configure(timezone="UTC").get_alert(1)["disposition"] is None
    assert sb.open(then, timezone="UTC").get_alert(1)["disposition"] is None


def test_the_command_line_writes_no_environment(call: Call, calls_lake: Path, tmp_path: Path) -> None:
    (tmp_path / "my.toml").write_text("[rules.SDHF_001]\nmin_unique_destinations = 1000\n")
    before = dict(os.environ)
    done = call("detect", "--config", tmp_path / "my.toml", "--lake", calls_lake, "--json")
    assert done.document["suspects"] == []
    assert {k: v for k, v in os.environ.items() if k.startswith("SENTINEL")} == {
        k: v for k, v in before.items() if k.startswith("SENTINEL")
    }


def test_the_desk_of_a_lake(calls_lake: Path) -> None:
    assert isinstance(sb.open(sb.Lake.open(calls_lake)), Desk)
    assert sb.list_alerts(lake=sb.Lake.open(calls_lake)).height == 2
