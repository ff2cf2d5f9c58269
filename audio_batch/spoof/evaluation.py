"""Measure a model on labelled recordings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from audio_batch.errors import AudioError
from audio_batch.spoof import metrics
from audio_batch.spoof.figures import HEAD, RULE, Figures, ScoredClip, format_line, tabulate
from audio_batch.spoof.manifest import Clip, read_clips
from audio_batch.spoof.model import Model, ModelLike, load_model
from audio_batch.spoof.scorer import UNCALIBRATED, score
from audio_batch.spoof.segment_scorer import Refit
from audio_batch.verdict import Verdict

Progress = Callable[[int, int], None]

FEW = 100
"""Recordings of a class below which an error rate is hardly known, and that is said."""
SHRINK = 0.01
"""What the log-odds of a model that is not calibrated are multiplied by while it is measured.

Scores clip log-odds and are rounded, and the scale of a network from elsewhere may be any; so they go through small.
"""
NOT_CALIBRATED = (
    "The model is not calibrated: its scores can be ordered (EER, minDCF), but are no likelihood ratios, and every "
    "label is withheld. Calibrate it: sentinel-batch audio scorer calibrate"
)


@dataclass(frozen=True)
class Evaluation:
    """The table that `evaluate_model` makes.

    Attributes
    ----------
    figures
        First all recordings, then by attack family, then by channel class.
    failed
        Recordings that could not be decoded, with the reason.
    """

    model_version: str
    figures: tuple[Figures, ...]
    failed: tuple[tuple[str, str], ...]
    model_sha256: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON."""
        return asdict(self)

    @property
    def notices(self) -> tuple[str, ...]:
        """What the table does not say by itself: how little so few recordings show."""
        everything = self.figures[0]
        uncalibrated = (NOT_CALIBRATED,) if everything.cllr is None else ()
        if min(everything.humans, everything.synthetics) >= FEW:
            return uncalibrated
        return (
            *uncalibrated,
            f"{everything.humans} human and {everything.synthetics} synthetic recordings show little: the true equal "
            f"error rate may be up to {everything.eer_high:.0%}. Measure with at least {FEW} of each, of many speakers "
            "and engines.",
        )

    def format_table(self) -> str:
        """Return the table as Markdown, rates in per cent."""
        return "\n".join([HEAD, RULE, *map(format_line, self.figures)])


def evaluate_model(
    manifest: str | Path | Sequence[Clip],
    *,
    model: ModelLike = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Score labelled recordings and measure the errors.

    Parameters
    ----------
    manifest
        CSV with ``path,label[,speaker,attack_family]``, a folder with ``human`` and ``synthetic`` in it, or clips.
        Recordings that the model was trained on show nothing but its memory: give others.
    model
        Name, folder or specification of a model.
    progress
        Called with (done, total).

    Raises
    ------
    AudioUsageError
        The manifest is bad, or one class has no recording that can be decoded.
    """
    loaded = load_model(model)
    scored, failed = score_clips(read_clips(manifest), loaded, progress)
    return Evaluation(loaded.cited, tuple(tabulate(scored, loaded.thresholds.synthetic)), tuple(failed), loaded.sha256)


def score_clips(
    clips: Sequence[Clip], model: Model, progress: Progress | None = None
) -> tuple[list[ScoredClip], list[tuple[str, str]]]:
    """Score labelled recordings; return also path and reason of those that have no score."""
    calibrated = all(channel.calibrated for channel in model.channels.values())
    measured = model if calibrated else _shrink(model)
    scored, failed = [], []
    for number, clip in enumerate(clips, start=1):
        try:
            verdict = score(clip.path, model=measured)
            if verdict.score is None:
                failed.append((clip.path, "nothing to score"))
            elif calibrated:
                scored.append(ScoredClip(clip, verdict, float(metrics.log_odds(verdict.score))))
            else:
                withheld = replace(verdict, label="uncertain", abstention=verdict.abstention or UNCALIBRATED)
                scored.append(ScoredClip(clip, withheld, max(_average(verdict)) / SHRINK, calibrated=False))
        except AudioError as error:
            failed.append((clip.path, error.message))
        if progress:
            progress(number, len(clips))
    return scored, failed


def _shrink(model: Model) -> Model:
    small = Refit(SHRINK, 0.0)
    return replace(model, channels={name: one.recalibrate(small) for name, one in model.channels.items()})


def _average(verdict: Verdict) -> list[float]:
    """Return the mean log-odds of the segments of each channel."""
    channels = sorted({segment.channel for segment in verdict.segments})
    return [
        float(np.mean(metrics.log_odds([s.score for s in verdict.segments if s.channel == channel])))
        for channel in channels
    ]
