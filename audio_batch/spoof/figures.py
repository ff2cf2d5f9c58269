"""The error measures of labelled recordings, as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_batch.spoof import metrics
from audio_batch.spoof.manifest import Clip
from audio_batch.verdict import Verdict

MANY_GROUPS = 5
"""Speakers, or families, from which on recordings of one of them count each for itself."""


@dataclass(frozen=True)
class ScoredClip:
    """A labelled recording and what a scorer said of it.

    Attributes
    ----------
    log_odds
        Of synthetic: those of the verdict's score; of a model that is not calibrated, its own, on a scale of its own.
    calibrated
        Whether they are likelihood ratios.
    """

    clip: Clip
    verdict: Verdict
    log_odds: float
    calibrated: bool = True


@dataclass(frozen=True)
class Figures:
    """The error measures of one group of recordings.

    Attributes
    ----------
    name
        ``all``, ``family: …`` (one attack family against all human recordings), ``channel: …``.
    humans, synthetics
        Recordings of each class that got a score.
    eer, eer_low, eer_high
        Equal error rate, 0 … 1, with its 95 % interval over speakers and families, no narrower than so few allow.
    min_dcf, act_dcf
        Normalised detection costs (ASVspoof 5): at the best threshold, and at the one the costs dictate.
    cllr
        Cost of log-likelihood ratios in bits.
    fpr, fnr
        Human recordings called synthetic and the reverse, at the model's threshold of ``likely_synthetic``.
    abstained
        Share of recordings without a label.

    Of a model that is not calibrated, `act_dcf`, `cllr`, `fpr` and `fnr` are None: its scores are no likelihood ratios.
    """

    name: str
    humans: int
    synthetics: int
    eer: float
    eer_low: float
    eer_high: float
    min_dcf: float
    act_dcf: float | None
    cllr: float | None
    fpr: float | None
    fnr: float | None
    abstained: float


def tabulate(scored: Sequence[ScoredClip], threshold: float) -> list[Figures]:
    """Return the figures of all recordings, then of each attack family, then of each channel class."""
    human = [one for one in scored if one.clip.label == 0]
    synthetic = [one for one in scored if one.clip.label == 1]
    table = [measure("all", human, synthetic, threshold)]
    for family in sorted({one.clip.family for one in synthetic}):
        own = [one for one in synthetic if one.clip.family == family]
        table.append(measure(f"family: {family}", human, own, threshold))
    for channel in sorted({one.verdict.channel_class for one in scored}):
        parts = [[one for one in group if one.verdict.channel_class == channel] for group in (human, synthetic)]
        if all(parts):
            table.append(measure(f"channel: {channel}", parts[0], parts[1], threshold))
    return table


def measure(
    name: str, human: Sequence[ScoredClip], synthetic: Sequence[ScoredClip], threshold: float | None
) -> Figures:
    """Return the figures of one group of recordings, at a threshold of the score; None counts labels instead."""
    groups = [one.clip.speaker for one in human], [one.clip.family for one in synthetic]
    if len(set(groups[1])) == 1:
        groups = groups[0], [one.clip.speaker for one in synthetic]
    odds = list_odds(human), list_odds(synthetic)
    everyone = [*human, *synthetic]
    calibrated = all(one.calibrated for one in everyone)
    if threshold is None:
        fpr, fnr = _share_called(human, synthetic=True), _share_called(synthetic, synthetic=False)
    else:
        fpr, fnr = metrics.error_rates(*odds, float(metrics.log_odds(threshold)))
    drawn = metrics.interval(metrics.eer, *odds, speakers=groups[0], families=groups[1], rounds=200)
    low, high = metrics.widen(metrics.eer(*odds), *drawn, min(map(_count_cases, groups)))
    return Figures(
        name=name,
        humans=len(human),
        synthetics=len(synthetic),
        eer=metrics.eer(*odds),
        eer_low=low,
        eer_high=high,
        min_dcf=metrics.min_dcf(*odds),
        act_dcf=metrics.act_dcf(*odds) if calibrated else None,
        cllr=metrics.cllr(*odds) if calibrated else None,
        fpr=fpr if calibrated else None,
        fnr=fnr if calibrated else None,
        abstained=float(np.mean([one.verdict.abstention is not None for one in everyone])),
    )


def _share_called(group: Sequence[ScoredClip], *, synthetic: bool) -> float:
    return float(np.mean([(one.verdict.label == "likely_synthetic") is synthetic for one in group]))


def list_odds(group: Sequence[ScoredClip]) -> NDArray[np.float64]:
    """Return the log-odds of recordings, shape (n,)."""
    return np.array([one.log_odds for one in group], dtype=np.float64)


def _count_cases(names: Sequence[str]) -> int:
    """Return how many independent cases a class has: its recordings, or its speakers or families if they are few."""
    different = len(set(names))
    return len(names) if different >= MANY_GROUPS else different


HEAD = "| group | human | synthetic | EER % (95 %) | minDCF | actDCF | Cllr | FPR % | FNR % | abstained % |"
RULE = "|---|---:|---:|---|---:|---:|---:|---:|---:|---:|"


def format_line(figures: Figures) -> str:
    """Return one line of a table in Markdown, rates in per cent."""
    name = figures.name.replace("|", "/").replace("\n", " ")
    return (
        f"| {name} | {figures.humans} | {figures.synthetics} | {figures.eer * 100:.1f} "
        f"({figures.eer_low * 100:.1f} to {figures.eer_high * 100:.1f}) | {figures.min_dcf:.3f} | "
        f"{_show(figures.act_dcf)} | {_show(figures.cllr)} | {_show_share(figures.fpr)} | "
        f"{_show_share(figures.fnr)} | {figures.abstained * 100:.1f} |"
    )


def _show(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _show_share(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.1f}"
