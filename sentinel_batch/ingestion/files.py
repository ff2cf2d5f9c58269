"""Input files: found, opened, decompressed, decoded, and cut into blocks of whole lines."""

from __future__ import annotations

import codecs
import glob
import gzip
import hashlib
import io
import os
import re
import shutil
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from sentinel_batch.errors import NoInputError, UnreadableFileError

SUFFIXES = (".csv", ".txt", ".tsv", ".log", ".cdr", ".dat")
"""File endings read from a folder, alone or followed by ``.gz`` or ``.zst``; and ``.parquet``."""

BLOCK_BYTES = 16 << 20
SAMPLE_BYTES = 1 << 18
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
JOINED_LINES = 20
"""A quoted field may span so many lines."""

LONGEST_LINE = 64 << 20
"""Longer lines, in bytes, are not read: memory must not grow with the file."""

_HASHED_AT_ONCE = 1 << 18
_TAIL_BYTES = 1 << 16
_COMPRESSED_BYTES = 1 << 18
_LONGEST_TOP_UP = 1 << 16
_LONE_CR = re.compile(rb"\r\n?")


@dataclass(frozen=True)
class Block:
    """Whole lines of a file, in UTF-8, each ended by a line feed (the file's last may lack it).

    Parameters
    ----------
    data
        The lines' bytes.
    first_line
        Number of its first line in the file, from 1.
    line_ends
        How many line feeds it has.
    last
        Whether it ends the file.
    """

    data: bytes
    first_line: int
    line_ends: int
    last: bool


@dataclass(frozen=True)
class TextForm:
    """How a file's bytes become lines: its encoding, its byte order mark's length, its line ends."""

    encoding: str
    bom: int
    cr_only: bool


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
        if str(given) == "-" or path.is_file() or path.is_fifo():
            matches = [path]
        elif path.is_dir():
            matches = sorted(child for child in path.rglob("*") if child.is_file() and is_readable_kind(child))
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


def is_readable_kind(path: Path) -> bool:
    """Tell whether a file found in a folder looks like CDR input by its name; hidden files do not."""
    name = path.name.lower().removesuffix(".gz").removesuffix(".zst")
    return not path.name.startswith(".") and name.endswith((*SUFFIXES, ".parquet"))


def name_of(path: Path | str) -> str:
    """Return a path as text that can be stored and printed; bytes that are not UTF-8 become ``\\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


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
        import zstandard

        self._file = file
        self._decompressor = zstandard.ZstdDecompressor(max_window_size=1 << 31)
        self._frame = self._decompressor.decompressobj()
        self._begun = False
        self._plain = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._plain:
            packed = self._frame.unused_data if self._frame.eof else b""
            if self._frame.eof:
                self._frame, self._begun = self._decompressor.decompressobj(), False
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
    import zstandard

    return EOFError, gzip.BadGzipFile, zlib.error, zstandard.ZstdError


def recognise_text(sample: bytes) -> TextForm:
    """Find encoding and line ends from a file's first bytes."""
    marked = [(bom, encoding) for bom, encoding in _MARKS if sample.startswith(bom)]
    bom, encoding = marked[0] if marked else (b"", _guess_encoding(sample))
    text = sample[len(bom) :]
    if encoding.startswith("utf-16"):
        text = text.decode(encoding, "replace").encode()
    return TextForm(encoding, len(bom), b"\n" not in text and b"\r" in text)


def _guess_encoding(sample: bytes) -> str:
    even, odd = sample[:2048:2].count(0), sample[1:2048:2].count(0)
    if max(even, odd) > len(sample[:2048]) // 5 and min(even, odd) * 10 < max(even, odd):
        return "utf-16-be" if even > odd else "utf-16-le"
    return "utf-8"


def read_blocks(source: BinaryIO, form: TextForm, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Cut a decompressed stream into blocks of whole lines, in UTF-8 with line feeds.

    Bytes that are not UTF-8 are left as they are (:func:`repair_encoding` mends single blocks); NUL bytes are dropped.
    """
    decoder = codecs.getincrementaldecoder(form.encoding)("replace") if form.encoding != "utf-8" else None
    source.read(form.bom)
    rest, line, last = b"", 1, False
    raw = _read_lines(source, block_bytes)
    while not last:
        following = _read_lines(source, block_bytes) if len(raw) >= block_bytes else b""
        if len(following) < _TAIL_BYTES:
            raw, following, last = raw + following, b"", True
        data = raw if decoder is None else decoder.decode(raw, final=last).encode()
        if b"\x00" in data:
            data = data.replace(b"\x00", b"")
        data, held = rest + data if rest else data, b""
        if not last and data.endswith(b"\r"):
            data, held = data[:-1], b"\r"
        if b"\r" in data:
            data = _LONE_CR.sub(b"\n", data) if form.cr_only else _universal(data)
        cut = len(data) if last else _cut_place(data)
        if last or cut:
            whole = data[:cut]
            line_ends = count_byte(whole, b"\n")
            yield Block(whole, line, line_ends, last)
            line += line_ends
        rest, raw = data[cut:] + held, following
        if len(rest) > LONGEST_LINE:
            raise OSError(f"line {line} is longer than {LONGEST_LINE >> 20} MB; this is no file of call detail records")


def _cut_place(data: bytes) -> int:
    """Return the end of the last whole line; where a quote is open there, the start of the line that opened it."""
    cut = data.rfind(b"\n") + 1
    if b'"' in data and data.count(b'"', 0, cut) % 2:
        end = cut
        for _ in range(JOINED_LINES):
            start = data.rfind(b"\n", 0, max(end - 1, 0)) + 1
            if data.count(b'"', start, end) % 2:
                return start
            end = start
    return cut


def _read_lines(source: BinaryIO, size: int) -> bytes:
    """Read about so many bytes, up to a line's end if it is near; in one piece where the source allows: copies cost."""
    if isinstance(source, io.BufferedReader) and source.seekable():
        start = source.tell()
        source.seek(start + size)
        size += len(source.readline(_LONGEST_TOP_UP))
        source.seek(start)
        return source.read(size)
    chunks = []
    while size > 0 and (chunk := source.read(size)):
        chunks.append(chunk)
        size -= len(chunk)
    return b"".join(chunks)


def count_byte(data: bytes, byte: bytes) -> int:
    """Count a byte; four times as fast as ``bytes.count`` where it is frequent."""
    import numpy as np

    view, step = np.frombuffer(data, np.uint8), 1 << 18
    return sum(int(np.count_nonzero(view[at : at + step] == byte[0])) for at in range(0, len(view), step))


def _universal(data: bytes) -> bytes:
    data = data.replace(b"\r\n", b"\n")
    return data.replace(b"\r", b"\n") if b"\r" in data else data


def repair_encoding(data: bytes) -> tuple[bytes, str]:
    """Return a block as valid UTF-8, and what it was: ``utf-8``, ``windows-1252`` or ``utf-8 with stray bytes``.

    A line that is not UTF-8 is read as Windows-1252; a byte that is neither becomes U+FFFD.
    """
    if data.isascii():
        return data, "utf-8"
    try:
        data.decode()
    except UnicodeDecodeError:
        lines, multibyte = [], False
        for line in data.split(b"\n"):
            try:
                text = line.decode()
                multibyte = multibyte or not text.isascii()
            except UnicodeDecodeError:
                text = line.decode("cp1252", "replace")
            lines.append(text)
        return "\n".join(lines).encode(), "utf-8 with stray bytes" if multibyte else "windows-1252"
    return data, "utf-8"
