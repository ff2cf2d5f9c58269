"""Measure a model on labelled recordings, and refit its last step on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.errors import AudioError, AudioUsageError
from audio_batch.spoof import metrics
from audio_batch.spoof.calibration import fit_calibration
from audio_batch.spoof.manifest import Clip, read_manifest
from audio_batch.spoof.model import Model, load_model, write_model
from audio_batch.spoof.scorer import score
from audio_batch.spoof.segment_scorer import SegmentScorer
from audio_batch.spoof.training import require_many
from audio_batch.verdict import Verdict

Progress = Callable[[int, int], None]

FEW = 100
"""Recordings of a class below which an error rate is hardly known, and that is said."""
MANY_GROUPS = 5
"""Speakers, or families, from which on recordings of one of them count each for itself."""


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
        Share of recordings without a label because of the evidence.
    """

    name: str
    humans: int
    synthetics: int
    eer: float
    eer_low: float
    eer_high: float
    min_dcf: float
    act_dcf: float
    cllr: float
    fpr: float
    fnr: float
    abstained: float


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

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON."""
        return asdict(self)

    @property
    def notices(self) -> tuple[str, ...]:
        """What the table does not say by itself: how little so few recordings show."""
        everything = self.figures[0]
        if min(everything.humans, everything.synthetics) >= FEW:
            return ()
        return (
            f"{everything.humans} human and {everything.synthetics} synthetic recordings show little: the true equal "
            f"error rate may be up to {everything.eer_high:.0%}. Measure with at least {FEW} of each, of many speakers "
            "and engines.",
        )

    def format_table(self) -> str:
        """Return the table as Markdown, rates in per cent."""
        head = "| group | human | synthetic | EER % (95 %) | minDCF | actDCF | Cllr | FPR % | FNR % | abstained % |"
        lines = [head, "|---|---:|---:|---|---:|---:|---:|---:|---:|---:|"]
        return "\n".join(lines + [_format_line(figures) for figures in self.figures])


def evaluate_model(
    manifest: str | Path | Sequence[Clip],
    *,
    model: str | Path | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Score labelled recordings and measure the errors.

    Parameters
    ----------
    manifest
        CSV with ``path,label[,speaker,attack_family]``, or clips. Recordings that the model was trained on show
        nothing but its memory: give others.
    model
        Name or folder of a model.
    progress
        Called with (done, total).

    Raises
    ------
    AudioUsageError
        The manifest is bad, or one class has no recording that can be decoded.
    """
    clips = list(manifest) if not isinstance(manifest, str | Path) else read_manifest(manifest)
    loaded = load_model(model)
    scored, failed = _score_clips(clips, model, progress)
    return Evaluation(loaded.version, tuple(_tabulate(scored, loaded.thresholds.synthetic)), tuple(failed))


def calibrate_model(
    manifest: str | Path | Sequence[Clip],
    out: str | Path,
    *,
    model: str | Path | None = None,
    version: str | None = None,
    progress: Progress | None = None,
    force: bool = False,
) -> Model:
    """Refit the last step of a model on labelled recordings and write the result to a new folder.

    The classifiers stay as they are; slope and offset of the log-odds are fitted again for each channel class that
    has recordings of both classes.

    Parameters
    ----------
    manifest
        CSV with ``path,label[,speaker,attack_family]``, or clips.
    out
        Folder for the model.
    model
        Name or folder of the model to begin with; None is the shipped one.
    version
        Name of the model; None takes the folder's.
    progress
        Called with (done, total).
    force
        Take fewer than 20 recordings of a class: to try it out, not for calls.

    Raises
    ------
    AudioUsageError
        The manifest is bad, a class has too few recordings, or no channel class has both human and synthetic ones.
    """
    clips = list(manifest) if not isinstance(manifest, str | Path) else read_manifest(manifest)
    if not force:
        require_many(clips)
    loaded = load_model(model)
    scored, _ = _score_clips(clips, model, progress)
    by_channel = {
        name: [pair for pair in scored if loaded.select_channel(pair[1].channel_class) is channel]
        for name, channel in loaded.channels.items()
    }
    channels = {name: _recalibrate(channel, by_channel[name]) for name, channel in loaded.channels.items()}
    if all(channels[name] is loaded.channels[name] for name in channels):
        raise AudioUsageError(
            "No channel class has human and synthetic recordings that can be decoded",
            hint="Calibration needs both classes over the same kind of channel.",
        )
    changed = replace(loaded, version=version or Path(out).name, channels=channels)
    write_model(Path(out), changed)
    return changed


