"""From a file to samples: probing, streaming and whole decoding, resampling.

libsndfile reads first; what it does not know (AMR, G.722, G.729, AAC) goes through PyAV, if that is installed.
Samples are float32 with full scale +-1, shape (frames, channels). Decoding always streams: memory is bounded by the
block, however long the header says that the recording is.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

import numpy as np

from audio_batch.errors import AudioUsageError, UnreadableAudioError
from audio_batch.signatures import AUDIO_FORMATS, identify_format

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_SECONDS = 24 * 3600.0
"""Longest recording in seconds that is decoded unless told otherwise: no call lasts a day, but a bomb does."""
MAX_CHANNELS = 8
"""Most channels of a file that is decoded: calls have one or two, conference bridges a few; libsndfile allows 1024."""
MAX_SAMPLING_RATE = 192_000
"""Highest sampling rate in Hz that is decoded; the highest of professional recorders."""
MAX_DECODED_BYTES = 2 << 30
"""Most bytes of samples that `decode` holds at once; `read_blocks` has no such limit."""

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
RAW_ENCODINGS = (*SNDFILE_RAW, "g722", "g729")
"""Encodings that a file without a header may be declared to have."""

_PIECE_FRAMES = 4096
_EXTRA_CONTAINERS = {"amr", "m4a", "aac", "webm"}
# wFormatTag of G.726, G.722, AMR, G.729 in WAV, from the registered codes of RFC 2361 and FFmpeg's riff.c.
_EXTRA_WAV_TAGS = {0x0045, 0x0057, 0x0064, 0x0065, 0x0083, 0x028F}


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
        hint="Declare the format that the recorder wrote, such as RawFormat('ulaw', 8000, 1).",
        value=value,
    )


RAW_SUFFIXES: dict[str, RawFormat] = {
    ".ulaw": RawFormat("ulaw"),
    ".ul": RawFormat("ulaw"),
    ".mu": RawFormat("ulaw"),
    ".alaw": RawFormat("alaw"),
    ".al": RawFormat("alaw"),
    ".gsm": RawFormat("gsm"),
    ".sln": RawFormat("pcm_s16le"),
    ".sln16": RawFormat("pcm_s16le", 16000),
    ".vox": RawFormat("vox_adpcm"),
    ".g722": RawFormat("g722", 16000),
    ".g729": RawFormat("g729"),
}
"""Headerless formats that go by their suffix alone, as Asterisk names its recordings (``core show file formats``)."""

_HEADED_SUFFIXES = (
    *(".wav", ".wave", ".w64", ".rf64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".snd"),
    *(".caf", ".voc", ".nist", ".sph", ".raw", ".pcm", ".amr", ".awb", ".m4a", ".mp4", ".aac", ".webm"),
)
AUDIO_SUFFIXES = frozenset(_HEADED_SUFFIXES) | frozenset(RAW_SUFFIXES)
"""Suffixes of files that a folder is searched for, in lower case."""


@dataclass(frozen=True)
class Properties:
    """What a recording is, as its header says.

    Attributes
    ----------
    format
        Container, in lower case: ``wav``, ``flac``, ``ogg``, ``mp3``, ``raw`` …
    codec
        Coding of the samples, in lower case: ``pcm_16``, ``ulaw``, ``gsm610``, ``opus`` …
    sampling_rate
        Frames per second, in Hz.
    frames
        Number of frames that the decoder expects, or None where the format does not say. A claim, not a fact.
    duration
        The same in seconds.
    bit_rate
        Mean bits per second: eight times file size by duration.
    file_size
        Bytes.
    sha256
        Hash of the file's bytes, hexadecimal.
    """

    path: str
    format: str
    codec: str
    sampling_rate: int
    channels: int
    frames: int | None
    duration: float | None
    bit_rate: float | None
    file_size: int
    sha256: str


class Reader(Protocol):
    """A sequential reader of samples: what libsndfile and PyAV have in common."""

    format: str
    codec: str
    sampling_rate: int
    channels: int
    frames: int | None

    def read(self, frames: int) -> NDArray[np.float32]:
        """Return the next frames, shape (frames, channels); fewer at the end, none after it."""

    def close(self) -> None:
        """Close the file."""


def probe(path: str | PathLike[str], *, raw: RawFormat | None = None) -> Properties:
    """Read what a recording says of itself, without decoding it.

    Parameters
    ----------
    path
        The recording.
    raw
        What it holds if it has no header; required for ``.raw`` and ``.pcm``.

    Returns
    -------
    Properties
        As declared; `validate` compares it with what is delivered.

    Raises
    ------
    UnreadableAudioError
        If the file cannot be opened as audio; ``details["reason"]`` says why in one word.
    """
    digest, size = hash_file(path)
    reader = open_reader(path, raw=raw)
    try:
        duration = None if reader.frames is None else reader.frames / reader.sampling_rate
        return Properties(
            path=os.fspath(path),
            format=reader.format,
            codec=reader.codec,
            sampling_rate=reader.sampling_rate,
            channels=reader.channels,
            frames=reader.frames,
            duration=duration,
            bit_rate=8 * size / duration if duration else None,
            file_size=size,
            sha256=digest,
        )
    finally:
        reader.close()


def read_blocks(
    path: str | PathLike[str],
    *,
    block_seconds: float = 60.0,
    raw: RawFormat | None = None,
    max_seconds: float = MAX_SECONDS,
) -> Iterator[NDArray[np.float32]]:
    """Decode a recording block by block, in memory bounded by the block.

    Parameters
    ----------
    path
        The recording.
    block_seconds
        Length of a block; the last may be shorter. The samples do not depend on it.
    raw
        What it holds if it has no header.
    max_seconds
        More than this is refused, however small the file.

    Yields
    ------
    ndarray
        float32, shape (frames, channels), full scale +-1; all blocks but the last have the same length.

    Raises
    ------
    AudioUsageError
        If `block_seconds` or `max_seconds` is not positive.
    UnreadableAudioError
        If the file cannot be decoded, or holds more than `max_seconds`. What was decoded before the damage is
        yielded first.
    """
    for name, value in (("block_seconds", block_seconds), ("max_seconds", max_seconds)):
        if not value > 0:
            raise AudioUsageError(f"{name} must be positive, got {value!r}", hint="Give seconds, such as 60.")
    return _iterate_blocks(path, block_seconds, raw, max_seconds)


def _iterate_blocks(
    path: str | PathLike[str], block_seconds: float, raw: RawFormat | None, max_seconds: float
) -> Iterator[NDArray[np.float32]]:
    reader = open_reader(path, raw=raw)
    size = max(1, round(block_seconds * reader.sampling_rate))
    allowed, delivered = max_seconds * reader.sampling_rate, 0
    try:
        while True:
            block, failure = _fill_block(reader, size)
            delivered += len(block)
            if delivered > allowed:
                raise refuse_file(
                    path, "too_long", f"holds more than {max_seconds:g} s of audio", "Split the recording."
                )
            if len(block):
                yield block
            if failure is not None:
                raise failure
            if len(block) < size:
                return
    finally:
        reader.close()


def _fill_block(reader: Reader, size: int) -> tuple[NDArray[np.float32], UnreadableAudioError | None]:
    """Read up to `size` frames in small pieces, so that damage costs no more than the piece that it lies in."""
    pieces, held = [np.empty((0, reader.channels), np.float32)], 0
    failure = None
    try:
        while held < size and len(piece := reader.read(min(_PIECE_FRAMES, size - held))):
            pieces.append(piece)
            held += len(piece)
    except UnreadableAudioError as error:
        failure = error
    return np.concatenate(pieces), failure


def decode(
    path: str | PathLike[str], *, raw: RawFormat | None = None, max_seconds: float | None = None
) -> tuple[NDArray[np.float32], int]:
    """Decode a whole recording.

    Parameters
    ----------
    path
        The recording.
    raw
        What it holds if it has no header.
    max_seconds
        More than this is refused; None stands for `MAX_SECONDS`.

    Returns
    -------
    tuple
        The signal, float32 of shape (frames, channels), and its sampling rate in Hz.

    Raises
    ------
    UnreadableAudioError
        If the file cannot be decoded to its end, or is too long, or would fill more than `MAX_DECODED_BYTES`.
    """
    reader = open_reader(path, raw=raw)
    rate, channels = reader.sampling_rate, reader.channels
    reader.close()
    blocks, held = [np.empty((0, channels), np.float32)], 0
    for block in read_blocks(path, raw=raw, max_seconds=MAX_SECONDS if max_seconds is None else max_seconds):
        blocks.append(block)
        held += block.nbytes
        if held > MAX_DECODED_BYTES:
            raise refuse_file(
                path, "too_long", f"holds more than {MAX_DECODED_BYTES} bytes of samples", "Use read_blocks."
            )
    return np.concatenate(blocks), rate


def resample(signal: NDArray[np.float32], from_rate: int, to_rate: int) -> NDArray[np.float32]:
    """Change the sampling rate with the SoX resampler, high quality (linear phase, 20 bit).

    Parameters
    ----------
    signal
        float32, shape (samples,) or (samples, channels).
    from_rate, to_rate
        Sampling rates in Hz.

    Returns
    -------
    ndarray
        float32, with the same number of axes; the signal itself if the rates are equal.
    """
    if min(from_rate, to_rate) <= 0:
        raise AudioUsageError(
            f"cannot resample from {from_rate!r} to {to_rate!r} Hz: both rates must be positive",
            hint="Give sampling rates in Hz, such as 8000.",
        )
    if from_rate == to_rate:
        return signal
    import soxr

    return np.asarray(soxr.resample(signal, from_rate, to_rate, quality="HQ"), dtype=np.float32)


def hash_file(path: str | PathLike[str]) -> tuple[str, int]:
    """Return the SHA-256 of a file's bytes, hexadecimal, and their number, reading a megabyte at a time."""
    digest, size = hashlib.sha256(), 0
    with open_file(path) as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            size += len(chunk)
    return digest.hexdigest(), size


