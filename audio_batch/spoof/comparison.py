"""Several scorers on the same labelled recordings, side by side, with intervals that resample sources.

Clips of one source (a repository, an engine's family, a corpus) share rooms, codecs and voices. So whole sources are
drawn, the same for all scorers: what the interval of a difference says is of other sources, not of other clips of
these.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.errors import AudioUsageError
from audio_batch.spoof import metrics
from audio_batch.spoof.figures import Figures, ScoredClip, measure

ROUNDS, COVERAGE, SEED = 1000, 0.95, 20261129
FEW_SOURCES = 10
"""Below as many sources an interval is a guess, and that is said."""


@dataclass(frozen=True)
class ScorerRun:
    """What one scorer said of labelled recordings.

    Attributes
    ----------
    threshold
        Score from which it calls a recording synthetic; None where only its labels say so.
    failed
        Path and reason of recordings without a score.
    """

    name: str
    scored: Sequence[ScoredClip] = field(repr=False)
    failed: tuple[tuple[str, str], ...] = ()
    threshold: float | None = None
    model_sha256: str = ""


@dataclass(frozen=True)
class ComparedScorer:
    """One line of a comparison.

    Attributes
    ----------
    figures
        On the recordings that all scorers scored; the interval of its EER resamples sources.
    abstentions
        Reason to number of those recordings whose label is withheld.
    failed
        Path and reason of recordings that this scorer has no score of.
    """

    name: str
    model_sha256: str
    calibrated: bool
    figures: Figures
    abstentions: dict[str, int]
    failed: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Difference:
    """How much one scorer's error rate differs from that of the first, on the same recordings.

    Attributes
    ----------
    eer
        EER of `name` less that of `baseline`, -1 … 1: below 0 it is better.
    low, high
        Its 95 % interval over sources; None where there is only one source.
    cllr, cllr_low, cllr_high
        The same of Cllr, in bits; None unless both are calibrated.
    """

    name: str
    baseline: str
    eer: float
    low: float | None
    high: float | None
    cllr: float | None
    cllr_low: float | None
    cllr_high: float | None


@dataclass(frozen=True)
class Comparison:
    """Scorers side by side.

    Attributes
    ----------
    recordings, sources
        That all of them scored.
    left_out
        Recordings that one of them did not score; the figures are without them.
    """

    scorers: tuple[ComparedScorer, ...]
    differences: tuple[Difference, ...]
    recordings: int
    sources: int
    left_out: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON."""
        return asdict(self) | {"notices": list(self.notices)}

    @property
    def notices(self) -> tuple[str, ...]:
        """What the tables do not say by themselves."""
        said = []
        if self.left_out:
            said.append(f"{self.left_out} recordings that not every scorer scored are left out of all figures.")
        if self.sources < FEW_SOURCES:
            said.append(
                f"The recordings are of {self.sources} source{'s' * (self.sources != 1)}: the intervals show little. "
                f"Name a source for each recording, and compare on at least {FEW_SOURCES}."
            )
        names = ", ".join(one.name for one in self.scorers if not one.calibrated)
        if names:
            said.append(
                f"Not calibrated, so without Cllr, false alarms and misses, and every label is withheld: {names}. "
                "Calibrate: sentinel-batch audio scorer calibrate"
            )
        return tuple(said)


def compare_runs(runs: Sequence[ScorerRun], *, rounds: int = ROUNDS, seed: int = SEED) -> Comparison:
    """Compare what scorers said of the same recordings; the first is what the others are compared with.

    Parameters
    ----------
    runs
        One for each scorer, over the same recordings.
    rounds, seed
        Number of draws of sources, and their seed.

    Raises
    ------
    AudioUsageError
        There are no scorers, or the recordings that all of them scored are of one class only.
    """
    if not runs:
        raise AudioUsageError("There are no scorers to compare.", hint="Name at least one.")
    common = set.intersection(*({one.clip.path for one in run.scored} for run in runs))
    kept = [_sort([one for one in run.scored if one.clip.path in common]) for run in runs]
    if len({one.clip.label for one in kept[0]}) < 2:
        failed = next(((run.name, *run.failed[0]) for run in runs if run.failed), None)
        shown = "" if failed is None else f" The first failure, of {failed[0]}: {failed[1]}: {failed[2]}"
        raise AudioUsageError(
            f"{len(kept[0])} recordings have a score of every scorer; both classes are needed.{shown}",
            hint="Name recordings of both classes that all of them can score.",
        )
    labels = np.array([one.clip.label for one in kept[0]])
    odds = np.array([[one.log_odds for one in scored] for scored in kept])
    sources = np.array([one.clip.source for one in kept[0]], dtype=str)
    drawn = list(_draw_sources(sources, labels, rounds, seed))
    eers = _measure_draws(metrics.eer, odds, labels, drawn)
    cllrs = _measure_draws(metrics.cllr, odds, labels, drawn)
    everyone = {one.clip.path for run in runs for one in run.scored} | {path for run in runs for path, _ in run.failed}
    scorers = tuple(
        _summarise(run, scored, _bound(eers[place])) for place, (run, scored) in enumerate(zip(runs, kept, strict=True))
    )
    differences = tuple(_subtract(scorers, place, eers, cllrs) for place in range(1, len(runs)))
    return Comparison(scorers, differences, len(common), len(set(sources)), len(everyone) - len(common))


