"""MPEG audio, layer III: how many frames a stream has, and an index for decoders that would guess their number.

Without an index in the first frame (none can be written into a pipe) a decoder estimates the length from the bit rate
at the beginning and the size of the file. libsndfile takes that for the truth, and stops there: of a call at variable
bit rate it reads a part, without a word.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

_KBITS = {
    "1": (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    "2": (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44100, 48000, 32000)
_MPEG_1, _MONO = 3, 3
_INDEX_HEADER_BYTES = 180


@dataclass(frozen=True)
class MpegSurvey:
    """What a walk over the frames found.

    Attributes
    ----------
    first
        Where the first frame begins.
    header
        Its four bytes; empty if there is none.
    index_bytes
        Length of the first frame if it is an index (Xing, Info, VBRI), which holds no sound; else 0.
    declared
        Frames that the index declares, or None.
    frames
        Frames of sound that are there.
    gaps
        Stretches between frames that are no frames.
    end
        Where the last whole frame ends.
    is_cut
        Whether a part of a frame follows it.
    rest
        Bytes after the last frame, tags not counted.
    """

    first: int
    header: bytes
    index_bytes: int
    declared: int | None
    frames: int
    gaps: int
    end: int
    is_cut: bool
    rest: int

    @property
    def samples(self) -> int:
        """Samples per channel of the frames that are there."""
        return self.frames * (_samples_per_frame(self.header) if self.header else 0)


def survey_mpeg(file: BinaryIO, start: int, end: int) -> MpegSurvey:
    """Walk the frames of a stretch of a file (ISO/IEC 11172-3, 13818-3).

    Parameters
    ----------
    file
        The file.
    start, end
        The stretch; tags (ID3) at its ends, and in between, are passed over.
    """
    first = position = _skip_id3(file, start)
    file.seek(max(0, end - 128))
    end = end - 128 if end - start >= 128 and file.read(3) == b"TAG" else end
    count, gaps, is_cut = 0, 0, False
    header, index_bytes, declared = b"", 0, None
    while position + 4 <= end:
        file.seek(position)
        head = file.read(4)
        length = measure_frame(head)
        if length is None:
            behind_tag = _skip_id3(file, position)
            found = behind_tag if behind_tag > position else _find_frame(file, position, end)
            if found is None:
                break
            gaps, position = gaps + (behind_tag == position), found
            continue
        if position + length > end:
            is_cut = True
            break
        if count == 0:
            first, header = position, head
            declared = _read_index(head + file.read(_INDEX_HEADER_BYTES))
            index_bytes = 0 if declared is None else length
        count, position = count + 1, position + length
    frames = count - bool(index_bytes)
    return MpegSurvey(first, header, index_bytes, declared, frames, gaps, position, is_cut, end - position)


def make_index(survey: MpegSurvey) -> bytes:
    """Return a frame that tells decoders how many frames follow: an index as the Xing encoder writes it."""
    version, mode = survey.header[1] >> 3 & 3, survey.header[3] >> 6
    side = (17 if mode == _MONO else 32) if version == _MPEG_1 else (9 if mode == _MONO else 17)
    tag = bytes(side) + b"Xing" + struct.pack(">II", 1, survey.frames)
    for kbit in range(1, 15):
        # No checksum (the last bit of the second byte), no padding.
        head = bytes([0xFF, survey.header[1] | 1, kbit << 4 | survey.header[2] & 0x0C, survey.header[3]])
        length = measure_frame(head) or 0
        if length >= len(head) + len(tag):
            return (head + tag).ljust(length, b"\0")
    raise ValueError("no frame of this stream is long enough for an index")


def measure_frame(head: bytes) -> int | None:
    """Return the bytes of the frame that begins with this header, or None if it is none (layer III only)."""
    if head[0] != 0xFF or head[1] & 0xE6 != 0xE2 or head[1] & 0x18 == 0x08:
        return None
    version, kbit, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if kbit in (0, 15) or rate == 3:
        return None
    bits = _KBITS["1" if version == _MPEG_1 else "2"][kbit] * 1000
    hertz = _RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    # An eighth of the samples of a frame turns bits a second into bytes a frame.
    return _samples_per_frame(head) // 8 * bits // hertz + (head[2] >> 1 & 1)


def _samples_per_frame(head: bytes) -> int:
    return 1152 if head[1] >> 3 & 3 == _MPEG_1 else 576


def _skip_id3(file: BinaryIO, start: int) -> int:
    file.seek(start)
    head = file.read(10)
    if head[:3] != b"ID3" or len(head) < 10:
        return start
    return start + 10 + sum((byte & 127) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))


def _find_frame(file: BinaryIO, position: int, end: int) -> int | None:
    """Find the next place where two frames follow each other, within 64 KiB."""
    file.seek(position + 1)
    data = file.read(min(1 << 16, end - position - 1))
    at = data.find(b"\xff")
    while 0 <= at < len(data) - 4:
        length = measure_frame(data[at : at + 4])
        if length and at + length + 4 <= len(data) and measure_frame(data[at + length : at + length + 4]):
            return position + 1 + at
        at = data.find(b"\xff", at + 1)
    return None


def _read_index(frame: bytes) -> int | None:
    for name in (b"Xing", b"Info"):
        at = frame.find(name)
        if at > 0 and frame[at + 7] & 1:
            return int.from_bytes(frame[at + 8 : at + 12])
    # The Fraunhofer encoder's, always at the same place.
    return int.from_bytes(frame[50:54]) if frame[36:40] == b"VBRI" else None
