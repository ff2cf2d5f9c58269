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
from sentinel_batch.rules import Rule, documentation, get_rule, lint_rule, list_rules, load_rule
from sentinel_batch.rules.functions import FUNCTIONS
from sentinel_batch.rules.linter import check_rule
from tests.sentinel_batch.rules.own_rules import HEADER, QUERY, SWEEP, make_rule, write_rule

OVERVIEW = Path(__file__).parents[3] / "docs" / "rules.md"


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
        texts = " ".join([rule.severity_note, *(rung.text for rung in rule.ladder.rungs)])
        for value in rule.constants.values():
            assert re.search(rf"\b{re.escape(str(value))}\b", texts)

    def test_has_a_page(self, rule: Rule) -> None:
        page = documentation.render_page(rule)
        words = [*(f"`{name}`" for name in rule.parameters), *rule.tags, *rule.false_positives, *rule.references]
        assert [word for word in words if word not in page] == []
        assert "```sql\nWITH\n" in page

    def test_stands_in_the_overview(self, rule: Rule) -> None:
        row = f"| `{rule.id}` {rule.name} | {documentation.first_sentence(rule.description)} |"
        assert row in OVERVIEW.read_text(encoding="utf-8")


def test_the_overview_is_current() -> None:
    current = OVERVIEW.read_text(encoding="utf-8")
    assert current == documentation.render_overview(list_rules()), "docs/rules.md is stale: run make docs"


def test_pages_are_written_into_a_new_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    documentation.main([str(tmp_path / "pages")])
    named = ["rules.md", "steps.md", *(f"rules/{rule.id}.md" for rule in list_rules())]
    pages = [tmp_path / "pages" / name for name in named]
    assert capsys.readouterr().out.split() == [str(page) for page in pages]
    assert all(page.is_file() for page in pages)
    with pytest.raises(UsageError, match="Got 0 arguments") as caught:
        documentation.main([])
    assert "docs" in caught.value.hint


def test_an_unknown_rule_is_answered_with_the_known_ones() -> None:
    with pytest.raises(RuleNotFoundError) as caught:
        get_rule("SDHF_007")
    assert caught.value.message == "There is no rule 'SDHF_007'."
    listed = ", ".join(rule.id for rule in list_rules())
    assert caught.value.hint == f"Did you mean 'SDHF_001'? The rules are: {listed}."


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=r"MISSING\.toml: the rule cannot be read") as caught:
        load_rule(tmp_path / "MISSING.sql")
    assert "rules new" in caught.value.hint
    (tmp_path / "LATIN.toml").write_bytes(b"# \xe9")
    with pytest.raises(RuleError, match=r"LATIN\.toml: the rule cannot be read"):
        load_rule(tmp_path / "LATIN.sql")
    path = write_rule(tmp_path)
    path.unlink()
    with pytest.raises(RuleError, match=r"TEST_001\.sql: the rule's SQL cannot be read"):
        assert load_rule(path).queries


