"""Recordings without a header: what they may be declared to hold, and what their suffix says."""

from __future__ import annotations

from dataclasses import dataclass

from audio_batch.errors import AudioUsageError

MAX_CHANNELS = 8
"""Most channels of a file that is decoded: calls have one or two, conference bridges a few; libsndfile allows 1024."""
MAX_SAMPLING_RATE = 192_000
"""Highest sampling rate in Hz that is decoded; the highest of professional recorders."""
SNDFILE_RAW = {
    "pcm_s8": "PCM_S8",
    "pcm_u8": "PCM_U8",
    "pcm_s16le": "PCM_16",
    "pcm_s16be": "PCM_16",
    "pcm_s24le": "PCM_24",
    "pcm_s32le": "PCM_32",
    "pcm_f32le": "FLOAT",
    "ulaw": "ULAW",
    "alaw": "ALAW",
    "gsm": "GSM610",
    "vox_adpcm": "VOX_ADPCM",
}
"""Raw encodings that libsndfile reads, with its names for them."""
G726_KBITS = {"g726_16": 16, "g726_24": 24, "g726_32": 32, "g726_40": 40}
"""G.726 by its bit rate, the first sample of a byte in the low bits, as Asterisk and AU files have it."""
RAW_ENCODINGS = (*SNDFILE_RAW, *G726_KBITS, "g722", "g729")
"""Encodings that a file without a header may be declared to have."""


@dataclass(frozen=True)
class RawFormat:
    """What a file without a header holds.

    Parameters
    ----------
    encoding
        One of `RAW_ENCODINGS`.
    sampling_rate
        Frames per second, in Hz.
    channels
        Number of interleaved channels.

    Raises
    ------
    AudioUsageError
        If a value is not allowed.
    """

    encoding: str
    sampling_rate: int = 8000
    channels: int = 1

    def __post_init__(self) -> None:
        if self.encoding not in RAW_ENCODINGS:
            raise _bad_raw("encoding", self.encoding, f"one of {', '.join(RAW_ENCODINGS)}")
        if not 1000 <= self.sampling_rate <= MAX_SAMPLING_RATE:
            raise _bad_raw("sampling rate", self.sampling_rate, f"1000 to {MAX_SAMPLING_RATE} Hz")
        if not 1 <= self.channels <= MAX_CHANNELS:
            raise _bad_raw("number of channels", self.channels, f"1 to {MAX_CHANNELS}")

    @classmethod
    def parse(cls, text: str) -> RawFormat:
        """Read ``encoding[,sampling_rate[,channels]]``, for instance ``ulaw,8000,2``."""
        encoding, *numbers = (part.strip() for part in text.split(","))
        if len(numbers) > 2 or not all(number.isascii() and number.isdigit() for number in numbers):
            raise _bad_raw("format", text, "encoding,sampling_rate,channels such as ulaw,8000,1")
        return cls(encoding.lower(), *(int(number) for number in numbers))


def _bad_raw(what: str, value: object, allowed: str) -> AudioUsageError:
    return AudioUsageError(
        f"{what} {value!r} of a raw file is not allowed; allowed: {allowed}",
        hint="Declare the format that the recorder wrote, such as --raw ulaw,8000,1.",
        value=value,
    )


_LINEAR_HERTZ = {"": 8000, "44": 44100, **{str(k): 1000 * k for k in (12, 16, 24, 32, 48, 96, 192)}}

RAW_SUFFIXES: dict[str, RawFormat] = {
    **dict.fromkeys((".ulaw", ".ul", ".ulw", ".mu"), RawFormat("ulaw")),
    **dict.fromkeys((".alaw", ".al", ".alw"), RawFormat("alaw")),
    ".gsm": RawFormat("gsm"),
    **{f".sln{name}": RawFormat("pcm_s16le", hertz) for name, hertz in _LINEAR_HERTZ.items()},
    ".slin": RawFormat("pcm_s16le"),
    ".vox": RawFormat("vox_adpcm"),
    ".g722": RawFormat("g722", 16000),
    **{f".g726-{kbit}": RawFormat(name) for name, kbit in G726_KBITS.items()},
    ".g729": RawFormat("g729"),
}
"""Headerless formats that go by their suffix alone, as Asterisk names its recordings (``core show file formats``)."""
UNDECLARED_SUFFIXES = frozenset((".raw", ".pcm"))
"""Suffixes that say that there is no header, and nothing else."""
