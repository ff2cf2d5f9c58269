"""Recordings at addresses that strangers wrote down: fetched from allowed hosts only, and never from inside.

The name is resolved once, every address that it has is looked at, and the connection goes to one of these addresses; so
a name that changes its mind between the look and the connection (DNS rebinding) gains nothing. The certificate is
checked against the name.
"""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from urllib.parse import SplitResult, urljoin, urlsplit

from audio_batch.errors import AudioUsageError
from audio_batch.events.errors import EventError

_PORTS = {"https": 443, "http": 80}
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 3
_CHUNK = 1 << 16
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,5}")
_UNWANTED = re.compile(r"[^\x21-\x7e]|\\")
_RULE = re.compile(r"(\*\.)?[A-Za-z0-9._-]+(:[0-9]{1,5})?")
_TRANSLATED = ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48")
"""IPv6 addresses that gateways translate to IPv4 ones, private ones too."""

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Iterable[str]]


@dataclass(frozen=True)
class FetchRules:
    """Where recordings may be fetched from, and how much of them.

    Attributes
    ----------
    hosts
        Names that are allowed: ``records.example``, ``*.records.example`` (all names below it), with a port behind
        ``:`` if it is not that of the scheme.
    schemes
        ``https``, and ``http`` only if it is named.
    private
        Whether allowed hosts may be inside: loopback, link-local and private addresses.
    most_bytes
        Of one recording.
    seconds
        For all of it, redirects included.
    """

    hosts: tuple[str, ...] = ()
    schemes: tuple[str, ...] = ("https",)
    private: bool = False
    most_bytes: int = 256 << 20
    seconds: float = 60.0

    def __post_init__(self) -> None:
        for rule in self.hosts:
            if not _RULE.fullmatch(rule):
                message = (
                    f"The host {rule!r} cannot be allowed; expected a name such as records.example or *.example:8443."
                )
                raise AudioUsageError(message, hint="Leave out the scheme and the path.", value=rule)
        for scheme in self.schemes:
            if scheme not in _PORTS:
                message = f"The scheme {scheme!r} cannot be allowed; expected {' or '.join(_PORTS)}."
                raise AudioUsageError(message, hint="Recordings are fetched over HTTP(S) only.", value=scheme)


