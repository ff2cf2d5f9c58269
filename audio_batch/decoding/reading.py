"""From a file to samples: probing, streaming and whole decoding.

Samples are float32 with full scale +-1, shape (frames, channels). Decoding always streams: memory is bounded by the
block, however long the header says that the recording is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from os import PathLike

import numpy as np
import numpy.typing as npt

from audio_batch.decoding.files import hash_file, refuse_file
from audio_batch.decoding.opening import open_reader
from audio_batch.decoding.raw_formats import RawFormat
from audio_batch.decoding.readers import Reader
from audio_batch.errors import AudioUsageError, UnreadableAudioError

MAX_SECONDS = 24 * 3600.0
"""Longest recording in seconds that is decoded unless told otherwise: no call lasts a day, but a bomb does."""
MAX_DECODED_BYTES = 2 << 30
"""Most bytes of samples that `decode` holds at once; `read_blocks` has no such limit."""

_PIECE_FRAMES = 4096


@dataclass(frozen=True)
class Properties:
    """What the header says of a recording.

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


def probe(path: str | PathLike[str], *, raw: RawFormat | None = None) -> Properties:
    """Read the header of a recording, without decoding the rest.

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
) -> Iterator[npt.NDArray[np.float32]]:
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
) -> Iterator[npt.NDArray[np.float32]]:
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


def _fill_block(reader: Reader, size: int) -> tuple[npt.NDArray[np.float32], UnreadableAudioError | None]:
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
) -> tuple[npt.NDArray[np.float32], int]:
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
