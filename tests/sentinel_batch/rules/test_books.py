"""Books of rules: folders, packs, the configuration that names them, and what is said when one is wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from sentinel_batch.config import Config, load_config
from sentinel_batch.errors import ConfigurationError, RuleError
from sentinel_batch.rules import get_rule, list_rules, read_catalogue
from sentinel_batch.rules.books import SHIPPED_FOLDER, find_book, open_book
from sentinel_batch.scores.fusion import weigh_rules
from tests.sentinel_batch.rules.own_rules import HEADER, write_rule

PACK = 'name = "{name}"\nversion = "1.2"\nlicence = "MIT"\ndescription = "Rules of a test."\n'


def write_pack(folder: Path, name: str, more: str = "") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pack.toml").write_text(PACK.format(name=name) + more, encoding="utf-8")
    return folder


@pytest.fixture
def configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Write a configuration and make it the one in use."""

    def write(text: str) -> None:
        (tmp_path / "sentinel.toml").write_text(text, encoding="utf-8")
        monkeypatch.setenv("SENTINEL_CONFIG", str(tmp_path / "sentinel.toml"))

    return write


def test_only_the_shipped_rules_are_there_by_default() -> None:
    catalogue = read_catalogue()
    assert {rule.book for rule in catalogue.rules} == {"shipped"}
    assert catalogue.failed == ()
    assert {rule.family for rule in catalogue.rules} == {
        "simbox", "wangiri", "spoofing", "geography", "dialling", "behaviour",
    }  # fmt: skip
    assert all(rule.path.is_relative_to(SHIPPED_FOLDER) for rule in catalogue.rules)


def test_rules_of_a_folder_stand_beside_the_shipped_ones(tmp_path: Path, configured: Any) -> None:
    write_rule(tmp_path / "rules" / "night", header=HEADER.replace("[[severity]]", "weight = 0.125\n[[severity]]", 1))
    configured('rules = ["./rules", "shipped"]\n')
    assert [rule.id for rule in list_rules()] == sorted(rule.id for rule in list_rules())
    rule = get_rule("test_001")
    assert (rule.book, rule.family, rule.is_shipped) == ("rules", "night", False)
    assert weigh_rules()["TEST_001"] == 0.125
    configured('rules = ["./rules"]\n')
    assert [rule.id for rule in list_rules()] == ["TEST_001"]


def test_a_pack_is_found_by_its_name(tmp_path: Path, configured: Any) -> None:
    write_rule(write_pack(tmp_path / "packs" / "folder", "bank-desk"))
    configured('rules = ["shipped", "bank-desk"]\npacks = "packs"\n')
    assert get_rule("TEST_001").book == "bank-desk"
    book = find_book("bank-desk", tmp_path / "packs")
    assert (book.version, book.licence, book.description) == ("1.2", "MIT", "Rules of a test.")
    assert open_book(tmp_path / "packs" / "folder") == book


def test_a_folder_with_nothing_but_reference_and_steps_has_no_rules(tmp_path: Path) -> None:
    for folder in ("steps", "reference", ".git"):
        write_rule(tmp_path / folder)
    assert list(open_book(tmp_path).find_rules()) == []


@pytest.mark.parametrize(
    ("books", "message", "hint"),
    [
        (
            ["shiped"],
            "There is no pack of rules 'shiped' because no folder of packs is set.",
            "Did you mean 'shipped'?",
        ),
        (["rules"], "There is no pack of rules 'rules'", "A folder is named by a path: ./rules"),
        (["./none"], "There is no folder of rules none.", "Name a folder, a pack, or shipped."),
    ],
)
def test_a_book_that_is_not_there_is_named(
    books: list[str], message: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        read_catalogue(Config(rule_books=tuple(books)))
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_misspelt_pack_is_answered_with_the_nearest(tmp_path: Path) -> None:
    write_pack(tmp_path / "a", "bank-desk")
    with pytest.raises(ConfigurationError, match="no pack of rules 'bank-dest' in ") as caught:
        find_book("bank-dest", tmp_path)
    assert caught.value.hint == "Did you mean 'bank-desk'?"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "pack.toml cannot be read"),
        (PACK.format(name="x").replace('licence = "MIT"', ""), "the pack's 'licence' is missing, or unknown"),
        (
            PACK.format(name="x").replace('licence = "MIT"', "licence = 1"),
            "the pack's 'licence' is missing, or unknown",
        ),
        (PACK.format(name="x") + 'colour = "red"', "the pack's 'colour' is missing, or unknown"),
        (PACK.format(name="shipped"), "a pack cannot be called 'shipped'"),
        (PACK.format(name="x") + 'needs = "99.1"', "the pack x needs Sentinel Batch 99.1; this is"),
    ],
)
def test_a_wrong_pack_file_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "pack.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        open_book(tmp_path)
    assert message in caught.value.message
    assert caught.value.message.startswith(str(tmp_path))
    assert caught.value.hint


