"""Addresses of queues: what they look like, and what they may be told."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from audio_batch.events.errors import AddressError
from batch_base.suggestions import suggest

FORMS = {
    "kafka": "kafka://HOST:PORT[,HOST:PORT]/TOPIC",
    "kafkas": "kafkas://USER:PASSWORD@HOST:PORT/TOPIC",
    "amqp": "amqp://USER:PASSWORD@HOST:PORT/VHOST?queue=NAME",
    "amqps": "amqps://USER:PASSWORD@HOST:PORT/VHOST?queue=NAME",
    "redis": "redis://HOST:PORT/0?stream=NAME",
    "rediss": "rediss://USER:PASSWORD@HOST:PORT/0?stream=NAME",
    "sqs": "sqs://QUEUE",
    "file": "file:PATH",
}
"""Scheme to what an address of it looks like."""

_SECURE = {"kafkas": "kafka", "amqps": "amqp", "rediss": "redis"}
_OPTIONS = {
    "kafka": ("group", "dead", "session"),
    "amqp": ("queue", "dead"),
    "redis": ("stream", "group", "dead", "idle", "consumer"),
    "sqs": ("dead", "region", "endpoint", "visibility"),
    "file": ("dead",),
}


@dataclass(frozen=True)
class Address:
    """Where a queue is.

    Attributes
    ----------
    kind
        ``kafka``, ``amqp``, ``redis``, ``sqs`` or ``file``.
    secure
        Whether the connection is encrypted.
    place
        Host and port as the client wants them; empty for SQS and files.
    name
        The queue, topic, stream or file.
    path
        Virtual host of RabbitMQ, number of the database of Redis.
    user, password
        Of the broker, or None.
    options
        What else it was told.
    """

    kind: str
    secure: bool
    place: str
    name: str
    path: str
    user: str | None
    password: str | None
    options: dict[str, str]

    @property
    def dead(self) -> str:
        """Where dead letters go."""
        return self.options.get("dead") or f"{self.name}.dead"

    def get_seconds(self, option: str, default: float) -> float:
        """Return an option that is a number of seconds.

        Raises
        ------
        AddressError
            If it is no number above 0 and up to a day.
        """
        text = self.options.get(option)
        try:
            value = default if text is None else float(text)
        except ValueError:
            value = 0.0
        if not 0 < value <= 86400:
            raise AddressError(
                f"The option {option}={text} of the {self.kind} address is not allowed; allowed: 1 to 86400 seconds.",
                hint=f"Such as ?{option}={default:g}.",
            )
        return value


def parse_address(text: str) -> Address:
    """Read the address of a queue.

    Parameters
    ----------
    text
        One of :data:`FORMS`, with options behind ``?``.

    Raises
    ------
    AddressError
        If it is of no known form; the message never repeats a password.
    """
    scheme, separator, rest = text.partition(":")
    if not separator or scheme not in FORMS:
        forms = ", ".join(FORMS[name] for name in ("kafka", "amqp", "redis", "sqs", "file"))
        raise AddressError(
            f"{mask(text)!r} is no address of a queue; allowed: {forms}.",
            hint=suggest(scheme, FORMS, "See docs/events.md."),
        )
    if scheme == "file":
        return _parse_file(rest)
    try:
        parts = urlsplit(text)
        known = _name_place(parts)
    except ValueError as error:
        raise AddressError(
            f"{mask(text)!r} is not allowed: {error}.", hint=f"It looks like {FORMS[scheme]}."
        ) from error
    kind = _SECURE.get(scheme, scheme)
    options = _read_options(kind, parts.query, text)
    name, path = _find_name(kind, parts, options)
    if not name:
        raise AddressError(f"{mask(text)!r} names no queue.", hint=f"It looks like {FORMS[scheme]}.")
    return Address(kind, scheme in _SECURE, known, name, path, *_read_login(parts), options)


def mask(text: str) -> str:
    """Return an address without what stands before its ``@``, fit for messages."""
    scheme, separator, rest = text.partition("://")
    return f"{scheme}://***@{rest.rpartition('@')[2]}" if separator and "@" in rest else text


def _parse_file(rest: str) -> Address:
    path, _, query = rest.removeprefix("//").partition("?")
    if not path:
        raise AddressError("file: names no file.", hint=f"It looks like {FORMS['file']}, a file of JSON lines.")
    return Address("file", False, "", path, "", None, None, _read_options("file", query, f"file:{path}"))


def _name_place(parts: SplitResult) -> str:
    place = parts.netloc.rpartition("@")[2]
    if not place:
        raise ValueError("it names no host")
    return place


def _read_options(kind: str, query: str, text: str) -> dict[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in _OPTIONS[kind]:
            raise AddressError(
                f"{mask(text)!r} has the option {name!r}; allowed for {kind}: {', '.join(_OPTIONS[kind])}.",
                hint=suggest(name, _OPTIONS[kind], "See docs/events.md."),
            )
    return options


def _find_name(kind: str, parts: SplitResult, options: dict[str, str]) -> tuple[str, str]:
    path = unquote(parts.path.removeprefix("/"))
    if kind == "kafka":
        return path, ""
    if kind == "sqs":
        return _name_place(parts), ""
    return options.get("queue" if kind == "amqp" else "stream", ""), path


def _read_login(parts: SplitResult) -> tuple[str | None, str | None]:
    login, separator, _ = parts.netloc.rpartition("@")
    if not separator:
        return None, None
    user, colon, password = login.partition(":")
    return unquote(user) or None, unquote(password) if colon else None
