"""From the scores of the segments to the times that they stand for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from audio_batch.verdict import SegmentScore


@dataclass(frozen=True)
class SuspiciousSpan:
    """A stretch of one channel whose segments score above a threshold.

    Attributes
    ----------
    channel, role
        As in `SegmentScore`.
    start, end
        Seconds from the beginning of the recording.
    score
        The highest segment score inside.
    """

    channel: int
    role: str | None
    start: float
    end: float
    score: float


def find_suspicious_spans(segments: Iterable[SegmentScore], threshold: float) -> tuple[SuspiciousSpan, ...]:
    """Join neighbouring or overlapping segments above a threshold into spans.

    Parameters
    ----------
    segments
        Of one recording, in any order.
    threshold
        A segment counts from this score on.

    Returns
    -------
    tuple of SuspiciousSpan
        By channel, then start.
    """
    spans: list[SuspiciousSpan] = []
    for segment in sorted(segments, key=lambda s: (s.channel, s.start)):
        if segment.score < threshold:
            continue
        last = spans[-1] if spans and spans[-1].channel == segment.channel else None
        if last is not None and segment.start <= last.end:
            spans[-1] = _extend(last, segment)
        else:
            spans.append(SuspiciousSpan(segment.channel, segment.role, segment.start, segment.end, segment.score))
    return tuple(spans)


def _extend(span: SuspiciousSpan, segment: SegmentScore) -> SuspiciousSpan:
    end, score = max(span.end, segment.end), max(span.score, segment.score)
    return SuspiciousSpan(span.channel, span.role, span.start, end, score)
