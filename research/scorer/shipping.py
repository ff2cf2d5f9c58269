"""Train the shipped models on a described corpus: ``python -m research.scorer.shipping``.

Everything that decides is fitted on scores of sources that the classifiers have not seen (ten folds by source): the
calibration, the pooling of segments to calls, both thresholds and the limit of the domain. Pooling and thresholds are
of whole calls as well (`research.scorer.calling`). Prints these figures, the risk of what is kept by distance, and
writes ``telephone-5`` and ``telephone-5-encoder``. Our own copies of human clips are trained on, and nothing is decided
by them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_batch.spoof import metrics
from audio_batch.spoof.calibration import Calibration, Thresholds, fit_calibration
from audio_batch.spoof.domain import Domain, fit_domain
from audio_batch.spoof.ear import Hearing, load_ear
from audio_batch.spoof.kernel import Kernel, fit_kernel
from audio_batch.spoof.listening import Listener
from audio_batch.spoof.model import ChannelModel, Model, write_model
from audio_batch.spoof.pooling import Pooling, fit_pooling
from audio_batch.spoof.representation import list_names
from audio_batch.spoof.training import HUMAN_QUANTILES
from audio_batch.spoof.trees import Trees, fit_trees
from audio_batch.spoof.whisper import load_whisper
from research.scorer.attempts import MOST_ROWS, take_ear, take_layers
from research.scorer.calling import read_calls
from research.scorer.describing import NARROW_RATE, read_entries
from research.scorer.table import (
    LAYERS,
    Scores,
    Table,
    find_folds,
    fold_sources,
    fuse_unseen,
    read_table,
    weigh,
    weigh_rows,
)

LISTENER = 3
COLUMNS = {"telephone-5": [0, 1, 2], "telephone-5-encoder": [0, 1, 2, LISTENER]}
"""Models and the columns of `Fitted.score` that they rest on."""
FALSE_ALARMS, WAVED_THROUGH = 0.05, 0.10
"""What the thresholds allow on sources that training has not seen: humans called synthetic, and synthetic voices called
human."""
CERTAIN, DRAWS = 0.975, 2000
"""In what share of draws of human sources the promise on false alarms is kept: the upper end of its 95 % interval."""
INSIDE = 0.97
"""Share of unseen segments that count as inside the domain."""
KEPT = (1.0, 0.97, 0.9, 0.8, 0.7, 0.5)


@dataclass(frozen=True)
class Fitted:
    """The classifiers of one training set."""

    trees: Trees
    kernel: Kernel
    hearing: Kernel
    listener: Kernel
    domain: Domain

    def score(self, table: Table) -> Scores:
        """Return the outputs of trees, kernel machine, hearing and listener, shape (rows, 4)."""
        heard = self.hearing.score(take_ear(table)), self.listener.score(take_layers(table, LAYERS))
        return np.column_stack([self.trees.score(table.own), self.kernel.score(table.own), *heard])


def fit_all(table: Table) -> Fitted:
    """Fit every classifier on all rows of a table, and the domain on those that are no copies."""
    weights = weigh_rows(table)
    own, ear, states = (
        fit_kernel(values, table.labels, weights, most=MOST_ROWS)
        for values in (table.own, take_ear(table), take_layers(table, LAYERS))
    )
    real = table.take(~table.copied)
    groups = np.char.add(real.sources, np.where(real.labels == 1, " synthetic", " human"))
    domain = fit_domain(own.locate(real.own), groups)
    return Fitted(fit_trees(table.own, table.labels, weights), own, ear, states, domain)


@dataclass(frozen=True)
class Unseen:
    """What classifiers say of sources that they have not seen.

    Attributes
    ----------
    outputs, distances
        Of each segment of a clip that is no copy, shapes (rows, 4) and (rows,).
    heard
        Outputs of each segment of a call, shape (rows of calls, 4).
    """

    outputs: Scores
    distances: Scores
    heard: Scores


def score_unseen(table: Table, calls: Table, workers: int) -> Unseen:
    """Score clips and calls by classifiers that have not seen their source."""
    everywhere, real = fold_sources(table), ~table.copied
    folds, of_calls = everywhere[real], find_folds(table, everywhere, calls)
    found = Unseen(np.zeros((len(folds), 4)), np.zeros(len(folds)), np.zeros((len(of_calls), 4)))
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = {
            fold: pool.submit(
                _score_fold,
                table.take(everywhere != fold),
                table.take(real & (everywhere == fold)),
                calls.take(of_calls == fold),
            )
            for fold in np.unique(folds)
        }
        for fold, job in jobs.items():
            found.outputs[folds == fold], found.distances[folds == fold], found.heard[of_calls == fold] = job.result()
    return found


def read_unseen(place: Path, table: Table, calls: Table, workers: int) -> Unseen:
    """Return what an earlier run kept there, or score now and keep it.

    Raises
    ------
    ValueError
        What is kept is of another corpus.
    """
    if not place.exists():
        found = score_unseen(table, calls, workers)
        np.savez(place, outputs=found.outputs, distances=found.distances, heard=found.heard)
    with np.load(place) as stored:
        found = Unseen(stored["outputs"], stored["distances"], stored["heard"])
    if (len(found.outputs), len(found.heard)) != ((~table.copied).sum(), len(calls.labels)):
        raise ValueError(f"{place} is of other segments than the corpus has; delete it")
    return found


def _score_fold(kept: Table, tested: Table, calls: Table) -> tuple[Scores, Scores, Scores]:
    fitted = fit_all(kept)
    distances = fitted.domain.measure(fitted.kernel.locate(tested.own))
    return fitted.score(tested), distances, fitted.score(calls) if len(calls.labels) else np.zeros((0, 4))


@dataclass(frozen=True)
class Decision:
    """What is fitted on unseen scores."""

    calibration: Calibration
    pooling: Pooling
    thresholds: Thresholds
    spread: float


def fit_decision(table: Table, outputs: Scores, calls: Table, heard: Scores) -> Decision:
    """Fit calibration, pooling and thresholds; prints what they cost on unseen sources.

    Parameters
    ----------
    table, outputs
        Segments of clips, and what classifiers say of them that have not seen their source.
    calls, heard
        The same of whole calls.
    """
    calibration = fit_calibration(outputs, table.labels, weights=weigh(table.labels, table.sources))
    odds = fuse_unseen(table, outputs)
    first = np.flatnonzero(np.r_[True, np.diff(calls.clips) != 0])
    whole = np.split(fuse_unseen(table, outputs, calls, heard), first[1:])
    labels = np.concatenate([table.labels, calls.labels[first]])
    sources = np.concatenate([table.sources, calls.sources[first]])
    pooling = fit_pooling([*odds[:, None], *whole], labels, weights=weigh(labels, sources))
    pooled = np.array([pooling.pool(values) for values in [*odds[:, None], *whole]])
    clips = np.arange(len(labels)) < len(odds)
    plain = np.concatenate([table.plain, calls.plain[first]])
    groups = {"plain segments": clips & plain, "segments through drawn channels": clips & ~plain, "calls": ~clips}
    thresholds = _choose_thresholds(pooled, labels, sources, list(groups.values()))
    limit = float(metrics.log_odds(thresholds.synthetic))
    for name, rows in groups.items():
        human, synthetic = (pooled[rows & (labels == label)] for label in (0, 1))
        false, missed = metrics.error_rates(human, synthetic, limit)
        print(
            f"{name}: {len(human)}/{len(synthetic)}, EER {metrics.eer(human, synthetic):.3f}, "
            f"Cllr {metrics.cllr(human, synthetic):.3f}, false alarms {false:.3f}, misses {missed:.3f}"
        )
    human_rows = table.labels == 0
    _, speaker = np.unique(table.voices[human_rows], return_inverse=True)
    means = np.bincount(speaker, odds[human_rows]) / np.bincount(speaker)
    return Decision(calibration, pooling, thresholds, max(0.1, float(np.std(odds[human_rows] - means[speaker]))))


def _choose_thresholds(
    pooled: Scores, labels: NDArray[np.int8], sources: NDArray[np.str_], groups: Sequence[NDArray[np.bool_]]
) -> Thresholds:
    """Return the thresholds that keep both promises in every group of recordings."""
    weights = weigh(labels, sources)
    human = max(keep_promise(pooled[g & (labels == 0)], sources[g & (labels == 0)]) for g in groups)
    rows = [g & (labels == 1) for g in groups]
    real = min(_weighted_quantile(pooled[r], weights[r], WAVED_THROUGH) for r in rows)
    low, high = (float(1 / (1 + np.exp(-limit))) for limit in (min(real, human), human))
    return Thresholds(real=low, synthetic=high)


def keep_promise(scores: Scores, sources: NDArray[np.str_], *, seed: int = 0) -> float:
    """Return the lowest limit that so few humans reach, whichever sources were found.

    Sources are drawn with replacement; each draw has the limit that `FALSE_ALARMS` of its humans reach or exceed, and
    what is returned is as high as the limits of a share `CERTAIN` of the draws.
    """
    rng = np.random.default_rng(seed)
    parts = [scores[sources == source] for source in np.unique(sources)]
    limits = [
        np.quantile(
            np.concatenate([parts[i] for i in rng.integers(len(parts), size=len(parts))]),
            1 - FALSE_ALARMS,
            method="higher",
        )
        for _ in range(DRAWS)
    ]
    return float(np.nextafter(np.quantile(limits, CERTAIN), np.inf))


def _weighted_quantile(values: Scores, weights: Scores, share: float) -> float:
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) / weights.sum()
    return float(values[order][np.searchsorted(reached, share)])


def print_risk(table: Table, odds: Scores, distances: Scores, limit: float) -> None:
    """Print what is wrong among the plain segments that are kept when the most distant ones are not judged."""
    print("| kept | false alarms % | misses % | EER % | Cllr |\n|---:|---:|---:|---:|---:|")
    for share in KEPT:
        kept = table.plain & (distances <= np.quantile(distances[table.plain], share))
        human, synthetic = (odds[kept & (table.labels == label)] for label in (0, 1))
        false, missed = metrics.error_rates(human, synthetic, limit)
        print(
            f"| {share:.0%} | {100 * false:.1f} | {100 * missed:.1f} | {100 * metrics.eer(human, synthetic):.1f} "
            f"| {metrics.cllr(human, synthetic):.3f} |"
        )


def build_model(
    version: str,
    table: Table,
    fitted: Fitted,
    decision: Decision,
    hearing: Hearing,
    listener: Listener | None,
) -> Model:
    """Put a model together."""
    channel = ChannelModel(
        name="narrowband",
        sampling_rate=NARROW_RATE,
        names=list_names(NARROW_RATE),
        trees=fitted.trees,
        kernel=fitted.kernel,
        hearing=hearing,
        listener=listener,
        network=None,
        calibration=decision.calibration,
        human=np.nanquantile(table.own[table.labels == 0], HUMAN_QUANTILES, axis=0).T.astype(np.float64),
        domain=fitted.domain,
        spread=decision.spread,
    )
    return Model(version, {"narrowband": channel}, decision.thresholds, pooling=decision.pooling)


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and write both models."""
    parser = argparse.ArgumentParser(prog="python -m research.scorer.shipping", description=__doc__)
    parser.add_argument("--table", type=Path, required=True, help="clips.csv of the corpus")
    parser.add_argument("--descriptions", type=Path, required=True, help="folder that describing wrote")
    parser.add_argument("--calls", type=Path, required=True, help="folder of calls that calling described")
    parser.add_argument("--ear", type=Path, required=True, help="arrays that research.speech_embedding wrote")
    parser.add_argument("--encoder", type=Path, required=True, help="model.bin of the encoder, its parts joined")
    parser.add_argument("--out", type=Path, required=True, help="folder for both models")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    options = parser.parse_args(arguments)
    entries = [entry for entry in read_entries(options.table) if entry.split == "train"]
    table = read_table(entries, options.descriptions)
    # Nothing here looks at pictures, and they would be sent to every process.
    table = replace(table, mels=table.mels[:, :1, :1].copy())
    calls = read_calls(options.calls)
    real = table.take(~table.copied)
    print(
        f"{len(np.unique(real.sources))} sources, {len(np.unique(real.clips))} clips, {len(real.labels)} segments; "
        f"{len(table.labels) - len(real.labels)} segments of copies; {len(np.unique(calls.clips))} calls"
    )
    unseen = read_unseen(options.out / "unseen.npz", table, calls, options.workers)
    fitted = fit_all(table)
    fitted = replace(fitted, domain=replace(fitted.domain, limit=float(np.quantile(unseen.distances, INSIDE))))
    hearing = Hearing(load_ear(options.ear), fitted.hearing)
    listener = Listener(load_whisper(options.encoder).sha256, LAYERS, fitted.listener)
    for version, columns in COLUMNS.items():
        print(f"\n{version}")
        decision = fit_decision(real, unseen.outputs[:, columns], calls, unseen.heard[:, columns])
        print(decision)
        odds = fuse_unseen(real, unseen.outputs[:, columns])
        print_risk(real, odds, unseen.distances, float(metrics.log_odds(decision.thresholds.synthetic)))
        whole = build_model(version, real, fitted, decision, hearing, listener if LISTENER in columns else None)
        write_model(options.out / version, whole)


if __name__ == "__main__":
    main()
