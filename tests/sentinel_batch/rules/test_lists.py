"""Lists that a rule reads, its summary, its own evidence and its details: on a rule of the test's own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from detection_lake import make_lake

from sentinel_batch.desk import open_desk
from sentinel_batch.errors import ConfigurationError, RuleError
from sentinel_batch.rules import Rule, examine, examine_rules, lint_rule, load_rule
from sentinel_batch.rules.findings import DETAILS_KEPT
from tests.sentinel_batch.rules.own_rules import write_rule

NOON = datetime(2026, 1, 22, 12, tzinfo=UTC)

HEADER = """id = "WATCHED"
name = "Watched numbers"
alert_type = "TEST"
version = "1.0"
maturity = "experimental"
created = 2026-01-22
updated = 2026-01-22
tags = ["desk.tests"]
description = "Callers of a watched number."
nulls = "None."
source = "This file."
remediation = "None."
false_positives = ["Nobody."]
summary = "{suspect_number} called {share:.0%} watched numbers, {nothing} others, within {window}."
weight = 0.25

[[severity]]
level = "LOW"

[columns]
needed = ["caller_number", "callee_number", "call_timestamp", "duration_seconds"]

[parameters.window]
type = "duration"
default = "24h"
min = "1s"
max = "31d"
description = "W."

[lists.watched]
columns = ["number", "price"]
types = ["text", "real"]
default = [["+1", 2.5]]
description = "Numbers and what they cost."
"""

QUERY = """SELECT
    caller_number AS suspect_number, 1 AS severity, 0.5 AS confidence, count(*) AS call_count,
    count(DISTINCT callee_number) AS unique_destinations, avg(duration_seconds) AS avg_duration_seconds,
    max(call_timestamp) - $window AS window_start, max(call_timestamp) AS window_end,
    min(call_timestamp) AS episode_start, max(call_timestamp) AS episode_end,
    min(call_timestamp) AS first_seen, max(call_timestamp) AS last_seen,
    1.0 AS share, sum(price) AS cost, max(call_timestamp) AS dearest_at, CAST(NULL AS BIGINT) AS nothing
