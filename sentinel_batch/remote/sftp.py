"""Folders over SFTP. The other side's key must be known: whoever sits in between could else give us any calls."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, cast
from urllib.parse import SplitResult, unquote

from sentinel_batch.errors import NoInputError, UsageError
from sentinel_batch.remote.folder import RemoteFile, RemoteFolder

PASSWORD_VARIABLE = "SENTINEL_SFTP_PASSWORD"  # noqa: S105 - the name of the variable
"""Environment variable with the password, or with that of the key file."""

KEY_VARIABLE = "SENTINEL_SFTP_KEY"
"""Environment variable with the path of the private key; without it those of the SSH agent and of ``~/.ssh`` serve."""

KNOWN_HOSTS_VARIABLE = "SENTINEL_SFTP_KNOWN_HOSTS"
"""Environment variable with the path of a file of known host keys, used beside ``~/.ssh/known_hosts``."""

_SECONDS = 30.0
_PORT = 22


@contextmanager
def open_sftp(address: SplitResult, environ: Mapping[str, str] | None = None) -> Iterator[RemoteFolder]:
    """Connect to a folder.

    Parameters
    ----------
    address
        ``sftp://USER@HOST:PORT/FOLDER``; a path that starts with ``/~/`` counts from the user's home.
    environ
        Environment variables; the process's own when None.

    Raises
    ------
    UsageError
        If the library is not installed.
    NoInputError
        If there is no way in: the host is not reached, its key is not known, the login is refused.
    """
    try:
        import paramiko
    except ImportError as error:
        raise UsageError(
            "An inbox on sftp:// needs a library that is not installed.",
            hint='Install it: pip install "sentinel-batch[sftp]"',
        ) from error
    variables = os.environ if environ is None else environ
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    host = f"{address.hostname}:{address.port or _PORT}"
    try:
        client.load_system_host_keys()
        if known := variables.get(KNOWN_HOSTS_VARIABLE):
            client.load_host_keys(known)
        client.connect(
            address.hostname or "",
            address.port or _PORT,
            username=unquote(address.username) if address.username else None,
            password=variables.get(PASSWORD_VARIABLE) or None,
            key_filename=variables.get(KEY_VARIABLE) or None,
            timeout=_SECONDS,
            banner_timeout=_SECONDS,
            auth_timeout=_SECONDS,
        )
        session = client.open_sftp()
        session.get_channel().settimeout(_SECONDS)
    except (paramiko.SSHException, OSError) as error:
        client.close()
        raise _no_way_in(host, error) from error
    try:
        with _broken_off():
            yield _SftpFolder(session, _base(unquote(address.path)))
    finally:
        client.close()


def _no_way_in(host: str, error: Exception) -> NoInputError:
    name = type(error).__name__
    hints = {
        "BadHostKeyException": "The host's key has changed: ask its owner before you replace it in known_hosts.",
        "AuthenticationException": f"Check the user, {KEY_VARIABLE} and {PASSWORD_VARIABLE}.",
    }
    unknown = "not found in known_hosts" in str(error)
    hint = f"Check the key with its owner, then: ssh-keyscan -H HOST >> FILE, and {KNOWN_HOSTS_VARIABLE}=FILE."
    return NoInputError(
        f"There is no way into {host}: {error or name}.",
        hint=hint if unknown else hints.get(name, "Is the host up, and its port reachable from here?"),
    )


def _base(path: str) -> str:
    return path.removeprefix("/~/") or "." if path.startswith("/~/") else path or "/"


@contextmanager
def _broken_off() -> Iterator[None]:
    """Raise what went wrong under way as what it is to everybody else: a broken connection."""
    from paramiko import SSHException

    try:
        yield
    except (SSHException, EOFError) as error:
        raise ConnectionError(f"the connection broke ({type(error).__name__})") from error


class _SftpFolder:
    def __init__(self, session: Any, base: str) -> None:
        self._session = session
        self._base = base.rstrip("/") or "/"

    def list(self) -> Iterator[RemoteFile]:
        yield from self._walk("")

    def look(self, file: RemoteFile) -> RemoteFile | None:
        try:
            facts = self._session.stat(self._path(file.name))
        except FileNotFoundError:
            return None
        return RemoteFile(file.name, facts.st_size or 0, float(facts.st_mtime or 0))

    @contextmanager
    def read(self, file: RemoteFile, offset: int) -> Iterator[BinaryIO]:
        with _broken_off(), self._session.open(self._path(file.name), "rb") as source:
            source.seek(offset)
            source.prefetch(file.size)
            yield cast(BinaryIO, source)

    def _walk(self, below: str) -> Iterator[RemoteFile]:
        for entry in sorted(self._session.listdir_attr(self._path(below)), key=lambda entry: entry.filename):
            name = f"{below}{entry.filename}"
            kind = stat.S_IFMT(entry.st_mode or 0)
            if kind == stat.S_IFDIR:
                yield from self._walk(f"{name}/")
            elif kind == stat.S_IFREG:  # Links are not followed: they could lead anywhere.
                yield RemoteFile(name, entry.st_size or 0, float(entry.st_mtime or 0))

    def _path(self, name: str) -> str:
        return f"{self._base.rstrip('/')}/{name}".rstrip("/") or "/"
