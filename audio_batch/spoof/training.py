"""Train the scorer on labelled recordings: trees, and a network where the caller brings what trains it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from audio_batch.errors import AudioUsageError
from audio_batch.spoof.calibration import Calibration, Thresholds, fit_calibration
from audio_batch.spoof.dataset import Dataset, collect_segments, describe_segments, draw_pictures
from audio_batch.spoof.domain import Domain, fit_domain
from audio_batch.spoof.kernel import Kernel, fit_kernel
from audio_batch.spoof.manifest import Clip, read_clips
from audio_batch.spoof.model import RATES, ChannelModel, Model, write_model
from audio_batch.spoof.network import Network
from audio_batch.spoof.picture import Picture
from audio_batch.spoof.splits import Split, cross_splits, source_splits
from audio_batch.spoof.trees import Trees, fit_trees

FEWEST = 20
"""Recordings of each class below which a model learns the recordings, not the classes."""

Report = Callable[[str], None]
SEED = 20261121
HUMAN_QUANTILES = (0.05, 0.95)
DOMAIN_ACCEPTED = 0.98
"""Share of held-out segments that count as inside the domain."""
SOURCES_WITH_BOTH = 5
"""Sources that hold human and synthetic speech from which on nothing but the source is held out."""
SOURCE_FOLDS = 10
SLOPE_OF_FEW = 1.0
"""Where there are too few families to hold some out, the classifier's own log-odds are taken as they are."""


class NetworkTrainer(Protocol):
    """What trains a network; the repository has one on torch, in ``research/scorer``."""

    def __call__(self, pictures: Picture, dataset: Dataset, weights: NDArray[np.float64], *, seed: int) -> Network:
        """Return a network trained on the pictures of the rows of a dataset; a row of weight 0 is held out."""


@dataclass(frozen=True)
class NetworkPlan:
    """A network beside the trees.

    Attributes
    ----------
    train
        What trains it.
    pictures
        What it sees of each row of the dataset, from `dataset.draw_pictures`.
    """

    train: NetworkTrainer
    pictures: Picture


def train_model(
    manifest: str | Path | Sequence[Clip],
    out: str | Path,
    *,
    version: str | None = None,
    channel_classes: Sequence[str] = ("narrowband",),
    draws: int = 2,
    simulate: bool = True,
    network_trainer: NetworkTrainer | None = None,
    seed: int = SEED,
    workers: int = 1,
    report: Report | None = None,
    force: bool = False,
) -> Model:
    """Train, calibrate and write a model.

    Parameters
    ----------
    manifest
        CSV with ``path,label[,speaker,attack_family,source]`` (see `read_manifest`), a folder with ``human`` and
        ``synthetic`` in it, or clips.
    out
        Folder for the model.
    version
        Name of the model; None takes the folder's.
    channel_classes
        ``narrowband`` is needed; ``wideband`` uses recordings of 16 kHz and more
        (of the shipped models none has it: on sources from elsewhere it did worse).
    draws
        Random channels that each recording is sent through, see `dataset.collect_segments`.
    simulate
        False for recordings that are telephone calls already.
    network_trainer
        What trains a network beside the trees; None for trees only.
    seed
        The result depends on the recordings and on it, not on `workers`.
    workers
        Processes that decode and measure.
    report
        Called with one line of progress at a time.
    force
        Train on fewer than 20 recordings of a class: to try the program out, not for calls.

    Returns
    -------
    Model
        Calibrated on predictions for speakers and families that the classifiers had not seen.

    Raises
    ------
    AudioUsageError
        The manifest cannot be read, or has too few recordings of a class.
    """
    say = report or (lambda line: None)
    clips = read_clips(manifest)
    if not force:
        require_many(clips)
    folder = Path(out)
    channels = {}
    for name in channel_classes:
        segments = collect_segments(
            clips, sampling_rate=RATES[name], draws=draws, seed=seed, simulate=simulate, workers=workers
        )
        say(f"{name}: {len(segments.lengths)} segments of {len(clips)} recordings")
        dataset = describe_segments(segments, clips, workers=workers)
        network = NetworkPlan(network_trainer, draw_pictures(segments)) if network_trainer else None
        channels[name] = fit_channel(dataset, name, seed=seed, network=network)
        say(f"{name}: trained")
    model = Model(version or folder.name, channels, Thresholds())
    write_model(folder, model)
    return model


@dataclass(frozen=True)
class Classifiers:
    """What is fitted on some rows of a dataset."""

    trees: Trees
    kernel: Kernel
    network: Network | None
    domain: Domain

    def score(self, values: NDArray[np.float32], pictures: Iterable[Picture]) -> NDArray[np.float64]:
        """Return log-odds before calibration, shape (rows, classifiers)."""
        parts = [self.trees.score(values), self.kernel.score(values)]
        if self.network is not None:
            parts.append(self.network.score(pictures))
        return np.column_stack(parts)


@dataclass(frozen=True)
class Unseen:
    """Rows of a dataset with what classifiers say of them that saw neither their source, family nor speaker.

    Attributes
    ----------
    outputs
        Log-odds before calibration, shape (rows, classifiers).
    distances
        To the training of these classifiers, shape (rows,).
    """

    rows: NDArray[np.intp]
    outputs: NDArray[np.float64]
    distances: NDArray[np.float64]


