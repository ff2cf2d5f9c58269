"""Calls of minutes, composed of clips: one caller, often an agent, sometimes a bystander, hold music; maybe a splice.

All of it is drawn alike for calls with and without a splice, but for the splice itself: five seconds of synthetic
speech in the caller's place, at the caller's level, through the same line.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.decoding import decode, resample
from audio_batch.spoof import call_centre, impairments
from audio_batch.spoof.coding import apply_codec

Signal = NDArray[np.float32]

RATE = 8000
SPLICE_SECONDS = 5.0
LEAST_SECONDS = 15.0
"""Speech of one voice that a call can be made of."""
CODECS = ("none", "g711_mulaw", "g711_alaw", "gsm", "opus")


@dataclass(frozen=True)
class Clip:
    """One line of a corpus."""

    path: str
    label: str
    source: str
    voice: str
    corpus: str
    split: str
    seconds: float


@dataclass(frozen=True)
class Call:
    """A composed call.

    Attributes
    ----------
    signal
        Mono at 8 kHz.
    turns
        Start and end in seconds of each stretch of speech, and whose it is: ``caller``, ``agent``, ``bystander`` or
        ``splice``.
    facts
        What it was made of.
    """

    signal: Signal
    turns: tuple[tuple[float, float, str], ...]
    facts: dict[str, Any]

    @property
    def splices(self) -> tuple[tuple[float, float], ...]:
        """Start and end of each splice."""
        return tuple((start, end) for start, end, who in self.turns if who == "splice")


def read_corpus(folder: Path) -> list[Clip]:
    """Read ``clips.csv``: columns clip, class (human, synthetic), source, speaker, engine, corpus, split, seconds."""
    with (folder / "clips.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        Clip(
            str(folder / row["clip"]),
            row["class"],
            row["source"],
            row["speaker"] if row["class"] == "human" else row.get("engine", ""),
            row.get("corpus", ""),
            row["split"],
            float(row["seconds"]),
        )
        for row in rows
    ]


@dataclass(frozen=True)
class Pool:
    """The voices of one split: human ones with enough speech for a call, and synthetic clips by source."""

    callers: dict[tuple[str, str], list[Clip]]
    others: list[Clip]
    synthetic: dict[str, list[Clip]]

    @classmethod
    def of(cls, clips: Sequence[Clip], split: str) -> Pool:
        """Gather the voices of a split."""
        humans: dict[tuple[str, str], list[Clip]] = {}
        synthetic: dict[str, list[Clip]] = {}
        for clip in (clip for clip in clips if clip.split == split):
            if clip.label == "human":
                humans.setdefault((clip.source, clip.voice), []).append(clip)
            elif clip.seconds >= 2.5:
                synthetic.setdefault(clip.source, []).append(clip)
        callers = {key: found for key, found in humans.items() if sum(c.seconds for c in found) >= LEAST_SECONDS}
        return cls(callers, [clip for found in humans.values() for clip in found], synthetic)


def compose_call(pool: Pool, rng: np.random.Generator, *, seconds: float, splices: int) -> Call:
    """Compose a call of about so many seconds.

    Parameters
    ----------
    pool
        Voices to draw from; a source has the same weight, however many clips it has.
    splices
        How many times five seconds of synthetic speech stand in the midst of the caller's.
    """
    sources = sorted({source for source, _ in pool.callers})
    source = sources[int(rng.integers(len(sources)))]
    voices = [key for key in sorted(pool.callers) if key[0] == source]
    key = voices[int(rng.integers(len(voices)))]
    caller = pool.callers[key]
    agent = _draw_agent(pool, key, rng)
    parts, turns = _draw_turns(caller, agent, rng, seconds)
    facts: dict[str, Any] = {"source": source, "voice": key[1], "agent": agent[0].voice if agent else None}
    facts["agent source"] = agent[0].source if agent else None
    _add_bystander(parts, turns, pool, key, rng, facts)
    facts["splices"] = []
    for _ in range(splices):
        place, splice = _insert_splice(parts, turns, pool, caller, rng)
        facts["splices"].insert(turns[:place].count("splice"), splice)
    signal, bounds = _join(parts, turns, rng)
    return Call(_send(signal, rng, facts), bounds, facts)


@lru_cache(maxsize=4096)
def _read(path: str) -> Signal:
    signal, rate = decode(path)
    mono = resample(np.ascontiguousarray(signal[:, 0]), rate, RATE)
    trimmed = impairments.trim_silence(mono, RATE, lead=0.05, trail=0.05)
    return impairments.set_level(trimmed - trimmed.mean(), -23.0)


def _draw_agent(pool: Pool, caller: tuple[str, str], rng: np.random.Generator) -> list[Clip]:
    keys = [key for key in sorted(pool.callers) if key[1] != caller[1]]
    return pool.callers[keys[int(rng.integers(len(keys)))]] if keys and rng.random() < 0.6 else []


def _draw_turns(
    caller: list[Clip], agent: list[Clip], rng: np.random.Generator, seconds: float
) -> tuple[list[Signal], list[str]]:
    """Return turns of one to four clips each, in order, and whose they are; clips repeat only when all were used."""
    parts: list[Signal] = []
    turns: list[str] = []
    piles: dict[str, list[Clip]] = {"caller": [], "agent": []}
    level, length = np.float32(10 ** (rng.uniform(-8, 4) / 20)), 0.0
    share = float(rng.uniform(0.15, 0.6)) if agent else 0.0
    while length < seconds:
        who = "agent" if rng.random() < share else "caller"
        for _ in range(int(rng.integers(1, 5))):
            pile = piles[who] or list(rng.permutation(np.array(agent if who == "agent" else caller, dtype=object)))
            clip, piles[who] = pile[0], pile[1:]
            part = _read(clip.path) * (level if who == "agent" else np.float32(1))
            parts.append(np.asarray(part, np.float32))
            turns.append(who)
            length += len(part) / RATE + 0.6
    return parts, turns


def _add_bystander(
    parts: list[Signal],
    turns: list[str],
    pool: Pool,
    caller: tuple[str, str],
    rng: np.random.Generator,
    facts: dict[str, Any],
) -> None:
    """Sometimes another human says one thing, for some five seconds: what a splice looks like but for its voice."""
    facts["bystander"] = bool(rng.random() < 0.1)
    others = [clip for clip in pool.others if clip.voice != caller[1] and clip.seconds >= 2.5]
    if facts["bystander"] and others:
        part = _fit([_read(others[int(rng.integers(len(others)))].path)], SPLICE_SECONDS)
        place = int(rng.integers(1, len(parts)))
        parts.insert(place, part * np.float32(10 ** (rng.uniform(-6, 3) / 20)))
        turns.insert(place, "bystander")


def _insert_splice(
    parts: list[Signal],
    turns: list[str],
    pool: Pool,
    caller: list[Clip],
    rng: np.random.Generator,
) -> tuple[int, dict[str, Any]]:
    """Insert synthetic speech next to the caller's; half of the time of an engine that copies the same corpus.

    Returns
    -------
    tuple
        Its place among the turns, and what it was made of.
    """
    alike = [name for name, found in sorted(pool.synthetic.items()) if found[0].corpus == caller[0].corpus]
    names = alike if alike and rng.random() < 0.5 else sorted(pool.synthetic)
    name = names[int(rng.integers(len(names)))]
    clips = pool.synthetic[name]
    first = clips[int(rng.integers(len(clips)))]
    same = [clip for clip in clips if clip.voice == first.voice]
    chosen = [_read(first.path), *(_read(clip.path) for clip in rng.permutation(np.array(same, dtype=object))[:3])]
    places = [i for i in range(1, len(turns)) if turns[i - 1] == "caller"] or [len(parts) // 2]
    place = places[int(rng.integers(len(places)))]
    parts.insert(place, _fit(chosen, SPLICE_SECONDS) * np.float32(10 ** (rng.uniform(-2, 2) / 20)))
    turns.insert(place, "splice")
    return place, {"source": name, "engine": first.voice, "alike": name in alike}


def _fit(signals: list[Signal], seconds: float) -> Signal:
    whole = signals[0]
    for signal in signals[1:]:
        if whole.size >= seconds * RATE:
            break
        whole = np.concatenate([whole, np.zeros(int(0.15 * RATE), np.float32), signal])
    return impairments.fade_edges(whole[: round(seconds * RATE)], RATE, seconds=0.01)


def _join(
    parts: list[Signal], turns: list[str], rng: np.random.Generator
) -> tuple[Signal, tuple[tuple[float, float, str], ...]]:
    """Join parts with pauses between them; return where each lies, in seconds, and whose it is."""
    pieces: list[Signal] = []
    position = 0
    bounds: list[tuple[float, float, str]] = []
    for part, turn in zip(parts, turns, strict=True):
        pause = np.zeros(int(RATE * rng.uniform(0.15, 1.2)), np.float32)
        pieces += [pause, part]
        start, position = position + len(pause), position + len(pause) + len(part)
        bounds.append((start / RATE, position / RATE, turn))
    return np.concatenate(pieces), tuple(bounds)


def _send(signal: Signal, rng: np.random.Generator, facts: dict[str, Any]) -> Signal:
    """Send the whole call through one line: hold music, noise floor, band, gain, codec, losses, a change of level."""
    facts["music"] = bool(rng.random() < 0.15)
    if facts["music"]:
        length = round(float(rng.uniform(5, 20)) * RATE)
        start = int(rng.integers(max(1, signal.size - length)))
        music = call_centre.make_music(min(length, signal.size - start), RATE, rng=rng)
        gain = np.float32(10 ** (rng.uniform(-14, 0) / 20))
        signal = signal.copy()
        signal[start : start + music.size] = 0.1 * signal[start : start + music.size] + gain * music
    facts["level change"] = bool(rng.random() < 0.2)
    if facts["level change"]:
        place, change = int(rng.integers(signal.size)), np.float32(10 ** (rng.uniform(-12, 6) / 20))
        signal = np.concatenate([signal[:place], signal[place:] * change])
    kind = str(rng.choice(("white", "pink", "babble", "hum"), p=(0.4, 0.35, 0.2, 0.05)))
    facts["noise"], facts["snr_db"] = kind, float(rng.uniform(15, 45))
    signal = impairments.add_noise(signal, RATE, kind, facts["snr_db"], rng=rng)
    if rng.random() < 0.4:
        signal = impairments.filter_band(signal, RATE, 300.0, 3400.0)
    if rng.random() < 0.2:
        signal = call_centre.control_gain(signal, RATE, attack_seconds=0.02, release_seconds=0.8, most_db=12.0)
    facts["codec"] = str(rng.choice(CODECS))
    signal = impairments.set_level(signal, float(rng.uniform(-30, -16)))
    if facts["codec"] != "none":
        signal = apply_codec(np.clip(signal, -1, 1), RATE, facts["codec"], bit_rate=12.0)
    facts["losses"] = bool(rng.random() < 0.2)
    if facts["losses"]:
        conceal = str(rng.choice(("zero", "repeat")))
        signal = impairments.lose_packets(
            signal, RATE, share=float(rng.uniform(0.005, 0.03)), burst=1.5, conceal=conceal, rng=rng
        )
    return np.asarray(np.clip(signal, -1, 1), np.float32)