def open_file(path: str | PathLike[str]) -> BinaryIO:
    """Open a regular file for reading; a folder, pipe or device is refused without waiting for it.

    Raises
    ------
    UnreadableAudioError
        With reason ``missing``, ``unreadable`` or ``not_a_file``.
    """
    try:
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError as error:
        raise refuse_file(path, "missing", "does not exist", "Check the path.") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise refuse_file(path, "unreadable", f"cannot be opened: {why}", "Check the file's permissions.") from error
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise refuse_file(path, "not_a_file", "is not a regular file", "Name the recordings themselves.")
    return os.fdopen(handle, "rb")


def open_reader(path: str | PathLike[str], *, raw: RawFormat | None = None) -> Reader:
    """Open a recording for sequential reading, by libsndfile or, where that cannot, by PyAV.

    Raises
    ------
    UnreadableAudioError
        If it is no audio, is not declared, needs PyAV and there is none, or breaks a safety limit.
    """
    with open_file(path) as file:
        head = file.read(4096)
    if not head:
        raise refuse_file(path, "empty", "is empty: 0 bytes", "Ask for the recording again.")
    suffix, found = Path(path).suffix.lower(), identify_format(head)
    # Companded silence looks like the sync bits of MPEG audio.
    is_weak = found is None or (found in {"mp3", "aac"} and head[:3] != b"ID3")
    declared = raw or (RAW_SUFFIXES.get(suffix) if is_weak else None)
    if declared is None and found not in AUDIO_FORMATS and suffix in {".raw", ".pcm"}:
        hint = "Declare it, such as --raw ulaw,8000,1 or RawFormat('ulaw', 8000, 1)."
        raise refuse_file(path, "raw_undeclared", "has no header that says what it holds", hint)
    if declared is None and found is not None and found not in AUDIO_FORMATS:
        raise refuse_file(path, "not_audio", f"is not audio but {found}", "Remove the file or ask for the recording.")
    return _check_limits(path, _choose_reader(path, head, declared))


