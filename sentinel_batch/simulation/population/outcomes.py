"""What becomes of a call: answered or not, and how long."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from .arrays import Flags, Floats, Ints

CAUSES = (
    "NORMAL_CLEARING",
    "NO_ANSWER",
    "USER_BUSY",
    "SUBSCRIBER_ABSENT",
    "CALL_REJECTED",
    "NETWORK_OUT_OF_ORDER",
    "UNALLOCATED_NUMBER",
)
"""Causes of ITU-T Q.850; the first is that of answered calls."""

UNALLOCATED = CAUSES.index("UNALLOCATED_NUMBER")
_UNANSWERED_BOUNDS = np.cumsum([0.56, 0.16, 0.18, 0.07, 0.03])[:-1]
LONGEST_CALL = 7_200
"""Seconds after which networks cut a call off."""

_VOICEMAIL_SHARE = 0.12
_VOICEMAIL = (7.0, 0.6)


@dataclass(frozen=True)
class Mixture:
    """Durations as a mixture of log-normal ones: weights, medians in seconds, and deviations of the logarithm."""

    weights: tuple[float, ...]
    medians: tuple[float, ...]
    deviations: tuple[float, ...]

    def draw(self, rng: np.random.Generator, size: int) -> Floats:
        """Return random durations in seconds."""
        part = np.searchsorted(np.cumsum(self.weights)[:-1], rng.random(size))
        medians, deviations = np.log(self.medians), np.array(self.deviations)
        return np.exp(medians[part] + deviations[part] * rng.standard_normal(size))


MIXTURES = MappingProxyType(
    {
        # Mostly errands of half a minute, some conversations, few long ones: mean about 100 s.
        "person": Mixture((0.55, 0.39, 0.06), (26.0, 95.0, 480.0), (0.8, 1.0, 0.7)),
        # Conversations with relatives abroad, paid or free: mean about 4 minutes.
        "abroad": Mixture((0.25, 0.6, 0.15), (45.0, 170.0, 600.0), (0.8, 0.8, 0.6)),
        "desk": Mixture((0.35, 0.65), (30.0, 130.0), (0.7, 0.8)),
        "interview": Mixture((0.35, 0.65), (25.0, 270.0), (0.7, 0.55)),
        "errand": Mixture((0.85, 0.15), (22.0, 60.0), (0.6, 0.7)),
        "pitch": Mixture((0.62, 0.38), (13.0, 75.0), (0.7, 0.9)),
        "announcement": Mixture((0.45, 0.55), (9.0, 22.0), (0.6, 0.35)),
        "prayer": Mixture((0.4, 0.6), (60.0, 700.0), (0.9, 0.8)),
        "machine": Mixture((1.0,), (9.0,), (0.35,)),
        "probe": Mixture((0.7, 0.3), (12.0, 30.0), (0.2, 0.2)),
        "robocall": Mixture((0.8, 0.2), (3.8, 9.0), (0.4, 0.6)),
        "premium": Mixture((0.2, 0.8), (60.0, 720.0), (0.7, 0.6)),
        "curious": Mixture((0.4, 0.6), (12.0, 55.0), (0.6, 0.7)),
    }
)
"""Mixture by name; estimates, see docs/simulation.md."""


@dataclass(frozen=True)
class Outcomes:
    """Duration in seconds (0 where unanswered), position in ``CAUSES``, and how long the line was occupied."""

    duration: Ints
    cause: Ints
    busy: Floats


def draw_outcomes(rng: np.random.Generator, chance: Floats, mixture: str, voicemail: Flags | None = None) -> Outcomes:
    """Return what becomes of calls.

    Parameters
    ----------
    rng
        Source of randomness.
    chance
        Probability that each is answered by whom it is meant for.
    mixture
        Name of the mixture of durations.
    voicemail
        Whether a mailbox may take an unanswered call; None allows it for all.
    """
    size = len(chance)
    answered = rng.random(size) < chance
    mailbox = ~answered & (rng.random(size) < _VOICEMAIL_SHARE)
    if voicemail is not None:
        mailbox &= voicemail
    talk = MIXTURES[mixture].draw(rng, size)
    left = np.exp(np.log(_VOICEMAIL[0]) + _VOICEMAIL[1] * rng.standard_normal(size))
    seconds = np.clip(np.where(mailbox, left, talk), 1, LONGEST_CALL).astype(np.int32)
    taken = answered | mailbox
    cause = 1 + np.searchsorted(_UNANSWERED_BOUNDS, rng.random(size))
    duration = np.where(taken, seconds, 0)
    ringing = rng.uniform(3.0, 28.0, size)
    return Outcomes(duration, np.where(taken, 0, cause).astype(np.int8), duration + ringing)
