"""What can go wrong beyond what requests has names for; all of it is a `requests.RequestException`."""

from __future__ import annotations

import requests


class CircuitOpenError(requests.RequestException):
    """The server failed so often that it is left alone for a while; nothing was sent.

    Parameters
    ----------
    retry_after
        Seconds until the next request is let through, as far as is known.
    """

    sent = False

    def __init__(self, message: str, *, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class DeadlineError(requests.Timeout):
    """The call was not over when its time was; waits between attempts and for the rate limit count.

    Parameters
    ----------
    sent
        Whether a request was under way.
    """

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


def describe_error(error: Exception) -> str:
    """Return what happened in words, without the names of objects that urllib3 puts around them."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    text = str(error) if reason is None else str(reason).rpartition("): ")[2]
    return text or type(error).__name__


class UnusableAnswerError(requests.RequestException):
    """The server answered, but with something that is no answer: no JSON, no such fields, too much, a redirection."""
