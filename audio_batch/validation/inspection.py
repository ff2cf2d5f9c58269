"""What a file is, seen from its bytes and its name, before any decoder is believed.

libsndfile hides damage: a WAV or Opus file that is cut off reads short without an error, and a WAV file with data size
0 has no frames. So every container is walked here, and what it declares is compared with what is there.
"""

from __future__ import annotations

import os
import struct
import unicodedata
from collections.abc import Callable
from pathlib import PurePath
from typing import BinaryIO

from audio_batch.decoding import (
    AUDIO_FORMATS,
    RAW_SUFFIXES,
    SUFFIX_FORMATS,
    TEXT_FORMATS,
    UNDECLARED_SUFFIXES,
    RawFormat,
    assume_raw,
    identify_format,
    printable,
)
from audio_batch.validation.chunked import inspect_au, inspect_chunked, inspect_matroska, inspect_mp4, inspect_riff
from audio_batch.validation.findings import ASK_AGAIN, make_truncated
from audio_batch.validation.flac import inspect_flac
from audio_batch.validation.framed import inspect_amr, inspect_mp3, inspect_ogg
from audio_batch.validation.outcome import Issue

_WALKERS: dict[str, Callable[[BinaryIO, int], list[Issue]]] = {
    "wav": inspect_riff,
    "aiff": inspect_chunked,
    "caf": inspect_chunked,
    "w64": inspect_chunked,
    "au": inspect_au,
    "m4a": inspect_mp4,
    "webm": inspect_matroska,
    "ogg": inspect_ogg,
    "mp3": inspect_mp3,
    "flac": inspect_flac,
    "amr": inspect_amr,
}
_RAW_SUFFIXES = UNDECLARED_SUFFIXES | set(RAW_SUFFIXES)


def inspect_name(path: str) -> list[Issue]:
    """Look for what can do harm in a file name: control characters, direction marks, bytes that are not UTF-8."""
    name = PurePath(path).name
    bad = sorted({printable(sign) for sign in name if unicodedata.category(sign) in {"Cc", "Cf", "Cs"}}, key=repr)
    if not bad and not name.startswith("-"):
        return []
    found = ", ".join(ascii(sign) for sign in bad) or "a leading hyphen"
    message = f"The file name holds {found}."
    hint = "Rename the file before it reaches a shell, a terminal or a spreadsheet."
    return [Issue("warning", "unsafe_name", "name", found, "printable characters", message, hint)]


def inspect_container(file: BinaryIO, path: str, raw: RawFormat | None) -> list[Issue]:
    """Walk the container and compare it with the name and the declaration.

    Parameters
    ----------
    file
        Open at its beginning.
    path
        Its name; only the suffix counts.
    raw
        The declared format of a file without a header.

    Returns
    -------
    list of Issue
    """
    size = os.fstat(file.fileno()).st_size
    head = file.read(4096)
    found, suffix = identify_format(head), PurePath(path).suffix.lower()
    if not head:
        return [Issue("error", "empty_file", "file_size", 0, "1 or more", "The file is empty: 0 bytes.", ASK_AGAIN)]
    if found in TEXT_FORMATS or (found is not None and found not in AUDIO_FORMATS):
        return [_make_not_audio(found)]
    if not head.strip(b"\0") and found is None:
        return [_make_zero_filled(len(head))]
    if raw is not None or (found in {None, "mp3", "aac"} and suffix in _RAW_SUFFIXES):
        return _check_raw(size, suffix, raw, raw or assume_raw(path))
    issues = _check_suffix(found, suffix)
    if found in _WALKERS:
        file.seek(0)
        issues += _walk(_WALKERS[found], file, size)
    return issues


def _walk(walker: Callable[[BinaryIO, int], list[Issue]], file: BinaryIO, size: int) -> list[Issue]:
    try:
        return walker(file, size)
    except (struct.error, IndexError):
        return [make_truncated("header", f"{size} bytes", "a whole header")]


def _check_suffix(found: str | None, suffix: str) -> list[Issue]:
    expected = SUFFIX_FORMATS.get(suffix)
    if found is None or expected in (found, None):
        return []
    message = f"The name ends in {suffix!r}, but the file is {found}."
    hint = "The file is read as what it is; ask the sender why it is named otherwise."
    return [Issue("warning", "wrong_suffix", "format", found, expected, message, hint)]


def _check_raw(size: int, suffix: str, raw: RawFormat | None, raw_format: RawFormat | None) -> list[Issue]:
    if raw_format is None:
        message = f"The file has no header, and {suffix!r} does not say what it holds."
        hint = "Declare it, such as --raw ulaw,8000,1 or RawFormat('ulaw', 8000, 1)."
        return [Issue("error", "raw_undeclared", "format", "unknown", "a declaration", message, hint)]
    issues = []
    if raw is None:
        what = f"{raw_format.encoding}, {raw_format.sampling_rate} Hz, {raw_format.channels} channel"
        message = f"The file has no header; by its suffix {suffix!r} it is read as {what}."
        issues.append(Issue("info", "raw_assumed", "format", suffix, what, message, "Declare the format to be sure."))
    whole = _FRAME_BYTES.get(raw_format.encoding, 1) * (raw_format.channels if raw_format.encoding != "gsm" else 1)
    if size % whole:
        issues.append(make_truncated("file_size", f"{size} bytes", f"a multiple of {whole}"))
    return issues


_FRAME_BYTES = {
    **{"pcm_s16le": 2, "pcm_s16be": 2, "pcm_s24le": 3, "pcm_s32le": 4, "pcm_f32le": 4},
    **{"gsm": 33, "g729": 10},
}


def _make_not_audio(found: str) -> Issue:
    message = f"The file is not audio but {found}."
    hint = "A download that failed often leaves a web page or an error message under the name of the recording."
    return Issue("error", "not_audio", "format", found, "audio", message, hint)


def _make_zero_filled(count: int) -> Issue:
    message = f"The file begins with {count} zero bytes: it was allocated but never written."
    return Issue("error", "zero_filled", "format", "zero bytes", "audio", message, ASK_AGAIN)
