"""Demonstration audio of public TTS, vocoder and voice-conversion repositories, read from bare clones.

Which files, under which licence and as which attack stands in ``repositories.toml``. The human halves of the same
repositories go to ``<work>/human_extra.csv``.
"""

from __future__ import annotations

import io
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audio_batch.errors import AudioUsageError
from research.corpus.catalogue import Catalogue, Clip, Origin

LIST = Path(__file__).parents[1] / "repositories.toml"

Demo = dict[str, str]


def read_demos() -> list[Demo]:
    """Return the entries of ``repositories.toml``."""
    with LIST.open("rb") as file:
        entries: list[Demo] = tomllib.load(file)["demo"]
    return entries


def generate(work: Path, mirror: Path | None) -> Iterator[Clip]:
    """Store the human halves, then yield the synthetic ones, with the human original of each where there is one.

    Raises
    ------
    AudioUsageError
        No folder of clones was given.
    """
    if mirror is None:
        raise AudioUsageError("the folder of bare clones is missing", hint="give --mirror DIR")
    demos = read_demos()
    originals: dict[tuple[str, str], str] = {}
    human = [clip for demo in demos if _is_human(demo) for clip in _read_demo(demo, mirror, originals)]
    Catalogue(work, table="human_extra.csv", label="human").add(human)
    for demo in demos:
        if not _is_human(demo):
            yield from _read_demo(demo, mirror, originals)


def _is_human(demo: Demo) -> bool:
    return demo.get("label") == "human"


def _read_demo(demo: Demo, mirror: Path, originals: dict[tuple[str, str], str]) -> Iterator[Clip]:
    store = _find_store(mirror, demo["repository"])
    if store is None:
        return
    commit = _git(store, "rev-parse", "--short=12", demo["ref"]).decode().strip()
    paths = _git(store, "-c", "core.quotePath=false", "ls-tree", "-r", "-z", "--name-only", demo["ref"])
    for path in paths.decode("utf-8", "replace").split("\0"):
        if match := re.fullmatch(demo["paths"], path):
            clip = _read_clip(demo, store, commit, path, match.groupdict(), originals)
            if clip is not None:
                yield clip


def _read_clip(
    demo: Demo, store: Path, commit: str, path: str, groups: dict[str, Any], originals: dict[tuple[str, str], str]
) -> Clip | None:
    import soundfile

    repository, human = demo["repository"], _is_human(demo)
    try:
        signal, rate = soundfile.read(
            io.BytesIO(_git(store, "cat-file", "blob", f"{demo['ref']}:{path}")), dtype="float32", always_2d=True
        )
    except (soundfile.SoundFileError, subprocess.CalledProcessError):  # a snapshot may lack its largest files
        return None
    origin = Origin(
        *(repository.replace("/", "_"), repository, commit, demo["licence"]),
        *("" if human else demo["attack"], "" if human else demo["attack_family"]),
    )
    speaker = demo["speaker"].format(**{key: value or "" for key, value in groups.items()})
    key = (repository, groups.get("utterance") or "")
    pair = "" if human or not key[1] else originals.get(key, "")
    name = f"{demo.get('attack', 'human')}_{Path(path).with_suffix('')}"
    clip = Clip(name, signal[:, 0], rate, speaker, demo["language"], origin, pair, whole=human and bool(key[1]))
    if human and key[1]:
        originals[key] = clip.clip_id
    return clip


def _find_store(mirror: Path, repository: str) -> Path | None:
    folder = mirror / repository.replace("/", "+") / "repo"
    return next((store for store in (folder / ".git", folder) if (store / "objects").is_dir()), None)


def _git(store: Path, *arguments: str) -> bytes:
    return subprocess.run(["git", f"--git-dir={store}", *arguments], capture_output=True, check=True).stdout
