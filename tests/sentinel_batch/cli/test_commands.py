"""What single commands print and write."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from pathlib import Path

import pytest
from conftest import Call


def test_generate_prints_what_it_wrote(call: Call, tmp_path: Path) -> None:
    done = call("sim", "calls", "x.csv", 400, 2, 60, "--seed", 9, "--json").document
    assert list(done)[:4] == ["status", "output", "records", "simbox_numbers"]
    assert done["records"] == 400
    assert len(done["simbox_numbers"]) == 2
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 401
    assert json.loads(Path(done["truth"]).read_text())["simbox_numbers"] == done["simbox_numbers"]


def test_ingest_prints_the_specified_keys_first(call: Call, calls_file: Path) -> None:
    done = call("ingest", calls_file, "--json")
    assert list(done.document)[:6] == [
        "status", "records_processed", "records_inserted", "duplicates_skipped", "records_rejected",
        "processing_time_seconds",
    ]  # fmt: skip
    assert done.document["records_inserted"] == 1200
    assert call("ingest", calls_file, "--json").document["records_inserted"] == 0


def test_ingest_dry_run_writes_nothing(call: Call, calls_file: Path, tmp_path: Path) -> None:
    assert call("ingest", calls_file, "--dry-run", "--json").document["records_inserted"] == 1200
    assert call("alerts", "list").code == 2
    assert not (tmp_path / "data").exists()


def test_ingest_exit_codes_tell_none_some_and_all(call: Call, calls_file: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_text("nothing,of\nuse,here\n")
    assert call("ingest", calls_file).code == 0
    mixed = call("ingest", calls_file, "bad.csv", "--json")
    assert (mixed.code, mixed.document["status"]) == (3, "partial")
    alone = call("ingest", "bad.csv", "--json")
    assert (alone.code, alone.document["status"]) == (1, "failed")
    assert "bad.csv" in call("ingest", "bad.csv").stderr
    (tmp_path / "void").mkdir()
    assert call("ingest", "void").code == 4


def test_ingest_strict_and_the_reject_rate_refuse_a_file(call: Call, tmp_path: Path) -> None:
    head = "call_date,call_time,caller_number,callee_number,duration_seconds\n"
    good = "".join(f"2026-01-22,10:00:{n:02},+2348031234567,+2348091234567,60\n" for n in range(19))
    (tmp_path / "one.csv").write_text(head + good + "2026-01-22,10:01:00,+2348031234567,+2348091234567,x\n")
    assert call("ingest", "one.csv", "--strict").code == 1
    assert call("ingest", "one.csv", "--max-reject-rate", "0.01").code == 1
    accepted = call("ingest", "one.csv", "--max-reject-rate", "0.05", "--json")
    assert (accepted.code, accepted.document["records_rejected"]) == (0, 1)


def test_detect_prints_the_specified_keys_first(call: Call, calls_file: Path, simboxes: list[str]) -> None:
    call("ingest", calls_file)
    first = call("detect", "--window", "24h", "--json").document
    assert list(first)[:4] == ["status", "alerts_generated", "alert_ids", "suspects"]
    assert first["alerts_generated"] == 2
    assert sorted(first["suspects"]) == sorted(simboxes)
    again = call("detect", "--json").document
    assert (again["alerts_generated"], again["alert_ids"]) == (0, [])
    assert again["counts"]["unchanged"] == 2
    assert sorted(again["suspects"]) == sorted(simboxes)


def test_detect_always_prints_the_examined_and_the_read_period(call: Call, calls_lake: Path) -> None:
    done = call("detect", "--lake", calls_lake, "--until", "2026-01-22T20:00:00Z")
    assert "Examined (2026-01-21T20:00:00Z, 2026-01-22T20:00:00Z]" in done.stderr
    assert "Read     (2026-01-20T20:00:00Z, 2026-01-22T20:00:00Z]" in done.stderr


@pytest.mark.parametrize(
    "adhoc",
    [["--min-unique-destinations", "60"], ["--trailing"], ["--direction", "outbound"], ["--max-avg-duration", "2.9"]],
)
def test_an_adhoc_detection_is_recorded_only_with_save(adhoc: list[str], call: Call, calls_file: Path) -> None:
    call("ingest", calls_file)
    shown = call("detect", *adhoc, "--json").document
    assert (shown["recorded"], shown["alerts_generated"]) == (False, 0)
    assert call("alerts", "list", "--json").document["count"] == 0
    saved = call("detect", *adhoc, "--save", "--json").document
    assert saved["alerts_generated"] == len(saved["findings"])
    official = call("detect", "--json").document
    assert official["alerts_generated"] == 2


def test_fail_on_exits_with_the_worst_severity(call: Call, calls_lake: Path) -> None:
    worst = call("alerts", "list", "--lake", calls_lake, "--json").document["alerts"][0]["alert_severity"]
    code = {"LOW": 11, "MEDIUM": 12, "HIGH": 13, "CRITICAL": 14}[worst]
    assert call("detect", "--lake", calls_lake, "--fail-on", "low").code == code
    assert call("detect", "--lake", calls_lake, "--fail-on", worst).code == code
    assert call("detect", "--lake", calls_lake, "--fail-on", "CRITICAL").code == (14 if worst == "CRITICAL" else 0)
    assert call("detect", "--lake", calls_lake).code == 0
    bad = call("detect", "--lake", calls_lake, "--fail-on", "awful")
    assert bad.code == 2
    assert "LOW, MEDIUM, HIGH, CRITICAL" in bad.stderr


def test_fail_on_ignores_suppressed_findings(call: Call, calls_lake: Path, simboxes: list[str]) -> None:
    for number in simboxes:
        call("alerts", "suppress", number, "--reason", "test line", "--lake", calls_lake)
    done = call("detect", "--lake", calls_lake, "--fail-on", "LOW")
    assert done.code == 0
    assert done.stdout.count("Suppressed: ") == 2


def test_alerts_list_filters_and_csv(call: Call, calls_lake: Path, simboxes: list[str]) -> None:
    assert call("alerts", "review", 1, "--disposition", "confirmed", "--by", "ada", "--lake", calls_lake).code == 0
    listed = call("alerts", "list", "--reviewed", "--lake", calls_lake, "--json").document
    assert [alert["id"] for alert in listed["alerts"]] == [1]
    assert call("alerts", "list", "--unreviewed", "--lake", calls_lake, "--json").document["count"] == 1
    one = call("alerts", "list", "--suspect", simboxes[0], "--lake", calls_lake, "--json").document
    assert [alert["suspect_number"] for alert in one["alerts"]] == [simboxes[0]]
    assert call("alerts", "list", "--limit", 1, "--lake", calls_lake, "--json").document["count"] == 1
    rows = list(csv.DictReader(io.StringIO(call("alerts", "list", "--csv", "--lake", calls_lake).stdout)))
    assert {row["suspect_number"] for row in rows} == {row["suspect"] for row in rows} == set(simboxes)
    by_rule = call("alerts", "list", "--csv", "--by", "rule", "--lake", calls_lake).stdout
    assert {row["detection_rule"] for row in csv.DictReader(io.StringIO(by_rule))} == {"SDHF_001"}
    nested = call("alerts", "list", "--lake", calls_lake, "--json").document["suspects"]
    assert {suspect["suspect"]: len(suspect["alerts"]) for suspect in nested} == dict.fromkeys(simboxes, 1)
    assert call("alerts", "list", "--csv", "--json", "--lake", calls_lake).code == 2


def test_alerts_show_tells_the_history(call: Call, calls_lake: Path) -> None:
    call(
        "alerts",
        "review",
        1,
        "--disposition",
        "false-positive",
        "--notes",
        "call centre",
        "--by",
        "ada",
        "--lake",
        calls_lake,
    )
    shown = call("alerts", "show", 1, "--lake", calls_lake).stdout
    assert "false-positive" in shown
    assert "call centre" in shown
    assert "ada" in shown


def test_explain_shows_thresholds_and_writes_the_calls(call: Call, calls_lake: Path, tmp_path: Path) -> None:
    done = call("explain", 1, "--calls", "calls-of-1.csv", "--lake", calls_lake)
    assert done.code == 0, done.stderr
    assert "> 50" in done.stdout
    assert "< 3" in done.stdout
    with (tmp_path / "calls-of-1.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 80


def test_doctor_exits_with_1_when_something_is_broken(call: Call, calls_lake: Path) -> None:
    assert call("doctor", "--lake", calls_lake).code == 0
    log = sorted((calls_lake / "fraud_alerts" / "_delta_log").glob("*.json"))
    for entry in log:
        entry.write_text("garbage")
    broken = call("doctor", "--lake", calls_lake, "--json")
    assert (broken.code, broken.document["status"]) == (1, "error")


def test_config_show_tells_where_values_come_from(call: Call, tmp_path: Path) -> None:
    (tmp_path / "sentinel.toml").write_text('region = "GH"\n')
    shown = call("config", "show", "--lake", "x", "--json", env={"SENTINEL_TIMEZONE": "UTC"}).document["settings"]
    assert shown["lake"] == {"value": str(tmp_path / "x"), "origin": "flag --lake"}
    assert shown["timezone"] == {"value": "UTC", "origin": "environment SENTINEL_TIMEZONE"}
    assert shown["region"] == {"value": "GH", "origin": str(tmp_path / "sentinel.toml")}
    assert shown["lock_timeout"] == {"value": 600.0, "origin": "default"}


def test_nightly_logs_json_lines(call: Call, calls_file: Path, tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "calls.csv").write_bytes(calls_file.read_bytes())
    done = call("nightly", "--inbox", "inbox", "--out", "out", "--json")
    assert done.code == 0, done.stderr
    steps = [json.loads(line)["step"] for line in done.stderr.splitlines()]
    assert {"ingest", "detect", "alerts", "report"} <= set(steps)
    assert done.document["alerts"]["created"] >= 2


def test_stdout_of_a_night_that_failed_says_so_and_why(call: Call, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.csv").write_text("x")
    for inbox, why in (("nowhere", "There is no inbox"), ("empty", "is empty"), ("a.csv", "is a file, not a folder")):
        done = call("nightly", "--inbox", inbox, "--out", "out", "--quiet")
        assert done.code == 4
        first, *others = done.stdout.splitlines()
        assert first.startswith("Night    failed: ") and why in first
        assert [line[:6] for line in others] == ["Report"]
        assert "Error:" in done.stderr and ("mounted" in done.stderr) == (inbox == "nowhere")


def test_stdout_of_a_partial_night_counts_what_was_lost(call: Call, calls_file: Path, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / "calls.csv").write_bytes(calls_file.read_bytes())
    for n in range(2):
        (inbox / f"bad{n}.csv").write_text("x,y\n1,2\n")
    (inbox / "dir.csv").mkdir()
    done = call("nightly", "--inbox", "inbox", "--out", "out", "--quiet")
    assert done.code == 3
    assert "\nLost     2 files, not in the lake;" in done.stdout
    assert "\nNot read 1 entry of the inbox;" in done.stdout and "Night    failed" not in done.stdout


def test_rules_run_records_like_detect_and_says_so(call: Call, calls_file: Path) -> None:
    call("ingest", calls_file)
    shown = call("rules", "run", "SDHF_001", "--dry-run", "--json").document
    assert (shown["recorded"], len(shown["findings"])) == (False, 2)
    done = call("rules", "run", "SDHF_001", "--json").document
    assert (done["recorded"], done["counts"]["created"]) == (True, 2)
    again = call("detect", "--json").document
    assert again["counts"]["unchanged"] == 2
    assert (set(again), again["findings"], again["rules"]) == (set(done), done["findings"], done["rules"])


def test_rules_run_takes_ad_hoc_parameters_of_one_rule(call: Call, calls_file: Path) -> None:
    call("ingest", calls_file)
    done = call("rules", "run", "SDHF_001", "--set", "min_unique_destinations=79", "--set", "window=12h", "--json")
    assert (done.document["recorded"], done.document["findings"]) == (False, [])
    assert "Nothing recorded." in call("rules", "run", "SDHF_001", "--set", "max_avg_duration=4").stdout
    for words in (["SDHF_001", "--set", "colour=1"], ["--set", "window=1h"], ["SDHF_001", "--set", "window"]):
        failed = call("rules", "run", *words)
        assert failed.code == 2
        assert "Hint" in failed.stderr


def test_rules_test_runs_the_cases(call: Call) -> None:
    done = call("rules", "test", "SDHF_001", "--json")
    assert (done.code, done.document["count"]) == (0, 9)
    assert {case["problem"] for case in done.document["cases"]} == {""}


def test_since_of_alerts_counts_back_from_the_newest_call(call: Call, calls_lake: Path) -> None:
    words = ("alerts", "list", "--lake", calls_lake)
    newest = call("risk", "--all", "--lake", calls_lake, "--json").document["risks"][0]["until"][:19].replace("T", " ")
    recent = call(*words, "--since", "7d")
    assert recent.stdout == call(*words).stdout and "No alerts" not in recent.stdout
    assert "UTC on: 7d back from the newest call." in recent.stderr
    later = call(*words, "--since", "2031-01-01")
    assert later.stdout == "No alerts.\n" and f"The newest call is of {newest} UTC" in later.stderr
    assert call("alerts", "export", "a.csv", "--lake", calls_lake, "--since", "7d").code == 0


def test_a_list_of_no_rows_is_not_asked_for(call: Call, calls_lake: Path) -> None:
    for words in (("alerts", "list"), ("queue",), ("boxes", "list"), ("cases", "list"), ("labels", "list")):
        done = call(*words, "--limit", "0", "--lake", calls_lake)
        assert done.code == 2 and "--limit" in done.stderr, words


def test_the_list_of_rules_names_settings_that_fit_none(call: Call, tmp_path: Path) -> None:
    (tmp_path / "sentinel.toml").write_text('[rules.SDHF_01]\nwindow = "6h"\n[rules.SEQ_DIAL]\nwindows = "6h"\n')
    done = call("rules", "list", "--json")
    assert done.code == 3 and done.document["status"] == "partial"
    stranger, misspelt = done.document["wrong_settings"]
    assert "sentinel.toml:1: [rules.SDHF_01]" in stranger["message"] and "SDHF_001" in stranger["hint"]
    assert "windows" in misspelt["message"] and "sentinel.toml:4" in misspelt["message"]
    said = call("rules", "list")
    assert said.code == 3 and "SDHF_01" in said.stderr and "SEQ_DIAL" in said.stdout


def test_no_calls_in_a_window_are_said_with_where_the_calls_are(call: Call, calls_lake: Path) -> None:
    done = call("boxes", "find", "--until", "2020-01-01", "--lake", calls_lake)
    assert (
        done.code == 0
        and "There are no calls from 2019-12-19 to 2020-01-01; those of the lake are from " in done.stderr
    )


def test_what_a_review_leaves_or_replaces_is_said(call: Call, calls_lake: Path) -> None:
    review = ("alerts", "review", 1, "--lake", calls_lake)
    assert call(*review, "--disposition", "confirmed", "--notes", "a", "--by", "ada").stderr == ""
    again = call(*review, "--disposition", "confirmed", "--by", "bob")
    assert "Warning: Alert 1: nothing changed: judged confirmed by ada on " in again.stderr
    replaced = call(*review, "--notes", "x", "--by", "bob", "--json")
    assert "Warning: Alert 1: the notes given by ada on " in replaced.stderr
    assert len(replaced.document["notices"]) == 1


def test_what_an_entry_replaces_and_covers_is_said(call: Call, calls_lake: Path) -> None:
    suppress = ("alerts", "suppress", "+234*", "--lake", calls_lake, "--by", "ada")
    first = call(*suppress, "--reason", "one", "--json")
    covered = first.document["callers_covered"]
    assert covered > 100
    assert first.document["replaced"] is None
    assert f"Warning: +234* covers {covered:,} of the " in first.stderr
    second = call(*suppress, "--reason", "two")
    assert "Warning: Replaces the entry of +234*: “one” (by ada on " in second.stderr


@pytest.mark.parametrize("command", ["alerts show", "alerts review", "alerts undo", "cases show", "boxes show"])
def test_a_number_is_not_taken_for_an_id(call: Call, calls_lake: Path, command: str) -> None:
    refused = call(*command.split(), "02013897920", "--lake", calls_lake, "--json")
    assert (refused.code, refused.document["error"]["code"]) == (2, "usage")
    assert "02013897920 is a number, no id" in refused.document["error"]["message"]
    hint = refused.document["error"]["hint"]
    typed = shlex.split(hint.partition("sentinel-batch ")[2])
    assert call(*typed, "--lake", calls_lake).code == 0


def test_what_has_more_digits_than_any_id_is_spoken_of_as_a_number(call: Call, calls_lake: Path) -> None:
    refused = call("alerts", "review", "2013897920", "--lake", calls_lake)
    assert (refused.code, "no id has so many digits" in refused.stderr) == (2, True)
    assert "alerts list --suspect '2013897920*'" in refused.stderr
    assert "Nearest ids: 1, 2." in call("alerts", "show", "7", "--lake", calls_lake).stderr


@pytest.mark.parametrize("subject", ["0705744386", "705744386"])
def test_a_digit_short_is_explained_as_a_number(call: Call, calls_lake: Path, subject: str) -> None:
    refused = call("explain", subject, "--lake", calls_lake)
    assert refused.code == 2
    assert "Nearest ids" not in refused.stderr
    assert f"alerts list --suspect '{subject}*'" in refused.stderr


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (
            "alerts review 1 --disposition false_positive",
            "'false_positive' is not one of",
            "Did you mean false-positive?",
        ),
        ("alerts list --by suspects", "'suspects' is not one of", "Did you mean suspect?"),
        ("alerts show abc", "'abc' is no whole number", ""),
        ("queue --limit x", "it must be a whole number", ""),
        ("queue --limit 0", "it must be greater than or equal to 1", ""),
        ("alerts list --by zzz", "'zzz' is not one of", "See "),
    ],
)
def test_a_wrong_value_is_refused_in_plain_words(call: Call, words: str, message: str, hint: str) -> None:
    refused = call(*words.split(), "--json")
    error = refused.document["error"]
    assert (refused.code, message in error["message"], hint in error["hint"]) == (2, True, True), error
    assert not re.search("Value error|Input should|valid integer", error["message"])


@pytest.mark.parametrize("command", ["rules run --dry-run", "detect", "risk +2348031230001", "risk --all", "queue"])
def test_a_lake_without_calls_is_told_from_one_without_findings(
    call: Call, calls_lake: Path, tmp_path: Path, command: str
) -> None:
    (tmp_path / "bad.csv").write_text(
        "caller,callee,start,duration\n08031230001,08051230001,2026-09-01 10:00:00,long\n"
    )
    call("ingest", "bad.csv", "--max-reject-rate", 1, "--lake", "empty")
    told = call(*command.split(), "--lake", "empty")
    assert (told.code, "Warning: The lake has no calls" in told.stderr) == (0, True), told
    assert "no calls" not in call(*command.split(), "--lake", calls_lake).stderr
