"""Objects in a bucket: read, listed, and written on conditions; the same for S3, Google Cloud and Azure.

Keys, region and endpoint come from the environment, under the names that each cloud's own programs use.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from batch_base.extras import named_extra
from batch_base.files import replaced_file
from sentinel_batch.errors import LakeReadOnlyError, StoreError, UsageError

_CHUNK = 8 << 20
_RETRIES = {"max_retries": 4, "retry_timeout": timedelta(seconds=60)}
_CONNECT, _TRANSFER = timedelta(seconds=5), timedelta(seconds=600)
_ENDPOINTS = {"s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"), "az": ("AZURE_STORAGE_ENDPOINT",)}
_CODE = re.compile(r"<Code>([A-Za-z]+)</Code>")
_VARIABLES = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and, for a store of your own, AWS_ENDPOINT_URL",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or AZURE_STORAGE_SAS_TOKEN",
}


@dataclass(frozen=True)
class StoredObject:
    """What a store says of an object.

    Parameters
    ----------
    name
        Its key, from the lake's folder on.
    size
        Bytes.
    tag
        Changes whenever its content is written.
    written_at
        By the store's clock.
    """

    name: str
    size: int
    tag: str
    written_at: datetime


class Store:
    """The folder of a lake in object storage; safe to use from any number of threads.

    Parameters
    ----------
    address
        From :func:`sentinel_batch.addresses.read_place`.

    Raises
    ------
    MissingExtraError
        If the library is not installed.
    UsageError
        If the connection would not be encrypted.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._kind = {"abfss": "az"}.get(urlsplit(address).scheme, urlsplit(address).scheme)
        self._plain = self._allows_plain()
        with named_extra():
            from obstore.store import from_url
        client = {"allow_http": self._plain, "connect_timeout": _CONNECT, "timeout": _TRANSFER}
        settings: dict[str, Any] = {"client_options": client, "retry_config": _RETRIES}
        with self.reported():
            self._objects: Any = from_url(address, **settings)

    @property
    def options(self) -> dict[str, str]:
        """What Delta Lake needs to be told beside what it finds in the environment."""
        return {"allow_http": "true"} if self._plain else {}

    @property
    def endpoint(self) -> str:
        """The store's own address, where the environment names one; with :attr:`address`, it says which lake it is."""
        names = (*_ENDPOINTS.get(self._kind, ()), "AZURE_STORAGE_ACCOUNT_NAME")
        return next((os.environ[name] for name in names if os.environ.get(name)), "")

    def read(self, name: str) -> tuple[bytes, StoredObject] | None:
        """Return an object's content, and what the store says of it; None if there is none."""
        import obstore

        with self.reported():
            try:
                found = obstore.get(self._objects, name)
                return bytes(found.bytes()), _describe(found.meta)
            except FileNotFoundError:
                return None

    def exists(self, name: str) -> bool:
        """Tell whether there is such an object."""
        import obstore

        with self.reported():
            try:
                obstore.head(self._objects, name)
            except FileNotFoundError:
                return False
        return True

    def create(self, name: str, content: bytes) -> str | None:
        """Write an object that must not exist, and return its tag; None if there is one."""
        return self._put(name, content, "create")

    def replace(self, name: str, content: bytes, tag: str) -> str | None:
        """Write an object if its tag is still this one, and return the new tag; None if it is another."""
        return self._put(name, content, json.loads(tag))

    def upload(self, source: Path, name: str) -> None:
        """Write a file to a name that nobody else uses."""
        import obstore

        with self.reported(writing=True):
            obstore.put(self._objects, name, source)

    def download(self, name: str, target: Path) -> bool:
        """Write an object to a file that appears whole; return whether there is such an object."""
        import obstore

        with self.reported():
            try:
                found = obstore.get(self._objects, name)
            except FileNotFoundError:
                return False
            target.parent.mkdir(parents=True, exist_ok=True)
            with replaced_file(target) as fresh, fresh.open("wb") as file:
                for chunk in found.stream(min_chunk_size=_CHUNK):
                    file.write(chunk)
        return True

    def list(self, folder: str, after: str | None = None) -> Iterator[StoredObject]:
        """Yield all objects below a folder; with ``after``, those whose names sort after it."""
        import obstore

        with self.reported():
            for chunk in obstore.list(self._objects, folder, offset=after):
                yield from map(_describe, chunk)

    def delete(self, name: str) -> None:
        """Delete an object, if there is one."""
        import obstore

        with self.reported(writing=True):
            try:
                obstore.delete(self._objects, name)
            except FileNotFoundError:
                return

    def _put(self, name: str, content: bytes, mode: Any) -> str | None:
        import obstore
        from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

        with self.reported(writing=True):
            try:
                return _tag(obstore.put(self._objects, name, content, mode=mode))
            except (AlreadyExistsError, PreconditionError):
                return None
            except FileNotFoundError as error:
                if mode != "create":  # A missing object is none with that tag.
                    return None
                raise BaseError(str(error)) from None

    def _allows_plain(self) -> bool:
        """Tell whether the connection goes without encryption, as to a store on this machine."""
        endpoint = urlsplit(self.endpoint)
        if endpoint.scheme != "http":
            return False
        told = os.environ.get("AWS_ALLOW_HTTP", os.environ.get("AZURE_ALLOW_HTTP", "")).lower() == "true"
        if not told and endpoint.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise UsageError(
                f"The store at {endpoint.hostname} would be spoken to without encryption.",
                hint="Give it an https:// address, or say AWS_ALLOW_HTTP=true in a network that you trust.",
            )
        return True

    @contextmanager
    def reported(self, *, writing: bool = False) -> Iterator[None]:
        """Turn what libraries say of the store into an error of ours, without keys and signatures."""
        from deltalake.exceptions import DeltaError
        from obstore.exceptions import BaseError, PermissionDeniedError

        try:
            yield
        except (BaseError, DeltaError) as error:
            if writing and (isinstance(error, PermissionDeniedError) or "AccessDenied" in str(error)):
                raise LakeReadOnlyError(
                    f"The lake {self.address} can only be read with these keys. Nothing was changed.",
                    hint="Commands that only read work; writing needs the right to put and to delete objects.",
                    lake=self.address,
                ) from None
            raise StoreError(
                f"The lake {self.address} cannot be reached: {plain_reason(error)}.",
                hint=f"Check the bucket's name, the network, and {_VARIABLES[self._kind]}; sentinel-batch doctor "
                "says which rights there are.",
                lake=self.address,
            ) from None  # What the library says may hold keys and signatures.


def plain_reason(error: Exception) -> str:
    """Return why a store refused, in the first words of what it said: the rest may hold addresses with signatures."""
    text = str(error)
    code = _CODE.search(text)
    if code is not None:
        return code[1]
    for words in ("Connection refused", "dns error", "timed out", "No such bucket", "401", "403", "404"):
        if words.lower() in text.lower():
            return words
    first = re.sub(r"\S*://\S*", "…", text.splitlines()[0]) if text else type(error).__name__
    return first[:160].rstrip(". ")


def _describe(meta: Mapping[str, Any]) -> StoredObject:
    return StoredObject(str(meta["path"]), int(meta["size"]), _tag(meta), meta["last_modified"])


def _tag(meta: Mapping[str, Any]) -> str:
    # S3 and Azure compare the one, Google Cloud the other.
    return json.dumps({name: meta[name] for name in ("e_tag", "version") if meta.get(name)}, sort_keys=True)
