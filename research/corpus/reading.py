"""Decoding of the layouts that the corpus meets, from bytes to mono float32."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float32]
Named = Iterator[tuple[str, bytes]]


def read_sound(data: bytes) -> tuple[Signal, int]:
    """Decode a sound file that libsndfile opens; several channels are averaged.

    Returns
    -------
    (signal, sampling_rate)
        Mono float32, full scale +-1; Hz.
    """
    import soundfile

    signal, sampling_rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    return signal.mean(axis=1), int(sampling_rate)


def read_g722(data: bytes) -> tuple[Signal, int]:
    """Decode headerless G.722 at 64 kbit/s (16 kHz)."""
    import av

    with av.open(io.BytesIO(data), mode="r", format="g722") as container:
        blocks = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    return np.concatenate(blocks).astype(np.float32) / 32768.0, 16000


def read_gsm(data: bytes) -> tuple[Signal, int]:
    """Decode headerless GSM 06.10 (33-byte frames, 8 kHz)."""
    import soundfile

    signal, _ = soundfile.read(
        io.BytesIO(data), dtype="float32", format="RAW", subtype="GSM610", samplerate=8000, channels=1
    )
    return signal, 8000


def read_pcm16(data: bytes) -> tuple[Signal, int]:
    """Decode headerless 16-bit little-endian PCM at 8 kHz."""
    return np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float32) / 32768.0, 8000


def read_drascula(data: bytes) -> tuple[Signal, int]:
    """Decode a voice file of Drascula: unsigned 8-bit PCM at 11025 Hz, 32 bytes of head and 64 of tail left off."""
    return (np.frombuffer(data[32:-64], np.uint8).astype(np.float32) - 128.0) / 128.0, 11025


def unpack_queen(data: bytes) -> Named:
    """List the voice files of Flight of the Amazon Queen's one resource file.

    A table of entries (12-byte name, bundle, offset and size, big-endian) follows a 15-byte head; ``.SB`` are sounds.
    """
    (count,) = struct.unpack_from(">H", data, 13)
    for entry in range(count):
        name, _, offset, size = struct.unpack_from(">12sBII", data, 15 + 21 * entry)
        text = name.rstrip(b"\0").decode("ascii", "replace")
        if text.endswith(".SB"):
            yield text, data[offset : offset + size]


READERS: dict[str, Callable[[bytes], tuple[Signal, int]]] = {
    "sound": read_sound,
    "g722": read_g722,
    "gsm": read_gsm,
    "pcm16-8k": read_pcm16,
    "drascula": read_drascula,
    "queen": read_sound,
}
