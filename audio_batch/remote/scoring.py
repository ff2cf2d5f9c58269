"""Scoring by a remote scorer, with the local one behind it: what happened is part of the answer."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from audio_batch.errors import AudioUsageError, RemoteScorerError
from audio_batch.remote.verdicts import to_verdict, to_verification
from audio_batch.verdict import Verdict, Verification

if TYPE_CHECKING:
    from audio_batch.remote.enhanced import SonotheiaClientEnhanced

SCORERS = ("local", "remote")
FALLBACKS = ("local", "none")
DEADLINE_SECONDS = 45.0
"""For one recording, with all attempts: less than the minute that the pool gives even the shortest."""
REFUSED_KEY = "remote_key_refused"
"""The one failure that never falls back: every file would fail, and nobody would notice."""


@dataclass(frozen=True)
class Scored:
    """A verdict, and who gave it.

    Attributes
    ----------
    scorer
        ``local`` or ``remote``.
    fallback
        Why the local scorer stood in, as ``code: message``; None if it did not.
    """

    verdict: Verdict
    scorer: str
    fallback: str | None = None


def open_client(url: str | None = None) -> SonotheiaClientEnhanced:
    """Return this process's client of the scorer that the environment names; the same one while that says the same.

    Parameters
    ----------
    url
        Address to ask instead of ``SONOTHEIA_API_URL``; the key is always the environment's.

    Raises
    ------
    AudioUsageError
        ``SONOTHEIA_API_KEY`` is missing, or another variable has a value that cannot be used.
    """
    names = ("API_KEY", "API_URL", "DEEPFAKE_PATH")
    key, address, path = (os.environ.get(f"SONOTHEIA_{name}") for name in names)
    return _open_client(key, url or address, path)


@lru_cache(maxsize=4)
def _open_client(key: str | None, url: str | None, path: str | None) -> SonotheiaClientEnhanced:
    from audio_batch.remote.enhanced import SonotheiaClientEnhanced

    try:
        return SonotheiaClientEnhanced(key, url, path, deadline=DEADLINE_SECONDS)
    except ValueError as error:
        raise AudioUsageError(
            f"The remote scorer cannot be asked: {error}.", hint="export SONOTHEIA_API_KEY=…"
        ) from error


def score_remotely(
    path: str,
    *,
    metadata: Mapping[str, Any],
    sha256: str = "",
    duration: float = 0.0,
    url: str | None = None,
    otherwise: Callable[[], Verdict] | None,
) -> Scored:
    """Have a recording scored by the remote scorer, or by another where that fails.

    Parameters
    ----------
    path
        The recording.
    metadata
        Sent along.
    sha256, duration
        Of the recording, for the verdict.
    url
        Of the scorer; None is what the environment says.
    otherwise
        Scores in its place; None lets the failure stand.

    Raises
    ------
    RemoteScorerError
        The scorer failed, and nobody stands in: there is nobody, or the key was refused.
    """
    import requests

    try:
        answer = open_client(url).detect_deepfake(path, metadata)
    except requests.RequestException as error:
        code, message = name_failure(error)
        if otherwise is None or code == REFUSED_KEY:
            hint = "Check SONOTHEIA_API_KEY." if code == REFUSED_KEY else "See: sentinel-batch remote health."
            raise RemoteScorerError(message, hint=hint, reason=code) from error
        return Scored(otherwise(), "local", f"{code}: {message}")
    return Scored(to_verdict(answer, path, sha256=sha256, duration=duration), "remote")


def verify_remotely(
    path: str, enrollment_id: str, *, context: Mapping[str, Any], spoof_score: float | None = None
) -> Verification:
    """Have the voice of a recording compared with one that is enrolled at the remote scorer.

    Parameters
    ----------
    path
        The recording.
    enrollment_id
        Under which the voice was enrolled there.
    context
        Sent along.
    spoof_score
        Of the recording's verdict.

    Raises
    ------
    RemoteScorerError
        There is no answer. Nobody stands in: the voice is known there only.
    """
    import requests

    try:
        answer = open_client().verify_mfa(path, enrollment_id, context)
    except requests.RequestException as error:
        code, message = name_failure(error)
        raise RemoteScorerError(message, hint="See: sentinel-batch remote health.", reason=code) from error
    return to_verification(answer, path, spoof_score=spoof_score)


def name_failure(error: Exception) -> tuple[str, str]:
    """Return a stable code for a failure of the remote scorer, and what it said."""
    import requests

    from audio_batch.remote.errors import CircuitOpenError, UnusableAnswerError, describe_error

    message = describe_error(error)
    status = (
        error.response.status_code if isinstance(error, requests.HTTPError) and error.response is not None else None
    )
    if status in (401, 403):
        return REFUSED_KEY, message
    if status == 429:
        return "remote_busy", message
    if status is not None:
        return ("remote_failed" if status >= 500 else "remote_refused"), message
    kinds: tuple[tuple[type[Exception], str], ...] = (
        (CircuitOpenError, "remote_circuit_open"),
        (UnusableAnswerError, "remote_unusable_answer"),
        (requests.Timeout, "remote_timed_out"),
    )
    return next((code for kind, code in kinds if isinstance(error, kind)), "remote_unreachable"), message
