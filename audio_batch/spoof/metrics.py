"""Error measures of a spoof scorer, with intervals that resample speakers and attack families.

Everywhere: a higher score means synthetic. `human` and `synthetic` are arrays of scores of the two classes. A false
alarm is human speech called synthetic (rate: FPR), a miss is synthetic speech called human (rate: FNR).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta

from audio_batch.errors import AudioUsageError

Scores = NDArray[np.float64]
Metric = Callable[[Scores, Scores], float]


@dataclass(frozen=True)
class Costs:
    """What errors cost, and how often callers are synthetic.

    The defaults are those of ASVspoof 5 (Wang et al. 2024, track 1): one call in twenty is synthetic, and letting a
    synthetic voice through costs ten times as much as stopping a human one.
    """

    prior_synthetic: float = 0.05
    miss: float = 10.0
    false_alarm: float = 1.0

    @property
    def log_odds_threshold(self) -> float:
        """Log-likelihood ratio above which calling a recording synthetic is the cheaper decision."""
        return float(np.log(self.false_alarm * (1 - self.prior_synthetic) / (self.miss * self.prior_synthetic)))


def error_rates(human: ArrayLike, synthetic: ArrayLike, threshold: float) -> tuple[float, float]:
    """Return (FPR, FNR) when everything at or above `threshold` is called synthetic."""
    human, synthetic = _checked(human, synthetic)
    return float(np.mean(human >= threshold)), float(np.mean(synthetic < threshold))


def eer(human: ArrayLike, synthetic: ArrayLike) -> float:
    """Return the equal error rate, 0 … 1: where FPR and FNR meet on the line between neighbouring thresholds."""
    fpr, fnr = _error_curves(*_checked(human, synthetic))
    after = int(np.argmax(fnr >= fpr))
    if after == 0 or fnr[after] == fpr[after]:
        return float((fpr[after] + fnr[after]) / 2)
    gap_before, gap_after = fpr[after - 1] - fnr[after - 1], fnr[after] - fpr[after]
    share = gap_before / (gap_before + gap_after)
    return float(fnr[after - 1] + share * (fnr[after] - fnr[after - 1]))


def min_dcf(human: ArrayLike, synthetic: ArrayLike, costs: Costs | None = None) -> float:
    """Return the lowest normalised detection cost over all thresholds; 1.0 is what a blind decision costs."""
    fpr, fnr = _error_curves(*_checked(human, synthetic))
    return float(np.min(_detection_cost(fpr, fnr, costs or Costs())))


def act_dcf(human: ArrayLike, synthetic: ArrayLike, costs: Costs | None = None) -> float:
    """Return the normalised detection cost at the threshold that the costs dictate.

    The scores must be calibrated log-likelihood ratios (natural logarithm), such as the log-odds of `Verdict.score`.
    """
    costs = costs or Costs()
    fpr, fnr = error_rates(human, synthetic, costs.log_odds_threshold)
    return float(_detection_cost(np.array(fpr), np.array(fnr), costs))


def cllr(human: ArrayLike, synthetic: ArrayLike) -> float:
    """Return the cost of log-likelihood ratios in bits (Brümmer and du Preez 2006): 0 perfect, 1 knows nothing."""
    human, synthetic = _checked(human, synthetic)
    costs = np.mean(np.logaddexp(0.0, human)) + np.mean(np.logaddexp(0.0, -synthetic))
    return float(costs / (2 * np.log(2)))


def log_odds(score: ArrayLike) -> Scores:
    """Return ln(p / (1 - p)) of scores in 0 … 1, finite at both ends."""
    clipped = np.clip(np.asarray(score, dtype=np.float64), 1e-9, 1 - 1e-9)
    return np.asarray(np.log(clipped) - np.log1p(-clipped), dtype=np.float64)


def interval(
    metric: Metric,
    human: ArrayLike,
    synthetic: ArrayLike,
    *,
    speakers: Sequence[str] | NDArray[np.str_],
    families: Sequence[str] | NDArray[np.str_],
    rounds: int = 500,
    coverage: float = 0.95,
    seed: int = 20261121,
) -> tuple[float, float]:
    """Return a bootstrap interval of a metric; clips of one source depend on each other and are drawn together.

    Parameters
    ----------
    metric
        Function of (human scores, synthetic scores), such as `eer`.
    human, synthetic
        Scores of the two classes, shapes (n,) and (m,).
    speakers
        Speaker of each human score, shape (n,); whole speakers are drawn with replacement.
    families
        Attack family of each synthetic score, shape (m,); whole families are drawn with replacement. Give the
        speaker of the attack instead where only one family is looked at.
    rounds, coverage, seed
        Number of draws, share of draws inside the interval, seed of the draws.

    Raises
    ------
    AudioUsageError
        A class is empty, or a grouping has another length than its scores.
    """
    human, synthetic = _checked(human, synthetic)
    human_groups, synthetic_groups = _groups(speakers, human, "speakers"), _groups(families, synthetic, "families")
    rng = np.random.default_rng(seed)
    draws = [metric(human[_draw(human_groups, rng)], synthetic[_draw(synthetic_groups, rng)]) for _ in range(rounds)]
    low, high = np.quantile(draws, [(1 - coverage) / 2, (1 + coverage) / 2])
    return float(low), float(high)


def widen(share: float, low: float, high: float, count: int, coverage: float = 0.95) -> tuple[float, float]:
    """Return an interval of an error rate that is no narrower than its count of independent cases allows.

    Drawing again from a handful of cases finds no error that is not among them: without one, a bootstrap says 0 to 0.
    The bounds of Clopper and Pearson say what so few cases leave open.

    Parameters
    ----------
    share
        The error rate, 0 to 1.
    low, high
        Its interval as drawn.
    count
        Independent cases that it was measured on.
    coverage
        Share of such intervals that hold the true rate.
    """
    errors, tail = share * count, (1 - coverage) / 2
    least = float(beta.ppf(tail, errors, count - errors + 1)) if errors > 0 else 0.0
    most = float(beta.ppf(1 - tail, errors + 1, count - errors)) if errors < count else 1.0
    return min(low, least), max(high, most)


def _checked(human: ArrayLike, synthetic: ArrayLike) -> tuple[Scores, Scores]:
    arrays = np.asarray(human, dtype=np.float64).ravel(), np.asarray(synthetic, dtype=np.float64).ravel()
    for name, scores in zip(("human", "synthetic"), arrays, strict=True):
        if scores.size == 0:
            raise AudioUsageError(f"No {name} scores to measure with", hint="Both classes need at least one clip.")
        if not np.all(np.isfinite(scores)):
            raise AudioUsageError(
                f"{int(np.sum(~np.isfinite(scores)))} {name} scores are not finite numbers",
                hint="Leave out the clips that have no score.",
            )
    return arrays


def _error_curves(human: Scores, synthetic: Scores) -> tuple[Scores, Scores]:
    thresholds = np.append(np.unique(np.concatenate([human, synthetic])), np.inf)
    fpr = 1.0 - np.searchsorted(np.sort(human), thresholds, side="left") / human.size
    fnr = np.searchsorted(np.sort(synthetic), thresholds, side="left") / synthetic.size
    return fpr, fnr


def _detection_cost(fpr: Scores, fnr: Scores, costs: Costs) -> Scores:
    of_misses, of_alarms = costs.miss * costs.prior_synthetic, costs.false_alarm * (1 - costs.prior_synthetic)
    return np.asarray((of_misses * fnr + of_alarms * fpr) / min(of_misses, of_alarms))


def _groups(names: Sequence[str] | NDArray[np.str_], scores: Scores, what: str) -> list[NDArray[np.intp]]:
    labels = np.asarray(names, dtype=str)
    if labels.shape != scores.shape:
        raise AudioUsageError(f"{labels.size} {what} for {scores.size} scores", hint="Give one name for every score.")
    return [np.flatnonzero(labels == name) for name in np.unique(labels)]


def _draw(groups: list[NDArray[np.intp]], rng: np.random.Generator) -> NDArray[np.intp]:
    return np.concatenate([groups[i] for i in rng.integers(len(groups), size=len(groups))])
