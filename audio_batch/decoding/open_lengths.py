"""Lengths that a writer left open: it wrote to a pipe, or had not finished, and could not go back to fill them in.

No one number says so. SoX writes 0x7FFFF000 into WAV and 0x7F000008 into AIFF, GStreamer 0x7FFF0000, lame and opusdec
0x7FFFFFFF, arecord 0x80000000, FFmpeg 0xFFFFFFFF; mpg123 and a switch that still records write 0. What they have in
common is that no file of this size could mean them.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

from audio_batch.decoding.chunks import Layout, find_audio, find_layout, is_chain, walk_chunks
from audio_batch.decoding.composed_file import ComposedFile

_NEAR = 0.01
"""Share of the field's range within which a length counts as its largest value: writers keep some room for headers."""
_LONGEST_SECONDS = 24 * 3600
"""No call lasts a day."""
_ORDERS = 100
"""A length of more than a day that is no more than so many times what is there may be an honest one."""
_AU_UNKNOWN_ENCODING_BYTES = 4
_AU_HEADER_BYTES = 24
_LARGEST_HEADER = 1 << 24
"""Bytes before the samples that are held in memory; a header is some hundred bytes, with pictures some millions."""


@dataclass(frozen=True)
class OpenLength:
    """A length that says nothing.

    Attributes
    ----------
    declared
        What the header says.
    start, end
        Where the samples begin and end.
    header
        What stands before them, with the lengths that the writer would have filled in.
    is_understood
        Whether libsndfile reads such a file to its end as it is.
    """

    declared: int
    start: int
    end: int
    header: bytes
    is_understood: bool

    @property
    def present(self) -> int:
        """Bytes of samples."""
        return self.end - self.start


@dataclass(frozen=True)
class _Place:
    """Where a header holds a length, in which form, and what it counts beside the samples."""

    at: int
    form: str
    extra: int

    def fill(self, present: int) -> bytes:
        """Return what stands there for so many bytes of samples, or the most that the field can hold."""
        most = (1 << (8 * struct.calcsize(self.form) - self.form[-1].islower())) - 1
        return struct.pack(self.form, min(self.extra + present, most))


def compose_closed(file: BinaryIO, found: OpenLength) -> ComposedFile:
    """Return the file as its writer would have left it if it had been able to go back."""
    return ComposedFile(found.header, file, found.start, found.end)


def find_open_length(file: BinaryIO, size: int) -> OpenLength | None:
    """Look whether a container leaves the length of its samples open; None if it declares one, or is no such container.

    Parameters
    ----------
    file
        WAV (RIFF, RIFX, RF64, BW64), AIFF, CAF, Wave64 or AU.
    size
        Its bytes.
    """
    file.seek(0)
    head = file.read(40)
    try:
        if head[:4] == b".snd":
            return _look_at_au(file, size, head)
        layout = find_layout(head)
        if head[:4] in (b"RF64", b"BW64") and layout is not None:
            return _look_at_rf64(file, size, layout)
        return None if layout is None else _look_at_chunks(file, size, layout, head)
    except struct.error:
        return None


def _look_at_au(file: BinaryIO, size: int, head: bytes) -> OpenLength | None:
    start, length, _, rate, channels = struct.unpack(">IIIII", head[4:24])
    if not _AU_HEADER_BYTES <= start <= min(size, _LARGEST_HEADER) or not is_open(
        length, size - start, 32, rate * channels * _AU_UNKNOWN_ENCODING_BYTES
    ):
        return None
    return _close(file, size, length, start, [_Place(8, ">I", 0)])


