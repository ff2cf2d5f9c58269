"""Voiceprints on disk: one private file each, written whole or not at all, encrypted if a key is given."""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.errors import AudioUsageError, EnrollmentError
from audio_batch.speaker.keys import KEY_FILE_VARIABLE, KEY_VARIABLE, StoreKey
from audio_batch.speaker.voice import CHANNEL_CLASSES, ChannelClass

MAX_ID_LENGTH = 128
MAX_RECORD_BYTES = 1 << 20
_SUFFIX = ".voiceprint"
_PLAIN, _SEALED = b"voiceprint 1 plain\n", b"voiceprint 1 fernet\n"


@dataclass(frozen=True)
class Clip:
    """One recording that a voiceprint was made from: its hash and its net speech in seconds, not its sound."""

    sha256: str
    speech_seconds: float


@dataclass(frozen=True)
class Voiceprint:
    """What the store keeps of one voice.

    Attributes
    ----------
    enrollment_id
        The customer's or account's name, as the caller gives it.
    encoder
        Version of the encoder; another one's embeddings cannot be compared.
    channel_class
        Class of channel of the enrolment clips.
    embeddings
        Per class of channel one unit vector. Biometric data: never printed.
    """

    enrollment_id: str
    encoder: str
    channel_class: ChannelClass
    consistency: float
    created_at: str
    clips: tuple[Clip, ...]
    embeddings: dict[ChannelClass, NDArray[np.float32]] = field(repr=False)

    def to_json(self) -> bytes:
        """Return the record as UTF-8 JSON, vectors as little-endian float32 in base64."""
        plain: dict[str, Any] = {**vars(self), "clips": [vars(clip) for clip in self.clips]}
        plain["embeddings"] = {
            name: base64.b64encode(vector.astype("<f4").tobytes()).decode() for name, vector in self.embeddings.items()
        }
        return json.dumps(plain, ensure_ascii=False, sort_keys=True).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Voiceprint:
        """Read a record; raises ValueError, KeyError or TypeError if it is not of this form."""
        plain = json.loads(text)
        plain["clips"] = tuple(Clip(**clip) for clip in plain["clips"])
        plain["embeddings"] = {name: _read_vector(text) for name, text in plain["embeddings"].items()}
        if not set(CHANNEL_CLASSES) >= {plain["channel_class"]} <= set(plain["embeddings"]):
            raise ValueError("no vector of its own channel class")
        return cls(**plain)


def _read_vector(text: str) -> NDArray[np.float32]:
    vector = np.frombuffer(base64.b64decode(text, validate=True), "<f4").astype(np.float32)
    if not abs(float(np.linalg.norm(vector)) - 1) < 1e-3:
        raise ValueError("not a vector of length 1")
    return vector


def check_id(enrollment_id: str) -> str:
    """Return the id if it is a printable text of 1 to 128 characters.

    The id never becomes part of a path (files are named by its hash), so any printable character is allowed.
    """
    fine = isinstance(enrollment_id, str) and 0 < len(enrollment_id) <= MAX_ID_LENGTH and enrollment_id.isprintable()
    if not fine or enrollment_id != enrollment_id.strip():
        raise AudioUsageError(
            f"Enrollment id {str(enrollment_id)[:40]!r} is not allowed: 1 to {MAX_ID_LENGTH} printable characters, "
            "no space at either end",
            hint="Use the account or customer number.",
        )
    return enrollment_id


def write_voiceprint(
    store: str | PathLike[str], voiceprint: Voiceprint, *, key: StoreKey | None, replace: bool
) -> None:
    """Write one voiceprint, whole or not at all; the folder is made with mode 0700, the file with 0600.

    Raises
    ------
    EnrollmentError
        The id is taken and `replace` is False, others may enter the folder, or it cannot be written.
    """
    folder = open_folder(store, create=True)
    text = voiceprint.to_json()
    body = _SEALED + key.open_cipher().encrypt(text) if key else _PLAIN + text
    final, draft = _file_of(folder, voiceprint.enrollment_id), folder / f".{secrets.token_hex(8)}.draft"
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        # A link fails if the name is taken, in one step; checking first would leave a gap for another process.
        draft.replace(final) if replace else os.link(draft, final)
        _sync_folder(folder)
    except FileExistsError:
        raise EnrollmentError(
            f"{voiceprint.enrollment_id!r} is enrolled already",
            hint="Enrol anew with --replace, or forget it first: sentinel-batch audio voice forget ID",
            enrollment_id=voiceprint.enrollment_id,
        ) from None
    except OSError as error:
        raise _store_error(folder, error) from error
    finally:
        draft.unlink(missing_ok=True)


