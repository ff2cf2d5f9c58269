"""The same voice behind several accounts: clusters of enrolled voices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform

from audio_batch.errors import AudioUsageError
from audio_batch.speaker.encoder import load_encoder
from audio_batch.speaker.keys import StoreKey, read_key
from audio_batch.speaker.normalisation import Backend, load_backend, name_comparison, refuse_other_encoder
from audio_batch.speaker.store import Voiceprint, read_voiceprints
from audio_batch.speaker.voice import CHANNEL_CLASSES, ChannelClass

Pair = tuple[int, int]
BLOCK = 1024


@dataclass(frozen=True)
class Duplicate:
    """Accounts whose voices are taken to be the same person's.

    Attributes
    ----------
    enrollment_ids
        The accounts, sorted; two or more.
    lowest_llr, mean_llr
        Log-likelihood ratios (same speaker against another) of the accounts' pairs.
    channel_match
        Whether all were enrolled over the same class of channel.
    """

    enrollment_ids: tuple[str, ...]
    lowest_llr: float
    mean_llr: float
    channel_match: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON."""
        return asdict(self)


def find_duplicates(
    store: str | PathLike[str] | Sequence[Voiceprint],
    *,
    min_llr: float | None = None,
    key: StoreKey | None = None,
    encoder: str | Path | None = None,
    backend: str | Path | None = None,
) -> tuple[Duplicate, ...]:
    """Find the accounts that share a voice.

    Every voice is compared with every other, and clusters are merged as long as the *mean* log-likelihood ratio
    between them reaches `min_llr` (average linkage): a voice that resembles two others does not chain them together.

    Parameters
    ----------
    store
        Folder of the store, or voiceprints.
    min_llr
        Natural logarithm of the likelihood ratio from which voices are one; None takes the shipped limit, which is
        stricter than that of verification, because n accounts make n (n - 1) / 2 comparisons.
    key
        Key of an encrypted store; None takes the one that the environment names, if any.
    encoder, backend
        Another ONNX encoder and its cohort, as at enrolment.

    Returns
    -------
    tuple of Duplicate
        Strongest first; leads to look at, no proof.

    Raises
    ------
    EnrollmentError
        There is no such store, or a voiceprint cannot be read or comes from another encoder.
    """
    if min_llr is not None and not np.isfinite(min_llr):
        raise AudioUsageError(f"min_llr must be a finite number, got {min_llr!r}", hint="Try 4.6: odds of 100 to 1.")
    engine = load_encoder(encoder)
    ruler = load_backend(engine, backend)
    prints = _read(store, key)
    for voiceprint in prints:
        refuse_other_encoder(voiceprint.encoder, engine, voiceprint.enrollment_id)
    limit = ruler.duplicate_llr if min_llr is None else min_llr
    links = [pair for block in _link_all(prints, ruler, limit) for pair in block]
    clusters = _merge(links, prints, ruler, limit)
    found = [_describe([prints[index] for index in cluster], ruler) for cluster in clusters]
    return tuple(sorted(found, key=lambda duplicate: (-duplicate.lowest_llr, duplicate.enrollment_ids)))


def _read(store: str | PathLike[str] | Sequence[Voiceprint], key: StoreKey | None) -> list[Voiceprint]:
    if isinstance(store, (str, PathLike)):
        return list(read_voiceprints(store, key=key or read_key()))
    return sorted(store, key=lambda voiceprint: voiceprint.enrollment_id)