def _score_clips(
    clips: Sequence[Clip], model: str | Path | None, progress: Progress | None
) -> tuple[list[tuple[Clip, Verdict]], list[tuple[str, str]]]:
    scored, failed = [], []
    for number, clip in enumerate(clips, start=1):
        try:
            verdict = score(clip.path, model=model)
            if verdict.score is None:
                failed.append((clip.path, "nothing to score"))
            else:
                scored.append((clip, verdict))
        except AudioError as error:
            failed.append((clip.path, error.message))
        if progress:
            progress(number, len(clips))
    return scored, failed


def _recalibrate(channel: SegmentScorer, scored: Sequence[tuple[Clip, Verdict]]) -> SegmentScorer:
    labels = [clip.label for clip, _ in scored]
    if len(set(labels)) < 2:
        return channel
    fitted = fit_calibration(_log_odds(scored), labels)
    return channel.recalibrate(fitted.slopes[0], fitted.offset)


def _tabulate(scored: Sequence[tuple[Clip, Verdict]], threshold: float) -> list[Figures]:
    human = [pair for pair in scored if pair[0].label == 0]
    synthetic = [pair for pair in scored if pair[0].label == 1]
    table = [_measure("all", human, synthetic, threshold)]
    for family in sorted({clip.family for clip, _ in synthetic}):
        own = [pair for pair in synthetic if pair[0].family == family]
        table.append(_measure(f"family: {family}", human, own, threshold))
    for channel in sorted({verdict.channel_class for _, verdict in scored}):
        parts = [[pair for pair in group if pair[1].channel_class == channel] for group in (human, synthetic)]
        if all(parts):
            table.append(_measure(f"channel: {channel}", parts[0], parts[1], threshold))
    return table


def _measure(
    name: str, human: Sequence[tuple[Clip, Verdict]], synthetic: Sequence[tuple[Clip, Verdict]], threshold: float
) -> Figures:
    groups = [clip.speaker for clip, _ in human], [clip.family for clip, _ in synthetic]
    if len(set(groups[1])) == 1:
        groups = groups[0], [clip.speaker for clip, _ in synthetic]
    odds = _log_odds(human), _log_odds(synthetic)
    fpr, fnr = metrics.error_rates(*odds, float(metrics.log_odds(threshold)))
    drawn = metrics.interval(metrics.eer, *odds, speakers=groups[0], families=groups[1], rounds=200)
    low, high = metrics.widen(metrics.eer(*odds), *drawn, min(map(_count_cases, groups)))
    everyone = [verdict for _, verdict in (*human, *synthetic)]
    return Figures(
        name=name,
        humans=len(human),
        synthetics=len(synthetic),
        eer=metrics.eer(*odds),
        eer_low=low,
        eer_high=high,
        min_dcf=metrics.min_dcf(*odds),
        act_dcf=metrics.act_dcf(*odds),
        cllr=metrics.cllr(*odds),
        fpr=fpr,
        fnr=fnr,
        abstained=float(np.mean([verdict.abstention is not None for verdict in everyone])),
    )


def _count_cases(names: Sequence[str]) -> int:
    """Return how many independent cases a class has: its recordings, or its speakers or families if they are few."""
    different = len(set(names))
    return len(names) if different >= MANY_GROUPS else different


def _log_odds(group: Sequence[tuple[Clip, Verdict]]) -> NDArray[np.float64]:
    return metrics.log_odds([verdict.score if verdict.score is not None else 0.5 for _, verdict in group])


def _format_line(figures: Figures) -> str:
    name = figures.name.replace("|", "/").replace("\n", " ")
    return (
        f"| {name} | {figures.humans} | {figures.synthetics} | {figures.eer * 100:.1f} "
        f"({figures.eer_low * 100:.1f} to {figures.eer_high * 100:.1f}) | {figures.min_dcf:.3f} | "
        f"{figures.act_dcf:.3f} | {figures.cllr:.3f} | {figures.fpr * 100:.1f} | {figures.fnr * 100:.1f} | "
        f"{figures.abstained * 100:.1f} |"
    )
