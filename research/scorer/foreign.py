"""Figures of finished models on sources that were kept for evaluation: ``python -m research.scorer.foreign``.

Run it once, at the end: whoever chooses a model by these figures has used them up. Reads descriptions of the clips of
the side ``evaluation``; a clip counts with its loudest segment of at most 4 s, a call with at least three segments of
one voice. Intervals draw whole sources.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_batch.spoof import metrics
from audio_batch.spoof.model import ChannelModel, Model, load_model
from research.scorer.attempts import take_ear, take_layers
from research.scorer.describing import read_entries
from research.scorer.table import Scores, Table, gather_calls, read_table

HEAD = (
    "| what | human | synthetic | sources | EER % (95 %) | false alarms % (95 %) | misses % | Cllr (95 %) "
    "| not judged % |\n|---|---:|---:|---:|---|---|---:|---|---:|"
)
KEPT = (1.0, 0.9, 0.8, 0.6, 0.4)


def score_rows(model: Model, table: Table) -> tuple[Scores, Scores]:
    """Return log-odds and distances (1 is the limit) of each segment."""
    channel = model.channels["narrowband"]
    if not isinstance(channel, ChannelModel):
        raise TypeError(f"{model.version!r} is no model of statistics, which is all that descriptions are for")
    parts = [channel.trees.score(table.own), channel.kernel.score(table.own)]
    if channel.hearing is not None:
        parts.append(channel.hearing.kernel.score(take_ear(table)))
    if channel.listener is not None:
        parts.append(channel.listener.kernel.score(take_layers(table, channel.listener.layers)))
    distances = channel.domain.measure(channel.kernel.locate(table.own)) / channel.domain.limit
    return channel.calibration.apply(np.column_stack(parts)), distances


def format_line(
    name: str, odds: Scores, labels: NDArray[np.int8], sources: NDArray[np.str_], limit: float, distances: Scores
) -> str:
    """Return one line of the table."""
    human, synthetic = odds[labels == 0], odds[labels == 1]
    groups = {"speakers": sources[labels == 0], "families": sources[labels == 1]}

    def show(metric: metrics.Metric, scale: float, digits: int) -> str:
        low, high = metrics.interval(metric, human, synthetic, rounds=300, **groups)
        point = metric(human, synthetic)
        return f"{point * scale:.{digits}f} ({low * scale:.{digits}f} to {high * scale:.{digits}f})"

    missed = metrics.error_rates(human, synthetic, limit)[1]
    return (
        f"| {name} | {len(human)} | {len(synthetic)} | {len(np.unique(sources))} | {show(metrics.eer, 100, 1)} "
        f"| {show(lambda h, s: metrics.error_rates(h, s, limit)[0], 100, 1)} | {100 * missed:.1f} "
        f"| {show(metrics.cllr, 1, 3)} | {100 * np.mean(distances > 1):.1f} |"
    )


def print_figures(model: Model, table: Table) -> None:
    """Print the lines of one model: clips, drawn channels, calls, and what is kept by distance."""
    odds, distances = score_rows(model, table)
    limit = float(metrics.log_odds(model.thresholds.synthetic))
    singles = np.array([model.pooling.pool([value]) for value in odds])
    print(f"\n{model.version}, threshold {model.thresholds.synthetic:.3f}\n\n{HEAD}")
    first = table.plain & (np.r_[-1, table.clips[:-1]] != table.clips)
    chosen = {"clips of at most 4 s": first, "the same through drawn channels": ~table.plain}
    for name, rows in chosen.items():
        print(format_line(name, singles[rows], table.labels[rows], table.sources[rows], limit, distances[rows]))
    calls = gather_calls(table)
    pooled = np.array([model.pooling.pool(odds[rows]) for rows in calls])
    heads = np.array([rows[0] for rows in calls])
    middle = np.array([np.median(distances[rows]) for rows in calls])
    print(format_line("calls of three segments", pooled, table.labels[heads], table.sources[heads], limit, middle))
    for share in KEPT[1:]:
        rows = first & (distances <= np.quantile(distances[first], share))
        name = f"clips, the {share:.0%} nearest to training"
        print(format_line(name, singles[rows], table.labels[rows], table.sources[rows], limit, distances[rows]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures of one or more models."""
    parser = argparse.ArgumentParser(prog="python -m research.scorer.foreign", description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="clips.csv of the corpus")
    parser.add_argument("--descriptions", type=Path, required=True, help="folder that describing wrote")
    parser.add_argument("--model", action="append", default=[], help="name or folder of a model; may be repeated")
    options = parser.parse_args(arguments)
    entries = [entry for entry in read_entries(options.table) if entry.split == "evaluation"]
    table = read_table(entries, options.descriptions)
    print(f"{len(np.unique(table.sources))} sources, {len(np.unique(table.clips))} clips, {len(table.labels)} segments")
    for name in options.model or ["telephone-5", "telephone-5-encoder"]:
        print_figures(load_model(name), table)


if __name__ == "__main__":
    main()
