"""Networks in ONNX form, opened so that they can reach nothing but themselves: their folder, one thread, the CPU."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from audio_batch.errors import ModelError
from audio_batch.spoof.onnx_graph import NotOnnxError, find_references
from batch_base.extras import named_extra

MAX_BYTES = 2**31 - 1
"""What a message of protocol buffers may hold; bigger models keep their weights in files beside it."""
_EXPORT = "Export it with torch.onnx.export, opset 17 or so, without custom operators."


@dataclass(frozen=True)
class OnnxFile:
    """A file that was read once: what was hashed and looked at is what runs.

    Attributes
    ----------
    sha256
        Of the file.
    weights
        Files with weights in the same folder, by the name that the file gives them, with their hashes.
    """

    path: Path
    document: bytes
    sha256: str
    weights: dict[str, str]


def read_onnx(path: Path) -> OnnxFile:
    """Read an ONNX file, and look at what it refers to.

    Raises
    ------
    ModelError
        It cannot be read, is no ONNX file, has operators that onnxruntime does not bring, or wants weights from a file
        that is not inside its own folder.
    """
    return check_onnx(path, _read(path))


def check_onnx(path: Path, document: bytes) -> OnnxFile:
    """Look at what a document refers to that was read from a path, or is to be written there.

    Raises
    ------
    ModelError
        As `read_onnx`.
    """
    try:
        found = find_references(document)
    except NotOnnxError as error:
        raise _refuse(path, f"is not a model in ONNX form: {error}", _guess_kind(document)) from error
    if found.operators:
        problem = f"has operators that are not ONNX's own: {_printable(', '.join(found.operators[:5]))}"
        raise _refuse(path, problem, f"Libraries of operators are never loaded. {_EXPORT}")
    weights = {name: _hash(path, _locate(path, name)) for name in found.locations}
    return OnnxFile(path, document, hashlib.sha256(document).hexdigest(), weights)


def open_session(file: OnnxFile) -> Any:
    """Return a session of onnxruntime on one thread, that reads weights from the file's own folder only.

    Raises
    ------
    ModelError
        onnxruntime cannot run it.
    MissingExtraError
        onnxruntime is not installed.
    """
    with named_extra():
        import onnxruntime  # late: the shipped model does without

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    folder = str(file.path.resolve().parent)
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", folder)
    try:
        # Without its fallback, which would print on our stdout and try the same again.
        return onnxruntime.InferenceSession(
            file.document, options, providers=["CPUExecutionProvider"], enable_fallback=0
        )
    except Exception as error:  # onnxruntime's exceptions have no common base but Exception
        raise _refuse(file.path, f"cannot be run by onnxruntime: {_first_line(error)}", _EXPORT) from error


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            problem = f"has {size:,} bytes; allowed: {MAX_BYTES:,}"
            raise _refuse(path, problem, "Export it with its weights in a file beside it (external data).")
        return path.read_bytes()
    except OSError as error:
        message = f"The model {str(path)!r} cannot be read: {error.strerror or error}"
        raise ModelError(message, hint="Name a file in ONNX form.", path=str(path)) from error


def _locate(path: Path, name: str) -> Path:
    """Return the file that a location means; only one inside the model's folder, links followed, is allowed."""
    plain = not PurePosixPath(name).is_absolute() and not PureWindowsPath(name).anchor
    folder = path.resolve().parent
    place = (folder / name).resolve() if plain and "\0" not in name and "\\" not in name else None
    if place is None or not place.is_relative_to(folder) or ".." in PurePosixPath(name).parts:
        problem = f"wants weights from {name[:200]!r}, outside of its folder; allowed: files beside it"
        raise _refuse(path, problem, "Export it again, with its weights inside or in a file beside it.")
    if not place.is_file():
        raise _refuse(path, f"wants weights from {name[:200]!r}, and there is no such file beside it", "Copy it there.")
    return place


def _hash(path: Path, place: Path) -> str:
    try:
        with place.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        problem = f"has weights in {place.name!r} that cannot be read: {error.strerror or error}"
        raise _refuse(path, problem, "Check the file's permissions.") from error


def _guess_kind(document: bytes) -> str:
    kinds = {b"PK\x03\x04": "a PyTorch file (a zip archive)", b"\x80": "a pickle of Python", b"\x89HDF": "an HDF5 file"}
    found = next((kind for begin, kind in kinds.items() if document.startswith(begin)), None)
    return f"It looks like {found}. {_EXPORT}" if found else _EXPORT


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return _printable(lines[0])


def _printable(text: str) -> str:
    return "".join(letter for letter in text[:300] if letter.isprintable())


def _refuse(path: Path, problem: str, hint: str) -> ModelError:
    return ModelError(f"The model {str(path)!r} {problem}", hint=hint, path=str(path))
