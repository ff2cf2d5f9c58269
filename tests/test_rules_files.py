"""Rule files: the shipped ones, their headers, the portable subset, their pages."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import sqlglot
from sqlglot.errors import ErrorLevel

from sentinel_batch.errors import RuleError, RuleNotFoundError, UsageError
from sentinel_batch.rules import documentation, get_rule, lint_rule, list_rules, load_rule
from sentinel_batch.rules.header import Rule, read_header
from sentinel_batch.rules.linter import FUNCTIONS, check_rule

PAGES = Path(__file__).parent.parent / "docs" / "rules"

HEADER = """id = "TEST_001"
name = "Test"
alert_type = "TEST"
version = "1.0"
description = "A rule for tests."
nulls = "None."
source = "This file."
remediation = "None."
severity = "LOW."
summary = "{suspect_number} was found."

[parameters.window]
type = "duration"
default = "24h"
min = "1s"
max = "31d"
description = "W."
"""
QUERY = "SELECT caller_number, $window AS w FROM examined_calls"


def make_rule(query: str = QUERY, header: str = HEADER) -> Rule:
    return read_header(f"/*\n{header}*/\n\n-- query: sliding\n{query};\n", "test_001.sql")


def test_the_shipped_rule_has_the_specification_s_thresholds() -> None:
    rule = get_rule("sdhf_001")
    defaults = {name: parameter.default for name, parameter in rule.parameters.items()}
    assert (rule.id, rule.alert_type) == ("SDHF_001", "SDHF_SIMBOX")
    assert rule.resolve_parameters() == defaults
    assert defaults.pop("window").total_seconds() == 24 * 3600
    assert defaults == {"min_unique_destinations": 50, "max_avg_duration": 3.0}


@pytest.mark.parametrize("rule", list_rules(), ids=lambda rule: rule.id)
class TestShippedRule:
    def test_is_portable(self, rule: Rule) -> None:
        assert lint_rule(rule) == []

    def test_translates_to_spark(self, rule: Rule) -> None:
        for sql in rule.queries.values():
            [translated] = sqlglot.transpile(sql, read="duckdb", write="spark", unsupported_level=ErrorLevel.RAISE)
            assert ":window" in translated or "$window" not in sql
            assert sqlglot.parse_one(translated, read="spark")

    def test_names_its_constants_in_its_severity_text(self, rule: Rule) -> None:
        for value in rule.constants.values():
            assert re.search(rf"\b{re.escape(str(value))}\b", rule.severity)

    def test_has_a_page_that_is_up_to_date(self, rule: Rule) -> None:
        page = (PAGES / f"{rule.id}.md").read_text(encoding="utf-8")
        assert page == documentation.render_page(rule), "Run: python -m sentinel_batch.rules.documentation docs/rules"
        for parameter in rule.parameters.values():
            assert f"`{parameter.name}`" in page


def test_no_page_is_left_of_a_rule_that_is_gone() -> None:
    assert {page.stem for page in PAGES.glob("*.md")} == {rule.id for rule in list_rules()}


def test_pages_are_written_into_a_new_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    documentation.main([str(tmp_path / "pages")])
    assert capsys.readouterr().out.split() == [str(tmp_path / "pages" / f"{rule.id}.md") for rule in list_rules()]
    with pytest.raises(UsageError, match="Got 0 arguments") as caught:
        documentation.main([])
    assert "docs/rules" in caught.value.hint


def test_an_unknown_rule_is_answered_with_the_known_ones() -> None:
    with pytest.raises(RuleNotFoundError) as caught:
        get_rule("SDHF_007")
    assert caught.value.message == "There is no rule 'SDHF_007'."
    assert caught.value.hint == f"The rules are: {', '.join(rule.id for rule in list_rules())}."


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=r"missing\.sql: the rule cannot be read"):
        load_rule(tmp_path / "missing.sql")
    (tmp_path / "latin.sql").write_bytes(b"/* \xe9 */")
    with pytest.raises(RuleError, match=r"latin\.sql: the rule cannot be read"):
        load_rule(tmp_path / "latin.sql")


def test_a_rule_file_of_one_s_own_is_found_by_id(tmp_path: Path) -> None:
    (tmp_path / "test_001.sql").write_text(f"/*\n{HEADER}*/\n-- query: sliding\n{QUERY}\n", encoding="utf-8")
    rule = get_rule("test_001", tmp_path)
    assert rule.queries == {"sliding": QUERY}
    assert lint_rule(rule) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('version = "1.0"', 'version = "', "test_001.sql:5: the rule has a header that is not TOML"),
        ('version = "1.0"\n', "", "test_001.sql:1: the rule lacks the text 'version' in its header"),
        ('version = "1.0"', "version = 1.0", "lacks the text 'version'"),
        ('version = "1.0"', 'version = "1.0"\ncolour = "red"', "unknown entry 'colour'"),
        ('id = "TEST_001"', 'id = "TEST_002"', "the rule has the id 'TEST_002'"),
        ("[parameters.window]", "[constants.window]", "has no [parameters]"),
        ("[parameters.window]", "[parameters.Window]", "bad parameter [parameters.Window]"),
        ("[parameters.window]", "[parameters.size]", "no parameter window of type duration"),
        ('type = "duration"', 'type = "period"', "has type = 'period' in [parameters.window]"),
        ('default = "24h"', "", "has default = None in [parameters.window]"),
        ('default = "24h"', 'default = "40d"', "has a default outside min and max in [parameters.window]"),
        ('max = "31d"', 'max = "31x"', "has max = '31x' in [parameters.window]"),
        ('max = "31d"', 'max = "31d"\ncolour = 1', "unknown entry 'colour' in [parameters.window]"),
        ('description = "W."', 'description = ""', "has no description in [parameters.window]"),
        ("[parameters.window]", "[constants]\nlimit = true\n[parameters.window]", "a constant limit = True"),
        ("[parameters.window]", "constants = 1\n[parameters.window]", "constants that are no table"),
    ],
)
def test_a_bad_header_is_named_with_its_place(old: str, new: str, message: str) -> None:
    assert old in HEADER
    with pytest.raises(RuleError) as caught:
        make_rule(header=HEADER.replace(old, new, 1))
    assert message in caught.value.message
    assert caught.value.message.startswith("test_001.sql:")
    assert caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT 1", "test_001.sql:1: the rule has no header"),
        (f"/*\n{HEADER}*/\nSELECT 1", "the rule has no query 'sliding'"),
        (f"/*\n{HEADER}*/\n-- query: other\nSELECT 1", "unknown or repeated query 'other'"),
        (f"/*\n{HEADER}*/\n-- query: sliding\nSELECT 1\n-- query: sliding\nSELECT 1", "repeated query 'sliding'"),
    ],
)
def test_a_bad_rule_file_is_named(text: str, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        read_header(text, "test_001.sql")
    assert message in caught.value.message
    assert caught.value.hint


SHARING = """WITH
a AS (
    SELECT $window AS w FROM examined_calls
),