def resolve_host(host: str, port: int) -> list[str]:
    """Return all addresses of a host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(place[0]) for *_, place in found))


class Fetcher:
    """Fetches recordings.

    Parameters
    ----------
    rules
        What is allowed.
    resolve
        Looks a host up.
    context
        How certificates are checked; by default against the system's authorities.
    """

    def __init__(
        self, rules: FetchRules, *, resolve: Resolve = resolve_host, context: ssl.SSLContext | None = None
    ) -> None:
        self._rules = rules
        self._resolve = resolve
        self._context = context

    def fetch(self, url: str, folder: Path) -> Path:
        """Write the recording at an address into a folder, and return the file.

        Raises
        ------
        EventError
            ``url_not_allowed`` (permanent), ``too_large`` (permanent), ``fetch_refused`` (permanent: 4xx, but for 408,
            425 and 429) or ``fetch_failed``.
        """
        deadline = time.monotonic() + self._rules.seconds
        for _ in range(_MOST_REDIRECTS + 1):
            parts = self._check(url)
            found = self._try_addresses(parts, deadline, folder)
            if isinstance(found, Path):
                return found
            url = urljoin(url, found)
        raise _refuse("url_not_allowed", f"It was redirected more than {_MOST_REDIRECTS} times.")

    def _check(self, url: str) -> SplitResult:
        """Return the parts of an address that is allowed."""
        if _UNWANTED.search(url):
            raise _refuse("url_not_allowed", "The address has other characters than printable ASCII, or backslashes.")
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError as error:
            raise _refuse("url_not_allowed", f"The address cannot be read: {error}.") from error
        if parts.scheme not in self._rules.schemes:
            allowed = ", ".join(self._rules.schemes)
            raise _refuse("url_not_allowed", f"The scheme {parts.scheme!r} is not allowed; allowed: {allowed}.")
        if parts.username is not None or parts.password is not None:
            raise _refuse("url_not_allowed", "The address has a login in it.")
        if not any(_fits(host, port or _PORTS[parts.scheme], rule, parts.scheme) for rule in self._rules.hosts):
            allowed = ", ".join(self._rules.hosts) or "none"
            message = f"The host {parts.netloc[:100]!r} is not allowed; allowed: {allowed}."
            raise _refuse("url_not_allowed", message, hint="Start the consumer with --allow-host NAME.")
        return parts

    def _try_addresses(self, parts: SplitResult, deadline: float, folder: Path) -> Path | str:
        """Return the file, or where it is said to be instead."""
        host = (parts.hostname or "").rstrip(".")
        port = parts.port or _PORTS[parts.scheme]
        error: Exception | None = None
        for address in self._list_addresses(host, port):
            with closing(_Line(address, deadline)) as line:
                connection = _connect(parts.scheme, host, port, line, self._context)
                try:
                    return self._read(connection, parts, folder)
                except (OSError, http.client.HTTPException) as problem:
                    error = problem
                finally:
                    connection.close()
        raise _fail(f"{host} did not answer as it should: {type(error).__name__}: {error}") from error

    def _list_addresses(self, host: str, port: int) -> list[str]:
        try:
            found = list(self._resolve(host, port))
        except (OSError, UnicodeError) as error:
            raise _fail(f"{host} is not found: {error}") from error
        if not found:
            raise _fail(f"{host} has no address.")
        inside = [text for text in found if not is_public(text)]
        if inside and not self._rules.private:
            # One of several is enough to refuse: an honest host has no reason to name an address inside.
            message = f"{host} has the address {inside[0]}, which is not a public one."
            raise _refuse("url_not_allowed", message, hint="Where that is meant, start with --allow-private.")
        return found

    def _read(self, connection: http.client.HTTPConnection, parts: SplitResult, folder: Path) -> Path | str:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        # Identity: a small answer that unpacks to a large one is never asked for.
        headers = {"Host": parts.netloc, "Accept-Encoding": "identity", "User-Agent": "sentinel-batch"}
        connection.request("GET", target, headers=headers)
        answer = connection.getresponse()
        if answer.status in _REDIRECTS and (place := answer.getheader("Location")):
            return place
        self._check_answer(answer)
        file = folder / f"recording{_find_suffix(parts.path)}"
        size = 0
        with file.open("wb") as copy:
            while chunk := answer.read1(_CHUNK):
                size += len(chunk)
                if size > self._rules.most_bytes:
                    raise self._refuse_size(f"more than {self._rules.most_bytes:,}")
                copy.write(chunk)
        if answer.length:  # What was announced and did not come.
            raise http.client.IncompleteRead(b"", answer.length)
        return file

    def _check_answer(self, answer: http.client.HTTPResponse) -> None:
        if answer.status != 200:
            passing = answer.status >= 500 or answer.status in (408, 425, 429)
            message = f"It was answered with {answer.status}."
            raise _fail(message) if passing else _refuse("fetch_refused", message)
        if answer.getheader("Content-Encoding", "identity").lower() != "identity":
            raise _refuse("fetch_refused", "It was sent compressed, which was not asked for.")
        if (answer.length or 0) > self._rules.most_bytes:
            raise self._refuse_size(f"{answer.length:,}")

    def _refuse_size(self, size: str) -> EventError:
        message = f"The recording has {size} bytes; allowed: {self._rules.most_bytes:,}."
        return _refuse("too_large", message, hint="Start the consumer with a larger --max-audio.")


def is_public(text: str) -> bool:
    """Tell whether an address is one of the open internet, whatever it is wrapped in."""
    address: Address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        if any(address in network for network in _TRANSLATED):
            return False
        wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if wrapped is not None:
            address = wrapped
    return address.is_global and not address.is_multicast


def _fits(host: str, port: int, rule: str, scheme: str) -> bool:
    name, _, wanted = rule.lower().partition(":")
    if port != int(wanted or _PORTS[scheme]):
        return False
    return host.endswith(name[1:]) and len(host) >= len(name) if name.startswith("*.") else bool(host) and host == name


class _Line:
    """A line to one address, cut at a deadline: a timeout bounds single reads, which a slow trickle never exceeds."""

    def __init__(self, address: str, deadline: float) -> None:
        self._address = address
        self.seconds = deadline - time.monotonic()
        if self.seconds <= 0:
            raise _fail("It took too long.")
        self._twin: socket.socket | None = None
        self._timer: threading.Timer | None = None

    def dial(self, place: tuple[str, int], timeout: float, source: object = None) -> socket.socket:
        """Connect to the address, whatever the host's name may mean by now."""
        made = socket.create_connection((self._address, place[1]), timeout)
        self._twin = made.dup()  # TLS takes the socket itself.
        self._timer = threading.Timer(self.seconds, self._cut)
        self._timer.daemon = True
        self._timer.start()
        return made

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._twin is not None:
            self._twin.close()

    def _cut(self) -> None:
        if self._twin is not None:
            with suppress(OSError):
                self._twin.shutdown(socket.SHUT_RDWR)


def _connect(
    scheme: str, host: str, port: int, line: _Line, context: ssl.SSLContext | None
) -> http.client.HTTPConnection:
    """Return a connection that speaks to the host by its name, and goes where the line goes."""
    if scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, port, timeout=line.seconds, context=context or ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=line.seconds)
    # The one place where http.client makes a socket; kept as it is since Python 3.5.
    connection._create_connection = line.dial  # type: ignore[attr-defined]
    return connection


def _find_suffix(path: str) -> str:
    suffix = Path(path).suffix
    return suffix if _SUFFIX.fullmatch(suffix) else ".wav"


def _refuse(reason: str, message: str, hint: str = "") -> EventError:
    return EventError(f"The recording was not fetched. {message}", reason=reason, permanent=True, hint=hint)


def _fail(message: str) -> EventError:
    return EventError(f"The recording was not fetched. {message}", reason="fetch_failed", permanent=False)
