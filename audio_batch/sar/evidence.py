"""A draft on disk: its documents, and a manifest with the hash of each."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audio_batch.decoding import printable
from audio_batch.errors import AudioUsageError
from batch_base.files import replaced_file

MANIFEST_FORMAT = 1


def write_evidence(
    folder: Path,
    documents: Mapping[str, Any],
    *,
    case_id: str,
    recording: Path,
    recording_sha256: str,
    input_hashes: Mapping[str, str | None],
) -> Path:
    """Write the documents of a draft and their manifest; see `SarDraft.write`.

    Parameters
    ----------
    folder
        Folder of the draft.
    documents
        Content by file name: text is written as it is, None is left out, anything else becomes JSON.
    case_id
        Id of the draft.
    recording, recording_sha256
        Where the recording was, and its hash when it was scored. If it is still there, it is hashed again.
    input_hashes
        Hashes of what the draft was made from.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = [
            _write_file(folder / name, _encode(content)) for name, content in documents.items() if content is not None
        ]
        manifest = {
            "format": MANIFEST_FORMAT,
            "status": "draft",
            "case_id": case_id,
            "files": files,
            "recording": {
                "name": printable(recording.name),
                "sha256": recording_sha256,
                "unchanged": _compare_recording(recording, recording_sha256),
            },
            "inputs": dict(input_hashes),
        }
        _write_file(folder / "evidence.json", _encode(manifest))
    except OSError as error:
        message = f"The draft {folder} cannot be written: {error.strerror or error}."
        raise AudioUsageError(message, hint="Name a folder that can be written.", file=str(folder)) from error
    return folder


def _encode(content: Any) -> bytes:
    text = content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


def _write_file(path: Path, data: bytes) -> dict[str, Any]:
    with replaced_file(path, mode=0o600) as fresh, fresh.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return {"name": path.name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _compare_recording(recording: Path, expected: str) -> bool | None:
    try:
        if not recording.is_file():
            return None
        with recording.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == expected
    except (OSError, ValueError):
        return None
