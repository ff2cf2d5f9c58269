"""Every command that a refusal names works when it is typed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from conftest import Call

GOOD = """name = "mine"
[fields]
caller_number = "Caller"
callee_number = "Callee"
call_timestamp = "Start time"
duration_seconds = "Length of it"
"""
HEADER = "Caller,Callee,Start time,Length of it"
CALL = "08031230001,08051230001,2026-09-01 10:00:00,45"
COMMAND = re.compile(r"sentinel-batch (.+?)(?=\.(?: |$)|, then:|, or:|; |$)")
REFUSED = {
    "nothing fits": (f"{HEADER}\n{CALL}\n", "", GOOD),
    "a column is filled in nowhere": (
        f"{HEADER.replace('Callee', 'x')}\n08031230001,,2026-09-01 10:00:00,45\n",
        "",
        GOOD,
    ),
    "the dialect does not fit": (f"{HEADER}\n{CALL}\n", "--dialect 'my own.toml'", GOOD.replace("Callee", "Calee")),
    "no header, another content": (
        "08031230001,08051230001,45,2026-09-01 10:00:00\n" * 2,
        "--dialect 'my own.toml'",
        GOOD + '[rows]\nheader = "none"\nlayouts = [["Caller", "Callee", "Start time", "Length of it"]]\n',
    ),
    "rows are rejected": (
        f"{HEADER}\n{CALL.replace('45', 'long')}\n",
        "--dialect 'my own.toml' --region GH --timezone Africa/Accra --numbers national --strict",
        GOOD,
    ),
    "callers are extensions": (f"caller,callee,start,duration\n201,{CALL[12:]}\n", "", GOOD),
    "callers of a dialect are extensions": (f"{HEADER}\n201,{CALL[12:]}\n", "--dialect 'my own.toml'", GOOD),
    "dates are ambiguous": (f"caller,callee,start,duration\n{CALL.replace('2026-09-01', '01/09/2026')}\n", "", GOOD),
}


@pytest.mark.parametrize("name", ["night of ada's.csv", "-night.csv"])
@pytest.mark.parametrize("case", REFUSED)
def test_commands_that_a_refusal_names_work(call: Call, tmp_path: Path, case: str, name: str) -> None:
    text, options, toml = REFUSED[case]
    (tmp_path / name).write_text(text)
    (tmp_path / "my own.toml").write_text(toml)
    refused = call("ingest", *shlex.split(options), "--json", "--", name)
    assert refused.code == 1
    hint = refused.document["files"][0]["error"]["hint"]

    commands = COMMAND.findall(hint)
    assert commands, hint
    for command in commands:
        done = call("--json", *shlex.split(command))
        assert done.code not in (2, 4), (command, done.stdout, done.stderr)
        if "--max-reject-rate 1" in command:
            assert done.document["files"][0]["error"] is None, command
    given = options.replace("--strict", "").strip()
    kept = [shlex.split(command) for command in commands if command.startswith("ingest") and "my.toml" not in command]
    for words in kept:
        assert set(shlex.split(given)) <= set(words), words


def test_a_refusal_names_its_file_once_and_line_column_and_value(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("caller,callee,Start time,duration\n08031230001,08051230001,noon,45\n")
    said = " ".join(call("ingest", "a.csv").stderr.split())
    assert "a.csv: a.csv" not in said
    assert "a.csv:2: Start time 'noon': bad_timestamp" in said


def test_what_is_to_be_filled_in_is_named_with_the_columns_that_are_left(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Caller,Colour,Start,Duration\n08031230001,red,2026-09-01 10:00:00,45\n")
    assert call("dialects", "propose", "a.csv", "--out", "my.toml").code == 3
    said = " ".join(call("ingest", "a.csv", "--dialect", "my.toml").stderr.split())
    assert (
        "Fill in the column of callee_number in" in said and "my.toml. Columns that are not used are: colour." in said
    )


def test_what_a_look_at_a_file_names_has_the_options_that_were_given(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Caller,Colour,Start,Duration\n0241234567,red,01/09/2026 10:00:00,45\n")
    given = ("--region", "GH", "--timezone", "Africa/Accra", "--day-first")
    shown = " ".join(call("dialects", "show", "a.csv", *given).stderr.split())
    assert "dialects propose a.csv --timezone Africa/Accra --region GH --day-first --out my.toml" in shown
    said = " ".join(call("dialects", "propose", "a.csv", *given, "--out", "my.toml").stderr.split())
    assert "fill in the column of callee_number" in said
    assert "ingest a.csv --timezone Africa/Accra --region GH --day-first --dialect my.toml --dry-run" in said


def test_a_name_that_begins_with_a_dash_stands_after_two(call: Call, tmp_path: Path) -> None:
    (tmp_path / "-a.csv").write_text("Caller,Colour,Start,Duration\n0241234567,red,01/09/2026 10:00:00,45\n")
    shown = " ".join(call("dialects", "show", "--day-first", "--", "-a.csv").stderr.split())
    assert "dialects propose --day-first --out my.toml -- -a.csv" in shown
    said = " ".join(call("dialects", "propose", "--day-first", "--out", "my.toml", "--", "-a.csv").stderr.split())
    assert "ingest --day-first --dialect my.toml --dry-run -- -a.csv" in said


@pytest.mark.parametrize("folder", ["ada's rules", "-rules"])
def test_a_new_rule_names_its_file_as_it_is_typed(call: Call, folder: str) -> None:
    said = call("rules", "new", "MINE", "--folder", folder).stderr
    commands = said.partition("then: ")[2].splitlines()[0].split(" && ")
    assert len(commands) == 2
    for command in commands:
        assert call(*shlex.split(command)[1:]).code == 0, command
