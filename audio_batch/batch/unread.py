"""What a folder holds and no step reads: counted, named, with what it would take. Nothing is passed over in silence."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any

from audio_batch.decoding import AUDIO_FORMATS, explain_suffix, identify_format, open_file, printable
from audio_batch.errors import UnreadableAudioError

LINKED_FOLDER = "linked folder"
NO_SUFFIX = "no suffix"
_EXAMPLES = 3


@dataclass(frozen=True)
class UnreadFiles:
    """Files of one kind that are not read.

    Attributes
    ----------
    kind
        Their suffix in lower case, `NO_SUFFIX` or `LINKED_FOLDER`.
    files
        How many there are.
    examples
        Names of the first three, below the folder; lone bytes are written as escapes.
    needed
        What they are, and what it would take to read them.
    """

    kind: str
    files: int
    examples: tuple[str, ...]
    needed: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON."""
        return asdict(self) | {"examples": list(self.examples)}


def group_unread(names: Iterable[str], linked_folders: Iterable[str], root: Path) -> tuple[UnreadFiles, ...]:
    """Group files that are not read by their kind, the most frequent first.

    Parameters
    ----------
    names
        Paths of files below `root`, with ``/``.
    linked_folders
        The same of links to folders, which are not entered.
    root
        The folder.
    """
    kinds: dict[str, list[str]] = defaultdict(list)
    for name in names:
        kinds[PurePath(name).suffix.lower() or NO_SUFFIX].append(name)
    kinds[LINKED_FOLDER] += linked_folders
    groups = [_describe(kind, sorted(found, key=os.fsencode), root) for kind, found in kinds.items() if found]
    return tuple(sorted(groups, key=lambda group: (-group.files, group.kind)))


def _describe(kind: str, names: list[str], root: Path) -> UnreadFiles:
    examples = tuple(printable(name) for name in names[:_EXAMPLES])
    if kind == LINKED_FOLDER:
        needed = "a link to a folder, which is not entered; name the folder that it leads to"
    else:
        needed = explain_suffix(kind) or _look_inside(root / names[0])
    return UnreadFiles(printable(kind), len(names), examples, needed)


def _look_inside(path: Path) -> str:
    """Say what the first file of an unknown suffix is by its content; links may lead out of the folder."""
    try:
        with open_file(path) as file:
            found = None if path.is_symlink() else identify_format(file.read(4096))
    except UnreadableAudioError:
        found = None
    if found in AUDIO_FORMATS:
        return f"an unknown suffix, but the first one is {found}; name the files themselves, or rename them to .{found}"
    return "an unknown suffix; name the files themselves, with --raw FORMAT if they have no header"
