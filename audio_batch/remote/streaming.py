"""A long recording in pieces: decoded piece by piece, each sent as a small file, the answers put together."""

from __future__ import annotations

import math
import tempfile
import wave
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any, Protocol

import requests

from audio_batch.errors import AudioError
from audio_batch.remote.errors import CircuitOpenError, describe_error

LEAST_CHUNK_SECONDS = 1.0
"""A last chunk shorter than this goes with the one before it: nobody can score it alone."""
HIGH_RISK_SCORE = 0.7
MOST_RATE = 16_000

Answer = dict[str, Any]
Piece = tuple[Any, int]
"""Mono samples of -1 to 1, and their rate in Hz."""


class _Scorer(Protocol):
    def detect_deepfake(self, audio_path: str, metadata: Mapping[str, Any] | None = None) -> Answer: ...
    def verify_mfa(self, audio_path: str, enrollment_id: str, context: Mapping[str, Any] | None = None) -> Answer: ...


@dataclass
class _Stream:
    client: _Scorer
    session_id: str
    parent: str
    enrollment_id: str | None
    chunks: list[Answer] = field(default_factory=list)
    error: Answer | None = None
    refused: bool = False
    """Whether the server refused the key: it would refuse every other chunk, too, so none is sent any more."""

    def take(self, pieces: Iterator[Piece]) -> Piece | None:
        """Return the next piece; where the file is damaged, that ends it, and is told, if there were pieces before."""
        try:
            return next(pieces, None)
        except AudioError as error:
            if not self.chunks:
                raise
            self.error = {"code": str(error.details.get("reason", error.code)), "message": error.message}
            return None

    def ask(self, number: int, start: float, seconds: float, path: str) -> Answer:
        """Ask about one chunk; a failure is part of the result."""
        facts = {"session_id": self.session_id, "chunk_index": number}
        chunk: Answer = {"chunk_index": number, "start": round(start, 3), "duration": round(seconds, 3)}
        try:
            sent = {**facts, "parent_file": self.parent, "start": chunk["start"]}
            chunk["deepfake"] = self.client.detect_deepfake(path, sent)
            if self.enrollment_id is not None:
                chunk["mfa"] = self.client.verify_mfa(path, self.enrollment_id, facts)
        except requests.RequestException as error:
            chunk["error"] = f"{type(error).__name__}: {describe_error(error)}"
            self.refused = _is_refused_key(error)
            if isinstance(error, CircuitOpenError):
                chunk["retry_after"] = error.retry_after
        self.chunks.append(chunk)
        return chunk


def stream_file(
    client: _Scorer,
    path: str | PathLike[str],
    *,
    chunk_duration: float = 10.0,
    enrollment_id: str | None = None,
    session_id: str | None = None,
    progress: Callable[[float, float | None], None] | None = None,
) -> Answer:
    """Score a long recording in chunks.

    The recording is decoded as it is read (all formats of `audio_batch.decode`), mixed down to one channel, and at most
    16 kHz; memory is that of two chunks, whatever its length. Nothing is reported to anybody.

    Parameters
    ----------
    client
        A `SonotheiaClientEnhanced`, or another with its methods.
    path
        The recording.
    chunk_duration
        Seconds of each chunk; a last one of less than a second goes with the one before.
    enrollment_id
        Voice to compare each chunk with; None compares none.
    session_id
        Sent with each chunk; None is ``stream-`` and the file's name.
    progress
        Called after each chunk with the seconds that are done, and those of the whole if the file says them.

    Returns
    -------
    dict
        ``session_id``, ``audio_file``, ``chunks`` (each with ``start``, ``duration`` and ``deepfake``, ``mfa`` or
        ``error``) and ``summary``: ``total_chunks`` that were scored, ``failed_chunks``, ``avg_deepfake_score`` (each
        chunk counts by its length), ``max_deepfake_score``, ``high_risk_chunks`` (above 0.7), ``verified_chunks``,
        ``seconds``. Averages of nothing are None. ``error`` (``code``, ``message``) says why the recording could not be
        decoded to its end, or is None. ``key_refused`` says that the server refused the key (401, 403): nothing is sent
        after that.

    Raises
    ------
    ValueError
        `chunk_duration` is shorter than a second, or longer than an hour.
    audio_batch.AudioError
        The recording cannot be decoded at all.
    """
    if not LEAST_CHUNK_SECONDS <= chunk_duration <= 3600:
        raise ValueError(f"chunk_duration is {chunk_duration!r}; allowed: 1 to 3600 seconds")
    name = Path(path).name
    stream = _Stream(client, session_id or f"stream-{name}", name, enrollment_id)
    total, done = _find_length(path), 0.0
    with tempfile.TemporaryDirectory(prefix="stream-") as folder:
        pieces = _cut(path, chunk_duration)
        while not stream.refused and (piece := stream.take(pieces)) is not None:
            samples, rate = piece
            number = len(stream.chunks)
            place = Path(folder) / f"chunk_{number:05d}.wav"
            _write(place, samples, rate)
            stream.ask(number, done, len(samples) / rate, str(place))
            place.unlink()
            done += len(samples) / rate
            if progress is not None:
                progress(done, total)
    return {
        "session_id": stream.session_id,
        "audio_file": str(path),
        "chunks": stream.chunks,
        "summary": _sum_up(stream.chunks),
        "error": stream.error,
        "key_refused": stream.refused,
    }


