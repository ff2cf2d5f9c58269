"""Refit the last step of a model on labelled recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from audio_batch.errors import AudioUsageError
from audio_batch.spoof import metrics
from audio_batch.spoof.calibration import fit_calibration
from audio_batch.spoof.evaluation import SHRINK, Progress, score_clips
from audio_batch.spoof.figures import ScoredClip, list_odds
from audio_batch.spoof.manifest import Clip, read_clips
from audio_batch.spoof.model import Model, ModelLike, load_model, write_model
from audio_batch.spoof.segment_scorer import Refit, SegmentScorer
from audio_batch.spoof.training import require_many

USUAL_SPREAD = 2.0
"""Standard deviation that log-odds of recordings of both classes have where a scorer tells most of them apart."""


def calibrate_model(
    manifest: str | Path | Sequence[Clip],
    out: str | Path,
    *,
    model: ModelLike = None,
    version: str | None = None,
    progress: Progress | None = None,
    force: bool = False,
) -> Model:
    """Refit the last step of a model on labelled recordings and write the result to a new folder.

    The classifiers stay as they are; slope and offset of the log-odds are fitted again for each channel class that
    has recordings of both classes. A network that was plugged in gives labels only after it.

    Parameters
    ----------
    manifest
        CSV with ``path,label[,speaker,attack_family]``, a folder with ``human`` and ``synthetic`` in it, or clips.
    out
        Folder for the model.
    model
        Name, folder or specification of the model to begin with; None is the default.
    version
        Name of the model; None takes the folder's.
    progress
        Called with (done, total).
    force
        Take fewer than 20 recordings of a class: to try it out, not for calls.

    Raises
    ------
    AudioUsageError
        The manifest is bad, a class has too few recordings, no channel class has both human and synthetic ones, or a
        model that was not calibrated gives synthetic recordings lower scores than human ones.
    """
    clips = read_clips(manifest)
    if not force:
        require_many(clips)
    loaded = load_model(model)
    scored, _ = score_clips(clips, loaded, progress)
    by_channel = {
        name: [one for one in scored if loaded.select_channel(one.verdict.channel_class) is channel]
        for name, channel in loaded.channels.items()
    }
    channels = {name: _recalibrate(channel, by_channel[name], loaded) for name, channel in loaded.channels.items()}
    if all(channels[name] is loaded.channels[name] for name in channels):
        raise AudioUsageError(
            "No channel class has human and synthetic recordings that can be decoded",
            hint="Calibration needs both classes over the same kind of channel.",
        )
    write_model(Path(out), replace(loaded, version=version or Path(out).name, channels=channels))
    return load_model(Path(out))


def _recalibrate(channel: SegmentScorer, scored: Sequence[ScoredClip], model: Model) -> SegmentScorer:
    labels = [one.clip.label for one in scored]
    if len(set(labels)) < 2:
        return channel
    odds = list_odds(scored)
    # The slope is shrunk as that of log-odds; on a scale of its own that would be far too much, or nothing.
    scale = 1.0 if channel.calibrated else max(float(odds.std()), 1e-9) / USUAL_SPREAD
    fitted = fit_calibration(odds / scale, labels)
    slope = fitted.slopes[0] / scale
    if slope <= 0 and not channel.calibrated:  # Of one that was, the order is known; a few recordings do not turn it.
        raise AudioUsageError(
            f"{model.version} gives human recordings higher scores than synthetic ones; it should be the reverse",
            hint="Is the other class the synthetic one? Set synthetic_index in its card. Or are the labels swapped?",
        )
    spread = None if channel.calibrated else _measure_spread(scored, slope)
    return channel.recalibrate(Refit(slope, fitted.offset, spread, labels.count(0), labels.count(1)))


def _measure_spread(scored: Sequence[ScoredClip], slope: float) -> float:
    """Return the standard deviation of the new log-odds of segments around the mean of their human recording."""
    around: list[float] = []
    for one in scored:
        if one.clip.label == 0:
            odds = metrics.log_odds([segment.score for segment in one.verdict.segments]) / SHRINK * slope
            around += (odds - odds.mean()).tolist()
    return max(0.1, float(np.std(around)))
