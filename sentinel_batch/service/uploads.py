"""Files that are sent as multipart forms, written to the lake's disk as they arrive."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from sentinel_batch.errors import UnreadableFileError
from sentinel_batch.ingestion.reading.files import open_bytes, unreadable_reported
from sentinel_batch.lake import full_disk_reported

FIELD = "cdr_file"
OPTIONS = ("dialect", "timezone", "region", "numbers")
"""Other fields of the form: how the file is to be read."""

_OPTION_BYTES = 200
_NAME_LENGTH = 120
_FALLBACK = "upload.csv"
_UNWANTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_CHUNK = 1 << 20
_RATIO, _ALWAYS_TAKEN = 200, 64 << 20


@dataclass(frozen=True)
class FormShape:
    """What a form may hold; fields of other names are passed over.

    Parameters
    ----------
    files
        Names of the fields that hold files.
    texts
        Names of the other fields, and how many bytes each may have.
    limit
        Largest file, in bytes.
    most_files
        How many files it may hold.
    fallback
        Name of a file whose sender gives none that can be used.
    """

    files: tuple[str, ...]
    texts: Mapping[str, int]
    limit: int
    most_files: int = 1
    fallback: str = _FALLBACK


@dataclass
class Form:
    """A form that has arrived: its files, in their order, and its other fields."""

    uploads: list[Upload] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)


@dataclass
class Upload:
    """A file that has arrived.

    Parameters
    ----------
    path
        Where it lies, in a folder of its own.
    size
        In bytes.
    options
        The other fields of the form.
    """

    path: Path
    size: int = 0
    options: dict[str, str] = field(default_factory=dict)


async def receive_upload(request: Request, folder: Path, limit: int) -> Upload:
    """Write the file of a form into a folder, as it arrives.

    Raises
    ------
    RequestValidationError
        If there is no such form, or no file in it, or two.
    HTTPException
        If the form is malformed or ends early (400), or the file is too large (413).
    """
    shape = FormShape((FIELD,), dict.fromkeys(OPTIONS, _OPTION_BYTES), limit)
    form = await receive_form(request, folder, shape)
    [upload] = form.uploads
    upload.options = form.texts
    return upload


async def receive_form(request: Request, folder: Path, shape: FormShape) -> Form:
    """Write the files of a form into a folder, as they arrive; each into a folder in it, if there may be several.

    Raises
    ------
    RequestValidationError
        If there is no such form, or no file in it, or too many.
    HTTPException
        If the form is malformed or ends early (400), or a file is too large (413).
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or not options.get(b"boundary"):
        raise _invalid("missing", "Field required: a multipart/form-data body with the file in it.", shape.files[0])
    parts = _Parts(folder, shape)
    try:
        with full_disk_reported(folder):
            parser = MultipartParser(options[b"boundary"], cast(Any, parts.callbacks()))
            async for chunk in request.stream():
                if chunk:
                    parser.write(chunk)
    except FormParserError as error:
        raise HTTPException(400, f"The multipart body is malformed ({error}); nothing was taken.") from error
    finally:
        parts.close()
    if not parts.ended:
        raise HTTPException(400, "The multipart body ends before its last boundary; nothing was taken.")
    if not parts.form.uploads:
        raise _invalid("missing", "Field required", shape.files[0])
    return parts.form


def safe_name(name: str, fallback: str = _FALLBACK) -> str:
    """Return the file name that a client gave, without any path and without characters that could deceive."""
    last = _UNWANTED.sub("", name.replace("\\", "/").rpartition("/")[2]).strip().lstrip(".-")
    stem, dot, suffix = last.rpartition(".")
    shortened = last if len(last) <= _NAME_LENGTH else stem[: _NAME_LENGTH - len(suffix) - 1] + dot + suffix
    # A file name is limited in bytes, not in characters.
    usable = shortened and len(shortened) <= _NAME_LENGTH and len(shortened.encode()) <= 2 * _NAME_LENGTH
    return shortened if usable else fallback


