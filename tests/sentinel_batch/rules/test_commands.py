"""Commands on rules of one's own: new, lint, test, show, run, lock, with files, folders and ids."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import Call

from sentinel_batch.rules.scaffolding import write_scaffold
from tests.sentinel_batch.rules.own_rules import CASES, HEADER, QUERY, SWEEP, write_rule

BROKEN = SWEEP.replace("calls > 2", "cals > 2")


@pytest.fixture
def folder(call: Call, calls_lake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder ``ours`` of rules beside a configuration that names it; the lake has calls."""
    monkeypatch.setenv("SENTINEL_LAKE", str(calls_lake))
    (tmp_path / "sentinel.toml").write_text('rules = ["shipped", "./ours"]\n', encoding="utf-8")
    write_rule(tmp_path / "ours", SWEEP)
    return tmp_path / "ours"


def test_a_new_rule_is_good_as_written(call: Call, tmp_path: Path) -> None:
    made = call("rules", "new", "OUR_RULE", "--folder", "rules/night", "--json")
    assert made.code == 0
    assert made.document["files"] == [f"rules/night/OUR_RULE{suffix}" for suffix in (".toml", ".sql", ".cases.yml")]
    assert call("rules", "lint", "rules").stdout == "1 rule looked at: nothing is wrong.\n"
    assert call("rules", "test", "rules").stdout == "4 of 4 test cases pass.\n"
    texts = [Path(file).read_text(encoding="utf-8") for file in made.document["files"]]
    assert "NEW_RULE" not in "".join(texts)
    assert "2026-01-22" not in texts[0]


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("premium night", "'premium night' is not an id of a rule.", "Write it as PREMIUM_NIGHT: capitals"),
        ("../X", "'../X' is not an id of a rule.", "capitals"),
        ("SDHF_001", "There is a rule SDHF_001: simbox/SDHF_001.toml, of the book shipped.", "another id"),
        ("TAKEN", "There is a file TAKEN.sql.", "another --folder"),
    ],
)
def test_a_new_rule_that_cannot_be_is_refused(name: str, message: str, hint: str, call: Call, tmp_path: Path) -> None:
    Path("TAKEN.sql").write_text("", encoding="utf-8")
    done = call("rules", "new", name, "--json")
    assert done.code == 2
    assert done.document["error"]["message"] == message
    assert hint in done.document["error"]["hint"]
    assert not Path("TAKEN.toml").exists()


def test_a_scaffold_says_the_day(tmp_path: Path) -> None:
    from datetime import date

    header, *_ = write_scaffold("OUR_RULE", tmp_path, date(2030, 2, 3))
    assert "created = 2030-02-03\nupdated = 2030-02-03\n" in header.read_text(encoding="utf-8")


def test_rules_are_listed_with_their_book_and_filtered(call: Call, folder: Path) -> None:
    def ids(*words: str) -> list[str]:
        return [rule["id"] for rule in call("rules", "list", *words, "--json").document["rules"]]

    assert len(ids()) == 18
    assert ids("--book", "ours") == ids("--maturity", "experimental") == ids("--tag", "desk") == ["TEST_001"]
    roles = {rule["id"]: rule["role"] for rule in call("rules", "list", "--json").document["rules"]}
    assert (roles["ASR_ACD"], roles["SDHF_001"]) == ("witness", "opener")
    assert ids("--tag", "fraud.callback") == ["ASR_ACD", "WANGIRI_BURST", "WANGIRI_CALLBACK"]
    assert ids("--tag", "method.simbox", "--book", "ours") == []
    for option, value, near in (("--tag", "fraud.callbak", "fraud.callback"), ("--book", "our", "ours")):
        failed = call("rules", "list", option, value, "--json")
        assert failed.code == 2
        assert failed.document["error"]["hint"] == f"Did you mean {near!r}?"
    text = call("rules", "list", "--book", "ours").stdout
    assert "TEST_001" in text
    assert "SDHF_001" not in text


