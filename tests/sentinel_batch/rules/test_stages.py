"""Queries that run in stages, and inputs that rules of one night share: rows and errors are those of plain queries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

import sentinel_batch as sb
from sentinel_batch.errors import RuleError
from sentinel_batch.rules import examine_rules, list_rules, querying, sources, sweeping
from sentinel_batch.rules.reach import list_columns_read, returns_named_columns
from sentinel_batch.rules.rule import Rule
from sentinel_batch.schema import CALL_RECORDS
from tests.sentinel_batch.rules.own_rules import QUERY, make_rule

PREFIX = """WITH
busy AS (
    SELECT * FROM examined_calls
),

{{ sweep("busy") }},
"""
REST = """
qualifying AS (
    SELECT *, {{ severity() }} AS severity, 0.5 AS confidence FROM windows WHERE calls > 2
),

{{ episodes() }},
{{ worst("busy") }}
{{ findings() }};
"""
STAR = """SELECT
    *, caller_number AS suspect_number, 1 AS severity, 0.5 AS confidence, 1 AS call_count, 1 AS unique_destinations,
    duration_seconds AS avg_duration_seconds, call_timestamp - $window AS window_start, call_timestamp AS window_end,
    call_timestamp AS episode_start, call_timestamp AS episode_end, call_timestamp AS first_seen,
    call_timestamp AS last_seen
FROM examined_calls
"""
"""A whole rule: every call, with all that is known of it."""

SWEEPING = ["ASR_ACD", "CALL_MASK", "CLI_INVALID", "GEO_001", "GEO_IMPOSSIBLE", "SDHF_001", "SHORT_DURATION",
            "WANGIRI_BURST", "WANGIRI_CALLBACK"]  # fmt: skip


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small population whose profiles are built."""
    folder = tmp_path_factory.mktemp("population") / "lake"
    sb.simulate_population(folder, subscribers=1000, days=4, seed=3, boxes=1)
    sb.build_profiles(lake=folder)
    return folder


def find(lake: Path, rules: list[Rule] | None = None, **options: Any) -> dict[str, pl.DataFrame]:
    found = examine_rules(rules, lake=lake, **options)
    return {detection.rule.id: detection.findings for detection in found}


def test_every_shipped_rule_that_sweeps_runs_in_stages() -> None:
    assert [rule.id for rule in list_rules() if rule.staged_queries] == SWEEPING
    for rule in list_rules():
        assert set(rule.staged_queries) in (set(), set(rule.queries) - {"trailing"})


def test_a_part_is_kept_if_it_is_read_twice_and_a_prune_that_is_not_needed_is_not(tmp_path: Path) -> None:
    staged = make_rule(tmp_path, PREFIX + REST).staged_queries["sliding"]
    assert (list(staged.before), staged.source, list(staged.after)) == (["kept_busy"], "kept_busy", ["kept_ranked"])
    assert "SELECT * FROM kept_busy" in staged.rest.sql
    asr = next(rule for rule in list_rules() if rule.id == "ASR_ACD").staged_queries["sliding"]
    assert list(asr.before) == ["kept_calls"]


@pytest.mark.parametrize(
    "query",
    [
        QUERY,
        PREFIX + REST.replace("FROM windows", "FROM windows CROSS JOIN (SELECT count(*) FROM instants) AS n"),
        PREFIX.replace("    SELECT * FROM examined_calls\n),", "    SELECT * FROM examined_calls),") + REST,
        PREFIX.replace("busy", "kept_busy") + REST.replace("busy", "kept_busy"),
    ],
)
def test_other_queries_run_as_they_are(query: str, tmp_path: Path) -> None:
    assert not make_rule(tmp_path, query).staged_queries


