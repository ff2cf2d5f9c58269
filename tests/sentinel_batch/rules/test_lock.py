"""versions.lock: no rule says something else without a new version."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel_batch.errors import RuleError
from sentinel_batch.rules import Rule, list_rules, load_rule
from sentinel_batch.rules.books import SHIPPED_FOLDER
from sentinel_batch.rules.lock import LOCK_FILE, find_unlocked, fold_sql, hash_rule, read_lock, write_lock
from tests.sentinel_batch.rules.own_rules import HEADER, QUERY, SWEEP, make_rule, write_rule


def test_the_shipped_rules_are_as_they_were_locked() -> None:
    problems = find_unlocked(SHIPPED_FOLDER, list_rules())
    assert problems == [], (
        "Raise the version of a rule that finds something else; then run: "
        "sentinel-batch rules lock sentinel_batch/rulebook"
    )
    assert len(read_lock(SHIPPED_FOLDER)) == len(list_rules())


def test_a_book_without_a_lock_is_not_held_to_one(tmp_path: Path) -> None:
    assert find_unlocked(tmp_path, [make_rule(tmp_path)]) == []


def rewrite(folder: Path, old: str, new: str) -> Rule:
    for path in folder.glob("TEST_001.*"):
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return load_rule(folder / "TEST_001.sql")


def test_a_change_needs_a_new_version(tmp_path: Path) -> None:
    write_lock(tmp_path, [make_rule(tmp_path, SWEEP)])
    before = (tmp_path / LOCK_FILE).read_text(encoding="utf-8")
    changed = rewrite(tmp_path, "calls > 2", "calls > 3")
    assert find_unlocked(tmp_path, [changed]) == [
        "the rule TEST_001 says something else than when its version 1.0 was locked."
    ]
    with pytest.raises(RuleError, match=r"TEST_001\.toml:4: the rule TEST_001 says something else") as caught:
        write_lock(tmp_path, [changed])
    assert "Raise its version" in caught.value.hint
    assert (tmp_path / LOCK_FILE).read_text(encoding="utf-8") == before
    raised = rewrite(tmp_path, 'version = "1.0"', 'version = "1.1"')
    assert find_unlocked(tmp_path, [raised]) == ["the rule TEST_001 has version 1.1; 1.0 is locked."]
    write_lock(tmp_path, [raised])
    assert find_unlocked(tmp_path, [raised]) == []
    assert read_lock(tmp_path)["TEST_001"].version == "1.1"


def test_rules_that_came_and_went_are_named(tmp_path: Path) -> None:
    one = make_rule(tmp_path)
    write_lock(tmp_path, [one])
    two = load_rule(write_rule(tmp_path, rule_id="TEST_002"))
    assert find_unlocked(tmp_path, [two]) == [
        "the rule TEST_002 is not locked.",
        "the rule TEST_001 is locked, and there is none.",
    ]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("calls > 2", "calls > 3"),
        ('default = "24h"', 'default = "12h"'),
        ('max = "31d"', 'max = "30d"'),
        ('level = "LOW"', 'level = "HIGH"'),
        ("limit = 1", "limit = 2"),
        ('default = ["a"]', 'default = ["b"]'),
        ("sweep(", "sweep_calls("),
    ],
)
def test_what_decides_the_findings_is_in_the_hash(old: str, new: str, tmp_path: Path) -> None:
    header = f'{HEADER}[constants]\nlimit = 1\n[lists.x]\ncolumns = ["a"]\ndefault = ["a"]\ndescription = "X."\n'
    before = hash_rule(make_rule(tmp_path, SWEEP, header))
    assert hash_rule(rewrite(tmp_path, old, new)) != before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("A rule for tests.", "Another text."),
        ("WITH\n", "-- a comment\nWITH   \n\n"),
        ('tags = ["desk.tests"]', 'tags = ["desk.others"]'),
    ],
)
def test_what_does_not_is_not(old: str, new: str, tmp_path: Path) -> None:
    before = hash_rule(make_rule(tmp_path, SWEEP))
    assert hash_rule(rewrite(tmp_path, old, new)) == before


def test_the_file_of_a_list_is_in_the_hash(tmp_path: Path) -> None:
    header = f'{HEADER}[lists.x]\ncolumns = ["a"]\nfile = "x.csv"\ndescription = "X."\n'
    rule = make_rule(tmp_path, QUERY, header)
    with pytest.raises(RuleError, match="list x cannot be read"):
        hash_rule(rule)
    hashes = set()
    for text in ("a\n1\n", "a\n2\n"):
        (tmp_path / "x.csv").write_text(text, encoding="utf-8")
        hashes.add(hash_rule(rule))
    assert len(hashes) == 2


def test_white_space_in_quotes_counts() -> None:
    assert fold_sql("SELECT  'a  -- b' -- c\n  FROM /* d */ t") == "SELECT 'a  -- b' FROM t"


@pytest.mark.parametrize("text", ["TEST_001 = ", "TEST_001 = 1", "TEST_001 = {version = '1.0'}"])
def test_a_lock_that_cannot_be_read_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(RuleError, match=r"versions\.lock: the lock cannot be read") as caught:
        read_lock(tmp_path)
    assert "rules lock" in caught.value.hint
