"""What a person sees: tables that fit, help as wide as the terminal, progress, and what the Tab key offers."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from conftest import Call
from rich.cells import cell_len
from rich.console import Console

from sentinel_batch.cli.tables import Column, draw_table

COLUMNS = (Column("Rank", numeric=True), Column("Extra", drop=1), Column("More", drop=2), Column("Why", fold=True))
ROWS = [(1, "a" * 20, "b" * 20, "some words that may be folded"), (2, "c", "d", "e")]


def _draw(width: int, columns: Any = COLUMNS, rows: Any = ROWS) -> tuple[str, list[str]]:
    console = Console(file=StringIO(), width=width)
    left_out = draw_table(console, columns, rows)
    return console.file.getvalue(), left_out  # type: ignore[attr-defined]


@pytest.mark.parametrize(("width", "left_out"), [(90, []), (60, ["More"]), (30, ["More", "Extra"])])
def test_a_narrow_table_leaves_columns_out_in_their_order_and_says_which(width: int, left_out: list[str]) -> None:
    drawn, gone = _draw(width)
    assert gone == left_out
    heading = drawn.splitlines()[0].split()
    assert heading == [name for name in ("Rank", "Extra", "More", "Why") if name not in left_out]
    assert all(cell_len(line.rstrip()) <= width for line in drawn.splitlines())


def test_a_column_that_may_go_and_holds_nothing_is_not_drawn_and_not_missed() -> None:
    drawn, gone = _draw(90, rows=[(1, None, "x", "y")])
    assert "Extra" not in drawn and gone == []


def test_where_nothing_may_go_every_row_is_a_card() -> None:
    drawn, gone = _draw(20, (Column("Number"), Column("Another")), [("1" * 15, "2" * 15)])
    assert drawn.splitlines()[:2] == ["Number: " + "1" * 12, "1" * 3] or "Number: " in drawn
    assert "Another: " in drawn and gone == []


def test_what_is_left_out_is_said_on_standard_error(call: Call, calls_lake: Path) -> None:
    done = call("rules", "list", env={"COLUMNS": "80"})
    assert re.search(r"No room for: .*Tags", done.stderr) and "No room" not in done.stdout


@pytest.mark.parametrize(
    "words",
    [["queue"], ["rules", "scorecard"], ["rules", "run", "--since", "7d"], ["boxes", "list"], ["rules", "list"]],
    ids=" ".join,
)
def test_tables_fit_80_columns(words: list[str], call: Call, calls_lake: Path) -> None:
    shown = call(*words, "--lake", calls_lake, env={"COLUMNS": "80"}).stdout
    assert shown and max(cell_len(line) for line in shown.splitlines()) <= 80
    assert not re.search(r"^(Rule|Rank|Box): ", shown, re.MULTILINE), "cards, where a table should be"


def test_a_run_of_all_rules_sums_up_and_shows_all_when_asked(call: Call, calls_lake: Path) -> None:
    words = ("rules", "run", "--since", "7d", "--dry-run", "--lake", calls_lake)
    found = call(*words, "--json").document["findings"]
    short, whole = call(*words), call(*words, "--all")
    by_rule = re.findall(r"^([A-Z_0-9]+) +([\d,]+)(?= |$)", short.stdout, re.MULTILINE)
    assert sum(int(count) for _, count in by_rule) == len(found) > 0
    assert "The others: --all" in short.stderr if len(found) > 20 else "The others" not in short.stderr
    severities = re.findall(r"^. (CRITICAL|HIGH|MEDIUM|LOW)", whole.stdout, re.MULTILINE)
    assert len(severities) == len(found)
    order = ["CRITICAL", "HIGH", "MEDIUM", "LOW"]
    assert severities == sorted(severities, key=order.index), "the worst come first"
    assert severities[:20] == re.findall(r"^. (CRITICAL|HIGH|MEDIUM|LOW)", short.stdout, re.MULTILINE)


def test_an_explanation_fits_a_screen_and_names_how_to_see_the_rest(call: Call, calls_lake: Path) -> None:
    short = call("explain", 1, "--lake", calls_lake, env={"COLUMNS": "80"})
    assert len(short.stdout.splitlines()) + len(short.stderr.splitlines()) <= 24
    assert "sentinel-batch explain 1 --more" in short.stderr
    whole = call("explain", 1, "--more", "--lake", calls_lake, env={"COLUMNS": "80"})
    assert "Calls per hour" in whole.stdout and "Calls per hour" not in short.stdout
    assert "--more" not in whole.stderr


def test_the_queue_names_rules_and_tells_their_sentences_when_asked(call: Call, calls_lake: Path) -> None:
    words = ("queue", "--lake", calls_lake)
    assert "SDHF_001" in call(*words).stdout and "SDHF_001: " not in call(*words).stdout
    assert "SDHF_001: " in " ".join(call(*words, "--more").stdout.split())


@pytest.mark.parametrize("words", [[], ["alerts"], ["audio", "voice"]])
def test_a_group_alone_prints_its_help_and_no_error(words: list[str], call: Call) -> None:
    done = call(*words)
    assert done.code == 2 and done.stderr == ""
    assert done.stdout.startswith("Usage: ") and "Commands:" in done.stdout


@pytest.mark.parametrize("width", [80, 140])
def test_help_is_as_wide_as_the_terminal(width: int) -> None:
    command = [sys.executable, "-m", "sentinel_batch", "audio", "route", "--help"]  # Typer's runner knows one width.
    env = os.environ | {"COLUMNS": str(width)}
    shown = subprocess.run(command, capture_output=True, text=True, env=env, check=True).stdout
    assert width - 20 < max(map(len, shown.splitlines())) <= width


# -- progress ----------------------------------------------------------------------------------------------------

WORK = """
import time
from batch_base.progress import follow
from sentinel_batch.cli.output import Output
out = Output()
with out.progress("waiting"):
    for piece in follow(["first", "second", "third"]):
        for part in follow(range(10), lambda part: piece):
            time.sleep(0.08)
    out.line("payload")
