"""Command line of the corpus: ``python -m audio_batch.spoof.corpus human --work DIR``."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

PARTS = {"human": "audio_batch.spoof.corpus.human", "synthetic": "audio_batch.spoof.corpus.synthetic"}


def main() -> None:
    """Parse the arguments and make the named half of the corpus."""
    parser = argparse.ArgumentParser(prog="python -m audio_batch.spoof.corpus", description=__doc__)
    parser.add_argument("part", choices=sorted(PARTS))
    parser.add_argument("--work", type=Path, required=True, help="work folder: downloads, clips, lists")
    parser.add_argument("--mirror", type=Path, help="folder of bare git repositories, owner+name/repo")
    parser.add_argument("--only", nargs="+", help="names of the sources to make")
    parser.add_argument("--manifest", type=Path, help="where to write the list without paths")
    chosen = parser.parse_args()
    part = import_module(PARTS[chosen.part])
    make = getattr(part, f"collect_{chosen.part}")
    make(chosen.work, mirror=chosen.mirror, only=chosen.only, manifest=chosen.manifest)


if __name__ == "__main__":
    main()
