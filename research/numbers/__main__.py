"""Write the plan that numbers are read by: ``python -m research.numbers --earlier FOLDER [FOLDER …]``.

Each folder holds an earlier edition: ``pip install --no-deps --target FOLDER phonenumbers==8.13.30``. The newest is
the one of the environment.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from research.numbers.automaton import Automaton, build_automaton
from research.numbers.editions import Facts, ask_edition, read_edition

FOLDER = Path(__file__).parents[2] / "sentinel_batch" / "numbers"
KEPT = ("code", "exit", "prefix", "rule", "lengths", "local_lengths", "usual_lengths", "mobile_lengths")
"""What is needed of each region beside the automaton; its general pattern comes with it."""


def write_plan(newest: Facts, earlier: list[Facts], folder: Path = FOLDER) -> tuple[Path, Path]:
    """Write ``plan.json`` (the regions, one a line) and ``plan.npz`` (the automaton), and return their paths."""
    automaton, root = build_automaton(newest, earlier)
    text, table = folder / "plan.json", folder / "plan.npz"
    text.write_text(_dump(newest, earlier), encoding="utf-8")
    np.savez_compressed(table, **_arrays(automaton, root))
    return text, table


def _arrays(automaton: Automaton, root: int) -> dict[str, Any]:
    return {
        "grades": np.array(automaton.grades, dtype=np.uint8),
        "children": np.array(automaton.children, dtype=np.uint16),
        "root": np.array(root, dtype=np.uint16),
    }


def _dump(newest: Facts, earlier: list[Facts]) -> str:
    regions = {name: _describe(facts) for name, facts in sorted(newest["regions"].items())}
    codes = {code: names[0] for code, names in sorted(newest["codes"].items())}
    head = {"edition": newest["edition"], "earlier": [facts["edition"] for facts in earlier], "codes": codes}
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    rows = ",\n".join(f"{json.dumps(name)}: {json.dumps(facts)}" for name, facts in regions.items())
    return "{\n" + ",\n".join([*lines, '"regions": {\n' + rows + "\n}"]) + "\n}\n"


def _describe(facts: Facts) -> Facts:
    return {**{key: facts[key] for key in KEPT}, "general": facts["general"][0]}


def main() -> None:
    """Read the editions and write the plan."""
    parser = argparse.ArgumentParser(prog="python -m research.numbers", description=__doc__)
    parser.add_argument("--earlier", type=Path, nargs="*", default=[], help="folders of earlier editions")
    earlier = [ask_edition(folder) for folder in parser.parse_args().earlier]
    for path in write_plan(read_edition(), earlier):
        print(path)


if __name__ == "__main__":
    main()
