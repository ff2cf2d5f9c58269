"""Measure the normal forms of telephone numbers: ``python -m benchmarks.numbers [--millions 5]``.

So many million distinct numbers, half callers and half callees, are written to a file of calls in each notation.
Measured, each in a process of its own: the ingest of the file, and the reading of its numbers alone, in blocks as
ingest reads them. The yardstick is the library ``phonenumbers`` value by value (parse, validity, E.164), on a sample.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from sentinel_batch.numbers import NumberBook, normalise_number

MILLION = 1_000_000
BLOCK_ROWS = 190_000
"""Rows of a block of 16 MB."""

SAMPLE = 20_000
ABROAD = (
    447400000000, 33612300000, 14152000000, 252615000000, 971501000000,
    8613810000000, 233201000000, 2250710000000, 4915120000000, 919876000000,
)  # fmt: skip
"""First numbers of ranges that exist: digits that are nobody's number anywhere are read one by one, in some 20 µs."""
NOTATIONS = ("+234…", "national, 0…", "bare, 234…", "bare, abroad", "as a float", "spaced", "mixed")


def make_numbers(notation: str, count: int) -> pl.Series:
    """Return so many distinct numbers in a notation."""
    place = pl.Series(np.arange(count, dtype=np.int64))
    home = pl.Series([803, 805, 706, 902, 810]).gather(place % 5).cast(pl.String)
    rest = (place // 5).cast(pl.String).str.zfill(7)
    abroad = (pl.Series(ABROAD).gather(place % 10) + place // 10).cast(pl.String)
    parts = {
        "+234…": "+234" + home + rest,
        "national, 0…": "0" + home + rest,
        "bare, 234…": "234" + home + rest,
        "bare, abroad": abroad,
        "as a float": home + rest + ".0",
        "spaced": "+234 " + home + " " + rest,
    }
    if notation != "mixed":
        return parts[notation]
    names = list(parts)
    return (
        pl.DataFrame({name: parts[name] for name in names})
        .select(
            pl.coalesce(pl.when(pl.lit(place % len(names)) == number).then(name) for number, name in enumerate(names))
        )
        .to_series()
    )


def make_file(path: Path, notation: str, millions: float) -> None:
    """Write calls whose numbers are all distinct."""
    numbers = make_numbers(notation, int(millions * MILLION))
    rows = len(numbers) // 2
    second = pl.Series(np.arange(rows) % 86_400)
    pl.DataFrame(
        {
            "call_timestamp": (second * 1_000_000 + 1_768_953_600_000_000)
            .cast(pl.Datetime("us"))
            .dt.to_string("%F %T"),
            "caller_number": numbers[:rows],
            "callee_number": numbers[rows : 2 * rows],
            "duration_seconds": second % 300,
        }
    ).write_csv(path)


def run_ingest(path: Path) -> dict[str, float]:
    """Ingest the file into a new lake."""
    from sentinel_batch.cli import tune_allocator

    tune_allocator()
    from sentinel_batch.ingestion import ingest

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        wall, cpu = time.perf_counter(), time.process_time()
        result = ingest(path, lake=Path(folder) / "lake", timezone="UTC", max_reject_rate=1.0)
        return _measured(wall, cpu) | {"inserted": result.records_inserted}


def run_numbers(path: Path) -> dict[str, float]:
    """Read the file's numbers alone."""
    from sentinel_batch.cli import tune_allocator

    tune_allocator()
    frame = pl.read_csv(path, columns=["caller_number", "callee_number"], infer_schema=False)
    wall, cpu = time.perf_counter(), time.process_time()
    book = NumberBook("NG")
    for block in frame.iter_slices(BLOCK_ROWS):
        for name in block.columns:
            book.normalise(block[name])
    return _measured(wall, cpu)


def run_library(path: Path) -> dict[str, float]:
    """Read a sample with the library, and with our reader of single numbers."""
    import phonenumbers

    typed = pl.read_csv(path, columns=["callee_number"], infer_schema=False, n_rows=SAMPLE).to_series().to_list()
    normalise_number(typed[0], "NG")
    wall, cpu = time.perf_counter(), time.process_time()
    for text in typed:
        number = phonenumbers.parse(text, "NG")
        phonenumbers.is_valid_number(number)
        phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    library = _measured(wall, cpu)
    wall, cpu = time.perf_counter(), time.process_time()
    for text in typed:
        normalise_number(text, "NG")
    return {name: value / len(typed) for name, value in library.items()} | {
        "single": _measured(wall, cpu)["cpu"] / len(typed)
    }


def _measured(wall: float, cpu: float) -> dict[str, float]:
    return {"seconds": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


CASES = {"ingest": run_ingest, "numbers": run_numbers, "library": run_library}


def measure(folder: Path, notation: str, millions: float, repeat: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Measure the reading of the numbers alone, and the ingest of the file, in turns."""
    path = folder / "numbers.csv"
    make_file(path, notation, millions)
    turns = [(ask("numbers", path), ask("ingest", path)) for _ in range(repeat)]
    path.unlink()
    return turns


def ask(case: str, path: Path) -> dict[str, Any]:
    """Run one case in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.numbers", "--case", case, "--file", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1])
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure all notations and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.numbers", description=__doc__)
    parser.add_argument("--millions", type=float, default=5.0, help="distinct numbers, in millions")
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--file", type=Path)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(CASES[options.case](options.file)))
        return
    folder = Path(tempfile.mkdtemp(prefix="sentinel-numbers-"))
    print("| notation | numbers, CPU | each | ingest, CPU | share | library, each | one by one, each |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for notation in NOTATIONS:
        path = folder / "calls.csv"
        make_file(path, notation, options.millions)
        ours, whole, library = (ask(case, path) for case in ("numbers", "ingest", "library"))
        each = ours["cpu"] / options.millions / MILLION
        cells = [notation, f"{ours['cpu']:.2f} s", f"{each * 1e9:.0f} ns", f"{whole['cpu']:.2f} s"]
        cells += [f"**{ours['cpu'] / whole['cpu']:.2f}**", f"{library['cpu'] * 1e6:.0f} µs"]
        single = f"{library['single'] * 1e6:.0f} µs"
        print(f"| {' | '.join([*cells, single])} |", flush=True)
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
