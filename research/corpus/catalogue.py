"""The table of synthetic clips: what a clip is, how it is stored, and which columns describe it."""

from __future__ import annotations

import csv
import fcntl
import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audio_batch.decoding import resample
from audio_batch.errors import AudioUsageError
from batch_base.files import replaced_file
from research.corpus.kept_sources import refuse_kept

MAX_RATE = 24_000
MAX_SECONDS = 8.0
MIN_SECONDS = 0.8
MIN_RMS = 1e-3
MAX_NAME = 140

MANIFEST_COLUMNS = (
    *("clip_id", "source", "package", "version", "sha256", "speaker", "attack", "attack_family"),
    *("licence", "sampling_rate", "duration_seconds", "language", "pair_id"),
)
WORK_COLUMNS = ("clip_id", "path", "label", *MANIFEST_COLUMNS[1:])


@dataclass(frozen=True)
class Origin:
    """Where a clip comes from: the part of its row that its engine knows."""

    source: str
    package: str
    version: str
    licence: str
    attack: str
    attack_family: str


@dataclass(frozen=True)
class Clip:
    """One clip as an engine hands it over.

    Parameters
    ----------
    name
        Unique within `origin.source`; becomes part of the clip's id and file name.
    signal
        Mono float32 of full scale 1, shape (samples,).
    sampling_rate
        Hz.
    speaker
        Voice, prefixed by its engine; for a copy, the speaker of the human clip.
    language
        ISO 639-1, or empty where it is not known.
    origin
        Engine, package, licence and attack.
    pair_id
        Id of the human clip that this one is a copy of, or empty.
    whole
        Never cut into pieces; a copy never is.
    """

    name: str
    signal: np.ndarray
    sampling_rate: int
    speaker: str
    language: str
    origin: Origin
    pair_id: str = ""
    whole: bool = False

    @property
    def clip_id(self) -> str:
        """Id over the whole corpus, usable as a file name."""
        return make_clip_id(self.origin.source, self.name, kind="syn" if self.origin.attack else "hum")


def make_clip_id(source: str, name: str, *, kind: str = "syn") -> str:
    """Return the id of a clip: kind, source and name, reduced to safe signs and a bounded length.

    Parameters
    ----------
    source
        Short name of the engine or repository.
    name
        Unique within the source; may come from a path and hold anything.
    kind
        ``syn`` or ``hum``.
    """
    full = _slug(f"{kind}_{source}_{name}")
    return full if len(full) <= MAX_NAME else f"{full[: MAX_NAME - 9]}-{_digest(full.encode())[:8]}"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", text)


