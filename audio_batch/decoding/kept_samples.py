"""The samples of the recording at hand, kept while its analysis lasts, so that its steps need not decode it again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from os import PathLike, fspath

import numpy as np
import numpy.typing as npt

from audio_batch.decoding.raw_formats import RawFormat
from audio_batch.decoding.readers import Reader

KEPT_BYTES = 64 << 20
"""Samples of longer recordings (35 minutes of one channel at 8 kHz) are not kept: memory stays bounded."""


@dataclass
class _Kept:
    path: str
    source: Reader | None = None
    raw: RawFormat | None = None
    pieces: list[npt.NDArray[np.float32]] = field(default_factory=list)


_KEPT: ContextVar[_Kept | None] = ContextVar("kept", default=None)


@contextmanager
def keep_samples(path: str | PathLike[str]) -> Iterator[None]:
    """Decode a recording once, however many steps inside the ``with`` block read it to its end.

    Parameters
    ----------
    path
        The recording. Steps that stop early, and readers of other files, decode as always.
    """
    token = _KEPT.set(_Kept(fspath(path)))
    try:
        yield
    finally:
        _KEPT.reset(token)


def open_kept(path: str | PathLike[str], raw: RawFormat | None, open_file: Callable[[], Reader]) -> Reader:
    """Return a reader of the samples that were kept, or else of the file, which keeps them."""
    kept = _KEPT.get()
    if kept is None or kept.path != fspath(path):
        return open_file()
    if kept.source is not None and kept.raw == raw:
        return _KeptReader(kept.source, kept.pieces)
    return _KeepingReader(open_file(), kept, raw)


class _WrappedReader:
    """What another reader says of its recording."""

    def __init__(self, source: Reader) -> None:
        self.format, self.codec = source.format, source.codec
        self.sampling_rate, self.channels, self.frames = source.sampling_rate, source.channels, source.frames


class _KeepingReader(_WrappedReader):
    """Reads a file, and keeps what it read if that was all of it and not too much."""

    def __init__(self, source: Reader, kept: _Kept, raw: RawFormat | None) -> None:
        super().__init__(source)
        self._source, self._kept, self._raw = source, kept, raw
        self._pieces: list[npt.NDArray[np.float32]] | None = []
        self._bytes = 0

    def read(self, frames: int) -> npt.NDArray[np.float32]:
        piece = self._source.read(frames)
        if self._pieces is not None:
            self._keep(piece, self._pieces)
        return piece

    def _keep(self, piece: npt.NDArray[np.float32], pieces: list[npt.NDArray[np.float32]]) -> None:
        self._bytes += piece.nbytes
        if self._bytes > KEPT_BYTES:
            self._pieces = None
        elif len(piece):
            pieces.append(piece)
        else:
            self._kept.source, self._kept.raw, self._kept.pieces = self._source, self._raw, pieces

    def close(self) -> None:
        self._source.close()


class _KeptReader(_WrappedReader):
    """Reads pieces in memory."""

    def __init__(self, source: Reader, pieces: list[npt.NDArray[np.float32]]) -> None:
        super().__init__(source)
        self._pieces, self._place, self._offset = pieces, 0, 0

    def read(self, frames: int) -> npt.NDArray[np.float32]:
        if self._place == len(self._pieces):
            return np.empty((0, self.channels), np.float32)
        piece = self._pieces[self._place][self._offset : self._offset + frames]
        self._offset += len(piece)
        if self._offset == len(self._pieces[self._place]):
            self._place, self._offset = self._place + 1, 0
        return piece.copy()

    def close(self) -> None:
        """Do nothing: there is no file to close."""
