"""Containers that declare sizes: WAV, AIFF, CAF, Wave64, AU, MP4, Matroska. What is declared against what is there."""

from __future__ import annotations

import struct
from typing import BinaryIO

from audio_batch.decoding import OpenLength, find_audio, find_layout, find_open_length, walk_chunks
from audio_batch.validation.findings import ASK_AGAIN, make_bad_header, make_trailing, make_truncated
from audio_batch.validation.outcome import Issue

_KNOWN_CHUNKS = 1000


def inspect_riff(file: BinaryIO, size: int) -> list[Issue]:
    """Walk the chunks of a WAV file (RIFF, RF64 and BW64; Microsoft's RIFF, EBU Tech 3306).

    Parameters
    ----------
    file
        Open at its beginning.
    size
        Bytes of the file.

    Returns
    -------
    list of Issue
        What the sizes, the format chunk and the bytes that are there disagree on.
    """
    head = file.read(12)
    layout = find_layout(head)
    if layout is None:
        return []
    order = layout.length_form[0]
    riff_size = struct.unpack(f"{order}I", head[4:8])[0]
    chunks: dict[bytes, tuple[int, int]] = {}
    for chunk in walk_chunks(file, size, layout):
        chunks.setdefault(chunk.name, (chunk.start, chunk.length))
    issues = _check_format_chunk(file, chunks.get(b"fmt "), order)
    if b"data" not in chunks:
        return [*issues, make_truncated("data_size", "no data chunk", "a data chunk")]
    if found := find_open_length(file, size):
        return [*issues, _report_open(found)]
    start, length = chunks[b"data"]
    if head[:4] in (b"RF64", b"BW64") and b"ds64" in chunks:
        file.seek(chunks[b"ds64"][0])
        riff_size, length = struct.unpack("<QQ", file.read(16).ljust(16, b"\0"))
    return [*issues, *(_check_data(start, length, size) or _check_total(riff_size + 8, start + length, size))]


def _check_format_chunk(file: BinaryIO, found: tuple[int, int] | None, order: str) -> list[Issue]:
    if found is None:
        return [Issue("error", "bad_header", "fmt", "none", "a fmt chunk", "The file has no format chunk.", ASK_AGAIN)]
    file.seek(found[0])
    data = file.read(16)
    if len(data) < 16:
        return [make_truncated("fmt", f"{len(data)} bytes", "16 bytes")]
    tag, channels, rate, _, align, bits = struct.unpack(f"{order}HHIIHH", data)
    issues = []
    if rate == 0:
        issues.append(make_bad_header("sampling_rate", 0, "8000 Hz or more"))
    if channels == 0:
        issues.append(make_bad_header("channels", 0, "1 or more"))
    if tag in (1, 3, 6, 7) and channels and align != channels * ((bits + 7) // 8):
        issues.append(make_bad_header("block_align", align, channels * ((bits + 7) // 8)))
    return issues


def _check_data(start: int, length: int, size: int) -> list[Issue]:
    present = max(0, size - start)
    if length > present:
        return [make_truncated("data_size", f"{present} bytes", f"{length} bytes")]
    return []


def _check_total(declared: int, end: int, size: int) -> list[Issue]:
    end += end % 2
    issues = []
    if declared != size and not (declared < size and declared >= end) and abs(declared - size) > 1:
        message = f"The header declares {declared} bytes, the file has {size}."
        issues.append(Issue("warning", "riff_size_mismatch", "riff_size", size, declared, message, ASK_AGAIN))
    elif size - declared > 1:
        issues.append(make_trailing(size - declared))
    return issues


def _report_open(found: OpenLength) -> Issue:
    hint = "Whoever writes to a pipe, or is copied while it records, does that; nothing tells whether the end is there."
    code, message = "data_size_unset", f"The header leaves the length open ({found.declared})"
    if found.declared == 0:
        code, message = "data_size_zero", "The header says that there is no audio"
    message += f"; {found.present} bytes follow, and are read as audio."
    return Issue("warning", code, "data_size", found.present, found.declared, message, hint)


def inspect_chunked(file: BinaryIO, size: int) -> list[Issue]:
    """Walk the chunks of an AIFF, CAF or Wave64 file, and compare the one that holds the samples with the file."""
    head = file.read(40)
    layout = find_layout(head)
    if layout is None:
        return []
    audio = find_audio(file, size, layout)
    if audio is None:
        name = layout.audio[:4].decode("ascii")
        return [make_truncated("data_size", f"no {name} chunk", f"a {name} chunk")]
    if found := find_open_length(file, size):
        return [_report_open(found)]
    issues = _check_data(audio.start, audio.length, size)
    if issues or head[:4] != b"FORM":
        return issues
    return _check_total(struct.unpack(">I", head[4:8])[0] + 8, audio.start + audio.length, size)


def inspect_au(file: BinaryIO, size: int) -> list[Issue]:
    """Compare the data size in the header of an AU file (Sun, audio(5)) with the file."""
    head = file.read(24)
    if len(head) < 24:
        return [make_truncated("header", f"{len(head)} bytes", "24 bytes")]
    start, length, _, rate, _ = struct.unpack(">IIIII", head[4:])
    issues = [] if rate else [make_bad_header("sampling_rate", 0, "8000 Hz or more")]
    if found := find_open_length(file, size):
        return [*issues, _report_open(found)]
    return [*issues, *(_check_data(start, length, size) or _check_total(start + length, start + length, size))]


def inspect_mp4(file: BinaryIO, size: int) -> list[Issue]:
    """Walk the outer boxes of an MP4 file (ISO/IEC 14496-12)."""
    position, names = 0, set()
    for _ in range(_KNOWN_CHUNKS):
        file.seek(position)
        header = file.read(16)
        if len(header) < 8:
            break
        length, name = struct.unpack(">I4s", header[:8])
        length = {0: size - position, 1: int.from_bytes(header[8:16])}.get(length, length)
        names.add(name)
        if length < 8 or position + length > size:
            return [make_truncated(f"box {name.decode('latin-1')!r}", f"{size - position} bytes", f"{length} bytes")]
        position += length
    return [] if {b"moov", b"mdat"} <= names else [make_truncated("boxes", "moov or mdat is missing", "moov and mdat")]


def inspect_matroska(file: BinaryIO, size: int) -> list[Issue]:
    """Compare the declared size of the segment of a WebM or Matroska file (RFC 8794, RFC 9559) with the file."""
    head = file.read(4096)
    at = head.find(b"\x18\x53\x80\x67")
    if at < 0 or at + 12 > len(head):
        return [make_truncated("segment", "none", "a segment")]
    width = 9 - head[at + 4].bit_length()
    length = int.from_bytes(head[at + 4 : at + 4 + width]) & ((1 << 7 * width) - 1)
    start = at + 4 + width
    if length != (1 << 7 * width) - 1 and start + length > size:
        return [make_truncated("segment", f"{size - start} bytes", f"{length} bytes")]
    return []
