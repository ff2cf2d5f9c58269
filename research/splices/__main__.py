"""Train the model of splices: ``python -m research.splices --corpus DIR --calls 300 --model FILE.npz``.

DIR holds ``clips.csv`` and what it names (see `research.splices.calls`); only clips of the split ``train`` are used.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from audio_batch.spoof.splices import SHIPPED
from research.splices.calls import Pool, compose_call, read_corpus
from research.splices.training import Described, describe_call, fit_splice_model, save

SPLICES = 2
"""In two of five calls; the others have none, as most calls that the limit has to hold for."""
SECONDS = (60.0, 300.0)
DENSE_SPLICES, DENSE_SECONDS = 4, (60.0, 120.0)
"""In calls from which voices are learnt, and no limit: half as many as the others."""


def main() -> None:
    """Compose calls, describe them, train, and write the model."""
    parser = argparse.ArgumentParser(prog="python -m research.splices", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with clips.csv")
    parser.add_argument("--calls", type=int, default=240, help="how many calls to train on")
    parser.add_argument("--model", type=Path, default=SHIPPED, help="where to write the model")
    chosen = parser.parse_args()
    pool = Pool.of(read_corpus(chosen.corpus), "train")
    calls = [_describe(pool, (1, number), SECONDS, SPLICES if number % 5 < 2 else 0) for number in range(chosen.calls)]
    dense = [_describe(pool, (3, number), DENSE_SECONDS, DENSE_SPLICES) for number in range(chosen.calls // 2)]
    model, figures = fit_splice_model(calls, dense)
    save(model, chosen.model)
    print({name: round(value, 3) for name, value in figures.items()})


def _describe(pool: Pool, seed: tuple[int, int], length: tuple[float, float], splices: int) -> Described:
    rng = np.random.default_rng(seed)
    seconds = float(np.exp(rng.uniform(*np.log(length))))
    return describe_call(compose_call(pool, rng, seconds=seconds, splices=splices))


if __name__ == "__main__":
    main()
