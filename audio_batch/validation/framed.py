"""Formats that are a chain of frames or pages: Ogg, MP3, AMR. Is the chain whole, and does it reach its end?"""

from __future__ import annotations

import struct
import zlib
from typing import BinaryIO

from audio_batch.validation.findings import make_damaged, make_no_audio, make_trailing, make_truncated
from audio_batch.validation.outcome import Issue

_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_MP3_KBITS = {
    "1": (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    "2": (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MP3_RATES = (44100, 48000, 32000)
_AMR_BYTES = {
    b"#!AMR\n": (12, 13, 15, 17, 19, 20, 26, 31, 5, 0, 0, 0, 0, 0, 0, 0),
    b"#!AMR-WB\n": (17, 23, 32, 36, 40, 46, 50, 58, 60, 5, 0, 0, 0, 0, 0, 0),
}


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
    """Walk the frames of an MP3 file (ISO/IEC 11172-3, 13818-3) and compare their number with the Xing header."""
    start = position = _skip_id3(file)
    file.seek(max(0, size - 128))
    end = size - 128 if file.read(3) == b"TAG" and size >= 128 else size
    count, declared, gaps = 0, None, 0
    while position + 4 <= end:
        file.seek(position)
        head = file.read(4)
        length = _measure_mp3_frame(head)
        if length is None:
            found = _find_mp3_frame(file, position, end)
            if found is None:
                break
            gaps, position = gaps + 1, found
            continue
        if position + length > end:
            return [make_truncated("frames", "half a frame", "a whole frame")]
        if count == 0:
            declared = _read_xing(head + file.read(180))
        count, position = count + 1, position + length
    return _judge_mp3(count, declared, gaps, start, end - position)


def _judge_mp3(count: int, declared: int | None, gaps: int, start: int, rest: int) -> list[Issue]:
    if count == 0:
        return [make_no_audio(0, f"There is no frame of audio after the first {start} bytes (tags).")]
    issues = []
    frames = count - 1 if declared is not None else count
    if declared is not None and frames + 1 < declared:  # some encoders count the header frame
        issues.append(make_truncated("frames", str(frames), str(declared)))
    if gaps:
        issues.append(make_damaged("frames", start, f"{gaps} stretches between frames are not audio"))
    return [*issues, make_trailing(rest)] if rest > 4 else issues


def _skip_id3(file: BinaryIO) -> int:
    head = file.read(10)
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    return 10 + sum((byte & 127) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))


def _measure_mp3_frame(head: bytes) -> int | None:
    """Return the bytes of the frame that begins with this header, or None if it is none (layer III only)."""
    if head[0] != 0xFF or head[1] & 0xE6 != 0xE2 or head[1] & 0x18 == 0x08:
        return None
    version, kbit, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if kbit in (0, 15) or rate == 3:
        return None
    bits = _MP3_KBITS["1" if version == 3 else "2"][kbit] * 1000
    hertz = _MP3_RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    # 1152 samples a frame, 576 in MPEG-2 and 2.5; an eighth of it turns bits a second into bytes a frame.
    return (144 if version == 3 else 72) * bits // hertz + (head[2] >> 1 & 1)


def _find_mp3_frame(file: BinaryIO, position: int, end: int) -> int | None:
    """Find the next place where two frames follow each other, within 64 KiB."""
    file.seek(position + 1)
    data = file.read(min(1 << 16, end - position - 1))
    at = data.find(b"\xff")
    while 0 <= at < len(data) - 4:
        length = _measure_mp3_frame(data[at : at + 4])
        if length and at + length + 4 <= len(data) and _measure_mp3_frame(data[at + length : at + length + 4]):
            return position + 1 + at
        at = data.find(b"\xff", at + 1)
    return None


def _read_xing(frame: bytes) -> int | None:
    for name in (b"Xing", b"Info"):
        at = frame.find(name)
        if at > 0 and frame[at + 7] & 1:
            return int.from_bytes(frame[at + 8 : at + 12])
    return None


def inspect_amr(file: BinaryIO, size: int) -> list[Issue]:
    """Walk the frames of an AMR file (RFC 4867, section 5)."""
    head = file.read(9)
    for magic, lengths in _AMR_BYTES.items():
        if head.startswith(magic):
            position = len(magic)
            while position < size:
                file.seek(position)
                position += 1 + lengths[file.read(1)[0] >> 3 & 15]
            return [] if position == size else [make_truncated("frames", "half a frame", "a whole frame")]
    return []
