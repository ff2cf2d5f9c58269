"""Formats that are a chain of frames or pages: Ogg, MP3, AMR. Is the chain whole, and does it reach its end?"""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

from audio_batch.decoding import survey_amr, survey_mpeg
from audio_batch.validation.findings import make_damaged, make_no_audio, make_trailing, make_truncated
from audio_batch.validation.outcome import Issue

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def inspect_ogg(file: BinaryIO, size: int) -> list[Issue]:
    """Walk the pages of an Ogg file (RFC 3533): checksums, numbers without gaps, a last page that says so."""
    issues: list[Issue] = []
    expected: dict[bytes, int] = {}
    position, ended = 0, False
    while position < size:
        file.seek(position)
        page = _read_ogg_page(file)
        if page is None:
            rest = make_trailing(size - position) if ended else make_truncated("pages", "half a page", "a whole page")
            return [*issues, rest]
        if not _check_ogg_page(page):
            issues.append(make_damaged("pages", position, "a page's checksum is wrong"))
        number, stream = struct.unpack("<I", page[18:22])[0], page[14:18]
        if not page[5] & 2 and number != expected.get(stream, 0):
            issues.append(make_damaged("pages", position, f"page {number} stands for page {expected.get(stream, 0)}"))
        expected[stream], ended, position = number + 1, bool(page[5] & 4), position + len(page)
        if len(issues) >= 5:
            return issues
    return issues if ended else [*issues, make_truncated("pages", "no last page", "a page that is marked as the last")]


def _read_ogg_page(file: BinaryIO) -> bytes | None:
    head = file.read(27)
    if len(head) < 27 or head[:4] != b"OggS":
        return None
    lengths = file.read(head[26])
    body = file.read(sum(lengths))
    whole = len(lengths) == head[26] and len(body) == sum(lengths)
    return head + lengths + body if whole else None


def _check_ogg_page(page: bytes) -> bool:
    """Compare the page's checksum: the polynomial of zlib's, bits mirrored, nothing inverted."""
    data = (page[:22] + b"\0\0\0\0" + page[26:]).translate(_REVERSED)
    mirrored = zlib.crc32(data, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2) == int.from_bytes(page[22:26], "little")


def inspect_mp3(file: BinaryIO, size: int) -> list[Issue]:
    """Walk the frames of an MP3 file and compare their number with the index (Xing, VBRI), if there is one."""
    found = survey_mpeg(file, 0, size)
    if found.is_cut:
        return [make_truncated("frames", "half a frame", "a whole frame")]
    if not found.header:
        return [make_no_audio(0, f"There is no frame of audio after the first {found.first} bytes (tags).")]
    issues = []
    if found.declared is not None and found.frames + 1 < found.declared:  # some encoders count the index
        issues.append(make_truncated("frames", str(found.frames), str(found.declared)))
    if found.gaps:
        issues.append(make_damaged("frames", found.first, f"{found.gaps} stretches between frames are not audio"))
    return [*issues, make_trailing(found.rest)] if found.rest > 4 else issues


def inspect_amr(file: BinaryIO, size: int) -> list[Issue]:
    """Walk the frames of an AMR file (RFC 4867, section 5)."""
    found = survey_amr(file, size)
    return [] if found is None or found.is_whole else [make_truncated("frames", "half a frame", "a whole frame")]
