"""A real S3 server on this machine (moto's), for tests and benchmarks of lakes in object storage."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

KEY, SECRET, READER = "AKIAWRITER", "a-secret-of-the-test", "AKIAREADER"
"""Two users with one secret; the second one may only read."""

BUCKET = "fraud-desk"
_CHANGING = ("PUT", "POST", "DELETE")
_DENIED = b"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>No.</Message></Error>"


class ObjectStore:
    """A server with one bucket.

    Parameters
    ----------
    url
        Its address.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.heedless = False
        """Whether it writes whatever the conditions of a request say, as some stores do."""
        self.requests: list[tuple[str, str]] = []
        """Method and path of each request."""

    def variables(self, key: str = KEY) -> dict[str, str]:
        """Return the environment in which a user finds it."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def client(self) -> Any:
        """Return Amazon's own client, which looks at what a lake has put into the bucket."""
        import boto3

        keys = {"aws_access_key_id": KEY, "aws_secret_access_key": SECRET}
        return boto3.client("s3", endpoint_url=self.url, region_name="us-east-1", **keys)

    def list_keys(self, prefix: str = "") -> list[str]:
        """Return the keys of the bucket below a prefix."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", ())]


@contextmanager
def serving_objects() -> Iterator[ObjectStore]:
    """Give a server with an empty bucket."""
    from moto.server import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    store = ObjectStore("")
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, _guard(store, application), threaded=True)
    store.url = f"http://127.0.0.1:{server.port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        store.client().create_bucket(Bucket=BUCKET)
        yield store
    finally:
        server.shutdown()
        thread.join()


def _guard(store: ObjectStore, application: Callable[..., Any]) -> Callable[..., list[bytes]]:
    # moto compares a condition and writes in two steps; one request at a time makes them one, as in a store.
    turn = threading.Lock()

    def answer(environ: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        store.requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"]))
        if READER in environ.get("HTTP_AUTHORIZATION", "") and environ["REQUEST_METHOD"] in _CHANGING:
            start("403 Forbidden", [("Content-Type", "application/xml"), ("Content-Length", str(len(_DENIED)))])
            return [_DENIED]
        if store.heedless:
            environ.pop("HTTP_IF_NONE_MATCH", None)
            environ.pop("HTTP_IF_MATCH", None)
        with turn:
            return list(application(environ, start))

    return answer
