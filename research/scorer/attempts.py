"""Attempts at a model, tested on sources that they have not seen: ``python -m research.scorer.attempts``.

Every attempt is trained ten times, each time without a tenth of the sources of the corpus, and scores the segments of
these. Prints a table: EER of plain segments of 4 s over all sources and as the mean inside sources, of drawn channels,
of calls of three segments, and Cllr; with ``--curve`` the same over the number of sources.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_batch.spoof import metrics
from audio_batch.spoof.kernel import fit_kernel
from audio_batch.spoof.trees import fit_trees
from research.scorer.describing import read_entries
from research.scorer.table import Scores, Table, fold_sources, fuse_unseen, gather_calls, read_table, weigh_rows

Values = NDArray[np.float32]
Fit = Callable[[Values, Table], Callable[[Values], Scores]]
HEAD = "| attempt | plain | inside sources | drawn channels | calls | Cllr |\n|---|---:|---:|---:|---:|---:|"
FEWEST = 5
MOST_ROWS = 12_000
"""Rows that the kernel machines keep: all that there are."""


def fit_by_kernel(values: Values, table: Table) -> Callable[[Values], Scores]:
    """Fit a kernel machine."""
    return fit_kernel(values, table.labels, weigh_rows(table), most=MOST_ROWS).score


def fit_by_trees(values: Values, table: Table, *, rounds: int) -> Callable[[Values], Scores]:
    """Fit boosted trees."""
    return fit_trees(values, table.labels, weigh_rows(table), rounds=rounds).score


def cross_fit(table: Table, values: Values, fit: Fit) -> Scores:
    """Return what classifiers that did not see its source say of each row that is no copy."""
    folds, real = fold_sources(table), ~table.copied
    scores = np.zeros(len(values))
    for fold in np.unique(folds[real]):
        kept, tested = folds != fold, real & (folds == fold)
        scores[tested] = fit(values[kept], table.take(kept))(values[tested])
    return scores[real]


def take_layers(table: Table, layers: Sequence[int]) -> Values:
    """Return means and spreads of some layers of the encoder."""
    return table.states[:, list(layers)].astype(np.float32).reshape(len(table.states), -1)


def take_ear(table: Table) -> Values:
    """Return what the ear hears."""
    return table.ear.astype(np.float32)


def measure(table: Table, scores: Scores) -> tuple[float, ...]:
    """Return the columns of the table that `main` prints, EER in per cent."""
    odds = fuse_unseen(table, scores[:, None])
    plain = [scores[table.plain & (table.labels == label)] for label in (0, 1)]
    drawn = [scores[~table.plain & (table.labels == label)] for label in (0, 1)]
    calls = gather_calls(table)
    means = np.array([scores[rows].mean() for rows in calls])
    of_call = np.array([table.labels[rows[0]] for rows in calls])
    return (
        100 * metrics.eer(*plain),
        100 * _measure_inside(table, scores),
        100 * metrics.eer(*drawn),
        100 * metrics.eer(means[of_call == 0], means[of_call == 1]),
        metrics.cllr(*(odds[table.plain & (table.labels == label)] for label in (0, 1))),
    )


def _measure_inside(table: Table, scores: Scores) -> float:
    found = []
    for source in np.unique(table.sources):
        groups = [scores[table.plain & (table.sources == source) & (table.labels == label)] for label in (0, 1)]
        if min(map(len, groups)) >= FEWEST:
            found.append(metrics.eer(*groups))
    return float(np.mean(found)) if found else float("nan")


def run_attempts(table: Table) -> Iterator[tuple[str, Scores]]:
    """Yield the name and the unseen scores of each attempt, of all rows that are no copies."""
    real = table.take(~table.copied)
    trees = cross_fit(table, table.own, partial(fit_by_trees, rounds=300))
    yield "own statistics, 300 trees of depth 5", trees
    kernel = cross_fit(table, table.own, fit_by_kernel)
    yield "own statistics, kernel machine", kernel
    yield "trees and kernel machine", fuse_unseen(real, np.column_stack([trees, kernel]))
    ear = cross_fit(table, take_ear(table), fit_by_kernel)
    yield "ear, kernel machine", ear
    heard = cross_fit(table, take_layers(table, (2, 3, 4)), fit_by_kernel)
    yield "encoder, layers 2 to 4, kernel machine", heard
    for name, parts in (("ear", [ear]), ("encoder", [heard]), ("ear and encoder", [ear, heard])):
        yield f"trees, kernel machine, {name}", fuse_unseen(real, np.column_stack([trees, kernel, *parts]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table of attempts."""
    parser = argparse.ArgumentParser(prog="python -m research.scorer.attempts", description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="clips.csv of the corpus")
    parser.add_argument("--descriptions", type=Path, required=True, help="folder that describing wrote")
    parser.add_argument("--curve", type=int, nargs="*", default=[], help="numbers of sources to be drawn as well")
    options = parser.parse_args(arguments)
    entries = [entry for entry in read_entries(options.table) if entry.split == "train"]
    everything = read_table(entries, options.descriptions)
    names = np.random.default_rng(0).permutation(np.unique(everything.sources))
    for count in [*options.curve, len(names)]:
        table = everything.take(np.isin(everything.sources, names[:count]))
        real = table.take(~table.copied)
        print(f"\n{count} sources, {len(real.labels)} segments\n\n{HEAD}")
        for name, scores in run_attempts(table):
            *rates, cost = measure(real, scores)
            cells = [*(f"{rate:.1f}" for rate in rates), f"{cost:.3f}"]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
