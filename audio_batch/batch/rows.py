"""The columns that each step fills."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from audio_batch.batch.checkpoint import through_json

if TYPE_CHECKING:
    from audio_batch.routing import Decision
    from audio_batch.validation import Validation
    from audio_batch.verdict import Verdict, Verification

PROPERTIES = ("format", "codec", "sampling_rate", "channels", "duration", "bit_rate")
QUALITIES = (
    "clipping_ratio",
    "dc_offset",
    "level_dbfs",
    "snr_db",
    "silence_share",
    "speech_seconds",
    "bandwidth_hz",
    "zero_run_share",
)
ANSWERS = (
    "score",
    "label",
    "confidence",
    "latency_ms",
    "session_id",
    "model_version",
    "channel_class",
    "abstention",
)


def describe_validation(validation: Validation) -> dict[str, Any]:
    """Properties, quality (prefix ``quality_``) and issues."""
    document = validation.to_dict()
    properties, quality = document["properties"] or {}, document["quality"] or {}
    row = {name: properties.get(name) for name in PROPERTIES}
    row |= {f"quality_{name}": quality.get(name) for name in QUALITIES}
    codes = list(dict.fromkeys(issue["code"] for issue in document["issues"]))
    return row | {"is_valid": validation.is_valid, "issue_codes": codes, "issues": document["issues"]}


def describe_verdict(verdict: Verdict | None) -> dict[str, Any]:
    """The answer, its worst segment, and the status of the recording."""
    if verdict is None:
        return {"status": "failed", "segment_count": 0}
    document = verdict.to_dict()
    row = {name: document[name] for name in ANSWERS}
    row |= {"speech_seconds": verdict.speech_seconds, "scored_seconds": verdict.duration}
    row |= {"segment_count": len(verdict.segments), "reasons": document["reasons"], "notices": list(verdict.notices)}
    worst = min(verdict.segments, key=lambda s: (-s.score, s.channel, s.start), default=None)
    if worst is not None:
        row |= {"worst_channel": worst.channel, "worst_start": worst.start, "worst_end": worst.end}
        row |= {"worst_score": worst.score}
    return row | {"status": "scored" if verdict.abstention is None else "abstained"}


def describe_verification(verification: Verification | None) -> dict[str, Any]:
    """Whether the enrolled voice was heard."""
    if verification is None:
        return {}
    return {
        "verified": verification.verified,
        "verification_confidence": verification.confidence,
        "log_likelihood_ratio": verification.log_likelihood_ratio,
        "similarity": verification.similarity,
        "channel_match": verification.channel_match,
        "verification_reasons": list(verification.reasons),
    }


def describe_decision(decision: Decision | None) -> dict[str, Any]:
    """What to do, the rule that said so, and the whole decision."""
    if decision is None:
        return {}
    return {
        "policy": decision.policy,
        "policy_version": decision.policy_version,
        "action": decision.action,
        "composite_risk": decision.composite_risk,
        "decisive_rule": decision.decisive_rule.id,
        "missing_inputs": list(decision.missing_inputs),
        "decision": through_json(decision.to_dict()),
    }
