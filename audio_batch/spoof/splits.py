"""Splits that keep a speaker, the copies made of this speaker, and an attack family on one side only.

A random split of clips would put the same voice and the same engine on both sides and report an error rate that no
new caller and no new engine will ever show. None is offered here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_batch.errors import AudioUsageError

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Split:
    """Row numbers of one training set and one test set.

    Attributes
    ----------
    name
        What is held out.
    train, test
        Row numbers into the arrays that the split was made from.
    """

    name: str
    train: Rows
    test: Rows


def fold_speakers(speakers: Sequence[str], *, folds: int, seed: int = 0) -> NDArray[np.intp]:
    """Return a fold number for every row, such that all rows of a speaker share one and folds are of similar size.

    Speakers are placed from the one with most rows to the one with fewest, each into the fold that is emptiest so
    far; `seed` shuffles speakers of equal size. A vocoded copy carries the name of the speaker it was made from.
    """
    names, inverse, counts = np.unique(np.asarray(speakers, dtype=str), return_inverse=True, return_counts=True)
    if len(names) < folds:
        raise AudioUsageError(
            f"{len(names)} speakers cannot be split into {folds} folds", hint="Name more speakers, or ask fewer folds."
        )
    shuffled = np.random.default_rng(seed).permutation(len(names))
    order = shuffled[np.argsort(-counts[shuffled], kind="stable")]
    filled, fold_of = np.zeros(folds), np.zeros(len(names), dtype=np.intp)
    for speaker in order:
        fold_of[speaker] = int(np.argmin(filled))
        filled[fold_of[speaker]] += counts[speaker]
    return np.asarray(fold_of[inverse], dtype=np.intp)


def source_splits(sources: Sequence[str], *, folds: int, seed: int = 0) -> list[Split]:
    """Return splits in which every source is tested once, unseen; as many as there are sources if they are fewer."""
    names = np.asarray(sources, dtype=str)
    fold_of = fold_speakers(sources, folds=min(folds, len(np.unique(names))), seed=seed)
    return [
        Split(
            ", ".join(np.unique(names[fold_of == fold])),
            np.flatnonzero(fold_of != fold),
            np.flatnonzero(fold_of == fold),
        )
        for fold in np.unique(fold_of)
    ]


def cross_splits(
    speakers: Sequence[str],
    labels: Sequence[int],
    families: Sequence[str],
    *,
    family_folds: int = 6,
    speaker_folds: int = 3,
    seed: int = 0,
) -> Iterator[Split]:
    """Yield a few splits in which every attack family is tested once, unseen, on speakers that are unseen as well.

    Families are put into `family_folds` groups of similar weight, and group k goes with speaker fold k modulo
    `speaker_folds`. Voices that no human clip carries (a text-to-speech engine's own) are tested wherever their
    family is; copies of human speakers of other folds are neither trained nor tested where their family is.
    """
    family_of, synthetic = np.asarray(families, dtype=str), np.asarray(labels) == 1
    names = np.asarray(speakers, dtype=str)
    of_a_human = np.isin(names, np.unique(names[~synthetic]))
    fold_of = np.full(len(names), -1, dtype=np.intp)
    fold_of[of_a_human] = fold_speakers(list(names[of_a_human]), folds=speaker_folds, seed=seed)
    group_of = _group_families(family_of[synthetic], family_folds)
    groups = np.array([group_of.get(family, -1) for family in family_of])
    for group in range(max(group_of.values()) + 1):
        held_out, fold = synthetic & (groups == group), group % speaker_folds
        tested = (held_out & ((fold_of == fold) | (fold_of == -1))) | (~synthetic & (fold_of == fold))
        name = ", ".join(sorted(f for f, g in group_of.items() if g == group))
        yield Split(name, np.flatnonzero(~held_out & (fold_of != fold)), np.flatnonzero(tested))


def _group_families(families: NDArray[np.str_], groups: int) -> dict[str, int]:
    names, counts = np.unique(families, return_counts=True)
    filled = np.zeros(min(groups, len(names)))
    group_of: dict[str, int] = {}
    for index in np.argsort(-counts, kind="stable"):
        group_of[str(names[index])] = emptiest = int(np.argmin(filled))
        filled[emptiest] += np.sqrt(counts[index])
    return group_of
