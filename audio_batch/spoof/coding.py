"""Speech through a codec and back, in memory, at the codec's own rate, with the length and timing of the input.

Everything but AMR-NB comes from libsndfile (ITU-T G.711, GSM 06.10, Opus, Vorbis, MP3); AMR-NB needs PyAV with an
opencore encoder and is left out of `list_codecs` where that is missing.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio_batch.errors import AudioUsageError

Signal = NDArray[np.float32]

OPUS_KBPS = (6.0, 256.0)
AMR_FRAME, AMR_DELAY = 160, 40
AMR_KBPS = (4.75, 5.15, 5.9, 6.7, 7.4, 7.95, 10.2, 12.2)
NARROW_ONLY = frozenset({"g711_mulaw", "g711_alaw", "gsm", "amr_nb"})


def apply_codec(signal: Signal, sampling_rate: int, codec: str, *, bit_rate: float | None = None) -> Signal:
    """Encode and decode a signal.

    Parameters
    ----------
    signal
        Mono float32, full scale +-1, shape (samples,).
    sampling_rate
        8000 or 16000 Hz; only 8000 for G.711, GSM and AMR-NB.
    codec
        One of `list_codecs`.
    bit_rate
        kbit/s: Opus 6 to 256, AMR-NB one of its eight modes (the next lower one is taken), MP3 and Vorbis choose
        theirs by quality; ignored by the others.

    Returns
    -------
    numpy.ndarray
        Decoded signal, float32, as long as the input.

    Raises
    ------
    AudioUsageError
        Unknown codec, or a rate that the codec does not have.
    """
    if codec not in _CODERS:
        raise AudioUsageError(f"codec {codec!r} is not known", hint=f"Choose one of {', '.join(list_codecs())}.")
    rates = (8000,) if codec in NARROW_ONLY else (8000, 16000)
    if sampling_rate not in rates:
        raise AudioUsageError(
            f"{codec} at {sampling_rate} Hz is not possible",
            hint=f"Resample to {' or '.join(map(str, rates))} Hz first.",
        )
    decoded = _CODERS[codec](signal, sampling_rate, bit_rate)[: signal.size]
    return np.pad(decoded, (0, signal.size - decoded.size)).astype(np.float32)


@cache
def list_codecs(sampling_rate: int | None = None) -> tuple[str, ...]:
    """Name the codecs that this installation has, at 8000 or 16000 Hz, or at all."""
    names = [name for name in _CODERS if name != "amr_nb" or _has_amr()]
    return tuple(name for name in names if sampling_rate in (None, 8000) or name not in NARROW_ONLY)


def _code_with_sndfile(signal: Signal, rate: int, container: str, subtype: str, level: float | None = None) -> Signal:
    memory = io.BytesIO()
    extra = {} if level is None else {"compression_level": level}
    soundfile.write(memory, signal, rate, format=container, subtype=subtype, **extra)
    memory.seek(0)
    decoded: Signal = soundfile.read(memory, dtype="float32")[0]
    return decoded


def _code_mulaw(signal: Signal, rate: int, bit_rate: float | None) -> Signal:
    return _code_with_sndfile(signal, rate, "WAV", "ULAW")


def _code_alaw(signal: Signal, rate: int, bit_rate: float | None) -> Signal:
    return _code_with_sndfile(signal, rate, "WAV", "ALAW")


def _code_gsm(signal: Signal, rate: int, bit_rate: float | None) -> Signal:
    return _code_with_sndfile(signal, rate, "WAV", "GSM610")


def _code_opus(signal: Signal, rate: int, bit_rate: float | None) -> Signal:
    """libsndfile maps its compression level linearly to 256 (level 0) to 6 (level 1) kbit/s."""
    low, high = OPUS_KBPS
    level = 1.0 - ((bit_rate or 12.0) - low) / (high - low)
    return _code_with_sndfile(signal, rate, "OGG", "OPUS", min(max(level, 0.0), 1.0))


def _code_mp3(signal: Signal, rate: int, bit_rate: float | None) -> Signal:
    return _code_with_sndfile(signal, rate, "MP3", "MPEG_LAYER_III", 0.8)


def _code_vorbis(signal: Signal, rate: int, bit_rate: float | None) -> Signal:
    return _code_with_sndfile(signal, rate, "OGG", "VORBIS", 0.9)


def _code_amr(signal: Signal, rate: int, bit_rate: float | None) -> Signal:
    """Frames of 20 ms through 3GPP TS 26.090, by the opencore encoder; its 5 ms delay is taken off."""
    import av

    padded = np.pad(signal, (0, AMR_FRAME + AMR_DELAY + -signal.size % AMR_FRAME))
    pcm = np.round(np.clip(padded, -1.0, 32767.0 / 32768.0) * 32768.0).astype(np.int16)
    encoder: Any = av.CodecContext.create("libopencore_amrnb", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 8000, "mono", "s16"
    encoder.bit_rate = _choose_amr_mode(bit_rate)
    decoder: Any = av.CodecContext.create("amrnb", "r")
    decoder.sample_rate, decoder.layout = 8000, "mono"
    blocks: list[Signal] = []
    for start in range(0, pcm.size - AMR_FRAME + 1, AMR_FRAME):
        frame = av.AudioFrame.from_ndarray(pcm[None, start : start + AMR_FRAME], format="s16", layout="mono")
        frame.sample_rate = 8000
        for packet in encoder.encode(frame):
            blocks += [block.to_ndarray().reshape(-1) for block in decoder.decode(packet)]
    return np.concatenate(blocks).astype(np.float32)[AMR_DELAY:]


def _choose_amr_mode(bit_rate: float | None) -> int:
    allowed = [mode for mode in AMR_KBPS if mode <= (bit_rate or 12.2)]
    return round(1000 * max(allowed, default=AMR_KBPS[0]))


@cache
def _has_amr() -> bool:
    try:
        import av.codec

        av.codec.Codec("libopencore_amrnb", "w")
    except (ImportError, ValueError):
        return False
    return True


_CODERS: dict[str, Callable[[Signal, int, float | None], Signal]] = {
    "g711_mulaw": _code_mulaw,
    "g711_alaw": _code_alaw,
    "gsm": _code_gsm,
    "amr_nb": _code_amr,
    "opus": _code_opus,
    "mp3": _code_mp3,
    "vorbis": _code_vorbis,
}
