"""Score recordings: segments in batches, their scores, and the verdict over them. 0 = human, 1 = synthetic."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from math import exp, log
from os import PathLike, fspath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from audio_batch.decoding import RawFormat, probe, resample
from audio_batch.errors import AudioUsageError
from audio_batch.segmentation import Segment, cut_segments, detect_speech
from audio_batch.spoof.aggregation import find_suspicious_spans
from audio_batch.spoof.evidence import (
    Evidence,
    classify_channel,
    count_speech,
    estimate_noise,
    load_limits,
    measure_powers,
)
from audio_batch.spoof.metrics import log_odds
from audio_batch.spoof.model import Model, ModelLike, load_model
from audio_batch.spoof.segment_scorer import SEGMENT_SECONDS, SegmentScorer
from audio_batch.spoof.splices import SpliceEvidence
from audio_batch.verdict import Label, Reason, SegmentScore, Splice, Verdict
from batch_base.progress import tell_share

BATCH = 32
SPEECH_SHARE = 1.0 / SEGMENT_SECONDS
"""Share of a segment that must be speech for it to be scored: one second of four."""
FAINT_SEGMENTS = 8
"""Segments that are scored where none has enough speech, so that an abstention still has a raw score."""
SHORTEST = 0.033
"""Seconds of the shortest recording that has a spectrum: a frame, and a hair."""
EXPLAINED = 3
UNCALIBRATED = "uncalibrated_model"
"""Abstention of a recording that a model scored whose scores nobody has calibrated."""


def score(
    path: str | PathLike[str],
    *,
    model: ModelLike = None,
    session_id: str | None = None,
    channel_roles: Mapping[int, str] | None = None,
    raw: RawFormat | None = None,
    profile: str = "telephone",
) -> Verdict:
    """Say whether the voice of a recording is human or synthetic.

    The file streams: memory does not grow with its length but for one score per segment.

    Parameters
    ----------
    path
        Any recording that `audio_batch.decoding` reads.
    model
        Name of a shipped model, a folder of one, or a specification of a network in ONNX form (`load_model`); None is
        the default.
    session_id
        Name for this verdict; None derives it from the recording's hash.
    channel_roles
        Role by channel index, as from `parse_channel_roles`. Channels of the role ``agent`` are scored, but do not
        decide where there is another one.
    raw
        Format of a file without header.
    profile
        Validation profile whose limits of speech and noise decide on abstention.

    Returns
    -------
    Verdict
        `score` is 0 = human … 1 = synthetic. An abstention keeps it beside the label ``uncertain``.

    Raises
    ------
    UnreadableAudioError
        The file cannot be decoded.
    ModelError
        The model cannot be read.
    """
    started = time.perf_counter()
    properties = probe(path, raw=raw)
    work = _Work(load_model(model))
    grid = _Grid.of(work.model)
    segments = cut_segments(path, channel_roles=channel_roles, raw=raw, **grid.options(SPEECH_SHARE))
    work.add(_telling(segments, fspath(path), properties.duration))
    if not work.scores:
        work.add(_keep_faint(cut_segments(path, channel_roles=channel_roles, raw=raw, **grid.options(0.0))))
    duration = properties.duration or max((s.end for s in work.scores), default=0.0)
    return work.conclude(fspath(path), properties.sha256, duration, session_id, profile, started)


def score_signal(
    signal: NDArray[np.floating],
    sampling_rate: int,
    *,
    model: ModelLike = None,
    session_id: str | None = None,
    profile: str = "telephone",
) -> Verdict:
    """Do the same for samples in memory.

    Parameters
    ----------
    signal
        Full scale +-1, shape (samples,) or (samples, channels).
    sampling_rate
        In Hz.
    model
        Name, folder or specification of a model; None is the default.
    session_id
        Name for the verdict; None derives it from the hash of the samples.
    profile
        Validation profile whose limits of speech and noise decide on abstention.
    """
    started = time.perf_counter()
    columns = np.asarray(signal, dtype=np.float32)
    columns = columns[:, None] if columns.ndim == 1 else columns
    if columns.size == 0 or sampling_rate <= 0:
        raise AudioUsageError(
            f"A signal of shape {np.shape(signal)} at {sampling_rate} Hz cannot be scored",
            hint="Pass at least one sample, as (samples,) or (samples, channels), and the sampling rate in Hz.",
        )
    work = _Work(load_model(model))
    segments = list(_Grid.of(work.model).cut_columns(columns, sampling_rate))
    work.add([s for s in segments if s.speech_seconds >= (s.end - s.start) * SPEECH_SHARE] or _keep_faint(segments))
    digest = hashlib.sha256(columns.tobytes()).hexdigest()
    return work.conclude("", digest, len(columns) / sampling_rate, session_id, profile, started)


def _telling(segments: Iterable[Segment], path: str, duration: float | None) -> Iterator[Segment]:
    """Pass segments on, and tell who watches how much of the recording they are."""
    for segment in segments:
        tell_share(path, segment.end / duration if duration else 0.0)
        yield segment


def _keep_faint(segments: Iterable[Segment]) -> list[Segment]:
    kept: list[Segment] = []
    for segment in segments:
        # Digital silence has no spectrum that could be judged, and neither have a few samples.
        if segment.signal.size >= SHORTEST * segment.sampling_rate and np.ptp(segment.signal) > 1e-5:
            kept = sorted([*kept, segment], key=lambda s: -s.speech_seconds)[:FAINT_SEGMENTS]
    return sorted(kept, key=lambda s: (s.index, s.channel))


@dataclass(frozen=True)
class _Grid:
    """Where the segments of a model lie: length and hop in seconds."""

    seconds: float
    hop: float

    @classmethod
    def of(cls, model: Model) -> _Grid:
        """Return the grid that a model asks for."""
        return cls(model.segment_seconds, model.hop_seconds)

    def options(self, share: float) -> dict[str, Any]:
        """Return the arguments of `cut_segments`, for segments of which at least that share is speech."""
        least = share * self.seconds
        return {"segment_seconds": self.seconds, "hop_seconds": self.hop, "minimum_speech_seconds": least}

    def cut_columns(self, columns: NDArray[np.float32], rate: int) -> Iterator[Segment]:
        """Cut samples in memory, shape (frames, channels)."""
        size, hop = round(self.seconds * rate), round(self.hop * rate)
        starts = [*range(0, max(1, len(columns) - size + 1), hop)]
        if starts[-1] + size + size // 10 <= len(columns):
            starts.append(len(columns) - size)
        for channel, column in enumerate(columns.T):
            speech = detect_speech(np.ascontiguousarray(column), rate)
            for index, start in enumerate(starts):
                part = column[start : start + size]
                begin, end = start / rate, (start + len(part)) / rate
                inside = np.clip(np.minimum(speech[:, 1], end) - np.maximum(speech[:, 0], begin), 0, None).sum()
                yield Segment(index, channel, None, begin, end, float(inside), part, rate)


@dataclass
class _Work:
    """What is known of a recording so far, one batch of segments after the other."""

    model: Model
    channel: SegmentScorer | None = None
    channel_class: str = "narrowband"
    scores: list[SegmentScore] = field(default_factory=list)
    outside: list[float] = field(default_factory=list)
    powers: list[NDArray[np.float32]] = field(default_factory=list)
    strongest: list[tuple[float, int, NDArray[np.float32], NDArray[np.float64]]] = field(default_factory=list)
    inserted: SpliceEvidence = field(default_factory=SpliceEvidence.of)

    def add(self, segments: Iterable[Segment]) -> None:
        """Score segments as they come, in batches."""
        source = iter(segments)
        while batch := list(islice(source, BATCH)):
            self._add_batch(batch)

    def _add_batch(self, segments: list[Segment]) -> None:
        # NaN and Inf count as 0, as they do where speech is looked for.
        batch = [replace(s, signal=np.nan_to_num(s.signal, nan=0, posinf=0, neginf=0)) for s in segments]
        if self.channel is None:
            self.channel_class = classify_channel(batch)
            self.channel = self.model.select_channel(self.channel_class)
        rate = self.channel.sampling_rate
        signals = [resample(s.signal, s.sampling_rate, rate) for s in batch]
        out = self.channel.score(signals)
        self.inserted.add(out.values, signals, rate)
        for segment, odds in zip(batch, out.log_odds, strict=True):
            value = round(1 / (1 + exp(-float(np.clip(odds, -20, 20)))), 6)
            self.scores.append(
                SegmentScore(segment.channel, segment.role, segment.start, segment.end, segment.speech_seconds, value)
            )
        self.outside += out.outside.tolist()
        self.powers += [measure_powers(s.signal, s.sampling_rate) for s in batch]
        first = len(self.scores) - len(batch)
        new = [(float(o), first + i, out.values[i], out.parts[i]) for i, o in enumerate(out.log_odds)]
        # Only the strongest are kept for the reasons: the features of all segments of a long call would fill the
        # memory.
        self.strongest = sorted([*self.strongest, *new], key=lambda s: (-s[0], s[1]))[: EXPLAINED * 8]

    def conclude(
        self, path: str, sha256: str, duration: float, session_id: str | None, profile: str, started: float
    ) -> Verdict:
        """Put the verdict together."""
        limits = load_limits(profile)
        deciding = self._choose_channel()
        splices = self._find_splices()
        evidence = self._weigh(deciding)
        value = self._aggregate(deciding)
        abstention = evidence.abstain(limits) or self._doubt_model()
        label: Label = "uncertain" if abstention or value is None else self.model.thresholds.label(value)
        return Verdict(
            path=path,
            sha256=sha256,
            score=value,
            label=label,
            confidence=evidence.rate_confidence(limits),
            latency_ms=round((time.perf_counter() - started) * 1000, 3),
            session_id=session_id or f"recording-{sha256[:16]}",
            model_version=self.model.cited,
            model_sha256=self.model.sha256,
            duration=round(duration, 6),
            speech_seconds=evidence.speech_seconds,
            channel_class=self.channel_class,
            abstention=abstention,
            segments=tuple(self.scores),
            reasons=self._explain(deciding),
            notices=(*self._notice(deciding, value), *map(_say_splice, splices), *self._notice_model()),
            splices=splices,
        )

    def _doubt_model(self) -> str | None:
        """A score that is no probability decides nothing: nobody knows what it is worth on these calls."""
        return None if self.channel is None or self.channel.calibrated else UNCALIBRATED

    def _notice_model(self) -> tuple[str, ...]:
        if self._doubt_model() is None:
            return ()
        return (
            f"The scores of {self.model.cited} are not calibrated, so they are no probabilities and decide nothing. "
            "Calibrate it on labelled recordings: sentinel-batch audio scorer calibrate",
        )

    def _choose_channel(self) -> int:
        channels = sorted({(s.channel, s.role) for s in self.scores})
        # The agent's voice is not the one in doubt.
        others = [number for number, role in channels if role != "agent"] or [number for number, _ in channels]
        return max(others, key=lambda number: self._aggregate(number) or 0.0, default=0)

    def _of(self, channel: int) -> list[SegmentScore]:
        return [s for s in self.scores if s.channel == channel]

    def _aggregate(self, channel: int) -> float | None:
        """Return the score of a channel: what the pooling of the model makes of all of its segments."""
        scores = [s.score for s in self._of(channel)]
        if not scores:
            return None
        return round(1 / (1 + exp(-self.model.pooling.pool(log_odds(scores)))), 6)

    def _rise(self, segments: int) -> float:
        """Return by how many log-odds the highest of so many human segments exceeds the mean by chance."""
        if segments <= 1 or self.channel is None:
            return 0.0
        share = 1 / segments
        # The mean of the top share of a normal distribution, in standard deviations: pdf(z) / share.
        return float(norm.pdf(norm.isf(share)) / share) * self.channel.spread

    def _find_splices(self) -> tuple[Splice, ...]:
        """Return the splices of all channels but the agent's, where there is another one."""
        channels = {s.channel for s in self.scores if s.role != "agent"} or {s.channel for s in self.scores}
        rows = {number: [i for i, s in enumerate(self.scores) if s.channel == number] for number in sorted(channels)}
        found = (self.inserted.find([self.scores[i] for i in chosen], chosen) for chosen in rows.values())
        return tuple(chain.from_iterable(found))

    def _weigh(self, channel: int) -> Evidence:
        rows = [i for i, s in enumerate(self.scores) if s.channel == channel]
        outside = float(np.median([self.outside[i] for i in rows])) if rows else 0.0
        snr = estimate_noise([self.powers[i] for i in rows])
        return Evidence(count_speech(self._of(channel)), snr, outside)

    def _explain(self, channel: int) -> tuple[Reason, ...]:
        rows = [s for s in self.strongest if self.scores[s[1]].channel == channel][:EXPLAINED]
        if not rows or self.channel is None:
            return ()
        return self.channel.explain(np.stack([r[2] for r in rows]), np.stack([r[3] for r in rows]))

    def _notice(self, channel: int, value: float | None) -> tuple[str, ...]:
        """Name the stretches that decided, where only some of a recording looks synthetic."""
        scores = self._of(channel)
        if value is None or value < self.model.thresholds.synthetic:
            return ()
        threshold = _shift(self.model.thresholds.synthetic, self._rise(len(scores)))
        spans = find_suspicious_spans(scores, threshold)
        return tuple(
            f"Channel {s.channel}, {s.start:.1f} to {s.end:.1f} s: segments up to {s.score:.2f}" for s in spans[:20]
        )


def _say_splice(splice: Splice) -> str:
    return f"Channel {splice.channel}, {splice.start:.1f} to {splice.end:.1f} s looks inserted: {splice.why}"


def _shift(score: float, by: float) -> float:
    inside = min(max(score, 1e-6), 1 - 1e-6)
    return 1 / (1 + exp(-(log(inside / (1 - inside)) + by)))
