"""Recordings whose writers could not go back to the header, built byte by byte: whole, each with its placeholder."""

from __future__ import annotations

import struct

import numpy as np
import soundfile as sf
from damaged_audio import RATE, Array, encode


def set_bytes(data: bytes, at: int, form: str, value: int) -> bytes:
    """Replace a number in a header."""
    packed = struct.pack(form, value)
    return data[:at] + packed + data[at + len(packed) :]


def stream_wav(data: bytes, length: int, riff: int | None = None) -> bytes:
    """Give a WAV file a placeholder for the length of its samples."""
    total = min(length + 36, 0xFFFFFFFF) if riff is None else riff
    return set_bytes(set_bytes(data, 4, "<I", total), data.index(b"data") + 4, "<I", length)


WAV_LENGTHS = {
    "sox": 0x7FFFF000,
    "sox-24-bit": 0x7FFFEFFF,
    "sox-gsm": 0x7FFFEFC2,
    "gstreamer": 0x7FFF0000,
    "lame-opusdec": 0x7FFFFFFF,
    "arecord": 0x80000000,
    "ffmpeg": 0xFFFFFFFF,
    "all-but-the-header": 0xFFFFFFFF - 44,
    "nothing": 0,
}
"""What real writers leave in a WAV file."""


def make_streamed(speech: Array) -> dict[str, bytes]:
    """Return streamed files by name; each holds all of the speech."""
    wav, aiff, au = encode(speech), encode(speech, "AIFF"), encode(speech, "AU", "ULAW")
    caf, w64, rf64 = encode(speech, "CAF"), encode(speech, "W64"), encode(speech, "RF64")
    files = {f"{name}.wav": stream_wav(wav, length) for name, length in WAV_LENGTHS.items()}
    files |= {
        "big-endian.wav": _stream_rifx(speech),
        "copied-while-recording.wav49": stream_wav(encode(speech, "WAV", "GSM610"), 0, 0),
        "ulaw.wav": stream_wav(encode(speech, "WAV", "ULAW"), 0x7FFFF000),
        "days.wav": stream_wav(wav, 0x60000000),
        "sox.aiff": set_bytes(aiff, aiff.index(b"SSND") + 4, ">I", 0x7F000008),
        "ffmpeg.aiff": set_bytes(aiff, aiff.index(b"SSND") + 4, ">I", 0),
        "asterisk.au": set_bytes(au, 8, ">I", 0),
        "sox.au": set_bytes(au, 8, ">I", 0xFFFFFFFF),
        "ffmpeg.caf": set_bytes(caf, caf.index(b"data") + 4, ">q", -1),
        "sox.caf": _repeat_header(set_bytes(caf, caf.index(b"data") + 4, ">q", 4), caf.index(b"data") + 16),
        "ffmpeg.w64": set_bytes(w64, w64.index(b"data\xf3") + 16, "<Q", (1 << 63) - 1),
        "sox.w64": _repeat_header(set_bytes(w64, w64.index(b"data\xf3") + 16, "<Q", 24), w64.index(b"data\xf3") + 24),
        "unfinished.rf64": set_bytes(rf64, rf64.index(b"ds64") + 16, "<Q", 0),
    }
    return files


def _stream_rifx(speech: Array) -> bytes:
    import io

    buffer = io.BytesIO()
    with sf.SoundFile(buffer, "w", RATE, 1, "PCM_16", endian="BIG", format="WAV") as file:
        file.write(speech)
    data = buffer.getvalue()
    return set_bytes(data, data.index(b"data") + 4, ">I", 0x7FFFF000)


def _repeat_header(data: bytes, end: int) -> bytes:
    """Libsndfile, which sox writes these through, writes its header twice into a pipe, and once more at the end."""
    return data[:end] * 2 + data[end:] + data[:end]


def make_noise(seconds: float, level: float = 0.05) -> Array:
    """Return white noise."""
    return (np.random.default_rng(3).standard_normal(round(seconds * RATE)) * level).astype(np.float32)
