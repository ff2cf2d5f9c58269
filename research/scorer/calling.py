"""Describe whole calls as the scorer hears them, segment by segment: ``python -m research.scorer.calling``.

Reads the calls that `research.scorer.joining` wrote of the training side. Pooling and thresholds are fitted on these:
their segments overlap, begin where they will and hold pauses, as those of a caller do, and the segments of single clips
do not. One file for each call; those that are there already are not described again.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_batch.decoding import resample
from audio_batch.segmentation import cut_segments
from audio_batch.spoof.ear import Ear, load_ear
from audio_batch.spoof.representation import describe_segment
from audio_batch.spoof.whisper import RATE as ENCODER_RATE
from audio_batch.spoof.whisper import Whisper, load_whisper
from research.scorer.describing import NARROW_RATE, SEGMENT_SECONDS, SHORTEST_SECONDS
from research.scorer.table import LAYERS, Table

HOP_SECONDS = 2.0


def describe_call(path: Path, ear: Ear, encoder: Whisper) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of one call: ``own``, ``ear`` and ``base``, a row for each segment with enough speech."""
    rows: dict[str, list[NDArray[np.generic]]] = {"own": [], "ear": [], "base": []}
    for segment in cut_segments(
        path,
        segment_seconds=SEGMENT_SECONDS,
        hop_seconds=HOP_SECONDS,
        minimum_speech_seconds=SHORTEST_SECONDS,
    ):
        narrow = resample(segment.signal, segment.sampling_rate, NARROW_RATE)
        rows["own"].append(np.array(list(describe_segment(narrow, NARROW_RATE).values()), dtype=np.float32))
        rows["ear"].append(ear.describe(narrow).astype(np.float16))
        rows["base"].append(encoder.describe(resample(narrow, NARROW_RATE, ENCODER_RATE)).astype(np.float16))
    return {name: np.array(values) for name, values in rows.items()}


def read_calls(folder: Path) -> Table:
    """Read the described calls of a folder as a table, in which the segments of a call have one number in ``clips``."""
    columns: dict[str, list[NDArray[np.generic]]] = {}
    with (folder / "calls.csv").open(encoding="utf-8", newline="") as lines:
        calls = list(csv.DictReader(lines))
    for number, call in enumerate(calls):
        with np.load(folder / f"{call['path']}.npz", allow_pickle=False) as stored:
            count = len(stored["own"])
            row = {
                "own": stored["own"],
                "ear": stored["ear"],
                "states": stored["base"],
                "mels": np.zeros((count, 1, 1), np.uint8),
                "labels": np.full(count, call["label"] == "synthetic", np.int8),
                "sources": np.full(count, call["source"]),
                "voices": np.full(count, call["speaker"]),
                "clips": np.full(count, number, np.int32),
                "plain": np.ones(count, bool),
                "hashes": np.full(count, call["path"]),
                "originals": np.full(count, ""),
            }
        for name, values in row.items():
            if count:
                columns.setdefault(name, []).append(values)
    return Table(**{name: np.concatenate(values) for name, values in columns.items()})


def main(arguments: Sequence[str] | None = None) -> None:
    """Describe every call of a folder that is not described yet."""
    parser = argparse.ArgumentParser(prog="python -m research.scorer.calling", description=__doc__)
    parser.add_argument("--calls", type=Path, required=True, help="folder that joining wrote, --split train")
    parser.add_argument("--ear", type=Path, required=True, help="arrays that research.speech_embedding wrote")
    parser.add_argument("--encoder", type=Path, required=True, help="model.bin of the encoder, its parts joined")
    options = parser.parse_args(arguments)
    ear, encoder = load_ear(options.ear), load_whisper(options.encoder, layers=max(LAYERS))
    with (options.calls / "calls.csv").open(encoding="utf-8", newline="") as lines:
        for call in csv.DictReader(lines):
            place = options.calls / f"{call['path']}.npz"
            if not place.exists():
                half = place.with_suffix(".half.npz")
                np.savez(half, **describe_call(options.calls / call["path"], ear, encoder))  # type: ignore[arg-type]
                half.replace(place)


if __name__ == "__main__":
    main()
