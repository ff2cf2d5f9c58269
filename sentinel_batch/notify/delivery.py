"""Sending a message to every target that the environment names.

An address holds its password, so none is ever printed or logged: a target is told by its place and its kind.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any

from sentinel_batch.errors import UsageError

if TYPE_CHECKING:
    from sentinel_batch.notify.message import Message

TARGETS_VARIABLE = "SENTINEL_NOTIFY_URLS"
"""Environment variable with the addresses of those who are told, separated by white space."""

_STATUS = re.compile(r"error=(\d{3})\b")
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,20}(?=://)")


@dataclass(frozen=True)
class Delivery:
    """What became of a message at one target.

    Parameters
    ----------
    target
        Its place in the environment variable, and its kind, such as ``1 (mailto)``.
    sent
        Whether the target took it.
    reason
        Why not; empty if it did.
    """

    target: str
    sent: bool
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-serialisable facts."""
        return {"target": self.target, "sent": self.sent, "reason": self.reason}


def list_targets(environ: Mapping[str, str] | None = None) -> list[str]:
    """Return what may be said of the targets: place and kind.

    Parameters
    ----------
    environ
        Environment variables; the process's own when None.
    """
    return [_name(place, url) for place, url in enumerate(_read_addresses(environ), 1)]


def find_faulty_targets(environ: Mapping[str, str] | None = None) -> list[str]:
    """Return the targets whose addresses are not understood, by place and kind; nothing is sent.

    Parameters
    ----------
    environ
        Environment variables; the process's own when None.

    Raises
    ------
    UsageError
        If there are targets, but the library that reaches them is not installed.
    """
    return [name for name, url, apprise in _open_targets(environ) if not _understands(apprise, url)]


def send_message(message: Message, environ: Mapping[str, str] | None = None) -> list[Delivery]:
    """Send a message to each target, once.

    Parameters
    ----------
    message
        What to send.
    environ
        Environment variables; the process's own when None.

    Returns
    -------
    list of Delivery
        One for each target; one that fails does not keep it from the others.

    Raises
    ------
    UsageError
        If there are targets, but the library that reaches them is not installed.
    """
    return [_send(apprise, name, url, message) for name, url, apprise in _open_targets(environ)]


def _open_targets(environ: Mapping[str, str] | None) -> list[tuple[str, str, Any]]:
    """Return name and address of each target, and the library that reaches it; it is loaded only if there is any."""
    addresses = _read_addresses(environ)
    library = _load_library(len(addresses)) if addresses else None
    return [(_name(place, url), url, library) for place, url in enumerate(addresses, 1)]


def _load_library(targets: int) -> Any:
    try:
        import apprise
    except ImportError as error:
        raise UsageError(
            f"{TARGETS_VARIABLE} names {targets} targets, but the library that reaches them is not installed.",
            hint='Install it: pip install "sentinel-batch[notify]"',
        ) from error
    return apprise


def _understands(apprise: Any, url: str) -> bool:
    with _captured_log():
        try:
            return bool(apprise.Apprise().add(url))
        except Exception:  # Of some plug-in of many, as when a message is sent.
            return False


def _send(apprise: Any, name: str, url: str, message: Message) -> Delivery:
    with _captured_log() as log:
        try:
            target = apprise.Apprise()
            if not target.add(url):
                return Delivery(name, False, "the address is not understood")
            sent = target.notify(title=message.title, body=message.body, body_format=apprise.NotifyFormat.TEXT)
        except Exception as error:  # Of some plug-in of many; its text could repeat the address.
            return Delivery(name, False, f"it failed with {type(error).__name__}")
    if sent:
        return Delivery(name, True)
    status = _STATUS.search(log.getvalue())
    return Delivery(
        name, False, f"it answered {status[1]}" if status else "it could not be reached or did not accept it"
    )


@contextmanager
def _captured_log() -> Iterator[StringIO]:
    """Keep the library's own log, which repeats addresses, from everybody else."""
    text, logger = StringIO(), logging.getLogger("apprise")
    handler, before = logging.StreamHandler(text), (logger.propagate, logger.level)
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.WARNING)
    try:
        yield text
    finally:
        logger.removeHandler(handler)
        logger.propagate, level = before
        logger.setLevel(level)


def _read_addresses(environ: Mapping[str, str] | None) -> list[str]:
    return (os.environ if environ is None else environ).get(TARGETS_VARIABLE, "").split()


def _name(place: int, url: str) -> str:
    kind = _KIND.match(url)
    return f"{place} ({kind[0].lower() if kind else 'no address'})"
