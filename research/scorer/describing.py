"""Describe a corpus once, so that attempts at a model need no sound: ``python -m research.scorer.describing``.

Each clip gives at most two plain segments, brought to 8 kHz as the scorer does, and one of a drawn channel. A segment
is described by the scorer's statistics, by the layers of frozen encoders, and as a log mel spectrum. One file for each
clip; clips that are there already are not described again.
"""

from __future__ import annotations

import argparse
import csv
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_batch.decoding import decode, resample
from audio_batch.errors import AudioError
from audio_batch.spoof.channel import apply_channel, simulate_channel
from audio_batch.spoof.ear import Ear, load_ear
from audio_batch.spoof.representation import describe_segment
from audio_batch.spoof.whisper import RATE as ENCODER_RATE
from audio_batch.spoof.whisper import Whisper, draw_mels, load_whisper
from research.corpus.copying import COPIED

Signal = NDArray[np.float32]

NARROW_RATE, SEGMENT_SECONDS, SHORTEST_SECONDS = 8000, 4.0, 1.0
PLAIN_SEGMENTS = 2
TELEPHONES = ("g711_mulaw", "g711_alaw", "gsm", "opus12")


@dataclass(frozen=True)
class Entry:
    """One line of the corpus' table."""

    clip: str
    synthetic: bool
    source: str
    engine: str
    family: str
    corpus: str
    speaker: str
    sha256: str
    seconds: float
    split: str
    original: str = ""
    """Hash of the human clip that `research.corpus.copying` copied; empty for all other clips."""


def read_entries(table: Path, *, most: int = 1_000_000) -> list[Entry]:
    """Return the clips of a table, at most so many of each source and class: the ones with the lowest hashes."""
    with table.open(encoding="utf-8", newline="") as lines:
        rows = [_read_entry(row) for row in csv.DictReader(lines)]
    taken: dict[tuple[str, bool], int] = {}
    kept = []
    for entry in sorted(rows, key=lambda e: e.sha256):
        group = (entry.source, entry.synthetic)
        taken[group] = taken.get(group, 0) + 1
        if taken[group] <= most:
            kept.append(entry)
    return kept


def _read_entry(row: dict[str, str]) -> Entry:
    return Entry(
        clip=row["clip"],
        synthetic=row["class"] == "synthetic",
        source=row["source"],
        engine=row["engine"],
        family=row["family"],
        corpus=row["corpus"],
        speaker=row["speaker"],
        sha256=row["sha256"],
        seconds=float(row["seconds"] or 0),
        split=row["split"],
        original=row["pair"] if row["engine"].startswith(COPIED) else "",
    )


def draw_segments(signal: Signal, rate: int, seed: int) -> Iterator[tuple[str, Signal, Signal]]:
    """Yield the draw's name, the segment at 8 kHz, and for plain ones the same stretch at 16 kHz."""
    rng = np.random.default_rng(seed)
    wide, narrow = resample(signal, rate, ENCODER_RATE), resample(signal, rate, NARROW_RATE)
    for start in choose_stretches(narrow)[:PLAIN_SEGMENTS]:
        size = int(SEGMENT_SECONDS * NARROW_RATE)
        yield "plain", narrow[start : start + size], wide[2 * start : 2 * (start + size)]
    name, drawn = pass_channel(signal, rate, rng)
    start = choose_stretches(drawn)[0]
    yield name, drawn[start : start + int(SEGMENT_SECONDS * NARROW_RATE)], np.zeros(0, np.float32)


def pass_channel(signal: Signal, rate: int, rng: np.random.Generator) -> tuple[str, Signal]:
    """Send a clip through a telephone, or as often through the harsh channel, drawn alike for both classes."""
    if rng.random() < 0.5:
        name = str(rng.choice(TELEPHONES))
        return name, apply_channel(signal, rate, name, target_rate=NARROW_RATE, rng=rng)
    return "harsh", simulate_channel(signal, rate, rng=rng, target_rate=NARROW_RATE)[0]