def _choose_reader(path: str | PathLike[str], head: bytes, declared: RawFormat | None) -> Reader:
    from audio_batch.sndfile import SndfileReader

    if declared is not None and declared.encoding not in SNDFILE_RAW:
        return _open_extra(path, declared.encoding, "")
    try:
        return SndfileReader(path, declared)
    except UnreadableAudioError as error:
        found = identify_format(head)
        if declared is None and (found in _EXTRA_CONTAINERS or _read_wav_tag(head) in _EXTRA_WAV_TAGS):
            return _open_extra(path, str(found), error.message)
        raise


def _read_wav_tag(head: bytes) -> int:
    at = head.find(b"fmt ", 12)
    return int.from_bytes(head[at + 8 : at + 10], "little") if head[:4] == b"RIFF" and at > 0 else 0


def _open_extra(path: str | PathLike[str], kind: str, why: str) -> Reader:
    from audio_batch import extra_formats

    if not extra_formats.is_available():
        hint = "Install the extra: pip install 'sentinel-batch[formats]'."
        raise refuse_file(path, "codec_missing", f"holds {kind} audio, which needs PyAV{why and f' ({why})'}", hint)
    return extra_formats.ExtraFormatReader(path, kind)


def _check_limits(path: str | PathLike[str], reader: Reader) -> Reader:
    reason = ""
    if not 1 <= reader.channels <= MAX_CHANNELS:
        reason, what = "channels", f"has {reader.channels} channels; allowed: 1 to {MAX_CHANNELS}"
    elif not 1 <= reader.sampling_rate <= MAX_SAMPLING_RATE:
        reason, what = (
            "sampling_rate",
            f"has sampling rate {reader.sampling_rate}; allowed: 1 to {MAX_SAMPLING_RATE} Hz",
        )
    if not reason:
        return reader
    reader.close()
    raise refuse_file(path, reason, what, "Convert the recording, or ask for it again.")


def show_path(path: str | PathLike[str]) -> str:
    """Quote a file name for a message: names come from outside and may hold line breaks, escapes or lone bytes."""
    return repr(os.fspath(path))


def refuse_file(path: str | PathLike[str], reason: str, what: str, hint: str) -> UnreadableAudioError:
    """Make the error that says why a file is not decoded; `reason` is one word for programs."""
    return UnreadableAudioError(f"{show_path(path)} {what}", hint=hint, reason=reason, path=os.fspath(path))
