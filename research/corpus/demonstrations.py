"""Clips of public demonstration pages, as ``demonstrations.toml`` names them, read from bare clones.

Every clip is mono PCM16 at 16 kHz (8 kHz where the file has no more), 1 to 15 s long, in
``<work>/clips/<source>/<number>.wav``, and has one line in ``<work>/clips.csv``: class, source, engine and family, human
corpus and speaker, licence, SHA-256 of the samples, side of the split and fold. A source gives at most 40 clips and
4 minutes of a class, drawn evenly from its engines; one that holds human speech only gives twice as many.
"""

from __future__ import annotations

import hashlib
import re
import sys
import tempfile
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.decoding import decode, resample
from audio_batch.errors import AudioError
from research.corpus.catalogue import read_rows, write_rows
from research.corpus.cutting import measure_voicing
from research.corpus.duplicates import Fingerprint, fingerprint, keep_apart
from research.corpus.kept_sources import refuse_kept
from research.corpus.origins import BareRepository
from research.corpus.sides import draw_fold, draw_side

LIST = Path(__file__).with_name("demonstrations.toml")
COLUMNS = (
    *("clip", "class", "source", "kind", "engine", "family", "corpus", "speaker", "licence", "sha256", "seconds"),
    *("sampling_rate", "split", "fold", "path"),
)
MANIFEST_COLUMNS = tuple(column for column in COLUMNS if column != "clip")
MIN_SECONDS, MAX_SECONDS = 1.0, 15.0
MAX_CLIPS, MAX_SOURCE_SECONDS = 40, 240.0
MAX_HUMAN_CLIPS, MAX_HUMAN_SECONDS = 80, 600.0
RATE, NARROW_RATE = 16_000, 8_000
LONG_SECONDS, MAX_PIECES = 30.0, 8

Signal = NDArray[np.float32]


@dataclass(frozen=True)
class Rule:
    """Which files of a repository are of one class, and what is said of them.

    Parameters
    ----------
    label
        ``human`` or ``synthetic``.
    paths
        Regular expression that matches the whole path of a file.
    engine, family, corpus, speaker
        Templates over the named groups of `paths`.
    """

    label: str
    paths: str
    engine: str = ""
    family: str = ""
    corpus: str = ""
    speaker: str = ""


@dataclass(frozen=True)
class Demonstration:
    """One entry of the list: a repository, its licence and its rules."""

    repository: str
    licence: str
    rules: tuple[Rule, ...]
    kind: str = ""
    branch: str = ""
    trained_before: bool = False

    @property
    def side(self) -> str:
        """``train`` or ``evaluation``."""
        return draw_side(self.repository, trained_before=self.trained_before)


@dataclass
class Tally:
    """What became of the files of one source."""

    kept: list[dict[str, Any]] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)


def read_demonstrations(path: Path = LIST) -> list[Demonstration]:
    """Return the entries of the list, in order.

    Raises
    ------
    AudioUsageError
        A source is kept for evaluation by others, and may not be used at all.
    """
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["demonstration"]
    found = [_read_entry(entry) for entry in entries]
    for entry in found:
        refuse_kept(path, repository=entry.repository)
    return found


def _read_entry(entry: dict[str, Any]) -> Demonstration:
    rules = tuple(Rule(label=rule["class"], **{k: v for k, v in rule.items() if k != "class"}) for rule in entry["clips"])
    return Demonstration(rules=rules, **{key: value for key, value in entry.items() if key != "clips"})


def collect_demonstrations(
    work: Path, *, mirror: Path, only: Iterable[str] | None = None, manifest: Path | None = None
) -> dict[str, Tally]:
    """Read all demonstrations that have a clone, part them into two sides and write the clips and their table.

    Parameters
    ----------
    work
        Folder for ``clips/`` and ``clips.csv``; clips of sources that are made again are replaced.
    mirror
        Folder of bare clones named ``owner+name``; a repository without one is reported and skipped.
    only
        Repositories to make again; the rest of the table is kept. All by default.
    manifest
        Where to write the table without places of sound files.

    Returns
    -------
    dict of str to Tally
        By source, the lines of its clips and the reasons why others were dropped.
    """
    table = work / "clips.csv"
    work.mkdir(parents=True, exist_ok=True)
    tallies: dict[str, Tally] = {}
    for entry in read_demonstrations():
        if only and entry.repository not in only:
            continue
        try:
            tallies[entry.repository] = tally = collect_source(entry, mirror, work)
        except AudioError as error:
            print(f"{entry.repository}: skipped: {error}", file=sys.stderr)
            continue
        print(f"{entry.repository}: {len(tally.kept)} clips, dropped {dict(tally.dropped)}", file=sys.stderr, flush=True)
    known = read_rows(work / "all.csv") if only and (work / "all.csv").exists() else []
    rows = [row for row in known if row["source"] not in tallies]
    rows += [row for tally in tallies.values() for row in tally.kept]
    write_rows(work / "all.csv", rows, (*COLUMNS, "print"))
    kept, reasons = keep_apart(rows)
    print(f"{len(kept)} clips in the table, left out of it: {dict(reasons)}", file=sys.stderr)
    write_rows(table, kept, COLUMNS)
    if manifest:
        write_rows(manifest, sorted(kept, key=lambda row: (row["source"], row["path"])), MANIFEST_COLUMNS)
    return tallies