def choose_stretches(signal: Signal) -> list[int]:
    """Return where segments begin that do not overlap, the loudest first."""
    size = int(SEGMENT_SECONDS * NARROW_RATE)
    if signal.size <= size:
        return [0]
    starts = list(range(0, signal.size - size + 1, size))
    return sorted(starts, key=lambda start: -float(np.sum(signal[start : start + size] ** 2)))


def describe_clip(
    signal: Signal, rate: int, seed: int, ear: Ear, encoders: dict[str, Whisper], *, whole: bool = False
) -> dict[str, NDArray[np.generic]]:
    """Return the arrays of one clip: ``draw``, ``own``, ``ear``, ``mels``, one for each encoder (and at full width)."""
    rows: dict[str, list[object]] = {"draw": [], "own": [], "ear": [], "mels": []}
    for name, narrow, wide in draw_segments(signal, rate, seed):
        if narrow.size < SHORTEST_SECONDS * NARROW_RATE or np.ptp(narrow) < 1e-4:
            continue
        rows["draw"].append(name)
        rows["own"].append(np.array(list(describe_segment(narrow, NARROW_RATE).values()), dtype=np.float32))
        rows["ear"].append(ear.describe(narrow).astype(np.float16))
        heard = resample(narrow, NARROW_RATE, ENCODER_RATE)
        rows["mels"].append(draw_mel_picture(heard))
        for encoder, model in encoders.items():
            rows.setdefault(encoder, []).append(model.describe(heard).astype(np.float16))
            if whole and wide.size:
                rows.setdefault(f"{encoder}_wide", []).append(model.describe(wide).astype(np.float16))
    return {name: np.array(values) for name, values in rows.items()}


def draw_mel_picture(heard: Signal) -> NDArray[np.uint8]:
    """Return the log mel spectrum of 4 s in 8 bits, shape (400, 80), repeated where the segment is shorter."""
    mels = draw_mels(heard)
    steps = np.clip((mels - mels.max() + 2.0) / 2.0 * 255, 0, 255).astype(np.uint8)
    return np.asarray(steps[np.arange(int(SEGMENT_SECONDS * 100)) % len(steps)])


def main(arguments: Sequence[str] | None = None) -> None:
    """Describe every clip of a table that is not described yet."""
    parser = argparse.ArgumentParser(prog="python -m research.scorer.describing", description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="clips.csv of the corpus")
    parser.add_argument("--out", type=Path, required=True, help="folder for the descriptions")
    parser.add_argument("--ear", type=Path, required=True, help="arrays that research.speech_embedding wrote")
    parser.add_argument("--encoder", action="append", default=[], metavar="NAME=FILE", help="model.bin of an encoder")
    parser.add_argument("--whole", action="store_true", help="let encoders hear 16 kHz, too")
    parser.add_argument("--most", type=int, default=40, help="clips of each source and class (default 40)")
    parser.add_argument("--part", default="0/1", help="which of how many parts this process does (default 0/1)")
    options = parser.parse_args(arguments)
    encoders = {name: load_whisper(Path(file)) for name, file in (item.split("=", 1) for item in options.encoder)}
    ear = load_ear(options.ear)
    options.out.mkdir(parents=True, exist_ok=True)
    part, parts = (int(number) for number in options.part.split("/"))
    for entry in read_entries(options.table, most=options.most):
        place = options.out / f"{entry.sha256}.npz"
        if int(entry.sha256[:6], 16) % parts != part or place.exists():
            continue
        try:
            signal, rate = decode(options.table.parent / entry.clip, max_seconds=60.0)
        except AudioError as error:
            print(f"{entry.clip}: {error.message}")
            continue
        seed = zlib.crc32(entry.sha256.encode())
        arrays = describe_clip(signal.mean(axis=1), rate, seed, ear, encoders, whole=options.whole)
        if len(arrays["draw"]):
            half = place.with_suffix(".half.npz")
            np.savez(half, **arrays)  # type: ignore[arg-type]
            half.replace(place)


if __name__ == "__main__":
    main()
