"""From a file to samples: probing, streaming and whole decoding, resampling.

libsndfile reads first; what it does not know (AMR, G.722, G.729, AAC) goes through PyAV, if that is installed.
Samples are float32 with full scale +-1, shape (frames, channels). Decoding always streams: memory is bounded by the
block, however long the header says that the recording is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from audio_batch.errors import AudioUsageError, UnreadableAudioError
from audio_batch.files import hash_file, open_file, refuse_file, show_path
from audio_batch.kept_samples import open_kept
from audio_batch.raw_formats import (
    MAX_CHANNELS,
    MAX_SAMPLING_RATE,
    RAW_ENCODINGS,
    RAW_SUFFIXES,
    SNDFILE_RAW,
    RawFormat,
)
from audio_batch.signatures import AUDIO_FORMATS, identify_format

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "AUDIO_SUFFIXES",
    "MAX_CHANNELS",
    "MAX_SAMPLING_RATE",
    "MAX_SECONDS",
    "RAW_ENCODINGS",
    "RAW_SUFFIXES",
    "SNDFILE_RAW",
    "Properties",
    "RawFormat",
    "Reader",
    "decode",
    "hash_file",
    "open_file",
    "open_reader",
    "probe",
    "read_blocks",
    "refuse_file",
    "resample",
    "show_path",
]

MAX_SECONDS = 24 * 3600.0
"""Longest recording in seconds that is decoded unless told otherwise: no call lasts a day, but a bomb does."""
MAX_DECODED_BYTES = 2 << 30
"""Most bytes of samples that `decode` holds at once; `read_blocks` has no such limit."""

_PIECE_FRAMES = 4096
_EXTRA_CONTAINERS = {"amr", "m4a", "aac", "webm"}
# wFormatTag of G.726, G.722, AMR, G.729 in WAV, from the registered codes of RFC 2361 and FFmpeg's riff.c.
_EXTRA_WAV_TAGS = {0x0045, 0x0057, 0x0064, 0x0065, 0x0083, 0x028F}


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
    return _iterate_blocks(path, None, block_seconds, raw, max_seconds)


def _iterate_blocks(
    path: str | PathLike[str], reader: Reader | None, block_seconds: float, raw: RawFormat | None, max_seconds: float
) -> Iterator[NDArray[np.float32]]:
    reader = reader or open_reader(path, raw=raw)
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
    blocks, held = [np.empty((0, reader.channels), np.float32)], 0
    for block in _iterate_blocks(path, reader, 60.0, raw, MAX_SECONDS if max_seconds is None else max_seconds):
        blocks.append(block)
        held += block.nbytes
        if held > MAX_DECODED_BYTES:
            raise refuse_file(
                path, "too_long", f"holds more than {MAX_DECODED_BYTES} bytes of samples", "Use read_blocks."
            )
    return np.concatenate(blocks), reader.sampling_rate


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
    return open_kept(path, declared, lambda: _check_limits(path, _choose_reader(path, head, declared)))


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