"""


def _on_a_terminal(script: str) -> str:
    """Return everything that a program of ours writes to a terminal."""
    leader, follower = pty.openpty()
    env = os.environ | {"COLUMNS": "80", "TERM": "xterm"}
    done = subprocess.Popen([sys.executable, "-c", script], stdout=follower, stderr=follower, env=env)
    os.close(follower)
    shown = b""
    while True:
        try:
            part = os.read(leader, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(leader)
    assert done.wait(60) == 0, shown
    return shown.decode()


def test_a_terminal_shows_what_is_worked_on_and_how_long_it_will_take() -> None:
    shown = _on_a_terminal(WORK)
    assert re.search(r"second, 0:0\d left", shown)
    shares = [int(share) for share in re.findall(r"(\d+)%", shown)]
    assert shares == sorted(shares) and 60 < shares[-1] <= 100
    assert shown.rstrip().endswith("payload"), "the line is gone before something is printed"


def test_nobody_waits_for_what_is_done_at_once() -> None:
    shown = _on_a_terminal(WORK.replace("0.08", "0.001"))
    assert shown.strip() == "payload"


def test_without_a_terminal_nothing_is_drawn() -> None:
    done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("payload\n", "")


# -- completion --------------------------------------------------------------------------------------------------


def _complete(folder: Path, line: str) -> list[str]:
    words = line.split(" ")
    asked = {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1), "_SENTINEL_BATCH_COMPLETE": "complete_bash"}
    command = [sys.executable, "-m", "sentinel_batch"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=os.environ | asked, check=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("sentinel-batch ale", ["alerts"]),
        ("sentinel-batch rules run SDH", ["SDHF_001"]),
        ("sentinel-batch detect --rule SDH", ["SDHF_001"]),
        ("sentinel-batch ingest --dialect aster", ["asterisk", "asterisk-custom"]),
        ("sentinel-batch queue --model s", ["simbox-simulated"]),
        ("sentinel-batch alerts list --severity C", ["CRITICAL"]),
        ("sentinel-batch alerts show --lake lake ", ["1", "2"]),
        ("sentinel-batch --lake lake explain ", ["1", "2"]),
        ("sentinel-batch alerts show --lake nowhere ", []),
        ("sentinel-batch risk --lake lake +", []),
    ],
)
def test_the_tab_key_offers_names_and_ids_and_no_numbers(
    line: str, offered: list[str], calls_lake: Path, tmp_path: Path
) -> None:
    shutil.move(calls_lake, tmp_path / "lake")
    assert _complete(tmp_path, line) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_asks_the_program(shell: str, call: Call) -> None:
    assert "_SENTINEL_BATCH_COMPLETE=complete_" + shell in call("completion", shell).stdout


def test_bash_completes_with_the_script(call: Call, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    program = tmp_path / "sentinel-batch"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sentinel_batch "$@"\n')
    program.chmod(0o755)
    (tmp_path / "script").write_text(call("completion", "bash").stdout)
    ask = (
        "source ./script; COMP_WORDS=(./sentinel-batch rules run SIMBOX_R); COMP_CWORD=3; "
        '_sentinel_batch_completion ./sentinel-batch; echo "${COMPREPLY[@]}"'
    )
    done = subprocess.run([bash, "-c", ask], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.strip() == "SIMBOX_RATIO"
