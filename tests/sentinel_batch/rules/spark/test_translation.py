"""How the SQL of rules is said to Spark."""

from __future__ import annotations

import pytest

from sentinel_batch.rules import Rule, list_rules
from sentinel_batch.rules.backends.spark.translation import TranslationError, count_readers, translate


def say(sql: str) -> str:
    return translate(sql)[-1].sql


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT epoch(a) AS s FROM t", "(UNIX_MILLIS(a) / 1e3 + (UNIX_MICROS(a) % 1000) / 1e6) AS s"),
        ("SELECT a / $b AS s FROM t", "CAST(a AS DOUBLE) / :b"),
        (
            "SELECT (1.5 / a + $b / c) / d AS s FROM t",
            "CAST((CAST(1.5 AS DOUBLE) / a + CAST(:b AS DOUBLE) / c) AS DOUBLE) / d",
        ),
        ("SELECT CAST(a AS DOUBLE) / b AS s FROM t", "SELECT CAST(a AS DOUBLE) / b AS s"),
        (
            "SELECT a FROM t CROSS JOIN l INNER JOIN j ON t.a = j.a WHERE b OR c",
            "CROSS JOIN j WHERE (b OR c) AND t.a = j.a",
        ),
        ("SELECT a FROM t INNER JOIN j ON t.a = j.a", "INNER JOIN j ON t.a = j.a"),
        ("SELECT a FROM t LEFT JOIN l ON t.a = l.a INNER JOIN j ON t.a = j.a", "INNER JOIN j ON t.a = j.a"),
        ("SELECT a FROM t CROSS JOIN l LEFT JOIN j ON t.a = j.a", "LEFT JOIN j ON t.a = j.a"),
        ("SELECT sum(a) AS a FROM t GROUP BY b HAVING sum(a) > 1", "HAVING SUM(t.a) > 1"),
        ("SELECT sum(a) AS a FROM t GROUP BY b HAVING a > 1", "HAVING a > 1"),
        ("SELECT 'it''s \\ ' AS a FROM t", r"'it\'s \\ '"),
    ],
)
def test_what_engines_understand_otherwise_is_said_plainly(sql: str, said: str) -> None:
    assert said in say(sql)


def test_names_of_a_with_become_views_and_keep_their_names() -> None:
    first, second, last = translate("WITH a AS (SELECT x FROM t), b AS (SELECT a.x FROM a) SELECT y.x FROM a, b AS y")
    assert (first.name, first.sql) == ("a", "SELECT x FROM t")
    assert (second.name, second.sql) == ("b", "SELECT a.x FROM part_a AS a")
    assert (last.name, last.sql) == ("", "SELECT y.x FROM part_a AS a, part_b AS y")
    assert last.reads == {"a": 1, "b": 1}


def test_a_part_takes_the_values_that_it_names() -> None:
    first, last = translate("WITH a AS (SELECT x FROM t WHERE y > $n) SELECT x FROM a WHERE x < $until")
    assert (first.values, last.values) == ({"n"}, {"until"})
    assert ":n" in first.sql


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE a AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM a WHERE x < 3) SELECT x FROM a",
        "WITH a AS (WITH b AS (SELECT x FROM t) SELECT x FROM b) SELECT x FROM a",
        "WITH a (x) AS (SELECT y FROM t) SELECT x FROM a",
    ],
)
def test_a_with_that_cannot_be_taken_apart_stays_in_one_piece(sql: str) -> None:
    assert [part.name for part in translate(sql)] == [""]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT reflect('java.lang.System', 'exit', 1) AS a FROM t",
        "SELECT 3, a FROM t QUALIFY 1 = 1",
        "SELEC",
        "DROP TABLE t",
        "SELECT 1; SELECT 2",
    ],
)
def test_what_is_no_portable_select_is_refused(sql: str) -> None:
    with pytest.raises(TranslationError):
        translate(sql)


def test_a_part_of_two_queries_is_counted_once_for_each_that_reads_it() -> None:
    main = translate("WITH a AS (SELECT x FROM t), b AS (SELECT x FROM a) SELECT x FROM b")
    details = translate("WITH a AS (SELECT x FROM t), b AS (SELECT x FROM a) SELECT x FROM a")
    assert count_readers(iter([main])) == {"a": 1, "b": 1}
    assert count_readers(iter([main, details])) == {"a": 2, "b": 1}


@pytest.mark.parametrize("rule", list_rules(), ids=lambda rule: rule.id)
def test_every_shipped_rule_can_be_said(rule: Rule) -> None:
    for sql in rule.queries.values():
        assert len(translate(sql)) > 5