def test_a_rule_is_shown_by_id_or_file(call: Call, folder: Path) -> None:
    by_id = call("rules", "show", "TEST_001").stdout
    assert by_id == call("rules", "show", "test_001").stdout
    assert '{{ sweep("examined_calls") }}' in by_id
    assert "Honest users that look like this:\n- Nobody." in by_id
    expanded = call("rules", "show", "ours/TEST_001.cases.yml", "--expanded").stdout
    assert "-- query sliding\nWITH\n" in expanded
    assert "{{" not in expanded
    document = call("rules", "show", "ours/TEST_001.sql", "--json").document["rule"]
    assert (document["book"], document["sql"]) == ("ours", SWEEP)
    assert document["severity"] == [{"level": "LOW", "when": None, "text": ""}]


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("TEST_002", "There is no rule 'TEST_002'."),
        ("ours/TEST_002.sql", "There is no file ours/TEST_002.sql."),
        ("none/", "There is no file none."),
        ("empty/", "There is no rule in the folder empty."),
    ],
)
def test_a_word_that_names_nothing_is_refused(word: str, message: str, call: Call, folder: Path) -> None:
    Path("empty").mkdir()
    for command in ("lint", "test", "run"):
        done = call("rules", command, word, "--json")
        assert (done.code, done.document["error"]["message"]) == (2, message)
        assert done.document["error"]["hint"]


def test_what_is_wrong_is_said_with_file_and_line(call: Call, folder: Path) -> None:
    write_rule(folder, BROKEN)
    found = call("rules", "lint", "ours")
    assert found.code == 1
    complaint = "ours/TEST_001.sql:5: There is no column cals.\n    Did you mean 'calls'?\n"
    assert found.stdout == f"{complaint}1 rule looked at: 1 thing is wrong.\n"
    write_rule(folder, header=HEADER.replace("version", "vershun"), rule_id="OTHER")
    document = call("rules", "lint", "ours", "--json").document
    assert [v["place"] for v in document["violations"]] == ["ours/OTHER.toml:4", "ours/TEST_001.sql:5"]
    assert (document["status"], document["count"]) == ("failed", 2)


def test_a_case_that_does_not_hold_fails_the_command(call: Call, folder: Path) -> None:
    assert call("rules", "test", "ours").stdout == (
        "FAILED TEST_001: one call: expected 1 findings, got 0 ()\n0 of 1 test cases pass.\n"
    )
    write_rule(folder, SWEEP, cases=None, rule_id="OTHER")
    done = call("rules", "test", "ours/OTHER.sql", "--json")
    assert done.code == 1
    assert "Write some into OTHER.cases.yml." in done.document["cases"][0]["problem"]


def test_findings_of_a_configured_rule_are_recorded_and_those_of_a_file_that_is_not_are_shown(
    call: Call, folder: Path, tmp_path: Path
) -> None:
    done = call("rules", "run", "ours/TEST_001.sql", "--json").document
    assert (done["recorded"], done["status"]) == (True, "success")
    assert len(done["findings"]) > 2
    alerts = call("alerts", "list", "--json", "--limit", "500").document["alerts"]
    assert "TEST_001" in {alert["detection_rule"] for alert in alerts}
    write_rule(tmp_path / "elsewhere", SWEEP, rule_id="OTHER")
    tried = call("rules", "run", "elsewhere")
    assert tried.code == 0
    assert "Nothing recorded.\n" in tried.stdout
    assert "In no configured book: OTHER." in tried.stderr


def test_a_rule_that_fails_is_named_and_the_others_run(call: Call, folder: Path) -> None:
    write_rule(folder, BROKEN, rule_id="BROKEN")
    write_rule(folder, header=HEADER.replace("version", "vershun"), rule_id="HEADLESS")
    done = call("rules", "run", "--json")
    assert done.code == 3
    assert (done.document["status"], done.document["recorded"], len(done.document["rules"])) == ("partial", True, 18)
    failed = {entry["rule"]: entry["message"] for entry in done.document["failed"]}
    assert "ours/HEADLESS.toml:4: the rule has an unknown entry 'vershun'" in failed["HEADLESS"]
    assert "ours/BROKEN.sql:5: rule BROKEN, step qualifying: " in failed["BROKEN"]
    text = call("rules", "run", "ours")
    assert text.code == 3
    assert "Error: Rule BROKEN did not run. ours/BROKEN.sql:5: " in text.stderr
    assert "\nHint: Correct the rule; " in text.stderr
    assert "rules lint ours/BROKEN.sql" in text.stderr
    alone = call("rules", "run", "ours/BROKEN.sql", "--json")
    assert (alone.code, alone.document["status"]) == (1, "failed")
    listed = call("rules", "list", "--json")
    assert (listed.code, [entry["rule"] for entry in listed.document["failed"]]) == (3, ["HEADLESS"])
    assert "Rule HEADLESS was left out." in call("rules", "list").stderr


