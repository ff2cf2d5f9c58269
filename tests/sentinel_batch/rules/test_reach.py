"""What a rule can reach: asked of its text, and of the engine that runs it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest

from sentinel_batch.errors import ConfigurationError, RuleError
from sentinel_batch.lake import STAGING, Lake
from sentinel_batch.rules import Rule, examine_rules, lint_rule, list_rules, load_rule
from sentinel_batch.rules.books import find_book
from sentinel_batch.rules.case_files import Case
from sentinel_batch.rules.casebook import unfold_calls
from sentinel_batch.rules.linter import find_duplicates
from sentinel_batch.rules.reach import find_strangers, shut_off
from sentinel_batch.schema import CALL_RECORDS
from tests.sentinel_batch.rules.own_rules import HEADER, QUERY, make_rule, write_rule

LIST = '\n[lists.watched]\ncolumns = ["prefix"]\ndescription = "Watched."\nfile = "{file}"\n'


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    """A lake with one call."""
    lake = Lake.create(tmp_path / "lake")
    lake.append(CALL_RECORDS.name, unfold_calls(Case("X", "x", ({"caller": "a", "at": "10:00:00"},), {}, ())))
    return lake.path


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A file that is none of a rule's business."""
    (tmp_path / "secret.csv").write_text("caller_number\nsecret\n", encoding="utf-8")
    return tmp_path / "secret.csv"


def reading(folder: Path, source: str) -> Rule:
    return make_rule(folder / "ours", QUERY.replace("FROM examined_calls", f"FROM examined_calls, {source}"))


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("read_csv('{secret}')", "READ_CSV('{secret}')"),
        ("'{secret}'", '"{secret}"'),
        ("LATERAL read_text('{secret}')", "READ_TEXT('{secret}')"),
        ("(SELECT * FROM read_blob('{secret}')) AS x", "READ_BLOB('{secret}')"),
        ("query('SELECT 1')", "QUERY('SELECT 1')"),
        ("call_records", "call_records"),
        ("main.call_records", "main.call_records"),
        ("(WITH a AS (SELECT 1 FROM call_records), call_records AS (SELECT 1) SELECT * FROM a) AS x", "call_records"),
    ],
)
def test_a_rule_that_reads_something_else_does_not_run(
    source: str, named: str, lake: Path, secret: Path, tmp_path: Path
) -> None:
    rule = reading(tmp_path, source.format(secret=secret))
    with pytest.raises(RuleError) as caught:
        examine_rules([rule], lake=lake)
    assert caught.value.message.startswith(f"{tmp_path}/ours/TEST_001.sql:7: rule TEST_001 reads ")
    assert named.format(secret=secret) in caught.value.message
    assert "examined_calls, profiles, and the steps of its own WITH: no file, and no other table" in caught.value.hint
    assert named.format(secret=secret) in " ".join(map(str, lint_rule(rule)))


def test_what_a_rule_may_read_runs(lake: Path, tmp_path: Path) -> None:
    source = "(WITH a AS (SELECT 1 AS x FROM Examined_Calls), b AS (SELECT * FROM A) SELECT * FROM b) AS x"
    [found] = examine_rules([reading(tmp_path, source)], lake=lake)
    assert found.findings["suspect_number"].to_list() == ["a"]
    recursive = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r"
    assert find_strangers(recursive, ()) == ()


@pytest.mark.parametrize("sql", ["SELECT 1; COPY x TO 'y'", "DROP VIEW call_records", "ATTACH 'x'"])
def test_more_than_a_select_does_not_run(sql: str, lake: Path, tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="more than one SELECT"):
        examine_rules([make_rule(tmp_path / "ours", sql)], lake=lake)


@pytest.mark.parametrize("rule", list_rules(), ids=lambda rule: rule.id)
def test_shipped_rules_read_what_they_may(rule: Rule) -> None:
    tables = ("examined_calls", "profiles", *rule.lists)
    assert [find_strangers(sql, tables) for sql in rule.queries.values()] == [()] * len(rule.queries)


