"""Input files: found, hashed, opened and decompressed."""

from __future__ import annotations

import glob
import gzip
import hashlib
import io
import os
import shutil
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO, cast

from batch_base.names import name_of
from sentinel_batch.errors import NoInputError, UnreadableFileError

SUFFIXES = (".csv", ".txt", ".tsv", ".log", ".cdr", ".dat")
"""File endings read from a folder, alone or followed by ``.gz`` or ``.zst``; and ``.parquet``."""

SAMPLE_BYTES = 1 << 18
_HASHED_AT_ONCE = 1 << 18
_COMPRESSED_BYTES = 1 << 18
_WINDOW_LOG = 31


def find_files(paths: Sequence[str | Path]) -> list[Path]:
    """Return the files that paths, folders, and globs name, sorted within each, none twice.

    Raises
    ------
    NoInputError
        If a path does not exist, or nothing at all is found.
    """
    found: dict[Path, None] = {}
    for given in paths:
        path = Path(given)
        # A link that leads nowhere is taken for a file, too: reading it says so.
        if str(given) == "-" or path.is_file() or path.is_fifo() or (path.is_symlink() and not path.exists()):
            matches = [path]
        elif path.is_dir():
            survey = survey_folder(path)
            matches = sorted([*survey.files, *survey.closed])
        else:
            names = glob.glob(str(given), recursive=True)  # noqa: PTH207 (Path.glob takes no absolute pattern)
            matches = sorted(Path(name) for name in names if Path(name).is_file())
            if not matches:
                raise NoInputError(
                    f"There is no file, folder or match for {str(given)!r}.",
                    hint="Check the path; quote a glob so that the shell leaves it alone.",
                    path=str(given),
                )
        found.update(dict.fromkeys(matches))
    if not found:
        raise NoInputError(
            f"No call detail records in {', '.join(map(str, paths)) or 'no paths'}.",
            hint=f"A folder is searched for files that end in {', '.join(SUFFIXES)} (also .gz, .zst) or .parquet.",
        )
    return list(found)


@dataclass(frozen=True)
class Survey:
    """What a folder holds, with its subfolders.

    Parameters
    ----------
    files
        Files that look like CDR input by their names, links that lead nowhere included; sorted.
    other
        What else there is, but for hidden names: files of other kinds, pipes, sockets and devices, links to folders
        (they are not followed), and empty folders that bear the name of a file; sorted.
    closed
        Folders that cannot be listed: what they hold is not known.
    """

    files: list[Path]
    other: list[Path]
    closed: list[Path]


def survey_folder(folder: Path) -> Survey:
    """List a folder and its subfolders; none is left out without a word."""
    closed: list[Path] = []
    found: list[Path] = []
    folders: list[Path] = []
    for root, below, names in os.walk(folder, onerror=lambda error: closed.append(Path(error.filename or folder))):
        found += [Path(root, name) for name in names]
        folders += [Path(root, name) for name in below]
    # A path that cannot even be looked at is kept: reading it says why.
    files = {p for p in found if is_readable_kind(p) and (os.path.isfile(p) or not os.path.exists(p))}  # noqa: PTH110, PTH113
    other = [p for p in found if p not in files and not p.name.startswith(".")]
    other += [p for p in folders if not p.name.startswith(".") and p.is_symlink()]
    other += [p for p in folders if is_readable_kind(p) and _is_hollow(p, (*files, *other, *closed))]
    return Survey(sorted(files), sorted(other), sorted(closed))


def _is_hollow(folder: Path, listed: Iterable[Path]) -> bool:
    """Tell whether nothing that is listed lies in a folder."""
    return not any(path.is_relative_to(folder) for path in listed)


def is_readable_kind(path: Path) -> bool:
    """Tell whether a file found in a folder looks like CDR input by its name; hidden files do not."""
    name = path.name.lower().removesuffix(".gz").removesuffix(".zst")
    return not path.name.startswith(".") and name.endswith((*SUFFIXES, ".parquet"))


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    digest, buffer = hashlib.sha256(), bytearray(_HASHED_AT_ONCE)
    view = memoryview(buffer)
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(buffer):
            digest.update(view[:size])
    return digest.hexdigest()


def spool_stream(path: Path, folder: Path) -> Path:
    """Copy standard input (``-``) or a named pipe into a file, so that it can be hashed and read twice."""
    target = folder / "stream.csv"
    with target.open("wb") as file, nullcontext(sys.stdin.buffer) if str(path) == "-" else path.open("rb") as stream:
        shutil.copyfileobj(stream, file)
    return target


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading, decompressed by its content (gzip, Zstandard), not by its name."""
    with path.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic[:2] == b"\x1f\x8b":
            with gzip.open(file) as plain:
                yield cast(BinaryIO, plain)
        elif magic == b"\x28\xb5\x2f\xfd":
            with io.BufferedReader(_ZstandardFrames(file), _COMPRESSED_BYTES) as plain:
                yield cast(BinaryIO, plain)
        else:
            yield file


class _ZstandardFrames(io.RawIOBase):
    """The content of a file's Zstandard frames; unlike the library's reader, it tells a file that was cut short."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._frame = _open_frame()
        self._begun = False
        self._plain = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._plain:
            packed = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame, self._begun = _open_frame(), False
            packed = packed or self._file.read(_COMPRESSED_BYTES)
            if not packed:
                if self._begun:
                    raise EOFError("the last frame has no end")
                return 0
            self._begun = True
            self._plain = memoryview(self._frame.decompress(packed))
        size = min(len(buffer), len(self._plain))
        buffer[:size], self._plain = self._plain[:size], self._plain[size:]
        return size


def _zstd() -> Any:
    """Return Python's own Zstandard, or what brings it to earlier versions; late, as most files need none."""
    return import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")


def _open_frame() -> Any:
    zstd = _zstd()
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _WINDOW_LOG})


@contextmanager
def unreadable_reported(path: Path) -> Iterator[None]:
    """Turn a failure to open, read or decompress ``path`` into an :class:`UnreadableFileError`."""
    try:
        yield
    except _damages() as error:
        raise UnreadableFileError(
            f"{name_of(path)}: the compressed file is damaged or cut short ({error}).",
            hint="Fetch it again; nothing of it was committed.",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableFileError(
            f"{name_of(path)} cannot be read: {error}", hint="Check the file and its permissions."
        ) from error


def _damages() -> tuple[type[Exception], ...]:
    """Return what damaged compressed files raise; asked only when something is raised, as the import takes a while."""
    return EOFError, gzip.BadGzipFile, zlib.error, _zstd().ZstdError