def read_voiceprint(store: str | PathLike[str], enrollment_id: str, *, key: StoreKey | None) -> Voiceprint:
    """Read one voiceprint.

    Raises
    ------
    EnrollmentError
        Nothing is enrolled under this id, or its file is damaged or encrypted with another key.
    """
    file = _file_of(open_folder(store), check_id(enrollment_id))
    voiceprint = _read_file(file, key)
    if voiceprint is None:
        raise _not_enrolled(enrollment_id)
    return voiceprint


def read_voiceprints(store: str | PathLike[str], *, key: StoreKey | None) -> Iterator[Voiceprint]:
    """Yield all voiceprints in the order of their ids; one that cannot be read raises EnrollmentError."""
    files = sorted(open_folder(store).glob(f"*{_SUFFIX}"))
    found = [voiceprint for file in files if (voiceprint := _read_file(file, key)) is not None]
    yield from sorted(found, key=lambda voiceprint: voiceprint.enrollment_id)


def remove_voiceprint(store: str | PathLike[str], enrollment_id: str) -> None:
    """Delete one voiceprint; needs no key, so that a customer can be forgotten after the key is lost.

    Raises
    ------
    EnrollmentError
        Nothing is enrolled under this id.
    """
    folder = open_folder(store)
    try:
        _file_of(folder, check_id(enrollment_id)).unlink()
        _sync_folder(folder)
    except FileNotFoundError:
        raise _not_enrolled(enrollment_id) from None
    except OSError as error:
        raise _store_error(folder, error) from error


def open_folder(store: str | PathLike[str], *, create: bool = False) -> Path:
    """Return the folder of a store, made if asked for, once it is clear that nobody else may enter it."""
    folder = Path(store)
    try:
        if create:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = folder.stat().st_mode
    except FileNotFoundError:
        raise EnrollmentError(
            f"There is no voiceprint store at {str(folder)!r}", hint="Enrol someone first, or check the path."
        ) from None
    except OSError as error:
        raise _store_error(folder, error) from error
    if not stat.S_ISDIR(mode):
        raise _store_error(folder, NotADirectoryError(errno.ENOTDIR, "it is not a folder"))
    if os.name == "posix" and mode & 0o077:
        raise EnrollmentError(
            f"Others may enter the voiceprint store {str(folder)!r} (mode {stat.S_IMODE(mode):04o}; allowed: 0700)",
            hint="Voiceprints are biometric data: use a folder of their own, and chmod 700 it.",
        )
    return folder


def _file_of(folder: Path, enrollment_id: str) -> Path:
    return folder / (hashlib.sha256(enrollment_id.encode()).hexdigest() + _SUFFIX)


def _read_file(file: Path, key: StoreKey | None) -> Voiceprint | None:
    """Return the voiceprint, or None if the file is gone; a link is not followed."""
    try:
        # A link in the store could point at any file that this account may read.
        with os.fdopen(os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as opened:
            body = opened.read(MAX_RECORD_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _store_error(file.parent, error) from error
    try:
        voiceprint = Voiceprint.from_json(_unseal(body, key, file))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise _damaged(file, "is damaged") from None
    # A file that was renamed would verify one customer with the voice of another.
    if _file_of(file.parent, voiceprint.enrollment_id) != file:
        raise _damaged(file, "holds the voiceprint of another id")
    return voiceprint


def _unseal(body: bytes, key: StoreKey | None, file: Path) -> bytes:
    if body.startswith(_PLAIN):
        if key is not None:
            raise _damaged(file, "is not encrypted, though a key is given")
        return body.removeprefix(_PLAIN)
    if not body.startswith(_SEALED):
        raise ValueError("neither plain nor sealed")
    if key is None:
        raise _damaged(file, "is encrypted and no key is given")
    from cryptography.fernet import InvalidToken

    try:
        return key.open_cipher().decrypt(body.removeprefix(_SEALED))
    except InvalidToken:
        raise _damaged(file, "is encrypted with another key, or damaged") from None


def _damaged(file: Path, what: str) -> EnrollmentError:
    hint = f"Give the key ({KEY_VARIABLE} or {KEY_FILE_VARIABLE}), or forget the id and enrol anew."
    return EnrollmentError(f"The voiceprint file {file.name!r} {what}", hint=hint)


def _not_enrolled(enrollment_id: str) -> EnrollmentError:
    return EnrollmentError(
        f"Nobody is enrolled as {enrollment_id!r}",
        hint="List the ids: sentinel-batch audio voice list",
        enrollment_id=enrollment_id,
    )


def _store_error(folder: Path, error: OSError) -> EnrollmentError:
    return EnrollmentError(
        f"The voiceprint store {str(folder)!r} cannot be used: {error.strerror}",
        hint="Give a folder that you own, with room on its disk.",
    )


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            # The file's own fsync does not cover its name; without this a power cut could undo the rename.
            os.fsync(handle)
        finally:
            os.close(handle)
