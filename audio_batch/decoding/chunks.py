"""Containers that are a chain of chunks, each with a name and a length: RIFF (WAV), AIFF, CAF, Wave64."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_MOST_CHUNKS = 1000


@dataclass(frozen=True)
class Layout:
    """How a container writes its chunks.

    Attributes
    ----------
    audio
        Name of the chunk that holds the samples.
    length_form
        Form of a length, for `struct`.
    first
        Where the first chunk begins.
    alignment
        Chunks begin at multiples of this.
    counts_header
        Whether a length counts the chunk's own header.
    preface
        Bytes of the audio chunk that come before the samples.
    """

    audio: bytes
    length_form: str
    first: int
    alignment: int
    counts_header: bool = False
    preface: int = 0

    @property
    def header_bytes(self) -> int:
        """Bytes of a chunk's header: its name and its length."""
        return len(self.audio) + self.length_bytes

    @property
    def length_bytes(self) -> int:
        """Bytes of a length."""
        return struct.calcsize(self.length_form)


@dataclass(frozen=True)
class Chunk:
    """One chunk: its name, where its content begins, and the length that its header declares for the content."""

    name: bytes
    start: int
    length: int


_WAVE64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_LAYOUTS = {
    b"RIFF": Layout(b"data", "<I", 12, 2),
    b"RIFX": Layout(b"data", ">I", 12, 2),
    b"RF64": Layout(b"data", "<I", 12, 2),
    b"BW64": Layout(b"data", "<I", 12, 2),
    b"FORM": Layout(b"SSND", ">I", 12, 2, preface=8),
    b"caff": Layout(b"data", ">q", 8, 1, preface=4),
    b"riff": Layout(_WAVE64_DATA, "<Q", 40, 8, counts_header=True),
}


def find_layout(head: bytes) -> Layout | None:
    """Return how a file that begins with these bytes writes its chunks; None if it has none.

    Microsoft's RIFF, EBU Tech 3306 (RF64, BW64), Apple's AIFF 1.3 and Core Audio Format, Sony's Wave64.
    """
    return _LAYOUTS.get(head[:4])


def walk_chunks(file: BinaryIO, size: int, layout: Layout, position: int | None = None) -> Iterator[Chunk]:
    """Yield the chunks of a file, as their headers declare them.

    Parameters
    ----------
    file
        The container.
    size
        Its bytes.
    layout
        How it writes chunks.
    position
        Where to begin; by default at the first chunk.
    """
    at = layout.first if position is None else position
    for _ in range(_MOST_CHUNKS):
        if at + layout.header_bytes > size:
            return
        file.seek(at)
        header = file.read(layout.header_bytes)
        length = struct.unpack(layout.length_form, header[len(layout.audio) :])[0]
        content = length - layout.header_bytes if layout.counts_header else length
        yield Chunk(header[: len(layout.audio)], at + layout.header_bytes, content)
        if content < 0:
            return
        at += layout.header_bytes + content
        at += -at % layout.alignment


def find_audio(file: BinaryIO, size: int, layout: Layout) -> Chunk | None:
    """Return the chunk that holds the samples, or None."""
    return next((chunk for chunk in walk_chunks(file, size, layout) if chunk.name == layout.audio), None)


def is_chain(file: BinaryIO, size: int, layout: Layout, position: int) -> bool:
    """Say whether chunks with readable names follow each other from a place to the end of the file."""
    end = position
    for chunk in walk_chunks(file, size, layout, position):
        if not (chunk.name[:4].isascii() and chunk.name[:4].decode("ascii").isprintable()) or chunk.length < 0:
            return False
        end = chunk.start + chunk.length
    return end > position and size - layout.alignment <= end <= size
