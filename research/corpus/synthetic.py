"""Synthetic clips: engines, each of which speaks or copies in its own way, and the table that they fill.

Every engine is a module of `research.corpus.engines` and needs its program or package installed; an engine that is not
there is reported and skipped.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path

from audio_batch.errors import AudioError, AudioUsageError
from research.corpus.catalogue import Catalogue, read_rows, write_manifest

ENGINES = (
    *("espeak", "flite", "festival", "pico", "openjtalk", "gnuspeech", "piper", "kokoro", "hibari"),
    *("copies", "lectura", "lyra"),
)


def collect_synthetic(
    work: Path,
    *,
    mirror: Path | None = None,
    only: Iterable[str] | None = None,
    manifest: Path | None = None,
) -> dict[str, int]:
    """Run engines and add their clips to ``<work>/synthetic.csv``.

    Parameters
    ----------
    work
        Folder for clips, tables and unpacked packages; vocoders copy the clips of its ``human.csv``.
    mirror
        Folder of bare clones named ``owner+name``, for the engine that is built from one (Lyra).
    only
        Names out of `ENGINES`; all of them if not given.
    manifest
        Where to write the list that may be published.

    Returns
    -------
    dict of str to int
        Clips per engine; an engine whose package is missing is not in it.

    Raises
    ------
    AudioUsageError
        There is no such engine.
    """
    names = tuple(ENGINES if only is None else only)
    for name in names:
        _check_engine(name)
    made = {name: count for name in names if (count := _run_engine(name, work, mirror)) is not None}
    if manifest:
        write_manifest(work, manifest)
    return made


def _check_engine(name: str) -> None:
    if name not in ENGINES:
        raise AudioUsageError(
            f"There is no engine {name!r}; there are: {', '.join(ENGINES)}", hint="Leave --only out to run all."
        )


def _run_engine(name: str, work: Path, mirror: Path | None) -> int | None:
    module = import_module(f"research.corpus.engines.{name}")
    try:
        count = Catalogue(work).add(module.generate(work, mirror))
    except (AudioError, ImportError) as error:
        print(f"{name}: skipped: {error}", file=sys.stderr)
        return None
    print(f"{name}: {count} clips", file=sys.stderr)
    return count


def summarise(work: Path) -> list[str]:
    """Return one line per attack: family, attack, package, licence, number of clips."""
    keys = ("attack_family", "attack", "package", "version", "licence")
    counted = Counter(tuple(row[key] for key in keys) for row in read_rows(work / "synthetic.csv"))
    return ["\t".join((*attack, str(count))) for attack, count in sorted(counted.items())]
