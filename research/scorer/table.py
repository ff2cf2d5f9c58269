"""The described corpus as arrays: one row for each segment, with its class, source, voice and channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_batch.spoof.calibration import fit_calibration
from audio_batch.spoof.splits import fold_speakers
from research.scorer.describing import Entry

Scores = NDArray[np.float64]
FOLDS = 10
CALL_SEGMENTS = 3
LAYERS = (2, 3, 4)
"""Of the encoder, that are listened to."""
COPIES = 0.15
"""Share of the synthetic class that our own copies of human clips have."""


@dataclass(frozen=True)
class Table:
    """Segments of a corpus.

    Attributes
    ----------
    own
        Statistics, float32, shape (rows, features).
    ear
        What the first layers of the speech embedding hear, float16, shape (rows, 300).
    states
        Layers of the encoder, float16, shape (rows, layers, 2, width).
    labels
        0 = human, 1 = synthetic.
    voices
        Source with the human speaker, or with the engine.
    plain
        Whether the segment is as recorded, and not through a drawn channel.
    hashes
        Of the clips.
    originals
        Of the human clip that a clip is our own copy of; empty for all others.
    """

    own: NDArray[np.float32]
    ear: NDArray[np.float16]
    states: NDArray[np.float16]
    mels: NDArray[np.uint8]
    labels: NDArray[np.int8]
    sources: NDArray[np.str_]
    voices: NDArray[np.str_]
    clips: NDArray[np.int32]
    plain: NDArray[np.bool_]
    hashes: NDArray[np.str_]
    originals: NDArray[np.str_]

    @property
    def copied(self) -> NDArray[np.bool_]:
        """Which rows are our own copies: they are trained on, and nothing is judged by them."""
        return np.asarray(self.originals != "")

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Table:
        """Return some rows."""
        return replace(self, **{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def read_table(entries: Sequence[Entry], folder: Path, *, encoder: str = "base") -> Table:
    """Read the descriptions of clips that `research.scorer.describing` wrote; clips without one are left out."""
    columns: dict[str, list[NDArray[np.generic]]] = {f.name: [] for f in fields(Table)}
    for number, entry in enumerate(entries):
        place = folder / f"{entry.sha256}.npz"
        if not place.exists():
            continue
        with np.load(place, allow_pickle=False) as stored:
            count = len(stored["draw"])
            voice = f"{entry.source}: {entry.engine if entry.synthetic else entry.speaker}"
            row = {
                "own": stored["own"],
                "ear": stored["ear"],
                "states": stored[encoder],
                "mels": stored["mels"],
                "labels": np.full(count, entry.synthetic, np.int8),
                "sources": np.full(count, entry.source),
                "voices": np.full(count, voice),
                "clips": np.full(count, number, np.int32),
                "plain": stored["draw"] == "plain",
                "hashes": np.full(count, entry.sha256),
                "originals": np.full(count, entry.original),
            }
        for name, values in row.items():
            columns[name].append(values)
    return Table(**{name: np.concatenate(values) for name, values in columns.items()})


def weigh(labels: NDArray[np.int8], sources: NDArray[np.str_]) -> NDArray[np.float64]:
    """Return importances: half for each class; inside it a source weighs as the root of its size."""
    weights = np.zeros(len(labels))
    for label in (0, 1):
        rows = labels == label
        _, inverse, counts = np.unique(sources[rows], return_inverse=True, return_counts=True)
        share = np.sqrt(counts) / np.sqrt(counts).sum() / counts
        weights[rows] = share[inverse] * len(labels) / 2
    return weights


def weigh_rows(table: Table) -> NDArray[np.float64]:
    """Return importances of rows with copies: each weighs as its original, all together a share of their class."""
    real = ~table.copied
    weights = np.zeros(len(real))
    weights[real] = weigh(table.labels[real], table.sources[real])
    if real.all():
        return weights
    human = real & (table.labels == 0)
    names, inverse = np.unique(np.concatenate([table.hashes[human], table.originals[~real]]), return_inverse=True)
    heard, copied = inverse[: human.sum()], inverse[human.sum() :]
    totals = np.bincount(heard, weights[human], minlength=len(names))
    shares = totals[copied] / np.bincount(copied, minlength=len(names))[copied]
    synthetic = real & (table.labels == 1)
    weights[~real] = COPIES * weights[synthetic].sum() * shares / shares.sum()
    weights[synthetic] *= 1 - COPIES
    return weights


def fold_sources(table: Table, *, folds: int = FOLDS, seed: int = 0) -> NDArray[np.intp]:
    """Return the fold of each row; a source is in one fold only."""
    return fold_speakers(list(table.sources), folds=min(folds, len(np.unique(table.sources))), seed=seed)


def gather_calls(table: Table, *, segments: int = CALL_SEGMENTS) -> list[NDArray[np.intp]]:
    """Return rows of calls: so many plain segments of one voice of one class, in the order of clips."""
    calls = []
    for label in (0, 1):
        rows = np.flatnonzero(table.plain & (table.labels == label) & ~table.copied)
        for voice in np.unique(table.voices[rows]):
            own = rows[table.voices[rows] == voice]
            calls += [own[start : start + segments] for start in range(0, len(own) - segments + 1, segments)]
    return calls


def fuse_unseen(table: Table, parts: Scores, others: Table | None = None, heard: Scores | None = None) -> Scores:
    """Return calibrated log-odds of several classifiers' outputs, each row calibrated without its own source.

    Parameters
    ----------
    table, parts
        What calibrations are fitted on, and what the classifiers say of it.
    others, heard
        What is calibrated: rows of the same sources, and their outputs; None for those of `table`.
    """
    folds = fold_sources(table)
    places = folds if others is None else find_folds(table, folds, others)
    outputs = parts if heard is None else heard
    fused = np.zeros(len(outputs))
    for fold in np.unique(places):
        kept, tested = folds != fold, places == fold
        weights = weigh(table.labels[kept], table.sources[kept])
        fused[tested] = fit_calibration(parts[kept], table.labels[kept], weights=weights).apply(outputs[tested])
    return fused


def find_folds(table: Table, folds: NDArray[np.intp], others: Table) -> NDArray[np.intp]:
    """Return the fold of each row of another table, by its source."""
    fold_of = dict(zip(table.sources.tolist(), folds.tolist(), strict=True))
    return np.array([fold_of[source] for source in others.sources.tolist()], dtype=np.intp)
