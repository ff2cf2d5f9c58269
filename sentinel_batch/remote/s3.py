"""Folders in an S3 bucket, or in a store that speaks the same.

Keys, region, profile and endpoint (``AWS_ENDPOINT_URL``) are found where every AWS program finds them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import BytesIO
from typing import Any, BinaryIO, cast
from urllib.parse import SplitResult, unquote

from sentinel_batch.errors import NoInputError, UsageError
from sentinel_batch.remote.folder import RemoteFile, RemoteFolder

_SECONDS = 30


@contextmanager
def open_s3(address: SplitResult) -> Iterator[RemoteFolder]:
    """Give the folder ``s3://BUCKET/FOLDER``.

    Raises
    ------
    UsageError
        If the library is not installed.
    NoInputError
        If the bucket cannot be reached or does not let us in.
    """
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise UsageError(
            "An inbox on s3:// needs a library that is not installed.",
            hint='Install it: pip install "sentinel-batch[s3]"',
        ) from error
    bucket, prefix = address.netloc, unquote(address.path).strip("/")
    try:
        client = boto3.client("s3", config=Config(connect_timeout=_SECONDS, read_timeout=_SECONDS))
        with closing(client):
            client.head_bucket(Bucket=bucket)
            folder = _S3Folder(client, bucket, f"{prefix}/" if prefix else "")
            with _broken_off():
                yield folder
    except (BotoCoreError, ClientError, ValueError) as error:
        raise NoInputError(
            f"There is no way into s3://{bucket}: {error}.",
            hint="Check the bucket's name, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION and, for a "
            "store of your own, AWS_ENDPOINT_URL.",
        ) from error


class _S3Folder:
    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def list(self) -> Iterator[RemoteFile]:
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._prefix)
        for page in pages:
            for entry in page.get("Contents", ()):
                name = entry["Key"].removeprefix(self._prefix)
                if name and not name.endswith("/"):
                    yield _describe(name, entry["Size"], entry)

    def look(self, file: RemoteFile) -> RemoteFile | None:
        from botocore.exceptions import ClientError

        try:
            facts = self._client.head_object(Bucket=self._bucket, Key=self._prefix + file.name)
        except ClientError as error:
            if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") == 404:
                return None
            raise ConnectionError(str(error)) from error
        return _describe(file.name, facts["ContentLength"], facts)

    @contextmanager
    def read(self, file: RemoteFile, offset: int) -> Iterator[BinaryIO]:
        if offset >= file.size:  # No byte is left, and S3 refuses to give none.
            yield BytesIO()
            return
        where = {"Bucket": self._bucket, "Key": self._prefix + file.name}
        with _broken_off():
            answer = self._client.get_object(**where, Range=f"bytes={offset}-", IfMatch=file.tag)
            with closing(answer["Body"]) as body:
                yield cast(BinaryIO, body)


@contextmanager
def _broken_off() -> Iterator[None]:
    """Raise what went wrong under way as what it is to everybody else: a broken connection."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise ConnectionError(f"{type(error).__name__}: {error}") from error


def _describe(name: str, size: int, facts: dict[str, Any]) -> RemoteFile:
    return RemoteFile(name, int(size), facts["LastModified"].timestamp(), str(facts.get("ETag", "")))
