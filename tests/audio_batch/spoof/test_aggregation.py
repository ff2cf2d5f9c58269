"""The times that high segments stand for."""

from __future__ import annotations

from audio_batch.spoof.aggregation import find_suspicious_spans
from audio_batch.verdict import SegmentScore


def test_spans_join_what_overlaps_within_a_channel() -> None:
    rows = [(0, 0, 0.9), (0, 2, 0.95), (0, 4, 0.1), (0, 20, 0.8), (1, 2, 0.7), (1, 6, 0.9)]
    segments = [SegmentScore(channel, None, start, start + 4, 3.0, score) for channel, start, score in rows]
    spans = find_suspicious_spans(reversed(segments), 0.7)
    assert [(s.channel, s.start, s.end, s.score) for s in spans] == [
        (0, 0, 6, 0.95),
        (0, 20, 24, 0.8),
        (1, 2, 10, 0.9),
    ]
