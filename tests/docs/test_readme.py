"""Whoever types the README line by line gets what it promises."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EXPECTED = {"audio validate": 1}
"""Exit codes that the README promises where they are not 0."""


def _block(heading: str, kind: str = "bash") -> str:
    section = README.partition(f"## {heading}\n")[2]
    found = re.search(rf"```{kind}\n(.*?)```", section, re.DOTALL)
    assert found, heading
    return found[1]


def _lines(block: str) -> list[str]:
    return [line for line in block.splitlines() if line.strip()]


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Return an empty folder, in which sentinel-batch is a command and the repository's samples lie."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "sentinel-batch"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sentinel_batch "$@"\n')
    program.chmod(0o755)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "sample").symlink_to(ROOT / "data" / "sample")
    (tmp_path / "audio_batch").symlink_to(ROOT / "audio_batch")
    return tmp_path


def _type(desk: Path, line: str) -> subprocess.CompletedProcess[str]:
    path = f"{desk / 'bin'}{os.pathsep}{os.environ['PATH']}"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SENTINEL_")}
    env = clean | {"PATH": path, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=desk, env=env, check=False)
    name = next((name for name in EXPECTED if f"sentinel-batch {name} " in line), "")
    assert done.returncode == EXPECTED.get(name, 0), (line, done.stdout[-1500:], done.stderr[-1500:])
    return done


def test_every_block_of_commands_is_run_here() -> None:
    blocks = re.findall(r"```(?:bash|cron)\n(.*?)```", README, re.DOTALL)
    typed = [line for block in blocks for line in _lines(block) if "sentinel-batch" in line]
    headings = ("The analyst's five minutes", "SIM boxes, groups, verdicts", "Recordings")
    run = [line for heading in headings for line in _lines(_block(heading))] + _lines(_block("Every night", "cron"))
    assert typed == run


def test_the_analysts_five_minutes_and_the_notebook(desk: Path) -> None:
    for line in _lines(_block("The analyst's five minutes")):
        _type(desk, line)
    assert (desk / "reports" / "report.html").is_file() and (desk / "calls-of-1.csv").is_file()
    (desk / "cells.py").write_text(_block("In a notebook", "python"), encoding="utf-8")
    _type(desk, f'"{sys.executable}" cells.py')


@pytest.mark.slow
def test_sim_boxes_groups_verdicts(desk: Path) -> None:
    for line in _lines(_block("SIM boxes, groups, verdicts")):
        said = _type(desk, line).stdout
        assert said.strip(), line


def test_recordings(desk: Path) -> None:
    for line in _lines(_block("Recordings")):
        _type(desk, line)
    assert "customer-17" in _type(desk, "sentinel-batch audio voice list").stdout


def test_every_night(desk: Path) -> None:
    (desk / "inbox").mkdir()
    _type(desk, "sentinel-batch sim calls inbox/calls.csv 500 1 75")
    (desk / "sentinel.toml").write_text('inbox = "inbox"\n')
    [line] = _lines(_block("Every night", "cron"))
    command = line.split(maxsplit=5)[5].replace("/srv/sentinel/", "").replace("/var/log/sentinel/", "")
    _type(desk, command)
    assert '"status": "success"' in (desk / "nightly.json").read_text(encoding="utf-8")
