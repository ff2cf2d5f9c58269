"""Rules find on Spark, row for row, what they find on DuckDB."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from detection_lake import make_lake
from hypothesis import HealthCheck, example, given, settings
from thoroughness import examples, slow_but

import sentinel_batch as sb
from sentinel_batch.lake import Lake
from sentinel_batch.rules import Rule, list_rules
from sentinel_batch.rules.case_files import Case as RuleCase
from sentinel_batch.rules.case_files import read_cases
from sentinel_batch.rules.casebook import check_case
from sentinel_batch.schema import FINDING_COLUMNS
from tests.sentinel_batch.rules.frozen_findings import (
    FILE,
    LOOSE,
    SIMULATED,
    SMALL,
    detect,
    detect_otherwise,
    freeze,
    make_simulated,
    make_small,
)
from tests.sentinel_batch.rules.own_rules import QUERY, SWEEP, make_rule
from tests.sentinel_batch.rules.test_oracle_detect import EDGES, Case, cases, search_by_rule

Settings = dict[str, Any]

NOON = datetime(2026, 1, 22, 12, tzinfo=UTC)
CASES = [(rule, case) for rule in list_rules() for case in read_cases(rule)]
NAMES = [f"{rule.id}: {case.name}" for rule, case in CASES]
QUICK = {next((rule.id, case.name) for case in read_cases(rule) if case.findings) for rule in list_rules()}


def frozen(names: Iterable[str]) -> dict[str, Any]:
    known = json.loads(FILE.read_text(encoding="utf-8"))
    return {name: known[name] for name in names}


def list_rows(findings: pl.DataFrame) -> list[tuple[Any, ...]]:
    return findings.select(list(FINDING_COLUMNS)).sort("suspect_number", "window_end", "evidence").rows()


def compare(lake: Path | Lake, engine: Settings, **options: Any) -> int:
    """Check that a rule finds the same, and return how much."""
    here = sb.examine(lake=sb.open(lake), **options)
    there = sb.examine(lake=sb.open(lake, **engine), **options)
    assert list_rows(there.findings) == list_rows(here.findings)
    assert there.findings.schema == here.findings.schema
    assert (there.calls_examined, there.parameters) == (here.calls_examined, here.parameters)
    return here.findings.height


def count_kept(folder: Path, lakes: Iterable[str], engine: Settings) -> int:
    """Check that all rules find what is written down, and return how many find something."""
    make_small(folder)
    found = freeze(detect(folder, lakes, ["17d"], **engine))
    assert found == frozen(found)
    return sum(count > 0 for count, _ in found.values())


def test_on_bundled_and_on_generated_calls(sail: Settings, tmp_path: Path) -> None:
    assert count_kept(tmp_path, SMALL, sail) > 8


@pytest.mark.cluster
@pytest.mark.parametrize("lake", ["generated", pytest.param("bundled", marks=pytest.mark.slow)])
def test_on_the_same_calls_with_apache_spark(lake: str, spark: Settings, tmp_path: Path) -> None:
    """The night of the rehearsal reads the bundled calls, too."""
    assert count_kept(tmp_path, [lake], spark)


@pytest.mark.cluster
def test_on_a_population_in_which_every_rule_finds_something(engine: Settings, tmp_path: Path) -> None:
    make_simulated(tmp_path)
    desk = sb.open(tmp_path / SIMULATED, rules=LOOSE, **engine)
    found = freeze(("simulated/loose", one) for one in sb.examine_rules(lake=desk, since="17d"))
    assert found == frozen(found)
    assert len(found) == len(list_rules())
    assert all(count for count, _ in found.values())


@pytest.mark.cluster
def test_on_a_population_of_every_window_period_and_choice_of_calls(sail: Settings, tmp_path: Path) -> None:
    make_simulated(tmp_path)
    found = freeze(detect(tmp_path, [SIMULATED], **sail)) | freeze(detect_otherwise(tmp_path, **sail))
    assert found == frozen(found)


@pytest.mark.parametrize(
    ("rule", "case"),
    slow_but(QUICK, CASES, lambda pair: (pair[0].id, pair[1].name)),
    ids=NAMES,
)
def test_in_the_cases_of_rules(rule: Rule, case: RuleCase, sail: Settings) -> None:
    assert check_case(rule, case, **sail) == ""


@pytest.mark.cluster
@pytest.mark.slow
@pytest.mark.parametrize(("rule", "case"), CASES, ids=NAMES)
def test_in_the_cases_of_rules_with_apache_spark(rule: Rule, case: RuleCase, spark: Settings) -> None:
    assert check_case(rule, case, **spark) == ""


def test_in_an_empty_lake(engine: Settings, tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    found = sb.examine_rules(lake=sb.open(lake, **engine))
    assert [one.rule.id for one in found] == [rule.id for rule in list_rules()]
    assert all(one.findings.is_empty() and one.calls_examined == 0 for one in found)
    assert sb.examine(lake=sb.open(lake, **engine), trailing=True).findings.is_empty()


@settings(max_examples=examples(60, quick=3), deadline=None, suppress_health_check=list(HealthCheck))
@example(EDGES)
@given(case=cases())
def test_of_any_calls(engine: Settings, case: Case) -> None:
    assert search_by_rule(case, **engine) == search_by_rule(case)


def test_with_fractions_of_a_second(engine: Settings, tmp_path: Path) -> None:
    randomness = random.Random(3)
    at = [NOON + timedelta(seconds=20.25 * n, microseconds=randomness.randrange(10**6)) for n in range(60)]
    rows = [("+2348011111111", f"+2348035550{n:03d}", moment, n % 5) for n, moment in enumerate(at)]
    lake = make_lake(tmp_path / "lake", rows, location_code=[f"{('LOS', 'KAN')[n % 2]}001" for n in range(60)])
    given = {"min_distance": 5.0, "max_speed": 60.0, "min_jumps": 1, "max_far_share": 1.0}
    assert compare(lake, engine, rule="SEQ_DIAL") == 1
    assert compare(lake, engine, rule="GEO_IMPOSSIBLE", parameters=given) == 1


@pytest.mark.parametrize("chosen", [{"direction": "outbound"}, {"answered_only": True}, {"trailing": True}])
def test_of_some_calls(chosen: dict[str, Any], engine: Settings, tmp_path: Path) -> None:
    rows = [("a", f"c{n % 9}", NOON - timedelta(minutes=n), n % 3) for n in range(90)]
    columns = {
        "call_direction": ["OUTBOUND" if n % 2 else "inbound" for n in range(90)],
        "answered": [n % 4 != 0 for n in range(90)],
    }
    lake = make_lake(tmp_path / "lake", rows, **columns)
    options = {"window": "1h", "min_unique_destinations": 2, "max_avg_duration": 60.0, **chosen}
    assert compare(lake, engine, **options) == 1


def test_of_a_rule_of_ones_own_whose_texts_look_like_more(engine: Settings, tmp_path: Path) -> None:
    number = "it's \\ \"; -- :since"
    lake = make_lake(tmp_path / "lake", [(number, "b", NOON, 3), ("other", "b", NOON, 3)])
    quoted = number.replace("'", "''")
    rule = make_rule(tmp_path, QUERY.replace("GROUP BY", f"WHERE caller_number = '{quoted}' GROUP BY"))
    assert compare(lake, engine, rule=rule) == 1
    assert compare(lake, engine, rule=make_rule(tmp_path / "sweep", SWEEP), min_unique_destinations=None) == 0