def cut_long_clip(signal: np.ndarray, sampling_rate: int, *, max_seconds: float = MAX_SECONDS) -> list[np.ndarray]:
    """Cut a signal into pieces of about equal length, at the quietest moment near each border.

    Parameters
    ----------
    signal
        Mono, shape (samples,).
    sampling_rate
        Hz.
    max_seconds
        Signals that are not longer come back whole. A piece may exceed this by at most 0.8 s.

    Returns
    -------
    list of numpy.ndarray
        Pieces that add up to the signal.
    """
    count = int(np.ceil(len(signal) / (max_seconds * sampling_rate)))
    borders = [_quietest_near(signal, sampling_rate, len(signal) * i // count) for i in range(1, count)]
    return list(np.split(signal, borders)) if count > 1 else [signal]


def _quietest_near(signal: np.ndarray, sampling_rate: int, centre: int) -> int:
    reach, frame = int(0.4 * sampling_rate), max(1, int(0.05 * sampling_rate))
    start = max(0, centre - reach)
    power = np.convolve(signal[start : centre + reach].astype(np.float64) ** 2, np.ones(frame), mode="valid")
    return start + int(np.argmin(power)) + frame // 2 if power.size else centre


def prepare_signal(signal: np.ndarray, sampling_rate: int) -> tuple[np.ndarray, int]:
    """Return the signal as float32 at no more than 24 kHz and without overload; nothing else is changed.

    Parameters
    ----------
    signal
        Mono, shape (samples,), floating point.
    sampling_rate
        Hz.

    Returns
    -------
    tuple of numpy.ndarray and int
        The signal and its sampling rate in Hz.
    """
    signal = np.asarray(signal, dtype=np.float32)
    if sampling_rate > MAX_RATE:
        signal, sampling_rate = resample(signal, sampling_rate, MAX_RATE), MAX_RATE
    peak = float(np.max(np.abs(signal), initial=0.0))
    return (signal / peak * 0.99 if peak > 0.99 else signal), sampling_rate


class Catalogue:
    """The clips of a work folder: FLAC files under ``clips/<source>/`` and the table ``synthetic.csv``.

    Parameters
    ----------
    work
        The work folder; made if it is not there.
    table
        File name of the table.
    label
        Class of every clip that is added: ``synthetic`` or ``human``.
    """

    def __init__(self, work: Path, *, table: str = "synthetic.csv", label: str = "synthetic") -> None:
        self.work = work
        self.table = work / table
        self.label = label
        work.mkdir(parents=True, exist_ok=True)

    def add(self, clips: Iterable[Clip], *, batch: int = 100) -> int:
        """Store clips and put their rows into the table, replacing rows of the same id.

        Parameters
        ----------
        clips
            What the engines made; too short and silent pieces are left out.
        batch
            After how many clips the table is written, so that a reader may start early.

        Returns
        -------
        int
            How many rows were written.

        Raises
        ------
        AudioUsageError
            A clip's package or repository is kept for evaluation.
        """
        rows: list[dict[str, Any]] = []
        total = 0
        for clip in clips:
            rows.extend(self._store(clip))
            if len(rows) >= batch:
                total += self._merge(rows)
                rows = []
        return total + self._merge(rows)

    def _store(self, clip: Clip) -> Iterator[dict[str, Any]]:
        package = clip.origin.package
        refuse_kept(self.table, **{"repository" if "/" in package else "package": package})
        signal, rate = prepare_signal(clip.signal, clip.sampling_rate)
        pieces = [signal] if clip.pair_id or clip.whole else cut_long_clip(signal, rate)
        for number, piece in enumerate(pieces):
            if len(piece) < MIN_SECONDS * rate or float(np.sqrt(np.mean(piece**2))) < MIN_RMS:
                continue
            clip_id = clip.clip_id + (f"_{number}" if len(pieces) > 1 else "")
            yield self._write(clip, clip_id, piece, rate)

    def _write(self, clip: Clip, clip_id: str, signal: np.ndarray, rate: int) -> dict[str, Any]:
        import soundfile

        origin = clip.origin
        path = self.work / "clips" / _slug(origin.source) / f"{clip_id}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, signal, rate, subtype="PCM_16")
        described = {**vars(origin), "speaker": clip.speaker, "language": clip.language, "pair_id": clip.pair_id}
        measured = {
            "sha256": _digest(path.read_bytes()),
            "sampling_rate": rate,
            "duration_seconds": round(len(signal) / rate, 3),
        }
        return {"clip_id": clip_id, "path": str(path.resolve()), "label": self.label, **described, **measured}

    def _merge(self, rows: list[dict[str, Any]]) -> int:
        if rows:
            with _locked(self.table):
                known = {row["clip_id"]: row for row in read_rows(self.table)} if self.table.exists() else {}
                known.update({row["clip_id"]: row for row in rows})
                write_rows(self.table, known.values(), WORK_COLUMNS)
        return len(rows)


@contextmanager
def _locked(table: Path) -> Iterator[None]:
    with table.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def read_rows(table: Path) -> list[dict[str, str]]:
    """Return the rows of a table of clips.

    Raises
    ------
    AudioUsageError
        The file is missing.
    """
    if not table.exists():
        raise AudioUsageError(f"there is no table of clips at {table}", hint="build the corpus first")
    with table.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_known_ids(work: Path) -> frozenset[str]:
    """Return the ids of the synthetic clips that are stored already, so that slow engines can go on where they were."""
    table = work / "synthetic.csv"
    return frozenset(row["clip_id"] for row in read_rows(table)) if table.exists() else frozenset()


def write_rows(table: Path, rows: Iterable[dict[str, Any]], columns: Iterable[str]) -> None:
    """Write rows to a CSV file in one step, so that no reader sees half a table; other keys are dropped.

    Parameters
    ----------
    table
        Where to.
    rows
        One mapping per clip.
    columns
        Which keys, in which order.
    """
    with replaced_file(table) as fresh, fresh.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=tuple(columns), extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_manifest(work: Path, manifest: Path) -> int:
    """Write the part of the table of clips that may be published: no path of this machine, sorted by clip id.

    Parameters
    ----------
    work
        The work folder that holds ``synthetic.csv``.
    manifest
        The file to write.

    Returns
    -------
    int
        Number of clips.
    """
    rows = sorted(read_rows(work / "synthetic.csv"), key=lambda row: row["clip_id"])
    write_rows(manifest, rows, MANIFEST_COLUMNS)
    return len(rows)
