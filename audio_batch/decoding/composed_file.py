"""A file as its writer should have left it: other bytes at the beginning, then a stretch of the one on disk."""

from __future__ import annotations

import io
import os
from typing import BinaryIO


class ComposedFile(io.RawIOBase):
    """Some bytes, followed by a stretch of another file; read-only, for decoders that take file objects.

    Parameters
    ----------
    prefix
        What comes first.
    file
        Whose bytes follow; stays open, and is not to be read by others meanwhile.
    start, end
        Which of them.
    """

    def __init__(self, prefix: bytes, file: BinaryIO, start: int, end: int) -> None:
        super().__init__()
        self._prefix, self._file, self._start = prefix, file, start
        self._size = len(prefix) + max(0, end - start)
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to another place, and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer, and return how many bytes it took; fewer only at the end."""
        wanted = max(0, min(len(buffer), self._size - self._position))
        piece = self._prefix[self._position : self._position + wanted]
        if len(piece) < wanted:
            self._file.seek(self._start + max(0, self._position - len(self._prefix)))
            piece += self._file.read(wanted - len(piece))
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)
