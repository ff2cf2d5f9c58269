"""Train the shipped scorer: ``python -m research.scorer --corpus DIR --out DIR``.

`DIR` holds ``human.csv`` and ``synthetic.csv`` as ``python -m research.corpus`` writes them. For any other labelled
recordings there is ``sentinel-batch audio scorer train``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from audio_batch.spoof.manifest import Clip, read_manifest
from audio_batch.spoof.training import train_model


def read_corpus(folder: Path) -> list[Clip]:
    """Read the tables of a corpus folder: ``human.csv``, ``synthetic.csv`` and, if there, ``human_extra.csv``."""
    tables = [folder / "human.csv", folder / "synthetic.csv"]
    extra = folder / "human_extra.csv"
    return [clip for table in (*tables, *([extra] if extra.is_file() else [])) for clip in read_manifest(table)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments and train."""
    parser = argparse.ArgumentParser(prog="python -m research.scorer", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with human.csv and synthetic.csv")
    parser.add_argument("--out", type=Path, required=True, help="folder for the model")
    parser.add_argument("--draws", type=int, default=4, help="random channels per recording (default 4)")
    parser.add_argument("--network-steps", type=int, default=0, help="train networks too, on that many batches (torch)")
    parser.add_argument("--workers", type=int, default=1, help="processes (default 1)")
    options = parser.parse_args(arguments)
    trainer = None
    if options.network_steps:
        from research.scorer.network import fit_network

        trainer = partial(fit_network, steps=options.network_steps)
    train_model(
        read_corpus(options.corpus),
        options.out,
        draws=options.draws,
        network_trainer=trainer,
        workers=options.workers,
        report=lambda line: print(line, file=sys.stderr),
    )


if __name__ == "__main__":
    main()
