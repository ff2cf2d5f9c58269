"""Human clips: sources read from a data file, decoded, cut, checked for voicing, written and listed."""

from __future__ import annotations

import hashlib
import re
import tomllib
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.decoding import resample
from audio_batch.errors import AudioUsageError
from research.corpus.cutting import (
    MAX_SECONDS,
    MIN_SECONDS,
    cut_clips,
    find_islands,
    join_utterances,
    measure_voicing,
    trim_edges,
)
from research.corpus.evaluation_only import read_evaluation_only
from research.corpus.kept_sources import refuse_kept
from research.corpus.manifest import Clip, read_clips, replace_source, write_manifest
from research.corpus.origins import BareRepository, DebianPackage, Origin
from research.corpus.reading import READERS, unpack_queen

Signal = NDArray[np.float32]

SOURCES = Path(__file__).with_name("human_sources.toml")
MANIFEST = Path(__file__).with_name("human.csv")
HIGHEST_RATE = 24000


@dataclass(frozen=True)
class Source:
    """One entry of ``human_sources.toml``; the fields are described at its head."""

    name: str
    files: str
    speaker: str
    licence: str
    language: str
    package: str = ""
    repository: str = ""
    layout: str = "sound"
    skip: str = ""
    join: bool = False
    trim: bool = False
    whole: bool = False
    cap: int = 250


@dataclass
class Tally:
    """What became of the clips of a source: kept, and dropped by reason."""

    kept: list[Clip] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)


def load_sources(path: str | Path = SOURCES) -> list[Source]:
    """Read the list of sources.

    Raises
    ------
    AudioUsageError
        When an entry has an unknown layout, neither or both of package and repository, or is kept for evaluation.
    """
    with Path(path).open("rb") as file:
        sources = [Source(**entry) for entry in tomllib.load(file)["source"]]
    for source in sources:
        refuse_kept(Path(path), repository=source.repository, package=source.package)
        if source.layout not in READERS or bool(source.package) == bool(source.repository):
            raise AudioUsageError(
                f"{path}: source {source.name!r} has layout {source.layout!r}, package {source.package!r}, "
                f"repository {source.repository!r}",
                hint=f"Layouts: {', '.join(READERS)}; and give exactly one of package and repository.",
            )
    return sources


def collect_human(
    work: str | Path, *, mirror: str | Path | None = None, only: list[str] | None = None, manifest: Path | None = None
) -> dict[str, Tally]:
    """Make the human half of the corpus.

    Parameters
    ----------
    work
        Work folder: packages, clips (``clips/<source>/*.flac``) and the list ``human.csv`` are written below it.
    mirror
        Folder of bare git repositories; without it, only Debian packages are read.
    only
        Names of the sources to make; all by default.
    manifest
        Where the list without paths is written afterwards; nowhere by default.

    Returns
    -------
    dict
        By source, the clips kept and the reasons of those dropped.
    """
    work = Path(work)
    listing = work / "human.csv"
    tallies = {}
    for source in load_sources():
        if (only and source.name not in only) or (source.repository and mirror is None):
            continue
        origin = _open_origin(source, work, mirror)
        tallies[source.name] = tally = collect_source(source, origin, work / "clips")
        replace_source(listing, source.name, tally.kept)
        print(f"{source.name}: {len(tally.kept)} clips, dropped {dict(tally.dropped)}", flush=True)
    if manifest is not None:
        write_manifest(manifest, read_clips(listing))
    return tallies


def collect_source(source: Source, origin: Origin, clips: Path) -> Tally:
    """Decode, cut and check all recordings of one source, and write the clips.

    Recordings are taken in an order that only the source's name decides, so that a cap takes a fair sample.

    Parameters
    ----------
    source, origin
        What to read, and where.
    clips
        Folder in which the source gets a folder of its own.
    """
    folder = clips / source.name
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(zlib.crc32(source.name.encode()))
    tally, count, seen = Tally(), Counter[str](), set[str]()
    for name, speaker, signal, rate in _make_clips(source, origin, rng, count, tally):
        fault = "over the cap" if count[speaker] >= source.cap else measure_voicing(signal, rate).fault
        if fault:
            tally.dropped[fault] += 1
            continue
        pcm = _to_pcm(*_limit_rate(signal, rate))
        clip = _describe(source, origin.version, name, speaker, folder, *pcm)
        if clip.sha256 in seen:
            tally.dropped["same sound again"] += 1
            continue
        seen.add(clip.sha256)
        _write_clip(clip, pcm[0])
        count[speaker] += 1
        tally.kept.append(clip)
    tally.kept.sort(key=lambda clip: clip.clip_id)
    return tally