FROM examined_calls INNER JOIN watched ON callee_number = number GROUP BY caller_number"""

DETAILS = """SELECT caller_number AS suspect_number, call_timestamp, callee_number AS victim
FROM examined_calls INNER JOIN watched ON callee_number = number WHERE $window IS NOT NULL"""


def make_rule(folder: Path, header: str = HEADER, query: str = QUERY) -> Rule:
    text = f"{query};\n\n-- query: details\n{DETAILS};\n"
    return load_rule(write_rule(folder, text, header, rule_id="WATCHED"))


@pytest.fixture
def found(tmp_path: Path) -> Any:
    calls = [("box", "+1", NOON + timedelta(minutes=minute), 60) for minute in range(25)] + [("a", "+2", NOON, 60)]
    lake = make_lake(tmp_path / "lake", calls)

    def run(header: str = HEADER, query: str = QUERY, **configured: Any) -> dict[str, Any]:
        rule = make_rule(tmp_path / "rules", header, query)
        rows = examine(lake=open_desk(lake, rules={rule.id: configured}), rule=rule).findings.to_dicts()
        assert len(rows) <= 1
        return rows[0] if rows else {}

    return run


def test_the_rule_is_portable(tmp_path: Path) -> None:
    assert lint_rule(make_rule(tmp_path)) == []


def test_further_columns_become_evidence_and_words(found: Any) -> None:
    finding = found()
    evidence = json.loads(finding["evidence"])
    assert (evidence["cost"], evidence["share"], evidence["nothing"]) == (62.5, 1.0, None)
    assert evidence["dearest_at"] == "2026-01-22T12:24:00Z"
    assert finding["evidence_summary"] == "box called 100% watched numbers, unknown others, within 24 h."


def test_details_are_counted_and_the_first_are_kept(found: Any) -> None:
    evidence = json.loads(found()["evidence"])
    assert evidence["details_total"] == 25
    assert len(evidence["details"]) == DETAILS_KEPT
    assert evidence["details"][0] == {"call_timestamp": "2026-01-22T12:00:00Z", "victim": "+1"}


def test_a_list_may_be_configured_as_rows_or_as_a_file(found: Any, tmp_path: Path) -> None:
    assert found(watched=[["+2", 1]])["suspect_number"] == "a"
    (tmp_path / "mine.csv").write_text("# ours\nprice,number,why\n3,+2,x\n", encoding="utf-8")
    assert json.loads(found(watched=str(tmp_path / "mine.csv"))["evidence"])["cost"] == 3.0
    assert found(watched=[]) == {}


def test_a_list_may_be_shipped_as_a_file_beside_the_rule(found: Any, tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "prices.csv").write_text("number,price\n+2,7\n", encoding="utf-8")
    header = HEADER.replace('default = [["+1", 2.5]]', 'file = "prices.csv"')
    assert json.loads(found(header)["evidence"])["cost"] == 7.0


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([["+1"]], "[rules.WATCHED] watched, entry 1: ['+1'] is not a row of list watched."),
        ([["+1", "dear"]], "entry 1: ['+1', 'dear'] is not a row of list watched."),
        (["+1"], "entry 1: '+1' is not a row of list watched."),
        ("none.csv", "none.csv: list watched cannot be read"),
        ("odd.csv", "odd.csv:1: list watched lacks the column price ([rules.WATCHED] watched)."),
        ("bad.csv", "bad.csv:3: ['+1', 'x'] is not a row of list watched."),
        ("short.csv", "short.csv:2: ['+1', None] is not a row of list watched."),
        ("nul\0.csv", "list watched cannot be read: embedded null byte"),
        ([["+1", float("nan")]], "entry 1: ['+1', nan] is not a row of list watched."),
        ([[["+1"], 2]], "entry 1: [['+1'], 2] is not a row of list watched."),
        (5, "[rules.WATCHED] watched: 5 is not a list watched."),
    ],
)
def test_a_list_that_does_not_fit_is_named(
    found: Any, given: Any, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("odd.csv").write_text("number\n+1\n", encoding="utf-8")
    Path("short.csv").write_text("number,price\n+1\n", encoding="utf-8")
    Path("bad.csv").write_text("number,price\n+2,1\n+1,x\n", encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        found(watched=given)
    assert message in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("value", [2.5, 2**63, "1e3"])
def test_a_whole_number_is_not_cut(found: Any, value: object) -> None:
    header = HEADER.replace('types = ["text", "real"]', 'types = ["text", "integer"]').replace("2.5]]", "2]]")
    with pytest.raises(ConfigurationError, match="is not a row of list watched"):
        found(header, watched=[["+2", value]])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[lists.watched]", "[lists.Watched]", "[lists.Watched] is not a list"),
        ('columns = ["number", "price"]', "", "is not complete"),
        ('types = ["text", "real"]', 'types = ["text"]', "has types ['text']"),
        ('types = ["text", "real"]', 'types = ["text", "colour"]', "has types ['text', 'colour']"),
        ('default = [["+1", 2.5]]', "", "needs default or file"),
        ("[lists.watched]", "[lists.watched]\ncolour = 1", "has an unknown entry"),
        ("weight = 0.25", "weight = 2", "has weight = 2"),
    ],
)
def test_a_bad_list_in_a_header_is_named(old: str, new: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(RuleError) as caught:
        make_rule(tmp_path, HEADER.replace(old, new, 1))
    line = 15 if old.startswith("weight") else 30
    assert message in caught.value.message
    assert caught.value.message.startswith(f"{tmp_path}/WATCHED.toml:{line}: ")
    assert caught.value.hint


def test_a_summary_that_names_no_column_is_an_error(found: Any) -> None:
    with pytest.raises(RuleError, match=r"WATCHED\.toml:14: the summary of rule WATCHED does not fit") as caught:
        found(HEADER.replace("{share:.0%}", "{colour}"))
    assert "share" in caught.value.hint


def test_the_order_in_which_threads_add_does_not_show(found: Any) -> None:
    plain = found()
    shaken = QUERY.replace("0.5 AS confidence", "0.1 + 0.2 + 0.2 AS confidence").replace(
        "avg(duration_seconds)", "avg(duration_seconds) + 4e-14"
    )
    assert found(query=shaken) == plain


def test_several_rules_find_what_each_finds_alone(tmp_path: Path) -> None:
    calls = [("box", f"+2348030000{n:03}", NOON + timedelta(minutes=n), 2) for n in range(80)]
    lake = make_lake(tmp_path / "lake", calls)
    desk = open_desk(lake, rules={"SDHF_001": {"max_avg_duration": 2.5}})
    [together] = examine_rules(["sdhf_001"], lake=desk)
    alone = examine(lake=desk)
    assert together.findings.equals(alone.findings)
    assert together.findings.height == 1
    assert (together.configured, together.since, together.until) == (True, alone.since, alone.until)
