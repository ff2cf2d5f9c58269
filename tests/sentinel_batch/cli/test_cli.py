"""The contract of every command: options on both sides, one JSON document, exit codes, nothing else on stdout."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from conftest import Call
from thoroughness import slow_but

from sentinel_batch import build_profiles, review_alerts, suppress
from sentinel_batch.cli.documentation import list_commands
from sentinel_batch.lake import Snapshot

WORKING: dict[str, list[str]] = {
    "sim calls": ["new.csv", "300", "1", "60"],
    "ingest": ["{calls}"],
    "detect": [],
    "explain": ["1"],
    "report": ["--out", "out"],
    "nightly": ["--inbox", "inbox", "--out", "out"],
    "notify test": [],
    "maintain": [],
    "doctor": [],
    "alerts list": [],
    "alerts show": ["1"],
    "alerts review": ["1", "--disposition", "confirmed"],
    "alerts undo": ["1"],
    "alerts note": ["1", "--notes", "called back"],
    "alerts export": ["alerts.csv"],
    "alerts suppress": ["+2348012345678", "--reason", "test"],
    "alerts unsuppress": ["+2348099999999"],
    "alerts suppressions": [],
    "risk": ["+2348031234567"],
    "queue": [],
    "rules scorecard": [],
    "labels import": ["labels.csv"],
    "labels list": [],
    "profiles build": [],
    "profiles show": ["{suspect}"],
    "profiles list": [],
    "cases build": [],
    "cases list": [],
    "boxes find": [],
    "boxes list": [],
    "dialects list": [],
    "dialects show": ["{calls}"],
    "dialects propose": ["{calls}"],
    "rules list": [],
    "rules show": ["SDHF_001"],
    "rules run": ["SDHF_001"],
    "rules test": ["SDHF_001"],
    "rules lint": ["SDHF_001"],
    "config show": [],
    "completion": ["bash"],
}
"""Arguments with which each command succeeds on the lake of the fixture."""

LONG = {"nightly", "report", "rules test"}
"""Commands that take seconds: the quick run leaves it at one call of each."""

FAILING: dict[str, tuple[list[str], int, str]] = {
    "sim calls": (["x.csv", "300", "1", "60", "--dirty", "2"], 2, "usage"),
    "ingest": (["nowhere"], 4, "no_input"),
    "detect": (["--rule", "NONE"], 2, "rule_not_found"),
    "explain": (["999"], 2, "alert_not_found"),
    "report": (["--since", "yesterday"], 2, "usage"),
    "nightly": ([], 2, "usage"),
    "notify test": (["--config", "none.toml"], 2, "configuration"),
    "maintain": (["--keep-days", "0"], 2, "usage"),
    "doctor": (["--config", "none.toml"], 2, "configuration"),
    "alerts list": (["--severity", "BAD"], 2, "usage"),
    "alerts show": (["999"], 2, "alert_not_found"),
    "alerts review": (["999", "--disposition", "watch"], 2, "alert_not_found"),
    "alerts undo": (["999"], 2, "alert_not_found"),
    "alerts note": (["999", "--notes", "x"], 2, "alert_not_found"),
    "alerts export": (["alerts.doc"], 2, "usage"),
    "alerts suppress": (["=1+1", "--reason", "x"], 2, "suppression"),
    "alerts unsuppress": (["+2341111111111"], 2, "suppression"),
    "alerts suppressions": (["--config", "none.toml"], 2, "configuration"),
    "risk": ([], 2, "usage"),
    "queue": (["--limit", "-1"], 2, "usage"),
    "rules scorecard": (["--since", "yesterday"], 2, "usage"),
    "labels import": (["nowhere.csv"], 2, "label"),
    "labels list": (["--label", "maybe"], 2, "usage"),
    "profiles build": (["--since", "yesterday"], 2, "usage"),
    "profiles show": (["+2340000000000"], 2, "usage"),
    "profiles list": (["--since", "yesterday"], 2, "usage"),
    "cases build": (["--since", "yesterday"], 2, "usage"),
    "cases list": (["--status", "none"], 2, "usage"),
    "boxes find": (["--since", "yesterday"], 2, "usage"),
    "boxes list": (["--limit", "-1"], 2, "usage"),
    "dialects list": (["--unknown"], 2, "usage"),
    "dialects show": (["nowhere"], 4, "no_input"),
    "dialects propose": (["{calls}", "--out", "dialect.txt"], 2, "usage"),
    "rules list": (["--config", "none.toml", "--unknown"], 2, "usage"),
    "rules show": (["NONE"], 2, "rule_not_found"),
    "rules run": (["SDHF_001", "--set", "window=1x"], 2, "usage"),
    "rules test": (["NONE"], 2, "rule_not_found"),
    "rules lint": (["NONE"], 2, "rule_not_found"),
    "config show": (["--config", "none.toml"], 2, "configuration"),
    "completion": (["tcsh"], 2, "usage"),
}
"""Arguments with which each command fails, its exit code and the error's code."""

