"""Trials of voices against voices: scores, equal error rates with intervals, cohort and calibration."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from audio_batch.speaker.encoder import Encoder, unit
from audio_batch.speaker.normalisation import Backend, Calibration, fit_calibration
from audio_batch.speaker.voice import ChannelClass
from benchmarks.voiceprint_clips import Clip, Vectors, by_speaker

ENROLMENT_CLIPS = 3
NEAREST = 40
ACCEPT_FALSE_RATE = 0.01
DUPLICATE_FALSE_RATE = 0.0005


@dataclass(frozen=True)
class Trials:
    """Scores of enrolled voices with probes, with the speakers of both sides."""

    scores: Vectors
    enrolled: NDArray[np.str_]
    probes: NDArray[np.str_]

    @property
    def same(self) -> NDArray[np.bool_]:
        """Whether both sides are one speaker, shape (enrolled, probes)."""
        found: NDArray[np.bool_] = self.enrolled[:, None] == self.probes[None, :]
        return found


def pick_triples(clips: list[Clip], size: int) -> Iterator[tuple[list[Clip], list[Clip]]]:
    """Yield disjoint sets of enrolment clips, each with the clips that are left for probes."""
    edges = range(0, len(clips) - len(clips) % size + 1, size)
    for start, end in pairwise(edges):
        if len(clips) > size:
            yield clips[start:end], [*clips[:start], *clips[end:]]


def make_trials(
    clips: list[Clip],
    enrol: str,
    probe: str,
    score: Callable[[Vectors, Vectors], Vectors],
    size: int = ENROLMENT_CLIPS,
) -> Trials:
    """Score every enrolment over one channel with every probe over another; own enrolment clips are left out (NaN)."""
    both = [clip for clip in clips if enrol in clip.embeddings and probe in clip.embeddings]
    models = [
        (speaker, chosen) for speaker, own in by_speaker(both, enrol).items() for chosen, _ in pick_triples(own, size)
    ]
    enrolled = unit(np.stack([np.mean([clip.embeddings[enrol] for clip in chosen], axis=0) for _, chosen in models]))
    scores = score(enrolled, np.stack([clip.embeddings[probe] for clip in both])).astype(np.float32)
    for row, (_, chosen) in enumerate(models):
        used = {clip.name for clip in chosen}
        scores[row, [column for column, clip in enumerate(both) if clip.name in used]] = np.nan
    return Trials(scores, np.array([speaker for speaker, _ in models]), np.array([clip.speaker for clip in both]))


def equal_error_rate(targets: Vectors, impostors: Vectors, weights: tuple[Vectors, Vectors] | None = None) -> float:
    """Return the rate at which misses and false acceptances are equal, on the convex line between thresholds."""
    scores = np.concatenate([targets, impostors])
    ones = weights or (np.ones_like(targets), np.ones_like(impostors))
    weight = np.stack([np.concatenate([ones[0], 0 * impostors]), np.concatenate([0 * targets, ones[1]])])
    weight = weight[:, np.argsort(scores, kind="stable")]
    missed = np.cumsum(weight[0]) / weight[0].sum()
    accepted = 1 - np.cumsum(weight[1]) / weight[1].sum()
    crossing = int(np.argmin(np.abs(missed - accepted)))
    return float((missed[crossing] + accepted[crossing]) / 2)


def measure_eer(trials: Trials, rounds: int = 300) -> dict[str, float]:
    """Return the EER with a 95 % interval from drawing speakers with replacement, on both sides at once."""
    valid = np.isfinite(trials.scores)
    same, flat = trials.same[valid], trials.scores[valid]
    rows, columns = np.nonzero(valid)
    speakers, codes = np.unique(np.concatenate([trials.enrolled, trials.probes]), return_inverse=True)
    left, right = codes[: len(trials.enrolled)][rows], codes[len(trials.enrolled) :][columns]
    rng, draws = np.random.default_rng(0), []
    for _ in range(rounds):
        times = np.bincount(rng.integers(0, len(speakers), len(speakers)), minlength=len(speakers)).astype(np.float32)
        weight = np.where(same, times[left], times[left] * times[right])
        # With few speakers a draw may hold nobody to be mistaken for: it says nothing.
        if weight[same].any() and weight[~same].any():
            draws.append(equal_error_rate(flat[same], flat[~same], (weight[same], weight[~same])))
    low, high = np.quantile(draws, [0.025, 0.975]) if draws else (np.nan, np.nan)
    figures = {"eer": equal_error_rate(flat[same], flat[~same]), "low": float(low), "high": float(high)}
    return figures | {
        "speakers": len(set(trials.enrolled)),
        "targets": int(same.sum()),
        "impostors": int((~same).sum()),
    }


def pooled(trials: Trials) -> tuple[Vectors, NDArray[np.bool_]]:
    """Return all scores and whether each is of one speaker."""
    valid = np.isfinite(trials.scores)
    return trials.scores[valid], trials.same[valid]


def score_with(backend: Backend, name: ChannelClass) -> Callable[[Vectors, Vectors], Vectors]:
    """Return the function that scores by AS-norm."""
    return lambda enrolled, probes: backend.compare(enrolled, probes, name)


def score_cosines(enrolled: Vectors, probes: Vectors) -> Vectors:
    """Score by the plain cosine."""
    return enrolled @ probes.T


def keep_same_source(trials: Trials, clips: list[Clip]) -> Trials:
    """Keep the trials between speakers of one source, which differ in neither language nor studio."""
    source = {clip.speaker: clip.source for clip in clips}
    members = [source[speaker] for speaker in sorted(source)]
    left, right = (np.array([source[name] for name in side]) for side in (trials.enrolled, trials.probes))
    alone = np.array([members.count(name) < 2 for name in left])
    scores = np.where((left[:, None] == right[None, :]) & ~alone[:, None], trials.scores, np.nan)
    return Trials(scores, trials.enrolled, trials.probes)


def cost_of_ratios(targets: Vectors, impostors: Vectors) -> float:
    """Return Cllr in bits (Brümmer and du Preez 2006): 0 is perfect, 1 knows nothing."""
    misses, alarms = np.logaddexp(0, -targets).mean(), np.logaddexp(0, impostors).mean()
    return float((misses + alarms) / 2 / math.log(2))


def fit_backend(parts: dict[str, list[Clip]], encoder: Encoder) -> Backend:
    """Make cohort, calibrations and limits from the speakers that are not in the test."""
    names: dict[ChannelClass, list[str]] = {"narrowband": ["g711", "line", "gsm"], "wideband": ["wide"]}
    cohort: dict[ChannelClass, Vectors] = {}
    for name, channels in names.items():
        voices = [
            unit(np.mean([clip.embeddings[channel] for clip in clips], axis=0))
            for channel in channels
            for clips in by_speaker(parts["cohort"], channel).values()
        ]
        cohort[name] = np.stack(voices)
    nothing = dict.fromkeys(["narrowband", "wideband", "crossed"], Calibration(1.0, 0.0))
    backend = Backend(encoder.version, NEAREST, nothing, 0.0, 0.0, cohort)
    return calibrate(parts["calibration"], backend)


def calibrate(clips: list[Clip], backend: Backend) -> Backend:
    """Fit the three lines and both limits on speakers of their own; one clip enrols, as most have two."""
    comparisons: dict[str, list[tuple[str, str]]] = {
        "narrowband": [("g711", "g711"), ("line", "line"), ("gsm", "gsm"), ("g711", "line"), ("g711", "gsm")],
        "wideband": [("wide", "wide")],
        "crossed": [("copy", "g711"), ("copy", "line"), ("copy", "gsm")],
    }
    lines: dict[str, Calibration] = {}
    impostors = []
    for name, channels in comparisons.items():
        wanted: ChannelClass = "wideband" if name == "wideband" else "narrowband"
        found = [pooled(make_trials(clips, *pair, score_with(backend, wanted), size=1)) for pair in channels]
        scores, same = (np.concatenate(part) for part in zip(*found, strict=True))
        lines[name] = fit_calibration(scores, same)
        impostors.append((lines[name].slope * scores + lines[name].offset)[~same])
    worst = np.concatenate(impostors)
    accept, duplicate = (float(np.quantile(worst, 1 - rate)) for rate in (ACCEPT_FALSE_RATE, DUPLICATE_FALSE_RATE))
    parts = {
        **vars(backend),
        "calibrations": lines,
        "accept_llr": round(accept, 2),
        "duplicate_llr": round(duplicate, 2),
    }
    return Backend(**parts)
