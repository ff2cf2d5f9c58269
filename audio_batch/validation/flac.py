"""Does a FLAC file reach the end that it declares?"""

from __future__ import annotations

import hashlib
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from audio_batch.decoding import open_file
from audio_batch.validation.findings import ASK_AGAIN, make_bad_header, make_truncated
from audio_batch.validation.outcome import Issue

_TAIL_BYTES = 1 << 17


def inspect_flac(file: BinaryIO, size: int) -> list[Issue]:
    """Look for the last frame of a FLAC file (RFC 9639) and compare where it ends with the declared length."""
    head = file.read(42)
    if len(head) < 42:
        return [make_truncated("header", f"{len(head)} bytes", "42 bytes")]
    info = int.from_bytes(head[18:26])
    rate, total = info >> 44, info & ((1 << 36) - 1)
    if rate == 0:
        return [make_bad_header("sampling_rate", 0, "8000 Hz or more")]
    start = max(42, size - (_TAIL_BYTES))
    file.seek(start)
    tail = file.read()
    reached = _find_last_flac_sample(tail, int.from_bytes(head[8:10]))
    if total and reached < total:
        return [make_truncated("frames", f"{reached} samples or a little more", f"{total} samples")]
    return []


def _find_last_flac_sample(tail: bytes, block_size: int) -> int:
    """Return the first sample after the last whole frame in these bytes, 0 if there is none."""
    at = len(tail)
    while (at := tail.rfind(b"\xff", 0, at)) >= 0:
        frame = _read_flac_header(tail[at : at + 16], block_size)
        if frame is not None:
            return sum(frame) if _crc(tail[at:], 0x8005, 16) == 0 else frame[0]
    return 0


def _read_flac_header(head: bytes, block_size: int) -> tuple[int, int] | None:
    """Return the number of the frame's first sample and its length, or None if no header begins here."""
    if len(head) < 6 or head[1] & 0xFE != 0xF8 or head[3] & 1:
        return None
    # The number of the frame, or of its first sample, is coded as UTF-8 codes characters: leading ones count the bytes.
    ones = 8 - (~head[4] & 0xFF).bit_length()
    extra = max(0, ones - 1)
    number = head[4] & (0x7F >> ones)
    for byte in head[5 : 5 + extra]:
        number = number << 6 | byte & 0x3F
    at, kind = 5 + extra, head[2] >> 4
    length = {1: 192, **{n: 576 << (n - 2) for n in (2, 3, 4, 5)}, **{n: 256 << (n - 8) for n in range(8, 16)}}.get(
        kind, 0
    )
    if kind in (6, 7):
        length, at = int.from_bytes(head[at : at + kind - 5]) + 1, at + kind - 5
    at += {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    if len(head) <= at or _crc(head[: at + 1], 0x07, 8) != 0:
        return None
    return (number if head[1] & 1 else number * block_size), length


def _crc(data: bytes, polynomial: int, width: int) -> int:
    """Remainder of the data with its own checksum at the end: 0 if that is right (RFC 9639, section 9)."""
    remainder, top = 0, 1 << (width - 1)
    for byte in data:
        remainder ^= byte << (width - 8)
        for _ in range(8):
            remainder = remainder << 1 ^ polynomial if remainder & top else remainder << 1
        remainder &= (1 << width) - 1
    return remainder


class FlacChecksum:
    """MD5 of the decoded samples of a 16-bit FLAC file, against the one in its header (RFC 9639, section 8.2)."""

    def __init__(self) -> None:
        self._digest = hashlib.md5(usedforsecurity=False)

    def add(self, block: NDArray[np.float32]) -> None:
        """Take in decoded samples, shape (frames, channels)."""
        self._digest.update(np.rint(block * 32768).astype("<i2").tobytes())

    def compare(self, path: str) -> list[Issue]:
        """Return ``checksum_mismatch`` if the header has a checksum and it is another."""
        with open_file(path) as file:
            declared = file.read(42)[26:42]
        if declared in (b"", b"\0" * 16, self._digest.digest()):
            return []
        found = self._digest.hexdigest()
        message = "The decoded samples are not those that were encoded: their checksum differs."
        return [Issue("error", "checksum_mismatch", "md5", found, declared.hex(), message, ASK_AGAIN)]
