"""A server's answers as the engine's own verdicts, so that the same policies rule over both."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, get_args

from audio_batch.verdict import Label, Verdict, Verification

REMOTE_MODEL = "remote"
"""Version of the model, if the server names none."""
UNCERTAIN = "remote_uncertain"
"""Abstention of a verdict whose server says ``uncertain``."""


def to_verdict(answer: Mapping[str, Any], path: str, *, sha256: str = "", duration: float = 0.0) -> Verdict:
    """Return the answer of a scorer as a verdict.

    Parameters
    ----------
    answer
        What `SonotheiaClient.detect_deepfake` returned.
    path
        Of the recording.
    sha256, duration
        Of the recording (seconds), if they are known.

    Returns
    -------
    Verdict
        A server that says ``uncertain``, or something that is none of the labels, abstains: its score counts for
        nothing, as that of the local scorer does then. Where it gives no confidence, that is the probability of the
        likelier class by its score, from 0.5 to 1.
    """
    score = float(answer["score"])
    label: Label = answer["label"] if answer["label"] in get_args(Label) else "uncertain"
    notices = [] if label == answer["label"] else [f"The server's label {answer['label']!r:.80} is not known."]
    given = answer.get("confidence")
    if not _is_share(given):
        notices.append("The server gives no confidence; it is taken from its score.")
    abstention = answer.get("abstention")
    return Verdict(
        path=path,
        sha256=sha256,
        score=score,
        label=label,
        confidence=float(given) if _is_share(given) else max(score, 1.0 - score),  # type: ignore[arg-type]
        latency_ms=float(answer.get("latency_ms") or 0.0),
        session_id=str(answer.get("session_id") or ""),
        model_version=str(answer.get("model_version") or REMOTE_MODEL),
        duration=duration,
        speech_seconds=_read_number(answer.get("speech_seconds")),
        channel_class=str(answer.get("channel_class") or "unknown"),
        abstention=str(abstention) if abstention else UNCERTAIN if label == "uncertain" else None,
        notices=tuple(notices),
        model_sha256=str(answer.get("model_sha256") or ""),
    )


def to_verification(answer: Mapping[str, Any], path: str, *, spoof_score: float | None = None) -> Verification:
    """Return the answer of a verification as the engine's own.

    Parameters
    ----------
    answer
        What `SonotheiaClient.verify_mfa` returned.
    path
        Of the recording.
    spoof_score
        Of its verdict, if there is one.

    Returns
    -------
    Verification
        What the server does not say about channels counts as a match: it is the server's to judge.
    """
    confidence = float(answer["confidence"])
    bounded = min(max(confidence, 1e-9), 1 - 1e-9)
    reasons = answer.get("reasons")
    return Verification(
        path=path,
        verified=bool(answer["verified"]),
        enrollment_id=str(answer["enrollment_id"]),
        confidence=confidence,
        session_id=str(answer.get("session_id") or ""),
        log_likelihood_ratio=_read_number(answer.get("log_likelihood_ratio"), math.log(bounded / (1 - bounded))),
        similarity=_read_number(answer.get("similarity")),
        channel_match=answer.get("channel_match") is not False,
        spoof_score=spoof_score,
        reasons=tuple(str(reason) for reason in reasons) if isinstance(reasons, list) else (),
    )


def _is_share(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1


def _read_number(value: Any, default: float = 0.0) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default
