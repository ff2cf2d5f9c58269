"""Features of the segments that matter most."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from audio_batch import features
from audio_batch.decoding import read_blocks
from audio_batch.verdict import SegmentScore, Verdict, rank_segments

WORST_SEGMENTS = 3
"""Segments per recording whose features are kept: those that a reviewer is shown; all of them would cost more than the
scoring itself."""


def measure_worst(path: str, verdict: Verdict, sampling_rate: int) -> list[dict[str, Any]]:
    """Return the features of the highest-scoring segments, by channel and time; the file is decoded once more."""
    worst = sorted(rank_segments(verdict.segments)[:WORST_SEGMENTS], key=lambda s: (s.channel, s.start))
    rows = []
    for segment, signal in zip(worst, read_spans(path, worst, sampling_rate), strict=True):
        found = features.extract(np.nan_to_num(signal, posinf=0, neginf=0), sampling_rate)
        place = {"channel": segment.channel, "role": segment.role, "start": segment.start, "end": segment.end}
        version = {"feature_set_version": found.version, "sampling_rate": sampling_rate}
        rows.append(place | version | {"values": found.values})
    return rows


def read_spans(path: str, segments: Sequence[SegmentScore], sampling_rate: int) -> list[npt.NDArray[np.float32]]:
    """Return the samples of each segment, reading the file up to the last of them in bounded memory."""
    spans = [(round(s.start * sampling_rate), round(s.end * sampling_rate)) for s in segments]
    pieces: list[list[npt.NDArray[np.float32]]] = [[] for _ in segments]
    last, origin = max((end for _, end in spans), default=0), 0
    for block in read_blocks(path) if segments else ():
        for segment, (start, end), found in zip(segments, spans, pieces, strict=True):
            found.append(block[max(0, start - origin) : max(0, end - origin), segment.channel].copy())
        origin += len(block)
        if origin >= last:
            break
    return [np.concatenate(found) for found in pieces]
