"""Clips of public demonstration pages, read from bare clones, and their table.

Every clip is mono PCM16 at 16 kHz (8 kHz where the file has no more), 1 to 15 s long, in
``<work>/clips/<source>/<number>.wav``, and has one line in ``<work>/clips.csv``: class, source, engine and family,
human corpus and speaker, licence, SHA-256 of the samples, side of the split, fold, and the clip that it is a copy of.
A source gives at most 40 clips and 4 minutes of a class; one that holds human speech only gives twice as many.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.decoding import decode, resample
from audio_batch.errors import AudioError
from research.corpus.catalogue import read_rows, write_rows
from research.corpus.cutting import measure_voicing
from research.corpus.demonstrations import Demonstration, Facts, list_files, read_demonstrations
from research.corpus.duplicates import find_originals, fingerprint, keep_apart
from research.corpus.evaluation_only import name_evaluation_only, write_evaluation_only
from research.corpus.origins import BareRepository
from research.corpus.sides import draw_fold

COLUMNS = (
    *("clip", "class", "source", "kind", "engine", "family", "corpus", "speaker", "licence", "sha256", "seconds"),
    *("sampling_rate", "split", "fold", "pair", "path"),
)
MANIFEST_COLUMNS = tuple(column for column in COLUMNS if column != "clip")
MIN_SECONDS, MAX_SECONDS = 1.0, 15.0
MAX_CLIPS, MAX_SOURCE_SECONDS = 40, 240.0
RATE, NARROW_RATE = 16_000, 8_000
LONG_SECONDS, MAX_PIECES = 30.0, 8

Signal = NDArray[np.float32]


def collect_demonstrations(
    work: Path, *, mirror: Path, only: Iterable[str] | None = None, manifest: Path | None = None
) -> None:
    """Read all demonstrations that have a clone, part them into two sides and write the clips and their table.

    Parameters
    ----------
    work
        Folder for ``clips/``, ``clips.csv`` and ``all.csv``, which has the clips that were left out as well.
    mirror
        Folder of bare clones named ``owner+name``; a repository without one is reported and skipped.
    only
        Repositories to make again, replacing their clips; the rest of the table is kept. All by default.
    manifest
        Where to write the table without the clips' places; the list of what is kept for evaluation goes beside it.
    """
    work.mkdir(parents=True, exist_ok=True)
    everything = work / "all.csv"
    names = None if only is None else set(only)
    rows = [row for row in read_rows(everything) if names and row["source"] not in names] if everything.exists() else []
    for entry in read_demonstrations():
        if names is None or entry.repository in names:
            rows.extend(_collect_or_report(entry, mirror, work))
    write_rows(everything, rows, (*COLUMNS, "print"))
    kept, reasons = keep_apart(rows)
    print(f"{len(kept)} clips in the table, left out of it: {dict(reasons)}", file=sys.stderr)
    write_rows(work / "clips.csv", kept, COLUMNS)
    if manifest:
        write_rows(manifest, sorted(kept, key=lambda row: (row["source"], row["path"])), MANIFEST_COLUMNS)
        write_evaluation_only(name_evaluation_only(kept), manifest.with_name("evaluation_only.toml"))


def _collect_or_report(entry: Demonstration, mirror: Path, work: Path) -> list[dict[str, Any]]:
    try:
        source = SourceClips(entry, work)
        source.collect(BareRepository(entry.repository, mirror, branch=entry.branch))
    except AudioError as error:
        print(f"{entry.repository}: skipped: {error}", file=sys.stderr)
        return []
    print(f"{entry.repository}: {len(source.kept)} clips, dropped {dict(source.dropped)}", file=sys.stderr, flush=True)
    return source.kept


class SourceClips:
    """The clips of one source.

    Parameters
    ----------
    entry
        What the list says of the source.
    work
        Folder in which ``clips/<source>/`` is made; clips that lie there are deleted.

    Attributes
    ----------
    kept
        One row for each clip.
    dropped
        Files and pieces that did not become clips, by reason.
    """

    def __init__(self, entry: Demonstration, work: Path) -> None:
        self.kept: list[dict[str, Any]] = []
        self.dropped: Counter[str] = Counter()
        self._entry, self._work = entry, work
        self._folder = work / "clips" / entry.repository.replace("/", "+")
        self._counts: Counter[str] = Counter()
        self._seconds: Counter[str] = Counter()
        self._room = 1 if entry.kind else 2

    def collect(self, origin: BareRepository) -> None:
        """Write the clips of a clone, and pair copies with their originals."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for old in self._folder.glob("*.wav"):
            old.unlink()
        for path, facts in list_files(self._entry, origin.names()):
            self._take_file(origin, path, facts)
        for row, original in zip(self.kept, find_originals(self.kept), strict=True):
            row["pair"] = original

    def _take_file(self, origin: BareRepository, path: str, facts: Facts) -> None:
        read = None if self._is_full(facts["class"]) else _read(origin, path)
        if read is None:
            self.dropped["over the cap" if self._is_full(facts["class"]) else "unreadable"] += 1
            return
        for start, signal in _cut(*read):
            name = path if start == 0 else f"{path}#{start:.0f}"
            fault = _find_fault(signal, read[1]) or self._add(facts, name, signal, read[1])
            self.dropped.update([fault] if fault else [])

    def _is_full(self, label: str) -> bool:
        most, longest = self._room * MAX_CLIPS, self._room * MAX_SOURCE_SECONDS
        return self._counts[label] >= most or self._seconds[label] >= longest

    def _add(self, facts: Facts, path: str, signal: Signal, rate: int) -> str:
        import soundfile

        pcm = _to_pcm(signal)
        digest = hashlib.sha256(pcm.tobytes()).hexdigest()
        if any(row["sha256"] == digest for row in self.kept):
            return "same sound again"
        place = self._folder / f"{len(self.kept):03d}.wav"
        soundfile.write(place, pcm, rate, subtype="PCM_16")
        self._counts[facts["class"]] += 1
        self._seconds[facts["class"]] += round(len(pcm) / rate)
        described = {"path": path, "sha256": digest, "clip": str(place.relative_to(self._work))}
        self.kept.append({**facts, **self._describe(), **described, **_measure(pcm, rate)})
        return ""

    def _describe(self) -> dict[str, Any]:
        source, side = self._entry.repository, self._entry.side
        fold = draw_fold(source) if side == "train" else ""
        return {"source": source, "licence": self._entry.licence, "split": side, "fold": fold}


