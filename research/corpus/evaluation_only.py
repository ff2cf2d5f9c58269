"""What stays out of training for good: sources drawn by their names, and the people who speak in them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

LIST = Path(__file__).with_name("evaluation_only.toml")
EVERYWHERE = frozenset({"", "ljspeech"})
"""Speakers who stay on both sides: LJSpeech's one reader is on every other page; her utterances are kept apart."""

HEAD = """\
# Sources of demonstrations.toml that are kept for evaluation, and the human speakers heard in them: neither may be
# trained on, by any part of the corpus. Made by `python -m research.corpus demonstrations --manifest FILE`. A source is
# here if the hash of its name says so (`sides.draw_side`); nobody chose it, and no result can move it. Only the
# reader of LJSpeech is on both sides, with different utterances.
"""


@dataclass(frozen=True)
class EvaluationOnly:
    """Names out of the list.

    Attributes
    ----------
    sources
        Repositories, ``owner/name``.
    speakers
        Speakers, named as in every table of the corpus but in lower case, such as ``vctk-p225``.
    """

    sources: frozenset[str]
    speakers: frozenset[str]


@cache
def read_evaluation_only(path: Path = LIST) -> EvaluationOnly:
    """Return the sources and speakers that are kept for evaluation."""
    stored = tomllib.loads(path.read_text(encoding="utf-8"))
    return EvaluationOnly(frozenset(stored["sources"]), frozenset(stored["speakers"]))


def name_evaluation_only(rows: Iterable[Mapping[str, str]]) -> EvaluationOnly:
    """Return what the clips of a table say: the sources of its evaluation side, and the people heard there."""
    kept = [row for row in rows if row["split"] == "evaluation"]
    speakers = {row["speaker"] for row in kept if row["class"] == "human"} - EVERYWHERE
    return EvaluationOnly(frozenset(row["source"] for row in kept), frozenset(speakers))


def write_evaluation_only(kept: EvaluationOnly, path: Path = LIST) -> None:
    """Write the list, sorted, one name a line."""
    parts = [f"{key} = [\n{_list(names)}]\n" for key, names in vars(kept).items()]
    path.write_text("\n".join((HEAD, *parts)), encoding="utf-8")


def _list(names: Iterable[str]) -> str:
    return "".join(f'  "{name}",\n' for name in sorted(names, key=str.lower))
