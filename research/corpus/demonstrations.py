"""Which files of public demonstration pages are speech of which class, as ``demonstrations.toml`` says."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from research.corpus.kept_sources import refuse_kept
from research.corpus.sides import draw_side

LIST = Path(__file__).with_name("demonstrations.toml")

Facts = dict[str, Any]
"""``class``, ``kind``, ``engine``, ``family``, ``corpus`` and ``speaker`` of one file."""


@dataclass(frozen=True)
class Rule:
    """Which files of a repository are of one class, and what is said of them.

    Attributes
    ----------
    label
        ``human`` or ``synthetic``.
    paths
        Regular expression that matches the whole path of a file.
    engine, family, corpus, speaker
        Templates over the named groups of `paths`.
    """

    label: str
    paths: str
    engine: str = ""
    family: str = ""
    corpus: str = ""
    speaker: str = ""


@dataclass(frozen=True)
class Demonstration:
    """One entry of the list.

    Attributes
    ----------
    repository
        ``owner/name``.
    licence
        SPDX identifier of the repository's own licence.
    rules
        The first that matches a file decides on it.
    kind
        What is demonstrated; empty where there is human speech only.
    branch
        The branch to read; the newest commit where it is empty.
    trained_before
        A model that was shipped has been trained on it.
    """

    repository: str
    licence: str
    rules: tuple[Rule, ...]
    kind: str = ""
    branch: str = ""
    trained_before: bool = False

    @property
    def side(self) -> str:
        """``train`` or ``evaluation``."""
        return draw_side(self.repository, trained_before=self.trained_before)


def read_demonstrations(path: Path = LIST) -> list[Demonstration]:
    """Return the entries of the list, in order.

    Raises
    ------
    AudioUsageError
        A source is kept for evaluation by others, and may not be used at all.
    """
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["demonstration"]
    for entry in entries:
        refuse_kept(path, repository=entry["repository"])
    return [_read_entry(entry) for entry in entries]


def _read_entry(entry: dict[str, Any]) -> Demonstration:
    rules = tuple(Rule(label=rule.pop("class"), **rule) for rule in entry.pop("clips"))
    return Demonstration(rules=rules, **entry)


def list_files(entry: Demonstration, paths: Iterable[str]) -> Iterator[tuple[str, Facts]]:
    """Yield the files that belong to a class, and what is known of each, in the order in which they are to be taken.

    Files are dealt out engine by engine (human ones speaker by speaker), so that a cap leaves some of every engine;
    those of one engine come in an order that a hash of their names draws.
    """
    piles: dict[str, list[tuple[str, Facts]]] = defaultdict(list)
    for path in sorted(paths, key=lambda path: _draw(f"{entry.repository}/{path}")):
        facts = _describe(entry, path)
        if facts:
            piles[facts["engine"] or facts["speaker"]].append((path, facts))
    for turn in range(max((len(pile) for pile in piles.values()), default=0)):
        yield from (piles[name][turn] for name in sorted(piles) if turn < len(piles[name]))


def _draw(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()


def _describe(entry: Demonstration, path: str) -> Facts:
    for rule in entry.rules:
        found = re.fullmatch(rule.paths, path)
        if found:
            return _fill_in(entry, rule, {key: value or "" for key, value in found.groupdict().items()})
    return {}


def _fill_in(entry: Demonstration, rule: Rule, groups: dict[str, str]) -> Facts:
    facts = {key: getattr(rule, key).format(**groups).lower() for key in ("engine", "family", "corpus", "speaker")}
    if rule.label == "human":
        facts["speaker"] = facts["speaker"] or entry.repository.lower().replace("/", "-")
    return {"class": rule.label, "kind": entry.kind if rule.label == "synthetic" else "", **facts}