def _measure(pcm: NDArray[np.int16], rate: int) -> dict[str, Any]:
    seconds = f"{len(pcm) / rate:.2f}"
    return {"seconds": seconds, "sampling_rate": rate, "print": fingerprint(pcm, rate).to_text()}


def _read(origin: BareRepository, path: str) -> tuple[Signal, int] | None:
    with tempfile.NamedTemporaryFile(suffix=Path(path).suffix.lower()) as file:
        try:
            file.write(origin.read(path))
            file.flush()
            signal, rate = decode(file.name)
        except AudioError:  # a snapshot may lack its largest files; some pages hold broken ones
            return None
    mono = signal.mean(axis=1, dtype=np.float32)
    wanted = NARROW_RATE if rate < RATE else RATE
    return (resample(mono, rate, wanted) if rate != wanted else mono), wanted


def _cut(signal: Signal, rate: int) -> Iterator[tuple[float, Signal]]:
    """Yield the first 15 s of a file, and of a long one up to eight such pieces at even distances."""
    length = len(signal) / rate
    pieces = min(MAX_PIECES, int(length // MAX_SECONDS)) if length >= LONG_SECONDS else 1
    for number in range(pieces):
        start = (length - MAX_SECONDS) * number / (pieces - 1) if pieces > 1 else 0.0
        yield start, signal[round(start * rate) : round((start + MAX_SECONDS) * rate)]


def _find_fault(signal: Signal, rate: int) -> str:
    if len(signal) < MIN_SECONDS * rate:
        return "shorter than 1 s"
    fault = measure_voicing(signal, rate).fault
    # "a tone" would drop much of what some vocoders make, which is more periodic than any voice
    return "" if fault == "a tone" or (fault == "too little sound" and len(signal) < 2 * rate) else fault


def _to_pcm(signal: Signal) -> NDArray[np.int16]:
    peak = float(np.max(np.abs(signal), initial=0.0))
    scaled = signal / peak * 0.99 if peak > 0.99 else signal
    return np.round(scaled * 32767.0).astype("<i2")
