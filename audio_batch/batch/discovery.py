"""Which files of a folder are recordings, and which are not."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from audio_batch.batch.unread import UnreadFiles, group_unread
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


@dataclass(frozen=True)
class FolderContents:
    """What a folder holds: files that claim to be recordings, and all others.

    Attributes
    ----------
    recordings
        Sorted by the bytes of their names.
    unread
        The other files, by kind.
    """

    recordings: tuple[Recording, ...]
    unread: tuple[UnreadFiles, ...] = ()


def scan_folder(directory: str | os.PathLike[str], *, known: Iterable[str | os.PathLike[str]] = ()) -> FolderContents:
    """List what a folder and its subfolders hold.

    Linked folders are not entered. A linked file is listed, and is opened only if it lies inside the folder.

    Parameters
    ----------
    directory
        The folder.
    known
        Files and folders that are read for something else, such as the manifest: they are not listed as unread.

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
    inside, apart = root.resolve(), {Path(path).resolve() for path in known}
    recordings, others, links = list[Recording](), list[str](), list[str]()
    for folder, subfolders, names in os.walk(root, onerror=_refuse_folder):
        subfolders[:] = [name for name in subfolders if (Path(folder) / name).resolve() not in apart]
        links += [_name(Path(folder) / name, root) for name in subfolders if (Path(folder) / name).is_symlink()]
        for path in (Path(folder) / name for name in names):
            if path.suffix.lower() in AUDIO_SUFFIXES:
                recordings.append(_describe(path, root, inside))
            elif not apart or path.resolve() not in apart:
                others.append(_name(path, root))
    # By bytes: the order must not depend on the locale, and a name need not be text.
    recordings.sort(key=lambda recording: os.fsencode(recording.name))
    return FolderContents(tuple(recordings), group_unread(others, links, root))


def _name(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _refuse_folder(error: OSError) -> None:
    raise AudioUsageError(
        f"The folder {error.filename!r} cannot be read: {error.strerror}.",
        hint="Check its permissions.",
        directory=str(error.filename),
    ) from error


def _describe(path: Path, root: Path, inside: Path) -> Recording:
    name = _name(path, root)
    try:
        if path.is_symlink() and not path.resolve(strict=True).is_relative_to(inside):
            return Recording(str(path), name, 0, "is a link that leads out of the folder")
        status = path.stat()
    except (OSError, RuntimeError) as error:
        return Recording(str(path), name, 0, f"cannot be read: {getattr(error, 'strerror', None) or error}")
    if not stat.S_ISREG(status.st_mode):
        return Recording(str(path), name, 0, "is not a regular file")
    return Recording(str(path), name, status.st_size)
