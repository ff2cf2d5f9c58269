"""The human clips that vocoders copy: an even choice over all speakers, the same one for every vocoder."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np

from research.corpus.catalogue import Clip, Origin, make_clip_id, read_rows
from research.corpus.engines.programs import read_mono

DEFAULT_COUNT = 600
MAX_PER_SPEAKER = 60
SHORTEST, LONGEST = 1.5, 8.5

Row = dict[str, str]


def choose_humans(work: Path, count: int = DEFAULT_COUNT) -> list[Row]:
    """Choose rows of ``<work>/human.csv``, one speaker after the other until there are enough.

    Parameters
    ----------
    work
        The work folder.
    count
        How many rows at most.

    Returns
    -------
    list of dict
        The same rows on every machine: the order inside a speaker follows the hash of the clip's id.
    """
    speakers: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(read_rows(work / "human.csv"), key=_shuffle):
        if SHORTEST <= float(row["duration_seconds"]) <= LONGEST and len(speakers[row["speaker"]]) < MAX_PER_SPEAKER:
            speakers[row["speaker"]].append(row)
    rounds = zip_longest(*(speakers[name] for name in sorted(speakers)))
    return [row for row in chain.from_iterable(rounds) if row is not None][:count]


def _shuffle(row: Row) -> str:
    return hashlib.sha256(row["clip_id"].encode()).hexdigest()


def copy_humans(
    rows: list[Row],
    vocode: Callable[[np.ndarray, int], np.ndarray],
    source: str,
    package: str,
    version: str,
    attack: str,
    family: str,
    *,
    known: frozenset[str] = frozenset(),
) -> Iterator[Clip]:
    """Yield one vocoded copy of every row; the licence is that of the human clip.

    Parameters
    ----------
    rows
        Rows of the table of human clips.
    vocode
        From signal and sampling rate to the copy, of the same length and rate.
    source, package, version, attack, family
        What the copies are to be called.
    known
        Ids of copies that are there already and are not made again.
    """
    for row in rows:
        name = f"{attack}_{row['clip_id']}"
        if make_clip_id(source, name) in known:
            continue
        read = read_mono(Path(row["path"]))
        if read is None:
            continue
        origin = Origin(source, package, version, row["licence"], attack, family)
        yield Clip(name, vocode(*read), read[1], row["speaker"], row["language"], origin, pair_id=row["clip_id"])
