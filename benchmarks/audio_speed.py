"""The default chain on real speech against an older revision: ``python -m benchmarks.audio_speed [FOLDER]``.

What `audio run` does with each recording (validate, score, route, measure the worst segments), in one process with one
thread, by processor time, each in the environment that its own `audio run` gives a worker; the older revision is
checked out into a temporary worktree, and the two take turns on the same files. FOLDER holds real recordings of human
speech (any format, below it); 8 kHz mu-law calls of `LENGTHS` are joined from them, one folder after the other, and the
sample recordings are taken as they are. A call made by the tests' synthesiser stands beside them: it is easier, as it
has fewer voiced stretches and the same everywhere.

Writes ``benchmarks/results/audio_speed.md`` and prints it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "audio_speed.md"
ROOT = Path(__file__).parents[1]
LENGTHS = {5: 16, 25: 8, 60: 6, 300: 3}
"""Seconds of a call, and how many such calls."""
TURNS = 5
_ASK_ENVIRONMENT = (
    "import json; from audio_batch.batch.processes import make_environment as make; print(json.dumps(make()))"
)


def measure_chain(files: list[str]) -> dict[str, float]:
    """Analyse files after a warm-up; return seconds of audio and of processor time."""
    from audio_batch.batch.analysis import analyse
    from audio_batch.batch.settings import Settings
    from audio_batch.batch.tasks import Task

    options: dict[str, Any] = {"model": None, "profile": "telephone", "policy": "voice_only", "policy_sha256": None}
    options |= {"store": None, "roles": (), "with_features": True, "checkpoint_dir": None, "fingerprint": ""}
    settings = Settings(**options)
    tasks = [Task(path, Path(path).name, Path(path).stat().st_size, {}) for path in files]
    analyse(tasks[0], settings)
    started, audio = time.process_time(), 0.0
    for task in tasks:
        row = analyse(task, settings)["recording"]
        if row.get("error_code"):
            raise RuntimeError(row)
        audio += row["duration"]
    return {"audio": audio, "cpu": time.process_time() - started}


def write_calls(folder: Path, recordings: Path | None) -> dict[str, list[str]]:
    """Write the calls; return the files of each kind."""
    from benchmarks.audio_batch import make_speech, write_file

    samples = ROOT / "data" / "sample" / "recordings"
    kinds = {"sample recordings, 5 to 15 s": [p for p in sorted(samples.iterdir()) if p.suffix in {".wav", ".flac"}]}
    for seconds, count in LENGTHS.items() if recordings is not None else ():
        made = [_join(recordings, seconds, number) for number in range(count)] if recordings else []
        kinds[f"real speech, calls of {seconds} s"] = [
            write_file(folder / f"real-{seconds}-{number}.wav", signal) for number, signal in enumerate(made)
        ]
    made_call = write_file(folder / "made.wav", make_speech(None, 300.0, 99))
    kinds["made call of 300 s"] = [made_call]
    return {kind: [str(path) for path in paths] for kind, paths in kinds.items() if paths}


def _join(recordings: Path, seconds: float, number: int) -> Any:
    """Join recordings of one folder, the voice of one call, with short pauses."""
    import numpy as np

    from audio_batch.decoding import decode, resample

    order = np.random.default_rng([round(seconds), number])
    folders = sorted({path.parent for path in recordings.rglob("*") if path.suffix in {".wav", ".flac", ".ogg"}})
    found = sorted(path for path in folders[int(order.integers(len(folders)))].iterdir() if path.is_file())
    pieces: list[Any] = []
    while sum(map(len, pieces)) < 8000 * seconds:
        signal, rate = decode(found[int(order.integers(len(found)))])
        pause = 1e-4 * order.standard_normal(int(8000 * order.uniform(0.2, 0.8)))
        pieces += [resample(np.ascontiguousarray(signal[:, 0]), rate, 8000), pause.astype(np.float32)]
    return np.concatenate(pieces)[: round(8000 * seconds)]


@contextmanager
def check_out(revision: str) -> Iterator[Path]:
    """Check a revision out into a temporary worktree."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name) / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--detach", str(place), revision], check=True, capture_output=True)
        try:
            yield place
        finally:
            subprocess.run([*git, "remove", "--force", str(place)], check=True, capture_output=True)


@cache
def read_environment(tree: Path) -> dict[str, str]:
    """Return the variables that the code of a tree gives its workers."""
    command, plain = [sys.executable, "-P", "-c", _ASK_ENVIRONMENT], os.environ | {"PYTHONPATH": str(tree)}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=plain)
    asked: dict[str, str] = json.loads(done.stdout)
    return asked | {"PYTHONPATH": str(tree)}


def run_case(tree: Path, files: list[str]) -> dict[str, float]:
    """Measure the code of a tree in a process of its own."""
    # -P: this folder has modules that are called as ones of the standard library.
    command = [sys.executable, "-P", str(Path(__file__).resolve()), "--case", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=read_environment(tree))
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def describe(recordings: Path | None, revision: str) -> str:
    """Measure everything and return the table."""
    lines = [f"| what | here | {revision} | ratio |", "|---|---:|---:|---:|"]
    with tempfile.TemporaryDirectory() as name, check_out(revision) as tree:
        for kind, files in write_calls(Path(name), recordings).items():
            pairs = [(run_case(ROOT, files), run_case(tree, files)) for _ in range(TURNS)]
            here, there = (statistics.median(p[side]["audio"] / p[side]["cpu"] for p in pairs) for side in (0, 1))
            ratio = statistics.median(ours["audio"] / ours["cpu"] / (old["audio"] / old["cpu"]) for ours, old in pairs)
            lines.append(f"| {kind} | {here:.0f}× real time | {there:.0f}× | {ratio:.2f}× |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="real recordings of human speech")
    parser.add_argument("--against", default="59eea0e", help="the older revision")
    parser.add_argument("--case", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(measure_chain(arguments.case)))
        return
    table = describe(arguments.folder, arguments.against)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(table)
    print(table)


if __name__ == "__main__":
    main()
