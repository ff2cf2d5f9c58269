"""The clips that voiceprints are measured on: choosing them, telephone channels, embeddings, splits by speaker."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.decoding import decode, resample
from audio_batch.speaker.encoder import Encoder
from audio_batch.speaker.voice import classify_channel, embed_classes, keep_speech

Vectors = NDArray[np.float32]
Row = dict[str, str]
COHORT_SOURCE = "resemblyzer-libri-clean"
TEST_CLIPS = 6
MAX_CLIPS = 9
CROWDS = ("-cast", "-crowd")
"""Endings of speakers that stand for many people, who are no use here."""
UNSURE_SOURCES = {"ktuberling"}
"""Sources whose speakers are named by language and may differ from another source's speaker of the same name."""
MIN_SECONDS = 1.0


@dataclass(frozen=True)
class Clip:
    """One human clip: whose it is, and its embeddings by channel and class."""

    name: str
    path: str
    speaker: str
    source: str
    wide: bool
    embeddings: dict[str, Vectors]


def code(signal: Vectors, subtype: str) -> Vectors:
    """Send an 8 kHz signal through one of libsndfile's codecs and back."""
    import soundfile

    file = io.BytesIO()
    soundfile.write(file, signal, 8000, format="WAV", subtype=subtype)
    file.seek(0)
    return np.asarray(soundfile.read(file, dtype="float32")[0], dtype=np.float32)


def band_limit(signal: Vectors) -> Vectors:
    """Keep 300 to 3400 Hz of an 8 kHz signal, as an analogue line does (ITU-T G.712)."""
    from scipy.signal import butter, sosfilt

    filtered = sosfilt(butter(4, [300, 3400], "bandpass", fs=8000, output="sos"), signal)
    return np.asarray(filtered, dtype=np.float32)


CHANNELS: dict[str, Callable[[Vectors], Vectors]] = {
    "g711": lambda narrow: code(narrow, "ULAW"),
    "line": lambda narrow: code(band_limit(narrow), "ALAW"),
    "gsm": lambda narrow: code(narrow, "GSM610"),
}


def read_speech(path: str) -> tuple[Vectors, int] | None:
    """Return the speech of a clip and its sampling rate; None where there is too little."""
    signal, rate = decode(path)
    speech = keep_speech(np.ascontiguousarray(signal[:, 0]), rate)
    return (speech, rate) if len(speech) >= MIN_SECONDS * rate else None


def embed_clip(path: str, encoder: Encoder) -> tuple[bool, dict[str, Vectors]] | None:
    """Embed one clip as it is and over every telephone channel; None where there is too little speech."""
    read = read_speech(path)
    if read is None:
        return None
    speech, rate = read
    own = classify_channel(speech, rate)
    found: dict[str, Vectors] = {}
    if own == "wideband":
        classes = embed_classes(speech, rate, own, encoder)
        found |= {"wide": classes["wideband"], "copy": classes["narrowband"]}
    narrow = resample(speech, rate, 8000)
    for name, carry in CHANNELS.items():
        found[name] = embed_classes(carry(narrow), 8000, "narrowband", encoder)["narrowband"]
    return own == "wideband", found


def read_rows(manifest: Path) -> list[Row]:
    """Read a manifest; a missing one has no rows."""
    if not manifest.exists():
        return []
    with manifest.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def choose_rows(rows: list[Row]) -> list[Row]:
    """Keep clips of two seconds and more, at most `MAX_CLIPS` a speaker, in the order of their hashes."""
    kept: dict[str, list[Row]] = {}
    known = [row for row in rows if not row["speaker"].endswith(CROWDS) and row["source"] not in UNSURE_SOURCES]
    for row in sorted(known, key=lambda row: row["sha256"]):
        if float(row["duration_seconds"]) >= 2 and len(kept.setdefault(row["speaker"], [])) < MAX_CLIPS:
            kept[row["speaker"]].append(row)
    return [row for speaker in sorted(kept) for row in kept[speaker]]


def embed_clips(rows: list[Row], encoder: Encoder, cache: Path) -> list[Clip]:
    """Embed all clips, remembering what was embedded before."""
    known: dict[str, Any] = {}
    if cache.exists():
        with np.load(cache) as stored:
            known = {name: stored[name] for name in stored.files}
    clips = []
    for number, row in enumerate(rows, start=1):
        prefix = f"{row['sha256']}/"
        if f"{prefix}done" not in known:
            result = embed_clip(row["path"], encoder)
            known[f"{prefix}done"] = np.array(result is not None and result[0])
            known |= {prefix + name: vector for name, vector in (result[1] if result else {}).items()}
            if not number % 100:
                np.savez(cache, **known)
        found = {name: known[prefix + name] for name in ("wide", "copy", *CHANNELS) if prefix + name in known}
        if found:
            wide = bool(known[f"{prefix}done"])
            clips.append(Clip(row["clip_id"], row["path"], row["speaker"], row["source"], wide, found))
    np.savez(cache, **known)
    return clips


def split_speakers(clips: list[Clip]) -> dict[str, list[Clip]]:
    """Split clips into cohort, calibration and test, no speaker in two of them."""
    counts: dict[str, int] = {}
    for clip in clips:
        counts[clip.speaker] = counts.get(clip.speaker, 0) + 1
    parts: dict[str, list[Clip]] = {"cohort": [], "calibration": [], "test": []}
    for clip in clips:
        if clip.source == COHORT_SOURCE:
            third = hashlib.sha256(clip.speaker.encode()).digest()[0] % 3
            parts["calibration" if third == 0 else "cohort"].append(clip)
        elif counts[clip.speaker] >= TEST_CLIPS:
            parts["test"].append(clip)
    return parts


def by_speaker(clips: list[Clip], channel: str) -> dict[str, list[Clip]]:
    """Group the clips that have an embedding over a channel."""
    groups: dict[str, list[Clip]] = {}
    for clip in clips:
        if channel in clip.embeddings:
            groups.setdefault(clip.speaker, []).append(clip)
    return groups
