"""A session on a Spark Connect server, and what is said when the server fails."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from batch_base.extras import named_extra
from sentinel_batch.errors import ConfigurationError, EngineError, LakeDamagedError, SentinelError

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

PORT = 15002
"""Where a Spark Connect server listens unless its address says otherwise."""

_CONNECTORS = "Start it with the connector of its Hadoop (S3: --packages org.apache.hadoop:hadoop-aws:VERSION)"

PATIENCE = 10.0
"""Seconds within which a server must take a connection."""

_SETTINGS = {"spark.sql.ansi.enabled": "true"}
"""Unless they are configured: sums that overflow, and divisions by zero, are errors, as in DuckDB."""

_OTHERWISE = "--engine duckdb runs the rules on this machine."
_NO_CONNECTOR = re.compile(r"No FileSystem for scheme|Class org\.apache\.hadoop\.fs\.\S+ not found")
_FILE_TROUBLE = ("PATH_NOT_FOUND", "FAILED_READ_FILE", "FileNotFound", "No such file", "Object Store error")


@dataclass(frozen=True)
class Server:
    """A session of our own on a server: its views are seen by nobody else, and end with it.

    Parameters
    ----------
    session
        The client's session.
    remote
        The server's address.
    lake
        Where its machines look for the lake.
    """

    session: SparkSession
    remote: str
    lake: str

    @contextmanager
    def failures_reported(self) -> Iterator[None]:
        """Turn what the client says of the server, or of what it was asked, into an error of ours.

        Raises
        ------
        LakeDamagedError
            If the server cannot read a file of the lake.
        EngineError
            If it is something else.
        """
        import grpc
        from pyspark.errors import PySparkException

        try:
            yield
        except (PySparkException, grpc.RpcError) as error:
            raise self.explain(error) from error

    def explain(self, error: Exception) -> SentinelError:
        """Return the error to raise for one that is not the rule's."""
        if _tells_of_files(error):
            return LakeDamagedError(
                f"Spark at {self.remote} cannot read the lake at {self.lake}: {first_line(error)}",
                hint="If its machines find the lake elsewhere, set [spark] lake; else run sentinel-batch doctor.",
            )
        if _NO_CONNECTOR.search(str(error)):
            return EngineError(
                f"Spark at {self.remote} has nothing that reads {self.lake}: {first_line(error)}",
                hint=f'{_CONNECTORS}; where its machines see this one\'s cache, [spark] lake = "cache" does without.',
            )
        return EngineError(
            f"Spark at {self.remote} failed: {first_line(error)}",
            hint=f"Look at its log, and whether its machines find the lake at {self.lake} ([spark] lake). {_OTHERWISE}",
        )


@contextmanager
def open_server(remote: str | None, lake: str, settings: Mapping[str, str]) -> Iterator[Server]:
    """Open a session on a server.

    Parameters
    ----------
    remote
        ``sc://HOST:PORT``, with options such as ``;use_ssl=true``; None is an error that says what to configure.
    lake
        Where its machines look for the lake.
    settings
        Of the session; its time zone is always UTC.

    Raises
    ------
    ConfigurationError
        If there is no address.
    MissingExtraError
        If the client is not installed.
    EngineError
        If the server does not answer, or fails.
    LakeDamagedError
        If it cannot read the lake.
    """
    if remote is None:
        raise ConfigurationError(
            'engine = "spark" needs the address of a Spark Connect server.',
            hint='Set [spark] remote = "sc://spark.example:15002", or SENTINEL_SPARK_REMOTE.',
            key="spark.remote",
        )
    with named_extra(), _named_program():
        from pyspark.sql.connect.client.retries import DefaultPolicy
        from pyspark.sql.connect.session import SparkSession
    _knock(remote)
    session = SparkSession.builder.remote(remote).create()
    # Half a minute of attempts; a server that starts anew has forgotten the session anyway.
    session.client.set_retry_policies([DefaultPolicy(max_retries=8, max_backoff=5_000)])
    server = Server(session, remote, lake)
    with server.failures_reported():
        try:
            for name, value in {**_SETTINGS, **settings, "spark.sql.session.timeZone": "UTC"}.items():
                session.conf.set(name, value)
            yield server
        finally:
            session.stop()


@contextmanager
def _named_program() -> Iterator[None]:
    """Give the program a file's name if it has none, as with ``python -c`` and in processes that were started by it.

    pyspark-client 4.2 takes such a program for its own doctests when it is first imported, and ends it.
    """
    program = sys.modules["__main__"]
    if hasattr(program, "__file__"):
        yield
        return
    program.__file__ = "<command>"
    try:
        yield
    finally:
        del program.__file__


def tells_of_rule(error: Exception) -> bool:
    """Tell whether an error is about what the server was asked, and not about itself, or files of the lake."""
    from pyspark.errors import PySparkException
    from pyspark.errors.exceptions.base import SessionNotSameException
    from pyspark.errors.exceptions.connect import SparkConnectGrpcException

    of_server = isinstance(error, SessionNotSameException) or type(error) is SparkConnectGrpcException
    return isinstance(error, PySparkException) and not of_server and not _tells_of_files(error)


def _tells_of_files(error: Exception) -> bool:
    return any(word in str(error) for word in _FILE_TROUBLE)


def first_line(error: Exception) -> str:
    """Return what the server says, without its stack."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _knock(remote: str) -> None:
    """Raise if nothing listens: the client itself would try again for many minutes."""
    address = urlsplit(remote)
    try:
        socket.create_connection((address.hostname or "", address.port or PORT), PATIENCE).close()
    except OSError as error:
        raise EngineError(
            f"Spark at {remote} does not answer: {error.strerror or error}.",
            hint=f"Start its Connect server, or correct [spark] remote. {_OTHERWISE}",
        ) from error
