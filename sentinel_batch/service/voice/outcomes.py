"""What the engine found, as the voice API answers it: published keys first, then our own."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sentinel_batch.service.voice.refusals import refuse

log = logging.getLogger("sentinel_batch.service")

UNKNOWN_SCORE = 0.5
"""Score of a recording in which nothing can be scored: published clients need a number, and it says nothing."""

_NOT_AUDIO = ("not_audio", "raw_undeclared")
_STATUS = {
    "not_enrolled": 404,
    "out_of_memory": 413,
    "unexpected": 500,
    "store_unusable": 500,
    "missing_extra": 503,
    "model": 503,
}


def raise_failure(found: dict[str, Any], hide: Callable[[str], str] = str) -> None:
    """Raise the refusal of a recording that could not be listened to; a failure beside a verdict is none.

    Parameters
    ----------
    found
        What the worker answered.
    hide
        Takes paths of this machine out of a message.

    Raises
    ------
    HTTPException
        404 for an unknown enrolment, 415 for what is no recording, 422 for one that cannot be used.
    """
    failure = found.get("failure")
    if failure is None:
        return
    if found.get("verdict") is not None and found.get("verification") is not None:
        return
    code = failure["code"]
    status = 415 if code in _NOT_AUDIO else _STATUS.get(code, 422)
    if status == 500:
        log.error("A recording cannot be listened to: %s", failure["message"])
        raise refuse(500, "The voice engine has failed; the service's log says why.", code=code)
    raise refuse(status, hide(failure["message"]), code=code, hint=hide(failure["hint"]))


def describe_detection(found: dict[str, Any], session_id: str, latency_ms: float) -> dict[str, Any]:
    """Return the answer about a voice.

    Parameters
    ----------
    found
        What the worker answered.
    session_id
        Name of the session.
    latency_ms
        From the arrival of the request.
    """
    verdict = found["verdict"]
    return {
        "score": UNKNOWN_SCORE if verdict["score"] is None else verdict["score"],
        "label": verdict["label"],
        "latency_ms": latency_ms,
        "session_id": session_id,
        "model_version": verdict["model_version"],
        "recommended_action": recommend(verdict["label"]),
        "confidence": verdict["confidence"],
        **_describe_abstention(verdict),
        "model_sha256": verdict["model_sha256"],
        "is_valid": found["is_valid"],
        "issues": found["issues"],
        "duration_seconds": verdict["duration"],
        "speech_seconds": verdict["speech_seconds"],
        "channel_class": verdict["channel_class"],
        "sha256": verdict["sha256"],
        "segments": verdict["segments"],
        "reasons": verdict["reasons"],
        "notices": verdict["notices"],
        "splices": verdict["splices"],
    }


def describe_verification(
    found: dict[str, Any], enrollment_id: str, session_id: str, latency_ms: float
) -> dict[str, Any]:
    """Return the answer about a speaker."""
    verification, verdict = found["verification"], found["verdict"]
    published = {
        "verified": verification["verified"],
        "enrollment_id": enrollment_id,
        "confidence": verification["confidence"],
        "session_id": session_id,
        "latency_ms": latency_ms,
    }
    if not verification["verified"]:
        published["recommended_action"] = "defer_to_review"
    own = {name: verification[name] for name in ("reasons", "channel_match", "log_likelihood_ratio", "spoof_score")}
    return {
        **published,
        **own,
        "spoof_label": verdict["label"],
        **_describe_abstention(verdict),
        "sha256": verdict["sha256"],
    }


def recommend(label: str) -> str:
    """Return the published action; a score alone denies nobody anything."""
    return "allow" if label == "likely_real" else "defer_to_review"


def _describe_abstention(verdict: dict[str, Any]) -> dict[str, Any]:
    return {"undetermined": verdict["abstention"] is not None, "abstention": verdict["abstention"]}