def check_expansion(path: Path, most: int) -> None:
    """Refuse a file that would become far larger than it is once it is read: calls shrink to a tenth, bombs to nothing.

    Parameters
    ----------
    path
        The file.
    most
        Size, in bytes, that no file may pass once it is unpacked.

    Raises
    ------
    HTTPException
        413, as soon as the limit is passed.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    size, limit = 0, min(most, max(_ALWAYS_TAKEN, _RATIO * path.stat().st_size))
    if magic == b"PAR1":
        size = _estimate_parquet(path)
    elif magic[:2] == b"\x1f\x8b" or magic == b"\x28\xb5\x2f\xfd":
        size = _count_expanded(path, limit)
    if size > limit:
        raise HTTPException(
            413,
            f"{path.name} is larger than {limit:,} bytes once it is unpacked ({path.stat().st_size:,} as sent); "
            "nothing was taken.",
        )


def remove_folder(folder: Path) -> None:
    """Remove an upload that is done with."""
    shutil.rmtree(folder, ignore_errors=True)


class _Parts:
    """The parts of a form as the parser meets them."""

    def __init__(self, folder: Path, shape: FormShape) -> None:
        self.form = Form()
        self.ended = False
        self._folder, self._shape = folder, shape
        self._file: BinaryIO | None = None
        self._headers: dict[bytes, bytes] = {}
        self._name, self._value = b"", b""
        self._option: str | None = None
        self._text = b""

    def callbacks(self) -> dict[str, Callable[..., None]]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._read_name,
            "on_header_value": self._read_value,
            "on_header_end": self._end_header,
            "on_headers_finished": self._open,
            "on_part_data": self._write,
            "on_part_end": self._end,
            "on_end": self._finish,
        }

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _begin(self) -> None:
        self._headers, self._option, self._text = {}, None, b""

    def _read_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _read_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        self._headers[self._name.lower()] = self._value
        self._name, self._value = b"", b""

    def _open(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if name in self._shape.files:
            given = options.get(b"filename")
            if given is None:
                raise _invalid("value_error", f"Expected a file, not a text: curl sends one with -F {name}=@FILE", name)
            self._open_file(name, given.decode("utf-8", "replace"))
        elif name in self._shape.texts:
            self._option = name

    def _open_file(self, field: str, given: str) -> None:
        count = len(self.form.uploads)
        if count == self._shape.most_files:
            most = "One file at a time" if count == 1 else f"{count} files at most"
            raise _invalid("too_many", f"{most}: the form has more of them.", field)
        folder = self._folder / str(count) if self._shape.most_files > 1 else self._folder
        folder.mkdir(mode=0o700, exist_ok=True)
        upload = Upload(folder / safe_name(given, self._shape.fallback))
        self.form.uploads.append(upload)
        self._file = upload.path.open("wb")

    def _write(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            upload, limit = self.form.uploads[-1], self._shape.limit
            upload.size += end - start
            if upload.size > limit:
                raise HTTPException(
                    413, f"The file is larger than the {limit:,} bytes that are taken; nothing was taken."
                )
            self._file.write(memoryview(data)[start:end])
        elif self._option is not None:
            self._text += data[start:end]
            most = self._shape.texts[self._option]
            if len(self._text) > most:
                raise _invalid("string_too_long", f"Longer than {most} bytes.", self._option)

    def _end(self) -> None:
        self.close()
        if self._option is not None and self._text.strip():
            self.form.texts[self._option] = self._text.decode("utf-8", "replace").strip()

    def _finish(self) -> None:
        self.ended = True


def _count_expanded(path: Path, limit: int) -> int:
    """Count the bytes of a compressed file, no further than the limit; what is damaged, the ingest says better."""
    size = 0
    with suppress(UnreadableFileError), unreadable_reported(path), open_bytes(path) as file:
        while size <= limit and (piece := file.read(_CHUNK)):
            size += len(piece)
    return size


def _estimate_parquet(path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        facts = pq.read_metadata(path)
    except (pa.ArrowException, OSError):
        return 0
    groups = (facts.row_group(index) for index in range(facts.num_row_groups))
    # A column of one value is a few bytes however long it is, so rows count as well.
    return int(max(sum(group.total_byte_size for group in groups), 16 * facts.num_rows))


def _invalid(kind: str, message: str, name: str = FIELD) -> RequestValidationError:
    return RequestValidationError([{"type": kind, "loc": ("body", name), "msg": message}])