def test_a_pack_that_needs_this_version_opens(tmp_path: Path) -> None:
    assert open_book(write_pack(tmp_path, "x", 'needs = "0.1"\n')).name == "x"


def test_what_cannot_be_read_is_listed_and_the_rest_is_there(tmp_path: Path, configured: Any) -> None:
    write_rule(tmp_path / "rules")
    write_rule(tmp_path / "rules", header=HEADER.replace("version", "vershun"), rule_id="BROKEN")
    (tmp_path / "rules" / "lower.sql").write_text("SELECT 1", encoding="utf-8")
    (tmp_path / "rules" / "ALONE.sql").write_text("SELECT 1", encoding="utf-8")
    write_rule(tmp_path / "rules", rule_id="SDHF_001")
    configured('rules = ["shipped", "./rules"]\n')
    catalogue = read_catalogue()
    assert len(catalogue.rules) == 18
    found = {failed.id: failed.error.message.replace(f"{tmp_path}/rules/", "") for failed in catalogue.failed}
    assert found.pop("ALONE").startswith("ALONE.toml: the rule cannot be read: ")
    assert found == {
        "BROKEN": "BROKEN.toml:4: the rule has an unknown entry 'vershun' in its header.",
        "lower": "lower.sql: the name of a rule's file is its id, in capitals.",
        "SDHF_001": "SDHF_001.toml:1: the id SDHF_001 is taken: by simbox/SDHF_001.toml of the book shipped.",
    }
    assert all(failed.error.hint and failed.book == "rules" for failed in catalogue.failed)
    with pytest.raises(RuleError, match="vershun"):
        get_rule("broken")
    assert get_rule("SDHF_001").is_shipped


def test_one_id_in_two_folders_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_rule(tmp_path / name)
    catalogue = read_catalogue(Config(rule_books=(str(tmp_path / "a"), str(tmp_path / "b"))))
    assert [rule.book for rule in catalogue.rules] == ["a"]
    [failed] = catalogue.failed
    assert failed.to_dict()["message"].endswith(
        "the id TEST_001 is taken: by " + f"{tmp_path}/a/TEST_001.toml of the book a."
    )


@pytest.mark.parametrize(
    "text",
    [
        'rules = ["shipped", "./own", "pack"]\n[rule.SDHF_001]\nwindow = "12h"\n',
        '[rules]\nbooks = ["shipped", "./own", "pack"]\n[rules.SDHF_001]\nwindow = "12h"\n',
    ],
)
def test_the_configuration_names_books_and_settings(text: str, tmp_path: Path) -> None:
    (tmp_path / "sentinel.toml").write_text(text, encoding="utf-8")
    config = load_config(environ={}, start=tmp_path)
    assert config.rule_books == ("shipped", str(tmp_path / "own"), "pack")
    assert config.rules == {"SDHF_001": {"window": "12h"}}
    assert config.origin("rule_books") == config.origin("rules") == str(tmp_path / "sentinel.toml")
    elsewhere = load_config(environ={"SENTINEL_RULES": f"shipped{os.pathsep}./there"}, start=tmp_path)
    assert elsewhere.rule_books == ("shipped", str(tmp_path / "there"))
    assert elsewhere.origin("rule_books") == "environment SENTINEL_RULES"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rules = []\n", ["rules = []", 'a list such as ["shipped"']),
        ('rules = ["shipped", 1]\n', ["rules = ['shipped', 1]", 'a list such as ["shipped"']),
        ('rules = ["./a", "a/../a", "./a"]\n', ["names", "twice", "Name each book once."]),
        ('[rules]\nbooks = "shipped"\n', ["rules.books = 'shipped'", "a list such as"]),
        ("rule = 1\n", ["rule = 1", "tables such as [rule.SDHF_001]"]),
        ("[rules.A]\nx = 1\n[rule.B]\nx = 1\n", ["[rules.A]", "[rule.B]", "Use one of them"]),
        ('rules = ["shipped"]\n[rules.A]\nx = 1\n', ["is not valid TOML", "write [rule.ID]", "books = [...]"]),
        ('ruless = ["shipped"]\n', ["no setting 'ruless'", "Did you mean 'rules'?"]),
        ("[rule.A]\nwindow = {a = 1}\n", ["rule.A.window", "{'a': 1}"]),
    ],
)
def test_a_wrong_setting_of_rules_is_named(text: str, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "sentinel.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_config(environ={}, start=tmp_path)
    assert [word for word in [*words, str(tmp_path / "sentinel.toml")] if word not in str(caught.value)] == []
