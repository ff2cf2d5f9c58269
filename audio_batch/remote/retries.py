"""Which failures are worth another attempt, and when: exponential, jittered, and as the server asks."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from audio_batch.remote.errors import CircuitOpenError, DeadlineError, UnusableAnswerError

RETRIED_STATUSES = frozenset((429, 502, 503, 504))
FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
LONGEST_ASKED = 120.0
"""What a server may ask for by `Retry-After`, in seconds; more counts as this."""


def is_worth_retrying(error: BaseException, *, harmless: bool) -> bool:
    """Tell whether a call may be sent again.

    What never reached the server, and what the server turned away (429, 502, 503, 504), may always. Where the answer
    was lost the call may have been carried out, so it is repeated only if it is harmless: scoring is, reports are not.
    """
    if isinstance(error, CircuitOpenError | DeadlineError):
        return False
    if isinstance(error, requests.HTTPError):
        return error.response is not None and error.response.status_code in RETRIED_STATUSES
    if is_unsent(error):
        return True
    lost = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
    return harmless and isinstance(error, lost)


def is_unsent(error: BaseException) -> bool:
    """Tell whether no connection came about, so that nothing was sent."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.ConnectionError) and isinstance(reason, NewConnectionError | ConnectTimeoutError)


def judge_server(error: BaseException | None) -> bool | None:
    """Return what a result says of the server: up (True), down (False), or nothing (None).

    Whatever 4xx it is, the server is up; 429 says that it is busy, which is neither.
    """
    if error is None:
        return True
    if isinstance(error, requests.HTTPError) and error.response is not None:
        status = error.response.status_code
        return None if status == 429 else status < 500
    if isinstance(error, UnusableAnswerError):
        return False
    return False if isinstance(error, requests.RequestException) else None


def choose_wait(
    attempt: int, error: BaseException | None, *, draw: random.Random, now: datetime | None = None
) -> float:
    """Return the seconds before the next attempt.

    Parameters
    ----------
    attempt
        The number of the attempt that failed, from 1.
    error
        Why; its response may ask for a wait.
    draw
        Source of the jitter: the wait is between half the exponential one and the whole.
    """
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempt - 1, 30))
    jittered = wait * (0.5 + 0.5 * draw.random())
    response = getattr(error, "response", None)
    asked = read_retry_after(response.headers, now) if response is not None else None
    return jittered if asked is None else max(asked, jittered)


def read_retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Return the seconds that ``Retry-After`` asks for (a number, or a date), at most `LONGEST_ASKED`; None without."""
    text = (headers.get("Retry-After") or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return min(LONGEST_ASKED, float(text[:12]))
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(LONGEST_ASKED, max(0.0, (moment - (now or datetime.now(UTC))).total_seconds()))
