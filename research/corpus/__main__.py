"""Command line of the corpus: ``python -m research.corpus human|synthetic|demonstrations|copies --work DIR``."""

from __future__ import annotations

import argparse
from pathlib import Path

from research.corpus.copying import make_copies
from research.corpus.demonstration_clips import collect_demonstrations
from research.corpus.human import collect_human
from research.corpus.synthetic import collect_synthetic, summarise


def main() -> None:
    """Parse the arguments and make the named half of the corpus."""
    parser = argparse.ArgumentParser(prog="python -m research.corpus", description=__doc__)
    parser.add_argument("part", choices=("human", "synthetic", "demonstrations", "copies"))
    parser.add_argument("--work", type=Path, required=True, help="work folder: downloads, clips, lists")
    parser.add_argument("--mirror", type=Path, help="folder of bare git repositories, owner+name")
    parser.add_argument(
        "--only", nargs="+", metavar="NAME", help="sources, engines (synthetic) or repositories (demonstrations) to run"
    )
    parser.add_argument("--manifest", type=Path, help="where to write the list without paths")
    parser.add_argument("--table", type=Path, help="copies: clips.csv whose human training clips are copied")
    chosen = parser.parse_args()
    if chosen.part == "human":
        collect_human(chosen.work, mirror=chosen.mirror, only=chosen.only, manifest=chosen.manifest)
        return
    if chosen.part == "demonstrations":
        if chosen.mirror is None:
            parser.error("demonstrations are read from clones: give --mirror DIR")
        collect_demonstrations(chosen.work, mirror=chosen.mirror, only=chosen.only, manifest=chosen.manifest)
        return
    if chosen.part == "copies":
        if chosen.mirror is None or chosen.table is None:
            parser.error("copies are made of a table's clips by networks out of clones: give --table and --mirror DIR")
        make_copies(chosen.table, chosen.work, chosen.mirror, manifest=chosen.manifest)
        return
    collect_synthetic(chosen.work, mirror=chosen.mirror, only=chosen.only, manifest=chosen.manifest)
    print("\n".join(summarise(chosen.work)))


if __name__ == "__main__":
    main()
