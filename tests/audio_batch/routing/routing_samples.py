"""Answers of the scorer and of the verification, for the tests of routing."""

from __future__ import annotations

from audio_batch.verdict import Label, Verdict, Verification

SAFE = {"amount": 500, "new_beneficiary": False, "destination_country": "DE", "customer_risk": 0.1}


def make_verdict(
    score: float | None = 0.1,
    *,
    confidence: float = 0.9,
    label: Label = "likely_real",
    abstention: str | None = None,
    session_id: str = "s-1",
) -> Verdict:
    return Verdict(
        path="calls/a.wav",
        sha256="ab" * 32,
        score=score,
        label=label,
        confidence=confidence,
        latency_ms=12.0,
        session_id=session_id,
        model_version="m-1",
        duration=20.0,
        speech_seconds=12.0,
        channel_class="narrowband",
        abstention=abstention,
    )


def make_verification(
    verified: bool = True, *, confidence: float = 0.95, channel_match: bool = True, enrollment_id: str = "cust-1"
) -> Verification:
    return Verification(
        path="calls/a.wav",
        verified=verified,
        enrollment_id=enrollment_id,
        confidence=confidence,
        session_id="s-1",
        log_likelihood_ratio=3.0,
        similarity=0.8,
        channel_match=channel_match,
    )