-- shared with: details
b AS (
    SELECT w FROM a
)

SELECT w FROM b;

-- query: details
"""


def test_details_may_begin_with_the_steps_above_a_mark() -> None:
    plain = make_rule(SHARING + "SELECT hash(w) FROM a")
    assert plain.queries["details"] == SHARING.split(",\n\n")[0] + "\nSELECT hash(w) FROM a"
    assert [violation.place for violation in lint_rule(plain)] == ["test_001.sql:35"]
    further = make_rule(SHARING.replace("$window", "hash($window)") + "c AS (\n    SELECT w FROM a\n)\nSELECT w FROM c")
    assert [violation.place for violation in lint_rule(further)] == ["test_001.sql:24", "test_001.sql:24"]
    with pytest.raises(RuleError, match="shares steps with details, but has no such query"):
        make_rule(SHARING.removesuffix("-- query: details\n"))


@pytest.mark.parametrize(
    ("query", "line", "message"),
    [
        ("SELECT date_diff('day', a, $window) FROM examined_calls", 22, "Function datediff is outside"),
        ("SELECT a,\n  hash($window)\nFROM examined_calls", 23, "Function hash is outside"),
        ("SELECT arg_max(a, $window) FROM examined_calls", 22, "is outside the portable subset"),
        ("SELECT string_agg(a, $window) FROM examined_calls", 22, "is outside the portable subset"),
        ("SELECT approx_count_distinct(a), $window FROM examined_calls", 22, "is outside the portable subset"),
        ("SELECT quantile_cont(a, $window) FROM examined_calls", 22, "is outside the portable subset"),
        ("SELECT now() - $window FROM examined_calls", 22, "is outside the portable subset"),
        ("SELECT list(a), $window FROM examined_calls", 22, "is outside the portable subset"),
        ("SELECT time_bucket($window, a) FROM examined_calls", 22, "is outside the portable subset"),
        ("SELECT a // 2, $window FROM examined_calls", 22, "is not portable"),
        ("SELECT {'a': $window} FROM examined_calls", 22, "not portable"),
        ("SELECT a, $window FROM examined_calls ORDER BY a", 22, "ORDER BY without NULLS FIRST or NULLS LAST"),
        ("SELECT a, $window FROM examined_calls ORDER BY a DESC", 22, "ORDER BY without NULLS FIRST or NULLS LAST"),
        ("SELECT lag(a) OVER (PARTITION BY a), $window FROM examined_calls", 22, "LAG(a) has no ORDER BY"),
        ("SELECT lag(a) OVER w, $window FROM examined_calls WINDOW w AS (PARTITION BY a)", 22, "has no ORDER BY"),
        ("SELECT $window, $limit FROM examined_calls", 22, "$limit is not declared"),
        ("SELECT $window FROM\n call_records", 23, "The rule reads call_records"),
        ("SELECT $window FROM read_parquet('a.parquet')", 22, "The rule reads READ_PARQUET('a.parquet')"),
        ("SELECT $window FROM 'a.parquet'", 22, "The rule reads"),
        ("SELECT $window FROM other.examined_calls", 22, "The rule reads other.examined_calls"),
        ("SELECT 1 FROM examined_calls", 1, "window is declared but never used"),
        ("SELECT a FROM\n {{ table }} WHERE $window", 23, "This is not SQL"),
        ("SELECT FROM WHERE (", 22, "This is not SQL"),
        ("DROP TABLE call_records", 22, "Query sliding is not one SELECT"),
        ("SELECT $window FROM examined_calls; DROP TABLE a", 22, "Query sliding is not one SELECT"),
    ],
)
def test_what_is_not_portable_is_named_with_its_line(query: str, line: int, message: str) -> None:
    rule = make_rule(query)
    assert any(v.place == f"test_001.sql:{line}" and message in v.message for v in lint_rule(rule)), lint_rule(rule)
    with pytest.raises(RuleError, match=r"test_001\.sql:\d+: ") as caught:
        check_rule(rule)
    assert caught.value.hint
    assert caught.value.details["violations"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a, $window FROM examined_calls ORDER BY a DESC NULLS LAST, b ASC NULLS FIRST",
        "SELECT count(DISTINCT a) FILTER (WHERE b > 1), $window FROM examined_calls GROUP BY c HAVING avg(d) < 3",
        "SELECT row_number() OVER (ORDER BY a ASC NULLS LAST) AS r, $window FROM examined_calls QUALIFY r = 1",
        "SELECT date_trunc('hour', a), floor(epoch(b) / 3600), $window FROM examined_calls",
    ],
)
def test_the_portable_subset_is_accepted(query: str) -> None:
    assert lint_rule(make_rule(query)) == []
    check_rule(make_rule(query))


def test_every_allowed_function_has_a_name_that_sqlglot_knows() -> None:
    known = {name.lower() for function in sqlglot.expressions.ALL_FUNCTIONS for name in function.sql_names()}
    assert known >= FUNCTIONS


def test_importing_the_rules_loads_no_heavy_library() -> None:
    program = (
        "import sys, sentinel_batch.rules; "
        "print([m for m in ('polars', 'duckdb', 'deltalake', 'sqlglot', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
