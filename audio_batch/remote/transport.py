"""Requests over pooled connections, each with an end. All errors are those of requests, all answers are bounded."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, ReadTimeoutError

from audio_batch.remote.bodies import Body
from audio_batch.remote.deadlines import find_deadline, limited
from audio_batch.remote.errors import DeadlineError, UnusableAnswerError

MOST_ANSWER_BYTES = 8 << 20
POOLED_CONNECTIONS = 20
_BLOCK = 1 << 16


class _BearerKey(AuthBase):
    """The key, as an authenticator: requests would otherwise put a key of ~/.netrc in its place."""

    def __init__(self, key: str) -> None:
        self._header = f"Bearer {key}"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._header
        return request


class _LimitedHTTPConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self, super()._new_conn)

    def request(self, *arguments: Any, **options: Any) -> None:
        _hold(self)
        super().request(*arguments, **options)

    def connect(self) -> None:
        super().connect()
        _hold(self)


class _LimitedHTTPSConnection(_LimitedHTTPConnection, HTTPSConnection):
    """The same over TLS: `super()` above is an `HTTPSConnection` here."""


class _LimitedHTTPPool(HTTPConnectionPool):
    ConnectionCls = _LimitedHTTPConnection


class _LimitedHTTPSPool(HTTPSConnectionPool):
    ConnectionCls = _LimitedHTTPSConnection


_POOLS = {"http": _LimitedHTTPPool, "https": _LimitedHTTPSPool}


class _LimitedAdapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, blocksize=_BLOCK, **options)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **options)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _POOLS
        return manager


class Transport:
    """A pool of connections to one server.

    Parameters
    ----------
    key
        Sent as a bearer token with every request, and never shown.
    headers
        Sent with every request.
    """

    def __init__(self, key: str, headers: Mapping[str, str]) -> None:
        self._session = requests.Session()
        self._session.auth = _BearerKey(key)
        self._session.headers.update(headers)
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _LimitedAdapter(POOLED_CONNECTIONS, POOLED_CONNECTIONS))

    def send(
        self, method: str, url: str, body: Body | None, headers: Mapping[str, str], *, silence: float, seconds: float
    ) -> requests.Response:
        """Send a request and read the answer, whatever its status.

        Parameters
        ----------
        silence
            Longest time without a byte, in seconds.
        seconds
            Longest time for all of it.

        Raises
        ------
        DeadlineError
            It took too long.
        UnusableAnswerError
            The answer is larger than `MOST_ANSWER_BYTES`.
        requests.RequestException
            There was no answer, or part of one.
        """
        given = dict(headers)
        if body is not None:
            given["Content-Type"] = body.content_type
        wait = min(silence, seconds)
        with limited(seconds) as deadline:
            try:
                response = self._session.request(
                    method, url, data=None if body is None else body.content, headers=given, timeout=wait,
                    allow_redirects=False, stream=True,
                )  # fmt: skip
                with response:
                    _read(response)
            except requests.RequestException as error:
                if deadline.passed:
                    raise _refuse_late(method, url, seconds) from error
                if error.args and isinstance(error.args[0], ReadTimeoutError):
                    # requests calls a silence inside the body a ConnectionError.
                    raise requests.ReadTimeout(error.args[0], request=error.request) from error
                raise
            if deadline.passed:  # An answer without a length ends where the connection does.
                raise _refuse_late(method, url, seconds)
            return response

    def close(self) -> None:
        """Close the idle connections."""
        self._session.close()


def _refuse_late(method: str, url: str, seconds: float) -> DeadlineError:
    return DeadlineError(f"{method} {url} was not over after {seconds:g} seconds")


def _read(response: requests.Response) -> None:
    """Read the whole body, so that `text` and `json()` of the response work; but not more than is bearable."""
    pieces: list[bytes] = []
    size = 0
    for piece in response.iter_content(_BLOCK):
        size += len(piece)
        if size > MOST_ANSWER_BYTES:
            # What was read stays, so that the error can be looked at.
            response._content = b"".join(pieces)
            message = f"{response.url} answered {response.status_code} with more than {MOST_ANSWER_BYTES >> 20} MB"
            raise UnusableAnswerError(message, response=response)
        pieces.append(piece)
    response._content = b"".join(pieces)


def _hold(connection: HTTPConnection) -> None:
    deadline = find_deadline()
    if deadline is not None and connection.sock is not None:
        deadline.hold(connection.sock)


def _connect(connection: HTTPConnection, connect: Any) -> socket.socket:
    """Connect to the first address that answers; all of them together have the time that one would have."""
    deadline = find_deadline()
    if deadline is None:
        found: socket.socket = connect()
        return found
    name = connection._dns_host
    addresses = _look_up(name, connection.port)
    try:
        for number, address in enumerate(addresses, start=1):
            connection._dns_host = address
            timeout = connection.timeout
            limit = deadline.remaining() if timeout is None else min(float(timeout), deadline.remaining())
            connection.timeout = limit / (len(addresses) - number + 1)
            try:
                found = connect()
            except Exception:
                if number == len(addresses):
                    raise
            else:
                return found
            finally:
                connection.timeout = timeout
    finally:
        connection._dns_host = name
    raise ConnectTimeoutError(connection, f"{name} has no address")


def _look_up(name: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(name.strip("[]"), port, type=socket.SOCK_STREAM)
    except OSError:
        return [name]  # urllib3 looks again, and has the words for it.
    return list(dict.fromkeys(str(entry[4][0]) for entry in found)) or [name]
