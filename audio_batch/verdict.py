"""What the engine says of one recording: scores, the label, the reasons, and what it abstained from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Label = Literal["likely_real", "uncertain", "likely_synthetic"]


@dataclass(frozen=True)
class SegmentScore:
    """The score of one stretch of one channel.

    Attributes
    ----------
    channel
        Index of the channel, from 0.
    role
        Whose voice the channel carries (``customer``, ``agent``), or None.
    start, end
        Seconds from the beginning of the recording.
    speech_seconds
        Seconds of speech inside the segment.
    score
        0 = human … 1 = synthetic, calibrated.
    """

    channel: int
    role: str | None
    start: float
    end: float
    speech_seconds: float
    score: float


def rank_segments(segments: Iterable[SegmentScore]) -> list[SegmentScore]:
    """Return segments with the highest score first; equal ones by channel and time."""
    return sorted(segments, key=lambda segment: (-segment.score, segment.channel, segment.start))


@dataclass(frozen=True)
class Reason:
    """One thing that moved the score.

    Attributes
    ----------
    feature
        Name of the feature, as in the feature set.
    value
        Its value in this recording.
    human_low, human_high
        The range that 90 % of the human reference recordings of this channel class lie in.
    contribution
        Change of the score's log-odds; positive speaks for synthetic.
    text
        The same in words.
    """

    feature: str
    value: float
    human_low: float
    human_high: float
    contribution: float
    text: str


@dataclass(frozen=True)
class Splice:
    """A stretch that differs from the rest of its call as inserted synthetic speech does.

    Attributes
    ----------
    channel, role
        As in `SegmentScore`.
    start, end
        Seconds from the beginning of the recording; good to about two seconds.
    strength
        How far the evidence exceeds that of the rest of the call, against what is needed to be named: 1 or more.
    why
        What differs, in words.
    """

    channel: int
    role: str | None
    start: float
    end: float
    strength: float
    why: str


@dataclass(frozen=True)
class Verdict:
    """The spoof scorer's answer for one recording.

    Attributes
    ----------
    score
        0 = human … 1 = synthetic, calibrated. Kept when the engine abstains; None only when there is nothing to score.
    label
        ``likely_real``, ``uncertain`` or ``likely_synthetic``; always ``uncertain`` on abstention.
    confidence
        0 … 1: how far the evidence (speech, level, channel) supports the score.
    latency_ms
        Time from the file to the verdict, in milliseconds. Volatile.
    session_id
        Name under which other steps refer to this verdict; derived from the recording's hash unless given.
    model_version
        Version of the model that scored; of one that was plugged in, its name and a part of the hash of its network,
        contract and calibration.
    channel_class
        ``narrowband`` (up to 4 kHz of bandwidth) or ``wideband``: which calibration was used.
    abstention
        Why no label is given (``too_little_speech``, ``low_snr``, ``out_of_domain``, ``uncalibrated_model`` …), or
        None.
    model_sha256
        Hash of the model's files; of a network that was plugged in, of its file. Empty where it is not known.
    splices
        Stretches that look inserted. They do not change score and label, which are about the call as a whole.
    """

    path: str
    sha256: str
    score: float | None
    label: Label
    confidence: float
    latency_ms: float
    session_id: str
    model_version: str
    duration: float
    speech_seconds: float
    channel_class: str
    abstention: str | None = None
    segments: tuple[SegmentScore, ...] = ()
    reasons: tuple[Reason, ...] = ()
    notices: tuple[str, ...] = field(default=())
    model_sha256: str = ""
    splices: tuple[Splice, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Verification:
    """Whether a recording carries the enrolled voice, live as far as the spoof check can tell.

    Attributes
    ----------
    verified
        True only if the voice matches and the spoof check is not against it.
    confidence
        0 … 1: calibrated probability of the same speaker.
    log_likelihood_ratio
        Natural logarithm of P(same speaker) / P(other speaker), from the normalised score.
    channel_match
        Whether the enrolment was made over the same class of channel as the probe.
    spoof_score
        The verdict's score, or None if it was not asked.
    """

    path: str
    verified: bool
    enrollment_id: str
    confidence: float
    session_id: str
    log_likelihood_ratio: float
    similarity: float
    channel_match: bool
    spoof_score: float | None = None
    reasons: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON."""
        return asdict(self)
