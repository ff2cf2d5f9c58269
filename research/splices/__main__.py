"""Train the model of splices: ``python -m research.splices --corpus DIR --calls 300 --model FILE.npz``.

DIR holds ``clips.csv`` and what it names (see `research.splices.calls`); only clips of the split ``train`` are used.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from audio_batch.spoof.splices import SHIPPED
from research.splices.calls import Pool, compose_call, read_corpus
from research.splices.training import describe_call, fit_splice_model, save

SPLICES = 2
"""In two of five calls; the others have none, as most calls that the limit has to hold for."""
SECONDS = (60.0, 300.0)


def main() -> None:
    """Compose calls, describe them, train, and write the model."""
    parser = argparse.ArgumentParser(prog="python -m research.splices", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder with clips.csv")
    parser.add_argument("--calls", type=int, default=300, help="how many calls to train on")
    parser.add_argument("--model", type=Path, default=SHIPPED, help="where to write the model")
    chosen = parser.parse_args()
    pool, calls = Pool.of(read_corpus(chosen.corpus), "train"), []
    for number in range(chosen.calls):
        rng = np.random.default_rng([1, number])
        seconds = float(np.exp(rng.uniform(*np.log(SECONDS))))
        calls.append(describe_call(compose_call(pool, rng, seconds=seconds, splices=SPLICES if number % 5 < 2 else 0)))
    model, figures = fit_splice_model(calls)
    save(model, chosen.model)
    print({name: round(value, 3) for name, value in figures.items()})


if __name__ == "__main__":
    main()
