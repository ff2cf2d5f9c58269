"""How long a look at a huge file takes: ``python -m benchmarks.proposals [--gigabytes 10]``.

``dialects propose`` and ``dialects show`` read the first lines only, and must go on to. Each call is a process of its
own, start-up included, as the analyst waits for it. The yardstick, in turns, is ``sentinel-batch --help``. The file is
written with plain writes (a sparse one would be no file of that size), and its pages are dropped from the cache before
the first call, where the system allows it.
"""

from __future__ import annotations

import argparse
import gzip
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.data import make_calls

HERE = Path(__file__).parent
GIGABYTE = 1_000_000_000
COMMANDS = ("propose", "show")
LIMIT = "under 2 s"
_BLOCK_ROWS = 1_000_000
_PACKED_SHARE = 10
"""The packed file has a tenth of the rows, as packing is slow: only its first lines are unpacked anyway."""


def make_files(folder: Path, gigabytes: float) -> list[Path]:
    """Write a file of so many gigabytes, and a packed one of a tenth of its rows; return both."""
    block, plain, packed = folder / "block.csv", folder / "large.csv", folder / "large.csv.gz"
    make_calls(block, _BLOCK_ROWS)
    header, rows = block.read_bytes().split(b"\n", 1)
    times = max(int(gigabytes * GIGABYTE) // len(rows), 1)
    with plain.open("wb") as file:
        file.write(header + b"\n")
        for _ in range(times):
            file.write(rows)
        file.flush()
        os.fsync(file.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    piece = gzip.compress(rows, 1)  # Members one after the other are one file.
    with packed.open("wb") as file:
        file.write(gzip.compress(header + b"\n", 1))
        for _ in range(max(times // _PACKED_SHARE, 1)):
            file.write(piece)
    block.unlink()
    block.with_suffix(".truth.json").unlink(missing_ok=True)
    return [plain, packed]


def measure(path: Path, command: str, repeat: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return wall-clock and processor time of each turn of a command on a file, and of the yardstick."""
    program = str(Path(sys.executable).with_name("sentinel-batch"))
    lines = [program, "dialects", command, str(path)], [program, "--help"]
    return [(_time(lines[0]), _time(lines[1])) for _ in range(repeat)]


def describe(path: Path) -> str:
    """Return a file's size as it stands in the table."""
    return f"{path.stat().st_size / GIGABYTE:.1f} GB{' of gzip' if path.suffix == '.gz' else ''}"


def _time(line: list[str]) -> dict[str, Any]:
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(line, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=HERE.parent)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": seconds, "cpu_seconds": processor, "peak_bytes": 0}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.proposals", description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=10, help="size of the file")
    parser.add_argument("--repeat", type=int, default=5, help="turns of each command")
    parser.add_argument("--folder", type=Path, default=HERE.parent / "data" / "work" / "benchmarks")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for path in make_files(options.folder, options.gigabytes):
        for command in COMMANDS:
            turns = measure(path, command, options.repeat)
            times = [ours["seconds"] for ours, _ in turns]
            processor, usual = (statistics.median(turn[place]["cpu_seconds"] for turn in turns) for place in (0, 1))
            spread = f"{min(times):.2f} to {max(times):.2f} in {len(times)} turns"
            said = f"{statistics.median(times):.2f} s ({spread}), CPU {processor:.2f} s, --help {usual:.2f} s"
            print(f"dialects {command}, {describe(path)}: {said}, {LIMIT}")
        path.unlink()


if __name__ == "__main__":
    main()