def _is_refused_key(error: requests.RequestException) -> bool:
    return error.response is not None and error.response.status_code in (401, 403)


def _find_length(path: str | PathLike[str]) -> float | None:
    from audio_batch.decoding import open_reader

    reader = open_reader(path)
    try:
        return None if reader.frames is None else reader.frames / reader.sampling_rate
    finally:
        reader.close()


def _cut(path: str | PathLike[str], chunk_duration: float) -> Iterator[Piece]:
    """Yield mono samples of -1 to 1 and their rate; the last two chunks are one if the last is too short."""
    import numpy as np

    held: Piece | None = None
    failure: AudioError | None = None
    decoded = _decode(path, chunk_duration)
    while True:
        try:
            samples, rate = next(decoded)
        except StopIteration:
            break
        except AudioError as error:
            failure = error
            break
        if held is not None and len(samples) < LEAST_CHUNK_SECONDS * rate:
            held = np.concatenate((held[0], samples)), rate
            continue
        if held is not None:
            yield held
        held = samples, rate
    if held is not None:
        yield held
    if failure is not None:  # After what was held: it was decoded before the damage.
        raise failure


def _decode(path: str | PathLike[str], chunk_duration: float) -> Iterator[Piece]:
    from audio_batch.decoding import open_reader, read_blocks, resample

    reader = open_reader(path)
    rate = reader.sampling_rate
    reader.close()
    for block in read_blocks(path, block_seconds=chunk_duration):
        mono = block.mean(axis=1)
        target = min(rate, MOST_RATE)
        yield (mono if target == rate else resample(mono, rate, target)), target


def _write(path: Path, samples: Any, rate: int) -> None:
    import numpy as np

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.clip(np.rint(samples * 32767), -32768, 32767).astype("<i2").tobytes())


def _sum_up(chunks: list[Answer]) -> Answer:
    scored = [chunk for chunk in chunks if "deepfake" in chunk]
    scores = [float(chunk["deepfake"]["score"]) for chunk in scored]
    lengths = [float(chunk["duration"]) for chunk in scored]
    whole = math.fsum(lengths)
    weighted = math.fsum(score * length for score, length in zip(scores, lengths, strict=True))
    compared = [chunk["mfa"]["verified"] for chunk in chunks if "mfa" in chunk]
    return {
        "total_chunks": len(scored),
        "failed_chunks": sum("error" in chunk for chunk in chunks),
        "avg_deepfake_score": round(weighted / whole, 6) if whole else None,
        "max_deepfake_score": max(scores, default=None),
        "high_risk_chunks": sum(score > HIGH_RISK_SCORE for score in scores),
        "verified_chunks": sum(compared) if compared else None,
        "seconds": round(math.fsum(float(chunk["duration"]) for chunk in chunks), 3),
    }