def _link_all(prints: list[Voiceprint], backend: Backend, limit: float) -> Iterator[list[Pair]]:
    """Yield the pairs at or above the limit, for every two classes of channel, in blocks of bounded memory."""
    members: dict[ChannelClass, list[int]] = {
        name: [index for index, one in enumerate(prints) if one.channel_class == name] for name in CHANNEL_CLASSES
    }
    pairs: list[tuple[ChannelClass, ChannelClass]] = [
        ("narrowband", "narrowband"),
        ("wideband", "wideband"),
        ("narrowband", "wideband"),
    ]
    for left, right in pairs:
        for start in range(0, len(members[left]), BLOCK):
            # Within one class, blocks below the diagonal would repeat those above it.
            for other in range(start if left == right else 0, len(members[right]), BLOCK):
                rows, columns = members[left][start : start + BLOCK], members[right][other : other + BLOCK]
                yield _link_block(prints, rows, columns, backend, limit)


def _link_block(
    prints: list[Voiceprint], rows: list[int], columns: list[int], backend: Backend, limit: float
) -> list[Pair]:
    ratios = _weigh([prints[row] for row in rows], [prints[column] for column in columns], backend)
    found = zip(*np.nonzero(ratios >= limit), strict=True)
    return [(rows[i], columns[j]) for i, j in found if rows[i] != columns[j]]


def _weigh(left: list[Voiceprint], right: list[Voiceprint], backend: Backend) -> NDArray[np.float32]:
    """Return log-likelihood ratios of voices of one class each, shape (left, right)."""
    classes = left[0].channel_class, right[0].channel_class
    name: ChannelClass = "wideband" if classes == ("wideband", "wideband") else "narrowband"
    first, second = (np.stack([one.embeddings[name] for one in side]) for side in (left, right))
    return backend.weigh(backend.compare(first, second, name), name_comparison(*classes))


def _merge(links: list[Pair], prints: list[Voiceprint], backend: Backend, limit: float) -> Iterator[list[int]]:
    """Yield clusters by average linkage inside each connected component of the links."""
    for members in _connect(links, len(prints)):
        ratios = _weigh_all([prints[index] for index in members], backend)
        # Clustering wants distances: the largest ratio becomes 0, and the limit moves with it.
        top = float(ratios.max())
        tree = linkage(squareform(top - ratios, checks=False), method="average")
        labels = fcluster(tree, top - limit, criterion="distance")
        groups = ([members[i] for i in np.flatnonzero(labels == label)] for label in np.unique(labels))
        yield from (group for group in groups if len(group) > 1)


def _connect(links: list[Pair], voices: int) -> list[list[int]]:
    """Return the groups of voices that links connect, two or more in each."""
    if not links:
        return []
    rows, columns = np.array(links).T
    graph = coo_array((np.ones(len(links)), (rows, columns)), shape=(voices, voices))
    labels = connected_components(graph, directed=False)[1]
    order = np.argsort(labels, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
    return [group.tolist() for group in groups if len(group) > 1]


def _weigh_all(voices: list[Voiceprint], backend: Backend) -> NDArray[np.float32]:
    """Return the log-likelihood ratios of all pairs, shape (voices, voices); the diagonal means nothing."""
    ratios = np.zeros((len(voices), len(voices)), dtype=np.float32)
    sides = [np.array([i for i, one in enumerate(voices) if one.channel_class == name]) for name in CHANNEL_CLASSES]
    for rows, columns in product([side for side in sides if len(side)], repeat=2):
        ratios[np.ix_(rows, columns)] = _weigh([voices[i] for i in rows], [voices[i] for i in columns], backend)
    # A voice against itself gets the largest ratio, so that its distance is 0.
    np.fill_diagonal(ratios, np.maximum(ratios.max(), 0))
    return np.asarray((ratios + ratios.T) / 2, dtype=np.float32)


def _describe(voices: list[Voiceprint], backend: Backend) -> Duplicate:
    ratios = _weigh_all(voices, backend)[np.triu_indices(len(voices), 1)]
    return Duplicate(
        enrollment_ids=tuple(sorted(voice.enrollment_id for voice in voices)),
        lowest_llr=round(float(ratios.min()), 3),
        mean_llr=round(float(ratios.mean()), 3),
        channel_match=len({voice.channel_class for voice in voices}) == 1,
    )
