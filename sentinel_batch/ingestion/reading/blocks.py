"""Bytes to blocks of whole lines, in UTF-8 with line feeds."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

BLOCK_BYTES = 16 << 20
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
JOINED_LINES = 20
"""A quoted field may span so many lines."""

LONGEST_LINE = 64 << 20
"""Longer lines, in bytes, are not read: memory must not grow with the file."""

_TAIL_BYTES = 1 << 16
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
