"""From the scores of the segments to the score of the recording, and to the times that it stands for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audio_batch.errors import AudioUsageError
from audio_batch.verdict import SegmentScore

TOP_SHARE = 0.01
"""Share of the segments that decides: 3 of the 299 of a ten-minute call, about one spliced sentence."""

TOP_AT_LEAST = 2
"""Segments that decide at the least: neighbours overlap by half, so one odd segment alone is not a finding."""

LOGIT_LIMIT = 6.0
"""Log-odds are clipped to ±6 (scores 0.0025 … 0.9975): no single saturated segment outweighs its neighbour."""


def aggregate_scores(
    scores: Sequence[float] | npt.NDArray[np.floating],
    *,
    share: float = TOP_SHARE,
    at_least: int = TOP_AT_LEAST,
) -> float | None:
    """Return the score of a recording from those of its segments: the mean log-odds of the highest few.

    The mean over all segments would hide one synthetic sentence in a long call; the maximum would follow one odd
    segment. So the ``max(at_least, ceil(share * n))`` highest are averaged, as clipped log-odds. The order of the
    scores does not matter, and raising any score never lowers the result. The highest of many human segments is
    higher than that of few: where recordings are long, choose the decision threshold on long recordings.

    Parameters
    ----------
    scores
        Calibrated scores in [0, 1], 0 = human … 1 = synthetic, of one channel or of all.
    share
        Share of the segments that is averaged, in (0, 1].
    at_least
        Segments that are averaged at the least (all of them if there are fewer).

    Returns
    -------
    float or None
        In [0, 1]; None if there are no scores.

    Raises
    ------
    AudioUsageError
        If a score is not in [0, 1], or `share` or `at_least` is out of range.
    """
    values = np.sort(np.asarray(scores, dtype=np.float64).reshape(-1))
    _check_range(values, share, at_least)
    if values.size == 0:
        return None
    # Rounded before it is rounded up: 0.07 * 100 is 7.000000000000001 in binary, and would take an eighth.
    top = values[-max(at_least, int(np.ceil(round(share * values.size, 9)))) :]
    mean = float(np.clip(_to_logit(top), -LOGIT_LIMIT, LOGIT_LIMIT).mean())
    return 1 / (1 + float(np.exp(-mean)))


def _to_logit(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    # A score of exactly 0 or 1 has no finite log-odds.
    inside = np.clip(scores, 1e-6, 1 - 1e-6)
    return np.log(inside) - np.log1p(-inside)


def _check_range(values: npt.NDArray[np.float64], share: float, at_least: int) -> None:
    bad = values[~((values >= 0) & (values <= 1))]
    if bad.size:
        raise AudioUsageError(
            f"Segment score {float(bad[0])} is not in [0, 1].", hint="Calibrate the scores first.", value=float(bad[0])
        )
    if not 0 < share <= 1:
        raise AudioUsageError(f"share is {share}; allowed: above 0, up to 1.", hint="The default is 0.01.", share=share)
    if at_least < 1:
        raise AudioUsageError(
            f"at_least is {at_least}; allowed: 1 or more.", hint="The default is 2.", at_least=at_least
        )


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
