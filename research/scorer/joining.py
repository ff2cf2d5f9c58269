"""Join short clips of one speaker, or of one engine, to calls: ``python -m research.scorer.joining``.

Demonstrations of engines are sentences of three seconds; a caller says more. Clips of one human speaker of one source,
or of one engine of one source, are joined with short pauses until a call has enough speech. Writes ``calls.csv``, a
manifest that ``sentinel-batch audio scorer evaluate`` reads, and one of the single clips beside it, ``clips.csv``.
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio_batch.decoding import decode, resample
from audio_batch.segmentation import detect_speech
from research.scorer.describing import Entry, read_entries

RATE, PAUSE_SECONDS = 16_000, 0.3
COLUMNS = ("path", "label", "speaker", "attack_family", "source")


def group_entries(entries: Iterable[Entry]) -> dict[tuple[str, bool, str], list[Entry]]:
    """Return clips by source, class, and voice: the human speaker or the engine."""
    groups: dict[tuple[str, bool, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry.source, entry.synthetic, entry.engine if entry.synthetic else entry.speaker].append(entry)
    return groups


def join_calls(
    entries: Sequence[Entry], folder: Path, seconds: float
) -> Iterator[tuple[list[Entry], NDArray[np.float32]]]:
    """Yield calls of at least so many seconds of speech; each clip is in one call, what is left over in none."""
    taken: list[Entry] = []
    parts: list[NDArray[np.float32]] = []
    spoken = 0.0
    for entry in entries:
        signal, rate = decode(folder / entry.clip, max_seconds=60.0)
        mono = resample(np.ascontiguousarray(signal.mean(axis=1)), rate, RATE)
        taken.append(entry)
        parts += [mono, np.zeros(int(PAUSE_SECONDS * RATE), np.float32)]
        spoken += float(np.diff(detect_speech(mono, RATE), axis=1).sum())
        if spoken >= seconds:
            yield taken, np.concatenate(parts)
            taken, parts, spoken = [], [], 0.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the calls and the two manifests."""
    parser = argparse.ArgumentParser(prog="python -m research.scorer.joining", description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="clips.csv of the corpus")
    parser.add_argument("--out", type=Path, required=True, help="folder for the calls")
    parser.add_argument("--split", default="evaluation", help="which clips (default evaluation)")
    parser.add_argument("--seconds", type=float, default=10.0, help="speech of each call (default 10)")
    parser.add_argument("--most", type=int, default=40, help="clips of each source and class (default 40)")
    options = parser.parse_args(arguments)
    entries = [e for e in read_entries(options.table, most=options.most) if e.split == options.split and not e.original]
    options.out.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[str, ...]] = []
    for (source, synthetic, voice), clips in sorted(group_entries(entries).items()):
        for number, (_, signal) in enumerate(join_calls(clips, options.table.parent, options.seconds)):
            place = options.out / f"call-{len(rows):05d}.wav"
            soundfile.write(place, signal, RATE, subtype="PCM_16")
            label, name = ("synthetic", f"{source}: {voice}") if synthetic else ("human", f"{source}: {voice} {number}")
            rows.append((place.name, label, name, source if synthetic else "", source))
    _write(options.out / "calls.csv", rows)
    singles = [
        (
            str((options.table.parent / e.clip).resolve()), "synthetic" if e.synthetic else "human",
            f"{e.source}: {e.speaker or e.engine}", e.source if e.synthetic else "", e.source,
        )
        for e in entries
    ]  # fmt: skip
    _write(options.out / "clips.csv", singles)


def _write(place: Path, rows: Sequence[tuple[str, ...]]) -> None:
    with place.open("w", encoding="utf-8", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(COLUMNS)
        table.writerows(rows)


if __name__ == "__main__":
    main()