def fit_channel(dataset: Dataset, name: str, *, seed: int = SEED, network: NetworkPlan | None = None) -> ChannelModel:
    """Train and calibrate the scorer of one channel class on described segments."""
    check_classes(dataset)
    unseen = predict_unseen(dataset, seed=seed, network=network)
    calibration, spread = _calibrate(dataset, unseen)
    fitted = fit_classifiers(dataset, np.arange(len(dataset.labels)), seed, network)
    held_out = unseen.distances if unseen.rows.size else np.array([fitted.domain.limit])
    return ChannelModel(
        name=name,
        sampling_rate=dataset.sampling_rate,
        names=dataset.names,
        trees=fitted.trees,
        kernel=fitted.kernel,
        hearing=None,
        listener=None,
        network=fitted.network,
        calibration=calibration,
        human=np.nanquantile(dataset.values[dataset.labels == 0], HUMAN_QUANTILES, axis=0).T.astype(np.float64),
        domain=replace(fitted.domain, limit=float(np.quantile(held_out, DOMAIN_ACCEPTED))),
        spread=spread,
    )


def fit_classifiers(dataset: Dataset, rows: NDArray[np.intp], seed: int, network: NetworkPlan | None) -> Classifiers:
    """Train trees, the kernel machine and, where one is planned, a network on some rows."""
    part = dataset.take(rows)
    weights = weigh_rows(part)
    trees = fit_trees(part.values, part.labels, weights, seed=seed)
    kernel = fit_kernel(part.values, part.labels, weights, seed=seed)
    groups = np.char.add(part.sources, np.where(part.labels == 1, " synthetic", " human"))
    domain = fit_domain(kernel.locate(part.values), groups)
    if network is None:
        return Classifiers(trees, kernel, None, domain)
    drawn = np.zeros(len(dataset.labels))
    drawn[rows] = weights
    return Classifiers(trees, kernel, network.train(network.pictures, dataset, drawn, seed=seed), domain)


def require_many(clips: Sequence[Clip]) -> None:
    """Raise AudioUsageError if a class has fewer recordings than a model can learn from."""
    for label, word in enumerate(("human", "synthetic")):
        count = sum(clip.label == label for clip in clips)
        if count < FEWEST:
            raise AudioUsageError(
                f"{count} {word} recording{'s' * (count != 1)}; at least {FEWEST} of each class are needed",
                hint="Add recordings, hundreds if you can, of many speakers and engines; --force takes fewer.",
                count=count,
            )


def check_classes(dataset: Dataset) -> None:
    """Raise AudioUsageError unless there are at least two recordings of each class."""
    for label, word in enumerate(("human", "synthetic")):
        count = len(np.unique(dataset.clips[dataset.labels == label]))
        if count < 2:
            raise AudioUsageError(
                f"{count} {word} recordings that can be decoded; at least 2 are needed",
                hint="Add recordings to the manifest; a useful model needs hundreds, of many speakers and engines.",
            )


def weigh_rows(dataset: Dataset) -> NDArray[np.float64]:
    """Return importances: half for each class; inside it, a source or family weighs as the root of its size."""
    groups = np.where(dataset.labels == 1, dataset.families, dataset.sources)
    weights = np.zeros(len(groups))
    for label in (0, 1):
        rows = dataset.labels == label
        _, inverse, counts = np.unique(groups[rows], return_inverse=True, return_counts=True)
        share = np.sqrt(counts) / np.sqrt(counts).sum() / counts
        weights[rows] = share[inverse] * len(groups) / 2
    return weights


def list_splits(dataset: Dataset, *, seed: int = SEED) -> list[Split]:
    """Return the splits by source, else by family and speaker; none where there are too few of either."""
    both = set(dataset.sources[dataset.labels == 0]) & set(dataset.sources[dataset.labels == 1])
    if len(both) >= SOURCES_WITH_BOTH:
        return source_splits(list(dataset.sources), folds=SOURCE_FOLDS, seed=seed % 1000)
    humans = np.unique(dataset.speakers[dataset.labels == 0])
    if len(np.unique(dataset.families[dataset.labels == 1])) < 2 or len(humans) < 3:
        return []
    labels = [int(label) for label in dataset.labels]
    return list(cross_splits(list(dataset.speakers), labels, list(dataset.families), seed=seed % 1000))


def predict_unseen(dataset: Dataset, *, seed: int = SEED, network: NetworkPlan | None = None) -> Unseen:
    """Score every row with classifiers that saw nothing of where it comes from."""
    found = [Unseen(np.zeros(0, dtype=np.intp), np.zeros((0, 2 if network is None else 3)), np.zeros(0))]
    for split in list_splits(dataset, seed=seed):
        fitted = fit_classifiers(dataset, split.train, seed, network)
        values = dataset.values[split.test]
        pictures = (network.pictures[row] for row in split.test) if network is not None else iter(())
        distances = fitted.domain.measure(fitted.kernel.locate(values))
        found.append(Unseen(split.test, fitted.score(values, pictures), distances))
    joined = (np.concatenate([getattr(part, f.name) for part in found]) for f in fields(Unseen))
    return Unseen(*joined)


def _calibrate(dataset: Dataset, unseen: Unseen) -> tuple[Calibration, float]:
    if not unseen.rows.size:
        classifiers = unseen.outputs.shape[1]
        return Calibration((SLOPE_OF_FEW / classifiers,) * classifiers, 0.0), 1.0
    tested = dataset.take(unseen.rows)
    calibration = fit_calibration(unseen.outputs, tested.labels, weights=weigh_rows(tested))
    return calibration, measure_spread(tested, calibration.apply(unseen.outputs))


def measure_spread(dataset: Dataset, log_odds: NDArray[np.float64]) -> float:
    """Return the standard deviation of log-odds of human segments around their speaker's mean."""
    human = dataset.labels == 0
    _, speaker = np.unique(dataset.speakers[human], return_inverse=True)
    values = log_odds[human]
    means = np.bincount(speaker, values) / np.bincount(speaker)
    return float(max(0.1, np.std(values - means[speaker])))