def test_settings_of_a_rule_that_is_not_there_are_refused(call: Call, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "sentinel.toml").write_text('rules = ["shipped", "./ours"]\n[rule.TEST_01]\nenabled = false\n')
    done = call("rules", "run", "--json")
    assert done.code == 2
    message = f"{tmp_path}/sentinel.toml:2: [rule.TEST_01] has settings of TEST_01, and there is no such rule."
    assert done.document["error"]["message"] == message
    assert done.document["error"]["hint"] == "Did you mean 'TEST_001'?"
    (tmp_path / "sentinel.toml").write_text('rules = ["shipped", "./ours"]\n[rule.TEST_001]\nenabled = false\n')
    assert "TEST_001" not in {rule["rule"] for rule in call("rules", "run", "--json").document["rules"]}


def test_a_folder_is_locked_and_linted_against_its_lock(call: Call, folder: Path) -> None:
    locked = call("rules", "lock", "ours", "--json").document
    assert (locked["count"], locked["file"]) == (1, "ours/versions.lock")
    assert call("rules", "lint", "ours").code == 0
    write_rule(folder, SWEEP.replace("calls > 2", "calls > 3"))
    [complaint] = call("rules", "lint", "ours", "--json").document["violations"]
    assert complaint["place"] == "ours/versions.lock:1"
    assert "says something else than when its version 1.0 was locked" in complaint["message"]
    assert "sentinel-batch rules lock ours" in complaint["hint"]
    refused = call("rules", "lock", "ours", "--json")
    assert (refused.code, refused.document["error"]["code"]) == (1, "rule")
    write_rule(folder, header=HEADER.replace("version", "vershun"), rule_id="OTHER")
    assert "vershun" in call("rules", "lock", "ours", "--json").document["error"]["message"]


def test_ad_hoc_parameters_go_to_a_file_as_well(call: Call, folder: Path) -> None:
    done = call("rules", "run", "ours/TEST_001.sql", "--set", "window=1s", "--json").document
    assert (done["recorded"], done["findings"], [rule["rule"] for rule in done["rules"]]) == (False, [], ["TEST_001"])
    assert json.dumps(done)


LISTED = SWEEP.replace(
    "WITH\n{{ sweep",
    'WITH\n{{ longest_prefix("examined_calls", "caller_number", list="watched", into="found") }},\n\n{{ sweep',
).replace("calls > 2", "calls > 2 AND suspect_number IN (SELECT caller_number FROM found)")
LIST = '\n[lists.watched]\ncolumns = ["prefix"]\ndefault = ["+999"]\ndescription = "Watched."\n'


def test_a_list_may_be_set_for_one_run(call: Call, folder: Path, tmp_path: Path) -> None:
    write_rule(folder, LISTED, HEADER + LIST)
    assert call("rules", "run", "TEST_001", "--json").document["findings"] == []
    found = call("rules", "run", "TEST_001", "--set", "watched=+999,+234", "--json").document
    assert found["findings"]
    assert (found["recorded"], found["notices"]) == (False, [])
    assert found["rules"][0]["parameters"]["watched"] == [["+999"], ["+234"]]
    (tmp_path / "watched.csv").write_text("prefix\n+234\n", encoding="utf-8")
    assert call("rules", "run", "TEST_001", "--set", "watched=watched.csv", "--json").document["findings"]
    refused = call("rules", "run", "TEST_001", "--set", "wached=+234", "--json")
    assert (refused.code, refused.document["error"]["hint"]) == (2, "Did you mean 'watched'?")
    odd = call("rules", "run", "TEST_001", "--set", "watched=234,999888")
    assert "TEST_001: watched: 2 entries have no plus sign, such as 234: full numbers" not in odd.stderr
    assert "TEST_001: watched: 1 entry has no plus sign, such as 999888: full numbers" in odd.stderr
    empty = call("rules", "run", "TEST_001", "--set", "watched=", "--json").document
    assert empty["notices"] == ["TEST_001: watched is empty: nothing can match it."]


