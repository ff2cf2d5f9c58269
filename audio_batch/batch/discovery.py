"""Which files of a folder are recordings."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from audio_batch.decoding import AUDIO_SUFFIXES
from audio_batch.errors import AudioUsageError


@dataclass(frozen=True)
class Recording:
    """A file that claims, by its suffix, to be a recording.

    Attributes
    ----------
    path
        Where it is.
    name
        Path below the folder, with ``/``; may hold lone bytes as surrogates.
    size
        Bytes, 0 if it cannot be asked.
    problem
        Why it is not opened, or None.
    """

    path: str
    name: str
    size: int
    problem: str | None = None


def find_recordings(directory: str | os.PathLike[str]) -> list[Recording]:
    """List the recordings of a folder and its subfolders, sorted by the bytes of their names.

    Linked folders are not entered. A linked file is listed, and is opened only if it lies inside the folder.

    Raises
    ------
    AudioUsageError
        If the folder does not exist or cannot be read.
    """
    root = Path(directory)
    if not root.is_dir():
        raise AudioUsageError(
            f"{os.fspath(directory)!r} is not a folder.",
            hint="Name the folder that holds the recordings.",
            directory=os.fspath(directory),
        )
    # By bytes: the order must not depend on the locale, and a name need not be text.
    return sorted(_walk(root), key=lambda recording: os.fsencode(recording.name))


def _walk(root: Path) -> Iterator[Recording]:
    inside = root.resolve()
    for folder, _, names in os.walk(root, onerror=_refuse_folder):
        paths = (Path(folder) / name for name in names)
        yield from (_describe(path, root, inside) for path in paths if path.suffix.lower() in AUDIO_SUFFIXES)


def _refuse_folder(error: OSError) -> None:
    raise AudioUsageError(
        f"The folder {error.filename!r} cannot be read: {error.strerror}.",
        hint="Check its permissions.",
        directory=str(error.filename),
    ) from error


def _describe(path: Path, root: Path, inside: Path) -> Recording:
    name = path.relative_to(root).as_posix()
    try:
        if path.is_symlink() and not path.resolve(strict=True).is_relative_to(inside):
            return Recording(str(path), name, 0, "is a link that leads out of the folder")
        status = path.stat()
    except (OSError, RuntimeError) as error:
        return Recording(str(path), name, 0, f"cannot be read: {getattr(error, 'strerror', None) or error}")
    if not stat.S_ISREG(status.st_mode):
        return Recording(str(path), name, 0, "is not a regular file")
    return Recording(str(path), name, status.st_size)
