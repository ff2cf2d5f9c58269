"""A folder on another machine, whatever it is spoken to with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True)
class RemoteFile:
    """A file there.

    Parameters
    ----------
    name
        Its path below the folder, with ``/`` between, as the other side says it: not to be trusted.
    size
        In bytes.
    modified
        When it was last written: seconds since 1970, UTC.
    tag
        What else the other side says of its content, such as an ETag; may be empty.
    """

    name: str
    size: int
    modified: float
    tag: str = ""


class RemoteFolder(Protocol):
    """What every kind of folder can do; all of it may raise :class:`OSError`."""

    def list(self) -> Iterator[RemoteFile]:
        """List all files below it."""
        ...

    def look(self, file: RemoteFile) -> RemoteFile | None:
        """Return a file as it is now, or None if it is gone."""
        ...

    def read(self, file: RemoteFile, offset: int) -> AbstractContextManager[BinaryIO]:
        """Open a file from an offset (bytes) on."""
        ...
