"""Bodies of requests. A form with a file is read from the disk while it is sent: memory does not grow with the file."""

from __future__ import annotations

import io
import json
import mimetypes
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from urllib3.fields import RequestField

from audio_batch.remote.wire import AUDIO
from batch_base.plain import to_plain

_PIECE = 1 << 16
_MIME_TYPES = {".wav": "audio/wav", ".mp3": "audio/mpeg", ".flac": "audio/flac", ".opus": "audio/opus"}


def write_json(value: Mapping[str, Any] | None, name: str) -> str:
    """Return an object as JSON text.

    Parameters
    ----------
    value
        Anything that `batch_base.plain.to_plain` makes plain: scalars and arrays of NumPy, instants (RFC 3339, UTC),
        paths, sets, enumerations, dataclasses. NaN and infinities become null, which JSON has; NaN it has not.
    name
        What it is called in errors.

    Raises
    ------
    TypeError
        It is no mapping.
    ValueError
        It contains itself.
    """
    if value is not None and not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dict, not {type(value).__name__}")
    try:
        return json.dumps(to_plain(dict(value or {})), allow_nan=False)
    except RecursionError:
        raise ValueError(f"{name} contains itself, or is nested too deeply for JSON") from None


@dataclass(frozen=True)
class Body:
    """What is sent, and as what."""

    content: Any
    content_type: str
    size: int


class _File:
    """A form whose one file stays on the disk until it is sent.

    requests declares the length of what has a `len` and no `tell`, and asks for an iterator only to see that it is a
    stream.
    """

    def __init__(self, head: bytes, file: BinaryIO, size: int, tail: bytes) -> None:
        self._parts = [io.BytesIO(head), file, io.BytesIO(tail)]
        self._left = [len(head), size, len(tail)]
        self._size = sum(self._left)
        self._name = getattr(file, "name", "")

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.read(_PIECE), b"")

    def read(self, size: int = -1) -> bytes:
        wanted = _PIECE if size is None or size < 0 else size
        while self._parts:
            piece = self._parts[0].read(min(wanted, self._left[0]))
            self._left[0] -= len(piece)
            if piece:
                return piece
            if self._left[0]:
                raise ValueError(f"{self._name} became shorter while it was sent")
            del self._parts[0], self._left[0]
        return b""


@contextmanager
def open_form(path: Path, fields: Mapping[str, str]) -> Iterator[Body]:
    """Open a form with a file and further fields.

    Raises
    ------
    OSError
        The file cannot be read; FileNotFoundError if there is none.
    """
    boundary = secrets.token_hex(16)
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        fixed = b"".join(
            _write_part(boundary, RequestField(name, text)) + text.encode() + b"\r\n" for name, text in fields.items()
        )
        name = os.fsencode(path.name).decode("utf-8", "replace")
        head = fixed + _write_part(boundary, RequestField(AUDIO, b"", name), guess_type(path))
        content = _File(head, file, size, f"\r\n--{boundary}--\r\n".encode())
        yield Body(content, f"multipart/form-data; boundary={boundary}", len(content))


@contextmanager
def open_document(text: str) -> Iterator[Body]:
    """Open a JSON document."""
    content = text.encode()
    yield Body(content, "application/json", len(content))


def require_file(path: str | os.PathLike[str]) -> Path:
    """Return the path of a file that can be sent.

    Raises
    ------
    FileNotFoundError
        There is none.
    ValueError
        It is a folder, a pipe or a device.
    """
    place = Path(path)
    try:
        mode = place.stat().st_mode
    except FileNotFoundError:
        raise FileNotFoundError(f"Audio file not found: {place}") from None
    if not stat.S_ISREG(mode):
        raise ValueError(f"{place} is not a file that can be sent")
    return place


def guess_type(path: Path) -> str:
    """Return the media type of a file by its suffix; the same on every machine for the formats of the API."""
    return _MIME_TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def _write_part(boundary: str, field: RequestField, content_type: str | None = None) -> bytes:
    field.make_multipart(content_type=content_type)
    return f"--{boundary}\r\n{field.render_headers()}".encode()