NEEDS_LAKE = {
    "detect", "rules run", "explain", "report", "maintain", "alerts list", "alerts show", "alerts review",
    "alerts undo", "alerts note", "alerts export", "alerts suppress", "alerts unsuppress", "alerts suppressions",
    "risk", "queue",
    "rules scorecard", "profiles build", "profiles show", "profiles list", "cases build", "cases list",
    "boxes find", "boxes list", "labels import", "labels list",
}  # fmt: skip


@pytest.fixture(scope="module")
def _ready_lake(_seeded_lake: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = shutil.copytree(_seeded_lake[0] / "lake", tmp_path_factory.mktemp("ready") / "lake")
    suppress("+2348099999999", reason="for unsuppress", lake=lake)
    for disposition in ("watch", "confirmed"):
        review_alerts(1, disposition=disposition, notes="for undo", lake=lake)
    build_profiles(lake)
    return lake


@pytest.fixture
def ready(
    call: Call,
    _ready_lake: Path,
    calls_lake: Path,
    calls_file: Path,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> Call:
    """The command line in a folder where every command of ``WORKING`` works."""
    if request.node.callspec.params.get("name") == "notify test":  # A night would tell the watchdog.
        monkeypatch.setenv("SENTINEL_NOTIFY_PING", "http://127.0.0.1:1/")
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "calls.csv").write_bytes(calls_file.read_bytes())
    (tmp_path / "labels.csv").write_text("number,label,source,date\n08031234567,positive,regulator,2026-01-14\n")
    shutil.rmtree(calls_lake)
    shutil.copytree(_ready_lake, calls_lake)
    return call


def _arguments(name: str, calls_file: Path, suspect: str) -> list[str]:
    return [word.replace("{calls}", str(calls_file)).replace("{suspect}", suspect) for word in WORKING[name]]


def test_every_command_is_covered() -> None:
    # These have tests of their own: test_audio.py, test_cases.py, test_learning.py, test_population.py,
    # evaluation/, rules/test_commands.py, boxes/, service/, test_remote.py, test_events.py.
    elsewhere = (
        "audio ",
        "model ",
        "sim population",
        "sim agents",
        "sim bench",
        "rules calibrate",
        "rules lock",
        "rules new",
        "cases show",
        "cases assign",
        "cases mark",
        "cases close",
        "boxes show",
        "boxes explain",
        "serve",
        "keys ",
        "remote ",
        "flow ",
        "events ",
    )
    names = {name for name in list_commands() if not name.startswith(elsewhere)}
    assert set(WORKING) == set(FAILING) == names


@pytest.mark.parametrize("name", slow_but(WORKING.keys() - LONG, WORKING))
def test_common_options_stand_before_or_after_the_name(
    name: str, ready: Call, calls_lake: Path, calls_file: Path, simboxes: list[str]
) -> None:
    common = ["--lake", calls_lake, "--quiet", "--color", "never", "--lock-timeout", "5", "--json"]
    words = [*name.split(), *_arguments(name, calls_file, simboxes[0])]
    before = ready(*common, *words)
    assert before.code == 0, before.stdout + before.stderr
    assert before.document["schema_version"] == 1
    if name == "alerts unsuppress":
        ready("--lake", calls_lake, "alerts", "suppress", "+2348099999999", "--reason", "again")
    after = ready(*words, *common)
    assert after.code == 0, after.stdout + after.stderr
    assert after.document.keys() == before.document.keys()


@pytest.mark.parametrize("name", WORKING)
def test_text_goes_to_stdout_and_has_no_colour(
    name: str, ready: Call, calls_lake: Path, calls_file: Path, simboxes: list[str]
) -> None:
    done = ready("--lake", calls_lake, *name.split(), *_arguments(name, calls_file, simboxes[0]))
    assert done.code == 0, done.stderr
    assert done.stdout.strip()
    assert "\x1b" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", FAILING)
def test_a_failure_is_one_document_and_its_exit_code(name: str, ready: Call, calls_lake: Path) -> None:
    arguments, code, error_code = FAILING[name]
    failed = ready(*name.split(), *arguments, "--lake", calls_lake, "--json")
    assert failed.code == code
    assert failed.document["status"] == "error"
    assert failed.document["schema_version"] == 1
    assert failed.document["error"]["code"] == error_code
    assert failed.document["error"]["message"]
    assert failed.document["error"]["hint"]
    assert failed.stderr == ""


@pytest.mark.parametrize("name", FAILING)
def test_a_failure_in_words_leaves_stdout_empty(name: str, ready: Call, calls_lake: Path) -> None:
    arguments, code, _ = FAILING[name]
    failed = ready(*name.split(), *arguments, "--lake", calls_lake)
    assert failed.code == code
    assert failed.stdout == ""
    assert failed.stderr.startswith("Error: ")
    assert "Hint: " in failed.stderr


@pytest.mark.parametrize("name", sorted(NEEDS_LAKE))
def test_reading_never_makes_a_lake(name: str, call: Call, tmp_path: Path) -> None:
    failed = call(*name.split(), *WORKING[name], "--lake", "none", "--json")
    assert failed.code == 2
    assert failed.document["error"]["code"] == "lake_not_found"
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("name", WORKING)
def test_an_unknown_option_is_a_usage_error(name: str, call: Call) -> None:
    failed = call("--json", *name.split(), "--no-such-option")
    assert failed.code == 2
    assert failed.document["error"]["code"] == "usage"
    assert "--no-such-option" in failed.document["error"]["message"]


@pytest.mark.parametrize("name", WORKING)
def test_help_is_printed(name: str, call: Call) -> None:
    shown = call(*name.split(), "--help")
    assert shown.code == 0
    assert "--lock-timeout" in shown.stdout


def test_a_held_lock_exits_with_5(call: Call, calls_lake: Path) -> None:
    hold = "import sys, sentinel_batch as sb\nwith sb.Lake.open(sys.argv[1]).lock(): print('held', flush=True); input()"
    holder = subprocess.Popen(
        [sys.executable, "-c", hold, str(calls_lake)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    review = ["alerts", "review", 1, "--disposition", "watch", "--lake", calls_lake, "--lock-timeout", 0, "--json"]
    try:
        waited = call(*review)
    finally:
        holder.communicate("\n")
    assert waited.code == 5
    assert waited.document["error"]["code"] == "lake_locked"
    assert call(*review).code == 0


def test_an_unexpected_error_shows_no_traceback(call: Call, calls_lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(*_: object, **__: object) -> None:
        raise ZeroDivisionError("the sky\nfell")

    monkeypatch.setattr(Snapshot, "scan", explode)
    failed = call("alerts", "list", "--lake", calls_lake)
    assert failed.code == 1
    assert failed.stderr.splitlines()[0] == "Error: ZeroDivisionError: the sky"
    assert "SENTINEL_DEBUG=1" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert "Traceback" in call("alerts", "list", "--lake", calls_lake, env={"SENTINEL_DEBUG": "1"}).stderr
    assert call("alerts", "list", "--lake", calls_lake, "--json").document["error"]["code"] == "unexpected"


def test_an_interrupt_exits_with_130(call: Call, calls_lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Snapshot, "scan", interrupt)
    stopped = call("alerts", "list", "--lake", calls_lake, "--json")
    assert stopped.code == 130
    assert stopped.document["error"]["code"] == "interrupted"


def test_the_configuration_file_reaches_the_library(call: Call, calls_lake: Path, tmp_path: Path) -> None:
    (tmp_path / "strict.toml").write_text("[rules.SDHF_001]\nmin_unique_destinations = 79\n")
    found = call("detect", "--lake", calls_lake, "--config", "strict.toml", "--json").document
    [rule] = found["rules"]
    assert (rule["rule"], rule["parameters"]["min_unique_destinations"], rule["configured"]) == ("SDHF_001", 79, True)
    assert len(found["suspects"]) == 2
    assert "SENTINEL_CONFIG" not in os.environ


def test_the_option_nearest_to_the_end_wins(call: Call, calls_lake: Path) -> None:
    assert call("--lake", "elsewhere", "alerts", "--lake", "other", "list", "--lake", calls_lake).code == 0


def test_output_of_hostile_text_cannot_steer_the_terminal(call: Call, calls_lake: Path) -> None:
    notes = "red \x1b[31mtext\x1b[0m [bold]markup[/bold] \u202eright to left"
    assert call("alerts", "review", 1, "--disposition", "watch", "--notes", notes, "--lake", calls_lake).code == 0
    shown = call("alerts", "show", 1, "--lake", calls_lake)
    assert "\x1b" not in shown.stdout
    assert "\u202e" not in shown.stdout
    assert "[bold]markup[/bold]" in shown.stdout.replace("\n", "")
    document = json.loads(call("alerts", "show", 1, "--lake", calls_lake, "--json").stdout)
    assert document["alert"]["reviewer_notes"] == notes


def test_colour_when_asked_for_and_not_when_not(call: Call, calls_lake: Path) -> None:
    assert "\x1b[" in call("alerts", "list", "--lake", calls_lake, "--color", "always").stdout
    assert "\x1b[" not in call("alerts", "list", "--lake", calls_lake).stdout


@pytest.mark.parametrize("words", [["alerts", "list"], ["explain", 1], ["doctor"], ["rules", "show", "SDHF_001"]])
@pytest.mark.parametrize("width", [20, 40, 60, 80])
def test_a_narrow_terminal_loses_no_text(words: list[str | int], width: int, call: Call, calls_lake: Path) -> None:
    def characters(columns: int) -> Counter[str]:
        shown = call(*words, "--lake", calls_lake, env={"COLUMNS": str(columns)}).stdout
        return Counter(character for character in shown if character.isalnum())

    assert characters(200) - characters(width) == Counter()


def test_a_list_of_alerts_fits_80_columns(call: Call, calls_lake: Path, simboxes: list[str]) -> None:
    shown = call("alerts", "list", "--lake", calls_lake, env={"COLUMNS": "80"}).stdout
    assert max(map(len, shown.splitlines())) <= 80
    assert all(number in shown for number in simboxes)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("generate", "sim calls"),
        ("simulate", "sim population"),
        ("bench-detect", "sim bench"),
        ("scorecard", "rules scorecard"),
        ("calibrate", "rules calibrate"),
    ],
)
def test_old_names_work_for_one_more_release_and_say_the_new_one(call: Call, old: str, new: str) -> None:
    assert old not in list_commands()
    assert f" {old} " not in call("--help").stdout
    assert call(old, "--help").stdout.splitlines()[2:] == call(*new.split(), "--help").stdout.splitlines()[2:]


def test_an_old_name_says_the_new_one_unless_asked_to_be_quiet(call: Call) -> None:
    done = call("generate", "x.csv", 300, 1, 60, "--json")
    assert done.document == call("sim", "calls", "x.csv", 300, 1, 60, "--json").document
    assert "sentinel-batch sim calls" in done.stderr
    assert call("generate", "x.csv", 300, 1, 60, "--json", "--quiet").stderr == ""