@pytest.mark.parametrize("since", ["24h", "3d"])
def test_stages_and_shared_calls_change_no_finding(lake: Path, since: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loose = {"SDHF_001": {"min_unique_destinations": 8}, "ASR_ACD": {"min_attempts": 8, "min_unique_destinations": 4},
             "SHORT_DURATION": {"min_completed": 8}, "CALL_MASK": {"min_callers": 3}}  # fmt: skip
    desk = sb.open(lake, rules=loose)
    found = {f.rule.id: (f.findings, f.calls_examined) for f in examine_rules(lake=desk, since=since)}
    assert sum(not findings.is_empty() for findings, _ in found.values()) > 3
    monkeypatch.setattr(sources, "FEWEST_READERS", 100)
    monkeypatch.setattr(Rule, "staged_queries", {})
    for plain in examine_rules(lake=desk, since=since):
        findings, calls = found[plain.rule.id]
        assert findings.equals(plain.findings), plain.rule.id
        assert calls == plain.calls_examined


def test_the_sql_sweep_takes_over_what_the_engine_leaves(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = find(lake, since="3d")
    monkeypatch.setattr(sweeping, "MOST_CALLS", -1)
    assert all(found[rule].equals(findings) for rule, findings in find(lake, since="3d").items())


def test_a_rule_of_ones_own_is_staged_too_and_keeps_every_column_that_it_returns(lake: Path, tmp_path: Path) -> None:
    own = make_rule(tmp_path, PREFIX + REST)
    star = make_rule(tmp_path / "star", STAR)
    assert own.staged_queries
    assert list_columns_read(own, CALL_RECORDS.columns) == [
        "call_timestamp", "caller_number", "callee_number", "duration_seconds",
    ]  # fmt: skip
    assert list_columns_read(star, CALL_RECORDS.columns) == list(CALL_RECORDS.columns)
    shipped = [rule for rule in list_rules() if rule.id in SWEEPING]
    found = find(lake, [*shipped, own])["TEST_001"]
    assert not found.is_empty()
    assert found.equals(find(lake, [own])["TEST_001"])
    assert '"source_line"' in find(lake, [*shipped, star])["TEST_001"]["evidence"][0]


@pytest.mark.parametrize(
    ("sql", "is_named"),
    [
        ("WITH a AS (SELECT * FROM examined_calls) SELECT caller_number FROM a", True),
        ("SELECT count(*) AS n FROM examined_calls", True),
        ("SELECT * FROM examined_calls", False),
        ("WITH a AS (SELECT DISTINCT * FROM examined_calls) SELECT caller_number FROM a", False),
        ("WITH a AS (SELECT * FROM examined_calls UNION SELECT * FROM examined_calls) SELECT 1 FROM a", False),
        ("WITH a AS (SELECT * FROM examined_calls) SELECT a FROM a", False),
        ("WITH a AS (SELECT * FROM examined_calls) SELECT hash(COLUMNS(*)) FROM a", False),
        ("SELECT 1 FROM examined_calls NATURAL JOIN profiles", False),
        ("SELECT 1 FROM", False),
    ],
)
def test_columns_that_make_a_difference(sql: str, is_named: bool) -> None:
    assert returns_named_columns(sql) is is_named


@pytest.mark.parametrize(
    ("old", "new", "line", "step"),
    [
        ("SELECT * FROM examined_calls", "SELECT nothing AS n, * FROM examined_calls", 3, "busy"),
        ("calls > 2", "cals > 2", 9, "qualifying"),
        ('sweep("busy")', 'sweep("busy", sums=["nothing"])', 6, r"slide of sweep \(entering\)"),
        ('sweep("busy")', 'sweep("busy", sums=["callee_number"])', 6, r"slide of sweep \(\w+\)"),
    ],
)
def test_an_error_names_the_place_in_every_stage(
    old: str, new: str, line: int, step: str, lake: Path, tmp_path: Path
) -> None:
    rule = make_rule(tmp_path, (PREFIX + REST).replace(old, new))
    with pytest.raises(RuleError, match=rf"TEST_001.sql:{line}: rule TEST_001, step {step}: "):
        find(lake, [rule])


def test_tables_of_a_rule_are_gone_after_it(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[tuple[str, ...]]] = []
    finish = querying.RuleRun.finish

    def look(run: querying.RuleRun) -> None:
        finish(run)
        seen.append(run.connection.execute("SELECT table_name FROM duckdb_tables()").fetchall())

    monkeypatch.setattr(querying.RuleRun, "finish", look)
    find(lake)
    assert seen
    assert not any(seen)