def _look_at_chunks(file: BinaryIO, size: int, layout: Layout, head: bytes) -> OpenLength | None:
    audio = find_audio(file, size, layout)
    if audio is None or audio.start > _LARGEST_HEADER:
        return None
    start, present = audio.start + layout.preface, size - audio.start - layout.preface
    # Some count what stands before the samples, some do not; what is left of it is no sample.
    length = 0 if 0 <= audio.length <= layout.preface else audio.length
    if not is_open(length, present, 8 * layout.length_bytes, _read_byte_rate(file, size, layout)):
        return None
    if length == 0 and is_chain(file, size, layout, audio.start + max(audio.length, 0)):
        return None
    counted = layout.preface + (layout.header_bytes if layout.counts_header else 0)
    places = [_Place(audio.start - layout.length_bytes, layout.length_form, counted)]
    if head[:4] in (b"RIFF", b"RIFX", b"FORM"):
        places.append(_Place(4, layout.length_form, start - 8))
    return _close(file, size, length, start, places)


def _look_at_rf64(file: BinaryIO, size: int, layout: Layout) -> OpenLength | None:
    """Sizes of RF64 stand in its chunk ds64; without one they are those of RIFF."""
    chunks = {chunk.name: chunk for chunk in walk_chunks(file, size, layout)}
    sizes, audio = chunks.get(b"ds64"), find_audio(file, size, layout)
    if sizes is None or audio is None or audio.start > _LARGEST_HEADER:
        return _look_at_chunks(file, size, layout, b"RF64")
    file.seek(sizes.start)
    length = struct.unpack("<QQ", file.read(16))[1]
    present = size - audio.start
    if not is_open(length, present, 64, _read_byte_rate(file, size, layout)):
        return None
    places = [_Place(sizes.start, "<Q", audio.start - 8), _Place(sizes.start + 8, "<Q", 0)]
    return _close(file, size, length, audio.start, places)


def _close(file: BinaryIO, size: int, declared: int, start: int, places: list[_Place]) -> OpenLength:
    """Fill in the lengths; leave out copies of the header, which libsndfile writes again where it cannot go back."""
    file.seek(0)
    header = file.read(start)
    first, end = start, size
    while _begins_again(file, first, header):
        first += start
    if end - start > first and _begins_again(file, end - start, header):
        end -= start
    mended = bytearray(header)
    for place in places:
        value = place.fill(end - first)
        mended[place.at : place.at + len(value)] = value
    return OpenLength(declared, first, end, bytes(mended), declared > 0 and (first, end) == (start, size))


def _begins_again(file: BinaryIO, at: int, header: bytes) -> bool:
    file.seek(at)
    copy = file.read(len(header))
    # The lengths in it may differ: what is compared are the names of the file and of its last chunk.
    return len(copy) == len(header) and copy[:4] == header[:4] and copy[-16:-8] == header[-16:-8]


def _read_byte_rate(file: BinaryIO, size: int, layout: Layout) -> int:
    """Return the bytes per second that the format chunk of a WAV file declares, else 0."""
    for chunk in walk_chunks(file, size, layout):
        if chunk.name[:4] == b"fmt ":
            file.seek(chunk.start + 8)
            return int(struct.unpack(f"{layout.length_form[0]}I", file.read(4))[0])
    return 0


def is_open(declared: int, present: int, bits: int, bytes_per_second: int = 0) -> bool:
    """Say whether a declared length is one that no file of this size could mean.

    Parameters
    ----------
    declared
        What the header says, in bytes; below 0 stands for "unknown".
    present
        Bytes that follow.
    bits
        Width of the field.
    bytes_per_second
        What the header says of it; 0 if nothing.

    Returns
    -------
    bool
        True for nothing where something follows; for more than there is, within a hundredth of the largest value of the
        field, signed or not; and for more than a day of audio where not a hundredth of it is there. A length that could
        be honest is not open, however much is missing.
    """
    if declared <= 0:
        return declared < 0 or present > 1
    if declared <= present:
        return False
    tops = (1 << (bits - 1), 1 << bits)
    if any((1 - _NEAR) * top <= declared <= (1 + _NEAR / 100) * top for top in tops):
        return True
    return 0 < bytes_per_second * _LONGEST_SECONDS < declared and declared > _ORDERS * present
