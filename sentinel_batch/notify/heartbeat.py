"""The dead man's switch: a night that ends tells a watchdog, which raises the alarm when it hears nothing.

As healthchecks.io and its kin have it: the address when the night ended well, the address with ``/fail`` when not.
"""

from __future__ import annotations

import http.client
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from sentinel_batch.notify.delivery import Delivery

PING_VARIABLE = "SENTINEL_NOTIFY_PING"
"""Environment variable with the watchdog's address."""

_SECONDS = 10.0
_TRIES = 2
_NO_ADDRESS = "the address is not http:// or https://"


def has_watchdog(environ: Mapping[str, str] | None = None) -> bool:
    """Return whether the environment names a watchdog."""
    return bool(_read_address(environ))


def find_faulty_watchdog(environ: Mapping[str, str] | None = None) -> str:
    """Return why the watchdog's address cannot be one, without a word of it; empty if it can, or none is named."""
    address = _read_address(environ)
    parts = urlsplit(address)
    return "" if not address or (parts.scheme in ("http", "https") and parts.netloc) else _NO_ADDRESS


def ping_watchdog(*, failed: bool, environ: Mapping[str, str] | None = None) -> Delivery | None:
    """Tell the watchdog how the night ended.

    Parameters
    ----------
    failed
        Whether the night failed; one that lost some input did not.
    environ
        Environment variables; the process's own when None.

    Returns
    -------
    Delivery or None
        None if no watchdog is named.
    """
    address = _read_address(environ)
    if not address:
        return None
    fault = find_faulty_watchdog(environ)
    if fault:
        return Delivery("watchdog", False, fault)
    parts = urlsplit(address)
    path = parts.path.rstrip("/") + "/fail" if failed else parts.path
    reason = ""
    for _ in range(_TRIES):
        reason = _call(urlunsplit(parts._replace(path=path)))
        if not reason:
            return Delivery("watchdog", True)
    return Delivery("watchdog", False, reason)


def _read_address(environ: Mapping[str, str] | None) -> str:
    return (os.environ if environ is None else environ).get(PING_VARIABLE, "").strip()


def _call(address: str) -> str:
    """Return why the call failed, without a word of the address, or nothing."""
    try:
        with urllib.request.urlopen(address, timeout=_SECONDS):  # noqa: S310 - http and https only, checked by the caller
            return ""
    except urllib.error.HTTPError as error:
        return f"it answered {error.code}"
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"it could not be reached ({type(error).__name__})"