def test_the_engine_is_shut_off_as_well(secret: Path, tmp_path: Path) -> None:
    allowed = tmp_path / "lake"
    allowed.mkdir()
    pl.DataFrame({"x": [1]}).write_parquet(allowed / "part.parquet")
    connection = duckdb.connect()
    connection.read_parquet(str(allowed / "part.parquet")).create_view("calls")
    shut_off(connection, [allowed])
    assert connection.sql("SELECT x FROM calls").fetchall() == [(1,)]
    frame = pl.DataFrame({"x": [1]})
    assert frame.height == 1
    for sql in (f"FROM '{secret}'", "FROM frame", f"COPY (SELECT 1) TO '{tmp_path}/out.csv'", "SET memory_limit='1GB'"):
        with pytest.raises(duckdb.Error):
            connection.sql(sql).fetchall()


def test_rows_that_do_not_fit_into_memory_still_spill(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    (lake.path / STAGING).mkdir(exist_ok=True)
    with lake.snapshot().connect(CALL_RECORDS.name, memory_limit="40MB") as connection:
        connection.execute("SET threads = 1")
        shut_off(connection, [lake.path / CALL_RECORDS.name])
        sql = "SELECT count(*) FROM (SELECT DISTINCT range, md5(range::VARCHAR) AS x FROM range(800000))"
        assert connection.sql(sql).fetchall() == [(800000,)]


def test_the_file_of_a_list_lies_in_the_book(secret: Path, tmp_path: Path) -> None:
    query = QUERY.replace("GROUP BY", "WHERE caller_number NOT IN (SELECT prefix FROM watched) GROUP BY")
    for file in ("../secret.csv", str(secret)):
        path = write_rule(tmp_path / "ours", query, HEADER + LIST.format(file=file))
        with pytest.raises(RuleError, match=r"TEST_001\.toml:\d+: the file .*secret\.csv of list watched lies outside"):
            load_rule(path)
    (tmp_path / "ours" / "link.csv").symlink_to(secret)
    with pytest.raises(RuleError, match="lies outside"):
        load_rule(write_rule(tmp_path / "ours", query, HEADER + LIST.format(file="link.csv")))
    (tmp_path / "ours" / "own.csv").write_text("prefix\n+234\n", encoding="utf-8")
    assert load_rule(write_rule(tmp_path / "ours", query, HEADER + LIST.format(file="own.csv"))).lists


@pytest.mark.parametrize("name", ["call_records", "examined_calls", "profiles", "all_profiles"])
def test_no_list_takes_the_place_of_a_table(name: str, tmp_path: Path) -> None:
    header = HEADER + LIST.format(file="own.csv").replace("watched", name)
    with pytest.raises(RuleError, match=re.escape(f"[lists.{name}] has the name of a table")):
        load_rule(write_rule(tmp_path / "ours", header=header))


def test_a_summary_names_columns_and_nothing_inside_of_them(lake: Path, tmp_path: Path) -> None:
    rule = make_rule(tmp_path / "ours", header=HEADER.replace("{suspect_number}", "{suspect_number.__class__}"))
    with pytest.raises(RuleError, match="the summary of rule TEST_001 does not fit"):
        examine_rules([rule], lake=lake, since=datetime(2026, 1, 1, tzinfo=UTC))


def test_no_folder_passes_for_the_shipped_book(tmp_path: Path) -> None:
    write_rule(tmp_path / "shipped")
    with pytest.raises(ConfigurationError, match="cannot be called 'shipped'"):
        find_book(str(tmp_path / "shipped"))


def test_one_id_twice_is_said(tmp_path: Path) -> None:
    first, second = (load_rule(write_rule(tmp_path / folder)) for folder in ("one", "two"))
    [found] = find_duplicates([first, second, second])
    assert found.place == f"{tmp_path}/two/TEST_001.toml:1"
    assert f"the id TEST_001 is taken: by {tmp_path}/one/TEST_001.toml" in found.message
    taken = load_rule(write_rule(tmp_path / "three", rule_id="SDHF_001"))
    assert "of the book shipped" in find_duplicates([taken])[0].message