def _open_origin(source: Source, work: Path, mirror: str | Path | None) -> Origin:
    if source.package:
        return DebianPackage(source.package, work / "packages")
    return BareRepository(source.repository, Path(mirror or "."))


def _make_clips(
    source: Source, origin: Origin, rng: np.random.Generator, count: Counter[str], tally: Tally
) -> Iterator[tuple[str, str, Signal, int]]:
    """Cut clips of recordings in random order, passing over the speakers who have reached their cap."""
    recordings = list(_list_recordings(source, origin))
    order = [recordings[index] for index in rng.permutation(len(recordings))]
    words: dict[tuple[str, int], list[Signal]] = {}
    for name, speaker, data in order:
        if speaker.lower() in read_evaluation_only().speakers:
            tally.dropped["speaker is on the evaluation side"] += 1
            continue
        if source.skip and re.search(source.skip, name):
            tally.dropped["skipped by name"] += 1
            continue
        if count[speaker] >= source.cap:
            tally.dropped["over the cap"] += 1
            continue
        signal, rate = _decode(source, name, data if data is not None else origin.read(name), tally)
        if signal.size == 0:
            continue
        if source.whole:
            if MIN_SECONDS * rate <= signal.size <= MAX_SECONDS * rate:
                yield _slug(name), speaker, signal, rate
            continue
        if source.join or _speech_seconds(signal, rate) < 1.8:
            words.setdefault((speaker, rate), []).append(trim_edges(signal, rate) if source.trim else signal)
            continue
        for start, clip in cut_clips(signal, rate):
            yield f"{_slug(name)}-{round(start * 1000):06d}", speaker, clip, rate
    for (speaker, rate), utterances in words.items():
        for index, clip in join_utterances(utterances, rate, rng=rng):
            yield f"{_slug(speaker)}-joined-{rate}-{index:04d}", speaker, clip, rate


def _list_recordings(source: Source, origin: Origin) -> Iterator[tuple[str, str, bytes | None]]:
    wanted = re.compile(source.files)
    for name in origin.names():
        found = wanted.fullmatch(name)
        if found is None:
            continue
        speaker = source.speaker.format(**found.groupdict())
        if source.layout == "queen":
            yield from ((part, speaker, data) for part, data in unpack_queen(origin.read(name)))
        else:
            yield name, speaker, None


def _decode(source: Source, name: str, data: bytes, tally: Tally) -> tuple[Signal, int]:
    try:
        signal, rate = READERS[source.layout](data)
    except Exception as error:
        tally.dropped[f"unreadable ({type(error).__name__})"] += 1
        return np.zeros(0, np.float32), 8000
    return signal, rate


def _speech_seconds(signal: Signal, rate: int) -> float:
    islands = find_islands(signal, rate)
    return islands[-1][1] - islands[0][0] if islands else 0.0


def _limit_rate(signal: Signal, rate: int) -> tuple[Signal, int]:
    if rate <= HIGHEST_RATE:
        return signal, rate
    return resample(signal, rate, HIGHEST_RATE), HIGHEST_RATE


def _to_pcm(signal: Signal, rate: int) -> tuple[NDArray[np.int16], int]:
    return np.round(np.clip(signal, -1.0, 32767.0 / 32768.0) * 32768.0).astype("<i2"), rate


def _describe(
    source: Source, version: str, name: str, speaker: str, folder: Path, pcm: NDArray[np.int16], rate: int
) -> Clip:
    facts: dict[str, Any] = {
        "clip_id": f"{source.name}/{name}",
        "path": str((folder / f"{name}.flac").resolve()),
        "sha256": hashlib.sha256(pcm.tobytes()).hexdigest(),
        "duration_seconds": round(pcm.size / rate, 3),
    }
    return Clip(
        label="human", source=source.name, package=source.package or source.repository, version=version,
        speaker=speaker, attack="", attack_family="", licence=source.licence, sampling_rate=rate,
        language=_name_language(source, speaker), **facts,
    )  # fmt: skip


def _name_language(source: Source, speaker: str) -> str:
    """The language of a source, or that in the speaker's name (``kde-pt_BR`` is ``pt``)."""
    if source.language != "{speaker}":
        return source.language
    return speaker.rsplit("-", 1)[-1].split("_")[0]


def _write_clip(clip: Clip, pcm: NDArray[np.int16]) -> None:
    import soundfile

    soundfile.write(clip.path, pcm, clip.sampling_rate, subtype="PCM_16")


def _slug(name: str) -> str:
    stem = re.sub(r"\.[A-Za-z0-9]+$", "", name)
    return re.sub(r"[^A-Za-z0-9_]+", "-", stem.encode("ascii", "replace").decode()).strip("-")[-60:]
