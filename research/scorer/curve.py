"""What more sources are worth: ``python -m research.scorer.curve``.

A third of the sources is held out for good; models are trained on five, ten, twenty, forty … of the others, drawn
twice, and tested on the third. Prints EER in per cent of plain segments, with and without the encoder.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from audio_batch.spoof import metrics
from research.scorer.describing import read_entries
from research.scorer.shipping import COLUMNS, fit_all
from research.scorer.table import Table, read_table

COUNTS, DRAWS = (5, 10, 20, 40, 60), 2


def measure_count(table: Table, tested: Table, count: int, seed: int) -> tuple[float, float]:
    """Train on so many sources of a table and return both EERs on another."""
    both = set(table.sources[table.labels == 0]) & set(table.sources[table.labels == 1])
    rng = np.random.default_rng(seed)
    # A set of sources needs both classes; the first two drawn hold both.
    first = rng.permutation(sorted(both))[:2]
    others = rng.permutation(np.setdiff1d(np.unique(table.sources), first))
    chosen = table.take(np.isin(table.sources, [*first, *others[: count - 2]]))
    outputs = fit_all(chosen).score(tested)
    rates = []
    for columns in COLUMNS.values():
        # Equal parts of each classifier: the calibration of the shipped models is fitted elsewhere.
        mean = (outputs[:, columns] / outputs[:, columns].std(axis=0)).mean(axis=1)
        rates.append(100 * metrics.eer(mean[tested.labels == 0], mean[tested.labels == 1]))
    return rates[0], rates[1]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the curve."""
    parser = argparse.ArgumentParser(prog="python -m research.scorer.curve", description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="clips.csv of the corpus")
    parser.add_argument("--descriptions", type=Path, required=True, help="folder that describing wrote")
    options = parser.parse_args(arguments)
    entries = [entry for entry in read_entries(options.table) if entry.split == "train"]
    everything = read_table(entries, options.descriptions)
    names = np.random.default_rng(1).permutation(np.unique(everything.sources))
    held = np.isin(everything.sources, names[: len(names) // 3])
    table, tested = everything.take(~held), everything.take(held & everything.plain & ~everything.copied)
    most = len(np.unique(table.sources))
    print("| sources | default | with the encoder |\n|---:|---:|---:|")
    for count in (*(count for count in COUNTS if count < most), most):
        found = np.array([measure_count(table, tested, count, seed) for seed in range(DRAWS)]).mean(axis=0)
        print(f"| {count} | {found[0]:.1f} | {found[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