def collect_source(entry: Demonstration, mirror: Path, work: Path) -> Tally:
    """Write the clips of one source.

    Raises
    ------
    AudioUsageError
        There is no clone of it.
    """
    origin = BareRepository(entry.repository, mirror, branch=entry.branch)
    folder = work / "clips" / entry.repository.replace("/", "+")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.wav"):
        old.unlink()
    tally, seconds, seen = Tally(), Counter[str](), set[str]()
    counts = Counter[str]()
    most, longest = (MAX_CLIPS, MAX_SOURCE_SECONDS) if entry.kind else (MAX_HUMAN_CLIPS, MAX_HUMAN_SECONDS)
    for path, facts in _order(_match(entry, origin.names()), entry.repository):
        label = facts["class"]
        if counts[label] >= most or seconds[label] >= longest:
            tally.dropped["over the cap"] += 1
            continue
        read = _read(origin, path)
        if read is None:
            tally.dropped["unreadable"] += 1
            continue
        for start, signal in _cut(*read):
            fault = _find_fault(signal, read[1])
            pcm = _to_pcm(signal)
            digest = hashlib.sha256(pcm.tobytes()).hexdigest()
            if fault or digest in seen:
                tally.dropped[fault or "same sound again"] += 1
                continue
            seen.add(digest)
            place = folder / f"{len(tally.kept):03d}.wav"
            _write(place, pcm, read[1])
            counts[label] += 1
            seconds[label] += len(pcm) / read[1]
            described = _describe_clip(entry, path if start == 0 else f"{path}#{start:.0f}", pcm, read[1], digest)
            tally.kept.append({**facts, **described, "clip": str(place.relative_to(work))})
    return tally


def _describe_clip(
    entry: Demonstration, path: str, pcm: NDArray[np.int16], rate: int, digest: str
) -> dict[str, Any]:
    return {
        "source": entry.repository,
        "licence": entry.licence,
        "sha256": digest,
        "seconds": f"{len(pcm) / rate:.2f}",
        "sampling_rate": rate,
        "split": entry.side,
        "fold": draw_fold(entry.repository) if entry.side == "train" else "",
        "path": path,
        "print": fingerprint(pcm, rate).to_text(),
    }


def _cut(signal: Signal, rate: int) -> Iterator[tuple[float, Signal]]:
    """Yield the first 15 s of a file, and of a long one up to eight such pieces at even distances."""
    length = len(signal) / rate
    pieces = min(MAX_PIECES, int(length // MAX_SECONDS)) if length >= LONG_SECONDS else 1
    for number in range(pieces):
        start = (length - MAX_SECONDS) * number / max(1, pieces - 1) if pieces > 1 else 0.0
        yield start, signal[round(start * rate) : round((start + MAX_SECONDS) * rate)]


def _match(entry: Demonstration, paths: Iterable[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path in paths:
        for rule in entry.rules:
            if found := re.fullmatch(rule.paths, path):
                groups = {key: value or "" for key, value in found.groupdict().items()}
                yield path, _describe(entry, rule, groups)
                break


def _describe(entry: Demonstration, rule: Rule, groups: dict[str, str]) -> dict[str, Any]:
    facts = {key: getattr(rule, key).format(**groups) for key in ("engine", "family", "corpus", "speaker")}
    for key in ("engine", "family"):
        facts[key] = facts[key].lower()
    if rule.label == "human" and not facts["speaker"]:
        facts["speaker"] = entry.repository.lower().replace("/", "-")
    return {"class": rule.label, "kind": entry.kind if rule.label == "synthetic" else "", **facts}


def _order(found: Iterable[tuple[str, dict[str, Any]]], source: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Deal the files out engine by engine (speaker by speaker for humans), each engine's in an order that a hash draws."""
    piles: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    for path, facts in found:
        piles[facts["engine"] or facts["speaker"]].append((path, facts))
    for pile in piles.values():
        pile.sort(key=lambda item: hashlib.sha256(f"{source}/{item[0]}".encode("utf-8", "surrogateescape")).digest())
    names = sorted(piles)
    for turn in range(max((len(pile) for pile in piles.values()), default=0)):
        for name in names:
            if turn < len(piles[name]):
                yield piles[name][turn]


def _read(origin: BareRepository, path: str) -> tuple[Signal, int] | None:
    with tempfile.NamedTemporaryFile(suffix=Path(path).suffix.lower()) as file:
        try:
            file.write(origin.read(path))
            file.flush()
            signal, rate = decode(file.name)
        except AudioError:  # a snapshot may lack its largest files; some pages hold broken ones
            return None
    mono = np.asarray(signal, dtype=np.float32)
    mono = mono.mean(axis=-1) if mono.ndim > 1 else mono
    wanted = NARROW_RATE if rate < RATE else RATE
    return (resample(mono, rate, wanted) if rate != wanted else mono), wanted


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


def _write(place: Path, pcm: NDArray[np.int16], rate: int) -> None:
    import soundfile

    soundfile.write(place, pcm, rate, subtype="PCM_16")
