"""The key of an encrypted voiceprint store: made once, read from a file or the environment, never printed."""

from __future__ import annotations

import base64
import os
import secrets
import stat
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from audio_batch.errors import AudioUsageError

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

KEY_VARIABLE = "AUDIO_BATCH_VOICEPRINT_KEY"
"""Environment variable that may hold the key of the store."""
KEY_FILE_VARIABLE = "AUDIO_BATCH_VOICEPRINT_KEY_FILE"
"""Environment variable that may hold the path of a file with the key of the store."""


@dataclass(frozen=True)
class StoreKey:
    """The key of a store; its text stays out of reprs, logs and errors."""

    text: bytes = field(repr=False)

    def __post_init__(self) -> None:
        try:
            self.open_cipher()
        except ValueError:
            raise AudioUsageError(
                "The key of the voiceprint store is not a Fernet key: 32 bytes in URL-safe base64",
                hint="Make one: sentinel-batch audio voice key FILE",
            ) from None

    def open_cipher(self) -> Fernet:
        """Return the cipher (AES-128-CBC with HMAC-SHA256, as the package cryptography defines Fernet)."""
        try:
            from cryptography.fernet import Fernet
        except ImportError as error:
            raise AudioUsageError(
                "An encrypted voiceprint store needs the package cryptography",
                hint="Type: pip install 'sentinel-batch[encryption]'",
            ) from error
        return Fernet(self.text)


def read_key(path: str | PathLike[str] | None = None) -> StoreKey | None:
    """Read the key of a store from a file or the environment.

    Parameters
    ----------
    path
        File with the key; None asks the environment: `KEY_VARIABLE`, then `KEY_FILE_VARIABLE`.

    Returns
    -------
    StoreKey or None
        None if no path is given and the environment names no key.

    Raises
    ------
    AudioUsageError
        The file cannot be read, others may read it, or it holds no key.
    """
    if path is None and (text := os.environ.get(KEY_VARIABLE)):
        return StoreKey(text.strip().encode())
    named = path if path is not None else os.environ.get(KEY_FILE_VARIABLE)
    return _read_key_file(Path(named)) if named else None


def _read_key_file(path: Path) -> StoreKey:
    try:
        with path.open("rb") as file:
            mode, text = os.fstat(file.fileno()).st_mode, file.read(1024)
    except OSError as error:
        raise AudioUsageError(
            f"The key file {str(path)!r} cannot be read: {error.strerror}", hint="Check its path and owner."
        ) from error
    if os.name == "posix" and mode & 0o077:
        raise AudioUsageError(
            f"The key file {str(path)!r} may be read by others (mode {stat.S_IMODE(mode):04o}; allowed: 0600, 0400)",
            hint="chmod 600 it, and make a new key if anyone else has been on this machine.",
        )
    return StoreKey(text.strip())


def create_key(path: str | PathLike[str]) -> StoreKey:
    """Write a new random key to a new file, mode 0600.

    Raises
    ------
    AudioUsageError
        The file exists (a key that is overwritten is lost, and every voiceprint with it), or cannot be written.
    """
    key = StoreKey(base64.urlsafe_b64encode(secrets.token_bytes(32)))
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key.text + b"\n")
    except OSError as error:
        raise AudioUsageError(
            f"The key file {os.fspath(path)!r} cannot be made: {error.strerror}",
            hint="Name a file that does not exist.",
        ) from error
    return key