@pytest.mark.parametrize("suffix", [".sql", ".toml", ".cases.yml"])
def test_any_file_of_a_rule_names_it(suffix: str, tmp_path: Path) -> None:
    write_rule(tmp_path)
    rule = load_rule(tmp_path / f"TEST_001{suffix}")
    assert rule.queries == {"sliding": QUERY.strip()}
    assert (rule.book, rule.is_shipped, rule.maturity, rule.tags) == (
        tmp_path.name,
        False,
        "experimental",
        ("desk.tests",),
    )
    assert lint_rule(rule) == []


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('version = "1.0"', 'version = "', "TEST_001.toml:4: the rule has a header that is not TOML"),
        ('version = "1.0"\n', "", "TEST_001.toml:1: the rule lacks the text 'version' in its header"),
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
        ('id = "TEST_001"', 'constants = 1\nid = "TEST_001"', "constants that are not tables"),
        ('id = "TEST_001"', 'id = "test 1"', "TEST_001.toml:1: the rule has the id 'test 1'"),
        ('version = "1.0"', 'version = "new"', "TEST_001.toml:4: the rule has the version 'new'"),
        ('maturity = "experimental"', 'maturity = "old"', "TEST_001.toml:5: the rule has maturity = 'old'"),
        ('maturity = "experimental"', 'maturity = "stable"\nrole = "judge"', ":6: the rule has role = 'judge'"),
        ('maturity = "experimental"', 'maturity = "stable"\nloss = "face"', ":6: the rule has loss = 'face'"),
        ("created = 2026-01-22", 'created = "2026-01-22"', "TEST_001.toml:6: the rule has created = '2026-01-22'"),
        ("updated = 2026-01-22", "updated = 2026-01-22T10:00:00", "the rule has updated = datetime"),
        ('tags = ["desk.tests"]', 'tags = ["Tests"]', "TEST_001.toml:8: the rule has the tag 'Tests'"),
        ('tags = ["desk.tests"]', 'tags = "tests"', "the rule has tags that are not a list of texts"),
        ('tags = ["desk.tests"]', "weight = true", "the rule has weight = True"),
        ('tags = ["desk.tests"]', "trailing = 1", "the rule has trailing = 1"),
        ('level = "LOW"', 'level = "BAD"', "TEST_001.toml:17: the rule has level = 'BAD' in [[severity]]"),
        ('level = "LOW"', 'level = "LOW"\nwhen = "calls > 1"', "TEST_001.toml:18: the rule has when = 'calls > 1'"),
        ('level = "LOW"', 'level = "LOW"\ncolour = 1', "TEST_001.toml:18: the rule has an entry 'colour'"),
        ('level = "LOW"', 'level = "LOW"\n[[severity]]\nlevel = "LOW"', "has when = None in [[severity]]"),
        ('[[severity]]\nlevel = "LOW"', "severity = 1", "has no [[severity]]"),
        ("needed = [", "wanted = [", "TEST_001.toml:20: the rule has 'wanted' in [columns]"),
        ("[columns]", "[columns]\noptional = 1", "the rule does not say which columns it needs"),
    ],
)
def test_a_bad_header_is_named_with_its_place(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert old in HEADER
    with pytest.raises(RuleError) as caught:
        make_rule(tmp_path, header=HEADER.replace(old, new, 1))
    assert message in caught.value.message.replace(f"{tmp_path}/", "")
    assert re.match(r"TEST_001\.toml:\d+: the rule ", caught.value.message.removeprefix(f"{tmp_path}/"))
    assert caught.value.hint


def test_a_misspelt_entry_is_answered_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=r"TEST_001\.toml:9: the rule has an unknown entry 'descripton'") as caught:
        make_rule(tmp_path, header=HEADER.replace("description", "descripton", 1))
    assert caught.value.hint == "Did you mean 'description'?"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "TEST_001.sql:1: the rule has no query"),
        ("-- nothing yet\n;\n", "TEST_001.sql:1: the rule has no query"),
        ("-- query: other\nSELECT 1", "TEST_001.sql:1: there is no query 'other' here"),
        (
            "SELECT 1\n-- query: details\nSELECT 1\n-- query: details\nSELECT 1",
            "TEST_001.sql:4: there is no query 'details'",
        ),
        ("SELECT 1\n-- query: details\n", "TEST_001.sql:2: the query details is empty"),
    ],
)
def test_a_bad_sql_file_is_named(query: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(RuleError) as caught:
        assert make_rule(tmp_path, query).queries
    assert caught.value.message.removeprefix(f"{tmp_path}/").startswith(message)
    assert caught.value.hint


def test_a_trailing_query_needs_a_sweep(tmp_path: Path) -> None:
    header = HEADER.replace("[[severity]]", "trailing = true\n[[severity]]", 1)
    assert set(make_rule(tmp_path, SWEEP, header).queries) == {"sliding", "trailing"}
    with pytest.raises(RuleError, match="the rule sweeps no window that could be a trailing one"):
        assert make_rule(tmp_path, QUERY, header).queries


DETAILED = """WITH
a AS (
    SELECT caller_number AS suspect_number, $window AS w FROM examined_calls
),

b AS (
    SELECT w FROM a
)

-- all
SELECT w FROM b;

-- query: details
"""


def test_details_may_read_whatever_the_first_query_names(tmp_path: Path) -> None:
    plain = make_rule(tmp_path, DETAILED + "SELECT hash(w) FROM a")
    assert plain.queries["details"] == DETAILED.split("\n\n-- all")[0] + "\n\nSELECT hash(w) FROM a"
    assert f"{tmp_path}/TEST_001.sql:14" in [violation.place for violation in lint_rule(plain)]
    further = make_rule(
        tmp_path, DETAILED.replace("$window", "hash($window)") + "WITH c AS (\n    SELECT w FROM a\n)\nSELECT w FROM c"
    )
    assert further.queries["details"].splitlines()[7:9] == ["),", "c AS ("]
    assert [v.place for v in lint_rule(further) if "Function hash" in v.message] == [f"{tmp_path}/TEST_001.sql:3"]


@pytest.mark.parametrize(
    ("query", "line", "message"),
    [
        ("SELECT date_diff('day', a, $window) FROM examined_calls", 1, "Function datediff is outside"),
        ("SELECT a,\n  hash($window)\nFROM examined_calls", 2, "Function hash is outside"),
        ("SELECT arg_max(a, $window) FROM examined_calls", 1, "is outside the portable subset"),
        ("SELECT string_agg(a, $window) FROM examined_calls", 1, "is outside the portable subset"),
        ("SELECT approx_count_distinct(a), $window FROM examined_calls", 1, "is outside the portable subset"),
        ("SELECT quantile_cont(a, $window) FROM examined_calls", 1, "is outside the portable subset"),
        ("SELECT now() - $window FROM examined_calls", 1, "is outside the portable subset"),
        ("SELECT list(a), $window FROM examined_calls", 1, "is outside the portable subset"),
        ("SELECT time_bucket($window, a) FROM examined_calls", 1, "is outside the portable subset"),
        ("SELECT a // 2, $window FROM examined_calls", 1, "is not portable"),
        ("SELECT {'a': $window} FROM examined_calls", 1, "not portable"),
        (
            "SELECT 3, $window AS w FROM examined_calls\nQUALIFY rank() OVER (ORDER BY trunk ASC NULLS LAST) = 1",
            1,
            "3 has no name beside QUALIFY",
        ),
        ("SELECT a, $window FROM examined_calls ORDER BY a", 1, "ORDER BY without NULLS FIRST or NULLS LAST"),
        ("SELECT a, $window FROM examined_calls ORDER BY a DESC", 1, "ORDER BY without NULLS FIRST or NULLS LAST"),
        ("SELECT lag(a) OVER (PARTITION BY a), $window FROM examined_calls", 1, "LAG(a) has no ORDER BY"),
        ("SELECT lag(a) OVER w, $window FROM examined_calls WINDOW w AS (PARTITION BY a)", 1, "has no ORDER BY"),
        ("SELECT $window, $limit FROM examined_calls", 1, "$limit is not declared"),
        ("SELECT $window FROM\n call_records", 2, "The rule reads call_records"),
        ("SELECT $window FROM read_parquet('a.parquet')", 1, "The rule reads READ_PARQUET('a.parquet')"),
        ("SELECT $window FROM 'a.parquet'", 1, "The rule reads"),
        ("SELECT $window FROM other.examined_calls", 1, "The rule reads other.examined_calls"),
        ("SELECT a FROM\n {{ table }} WHERE $window", 2, "there is no step 'table'"),
        ("SELECT a FROM\n {{ sweeep() }} WHERE $window", 2, "There is no step 'sweeep'"),
        ("SELECT caller_nummer\nFROM examined_calls", 1, "There is no column caller_nummer"),
        ("SELECT FROM WHERE (", 1, "This is not SQL"),
        ("DROP TABLE call_records", 1, "Query sliding is not one SELECT"),
        ("SELECT $window FROM examined_calls; DROP TABLE a", 1, "Query sliding is not one SELECT"),
    ],
)
def test_what_is_not_portable_is_named_with_its_line(query: str, line: int, message: str, tmp_path: Path) -> None:
    rule = make_rule(tmp_path, query)
    place = f"{tmp_path}/TEST_001.sql:{line}"
    assert any(v.place == place and message in v.message for v in lint_rule(rule)), lint_rule(rule)
    with pytest.raises(RuleError, match=r"TEST_001\.sql:\d+: ") as caught:
        check_rule(rule)
    assert caught.value.hint
    assert caught.value.details["violations"]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT trunk, imsi FROM examined_calls ORDER BY trunk DESC NULLS LAST, imsi ASC NULLS FIRST",
        "SELECT count(DISTINCT imei) FILTER (WHERE local_hour > 1) FROM examined_calls GROUP BY trunk "
        "HAVING avg(local_hour) < 3",
        "SELECT row_number() OVER (ORDER BY trunk ASC NULLS LAST) AS r FROM examined_calls QUALIFY r = 1",
        "SELECT date_trunc('hour', call_timestamp), floor(epoch(processed_at) / 3600) FROM examined_calls",
    ],
)
def test_the_portable_subset_is_accepted(query: str, tmp_path: Path) -> None:
    rule = make_rule(tmp_path, f"WITH unused AS (\n{query}\n)\n{QUERY}")
    assert lint_rule(rule) == []
    check_rule(rule)


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