def _sort(scored: list[ScoredClip]) -> list[ScoredClip]:
    return sorted(scored, key=lambda one: one.clip.path)


def _draw_sources(
    sources: NDArray[np.str_], labels: NDArray[np.int_], rounds: int, seed: int
) -> Iterator[NDArray[np.intp]]:
    """Yield rows of sources that are drawn with replacement; a draw without one of the classes is drawn again."""
    groups = [np.flatnonzero(sources == name) for name in np.unique(sources)]
    if len(groups) < 2:
        return
    rng = np.random.default_rng(seed)
    left = rounds * 20  # Few sources of one class: most draws may lack it.
    found = 0
    while found < rounds and left:
        left -= 1
        rows = np.concatenate([groups[i] for i in rng.integers(len(groups), size=len(groups))])
        if 0 < labels[rows].sum() < len(rows):
            found += 1
            yield rows


def _measure_draws(
    metric: metrics.Metric, odds: NDArray[np.float64], labels: NDArray[np.int_], drawn: Sequence[NDArray[np.intp]]
) -> NDArray[np.float64]:
    """Return a metric of each scorer in each draw, shape (scorers, draws)."""
    values = [[metric(row[d][labels[d] == 0], row[d][labels[d] == 1]) for d in drawn] for row in odds]
    return np.array(values, dtype=np.float64).reshape(len(odds), len(drawn))


def _bound(values: NDArray[np.float64]) -> tuple[float, float] | None:
    if not values.size:
        return None
    low, high = np.quantile(values, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(low), float(high)


def _summarise(run: ScorerRun, scored: Sequence[ScoredClip], bounds: tuple[float, float] | None) -> ComparedScorer:
    human = [one for one in scored if one.clip.label == 0]
    synthetic = [one for one in scored if one.clip.label == 1]
    figures = measure(run.name, human, synthetic, run.threshold)
    # One source shows nothing of others; then the interval over speakers and families stands, which is no narrower.
    figures = figures if bounds is None else replace(figures, eer_low=bounds[0], eer_high=bounds[1])
    reasons = Counter(one.verdict.abstention for one in scored if one.verdict.abstention is not None)
    calibrated = all(one.calibrated for one in scored)
    return ComparedScorer(run.name, run.model_sha256, calibrated, figures, dict(sorted(reasons.items())), run.failed)


def _subtract(
    scorers: Sequence[ComparedScorer], place: int, eers: NDArray[np.float64], cllrs: NDArray[np.float64]
) -> Difference:
    first, other = scorers[0].figures, scorers[place].figures
    low, high = _bound(eers[place] - eers[0]) or (None, None)
    if first.cllr is None or other.cllr is None:
        cllr, bounds = None, None
    else:
        cllr, bounds = other.cllr - first.cllr, _bound(cllrs[place] - cllrs[0])
    cllr_low, cllr_high = bounds or (None, None)
    return Difference(
        scorers[place].name, scorers[0].name, other.eer - first.eer, low, high, cllr, cllr_low, cllr_high
    )  # fmt: skip


def describe_difference(value: float, low: float | None, high: float | None, form: str, scale: float = 1.0) -> str:
    """Return a difference with its interval as text.

    Parameters
    ----------
    value
        The difference, in the unit that is shown.
    low, high
        Its interval over sources, or None.
    form
        Format of a number, such as ``.1f``.
    scale
        What `low` and `high` are multiplied by to be in that unit.
    """
    if low is None or high is None:
        return f"{value:+{form}} (one source: no interval)"
    return f"{value:+{form}} ({low * scale:+{form}} to {high * scale:+{form}})"