def test_numbers_in_a_list_of_texts_are_refused(call: Call, folder: Path, tmp_path: Path) -> None:
    write_rule(folder, LISTED, HEADER + LIST)
    text = 'rules = ["shipped", "./ours"]\n[rule.TEST_001]\nwatched = [23480]\n'
    (tmp_path / "sentinel.toml").write_text(text, encoding="utf-8")
    done = call("rules", "run", "TEST_001", "--json")
    assert done.code == 1
    [failed] = done.document["failed"]
    assert failed["message"].endswith(
        "sentinel.toml:3: [rule.TEST_001] watched, entry 1: 23480 is not a row of list watched."
    )
    assert "texts stand in quotes" in failed["hint"]


def test_rules_that_cannot_be_tested_are_one_failure_each(call: Call, folder: Path) -> None:
    two = CASES + CASES.replace("one call", "another call")
    write_rule(folder, SWEEP.replace("> 2", "> $hi_calls"), cases=two, rule_id="UNDECLARED")
    write_rule(folder, QUERY, cases="- {name: x, calls: [}", rule_id="UNREADABLE")
    done = call("rules", "test", "ours", "--json")
    found = {case["rule"]: case["problem"] for case in done.document["cases"]}
    assert [case["rule"] for case in done.document["cases"]].count("UNDECLARED") == 1
    assert found["UNDECLARED"].startswith("ours/UNDECLARED.sql:5: $hi_calls is not declared.")
    assert "ours/UNREADABLE.cases.yml:1: the cases are not YAML" in found["UNREADABLE"]
    assert "TEST_001" in found


def test_one_id_twice_is_a_complaint(call: Call, folder: Path) -> None:
    write_rule(folder / "again", SWEEP)
    places = [violation["place"] for violation in call("rules", "lint", "ours", "--json").document["violations"]]
    assert any(place.startswith("ours/") and place.endswith("TEST_001.toml:1") for place in places)


def test_a_rule_is_shown_whole(call: Call, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    header = HEADER.replace('remediation = "None."', 'remediation = "' + "Ask the bank. " * 12 + '"')
    write_rule(folder, LISTED, header + LIST)
    shown = call("rules", "show", "TEST_001").stdout
    for text in (
        "What to do:\nAsk the bank.",
        "What NULL means:\nNone.",
        "List watched (prefix)",
        "1 row: +999.",
        "weight 0.5",
    ):
        assert text in shown
    lines = shown.partition("WITH\n")[0].splitlines()
    assert max(len(line) for line in lines if str(folder) not in line) <= 80
    rule = call("rules", "show", "TEST_001", "--json").document["rule"]
    assert (rule["list_values"], rule["summary"]) == ({"watched": [{"prefix": "+999"}]}, "{suspect_number} was found.")


def test_what_to_do_stands_where_the_alert_is_read(call: Call, folder: Path) -> None:
    write_rule(folder, SWEEP, HEADER.replace('remediation = "None."', 'remediation = "Ask the bank first."'))
    call("rules", "run", "TEST_001")
    alerts = call("alerts", "list", "--json", "--limit", "500").document["alerts"]
    own = next(alert["id"] for alert in alerts if alert["detection_rule"] == "TEST_001")
    assert "To do    Ask the bank first." in call("alerts", "show", str(own)).stdout
    assert call("alerts", "show", str(own), "--json").document["remediation"] == "Ask the bank first."
    explained = call("explain", str(own), "--more").stdout
    assert "To do    Ask the bank first." in explained
    assert "The rule ran with window = 24h." in explained
