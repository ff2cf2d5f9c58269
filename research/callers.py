"""How the shipped model of callers was made: ``python -m research.callers FOLDER [TARGET [DESIGN]]``.

Networks of both designs are simulated, each seen as another operator has it: with or without IMEI and cells, one
operator's calls only, every second call missing. So the trees learn to do without what is not there. Views that are
measured but not learned from: other numbers, three days of history, a holiday. Equal versions give equal bytes. With
a design (``population`` or ``agents``) only its networks are learned from, to see how a model does on the other design.
"""

from __future__ import annotations

import sys
from pathlib import Path

from sentinel_batch.evaluation.comparison import DESIGNS, VariantPlan, place_variant
from sentinel_batch.evaluation.models import KIND
from sentinel_batch.learning import train_model
from sentinel_batch.learning.model import SHIPPED
from sentinel_batch.profiles import build_profiles

SEEDS = {
    501: "full", 502: "no_imei", 503: "no_cells", 504: "no_imei_no_cells", 505: "one_operator", 506: "half_volume",
}  # fmt: skip
"""Seed of a network of each design, and how it is seen."""

PLAN = VariantPlan(subscribers=8_000, days=9, seeds=tuple(SEEDS), boxes=2)
BACKGROUND = 3_000
THRESHOLD = 0.2
"""A model that learned one design only lists no more honest numbers of the other from 0.2 than from 0.5, and up to a
fifth more SIMs (docs/detection-quality-cdr.md)."""

NAME = "simbox-simulated"


def main(folder: str, target: str | None = None, design: str | None = None) -> None:
    """Simulate, train, and write the model and its card."""
    desks = []
    for seed, variant in SEEDS.items():
        for name in DESIGNS if design is None else (design,):
            desk = place_variant(Path(folder), PLAN, name, seed, variant, lambda words: print(words, file=sys.stderr))
            build_profiles(lake=desk)
            desks.append(desk)
    model = train_model(desks, labels="truth", kinds=[KIND], background=BACKGROUND, threshold=THRESHOLD)
    print(model.save(target or SHIPPED / NAME), model.version)


if __name__ == "__main__":
    main(*sys.argv[1:])
