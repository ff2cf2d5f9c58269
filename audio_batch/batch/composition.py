"""The row of a recording, put together from the parts that its stages returned: here and nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from audio_batch.batch.checkpoint import through_json
from audio_batch.batch.columns import ANSWER, PROPERTIES, QUALITY, QUALITY_PREFIX
from audio_batch.batch.stages import Failure, Findings, Identity
from audio_batch.batch.tasks import Task
from audio_batch.verdict import Verdict, Verification, rank_segments

if TYPE_CHECKING:
    from audio_batch.routing import Decision
    from audio_batch.validation import Validation

Row = dict[str, Any]


def compose(known: Row, findings: Findings, failure: Failure | None = None) -> dict[str, Any]:
    """Return ``{"recording": {…}, "segments": […], "features": […]}``, plain types only.

    Parameters
    ----------
    known
        What was known before the stages ran, from `describe_task`.
    findings
        What the stages found.
    failure
        What kept them from running, if anything did; else the first failure of a stage stands in the row.
    """
    parts = (findings.validation, findings.verdict, findings.verification, findings.decision, findings.features)
    first = next((one for one in (failure, *(part.failure for part in parts)) if one is not None), None)
    verdict = findings.verdict.value
    row = {
        **known,
        **_describe_validation(findings.validation.value),
        **_describe_verdict(verdict),
        "scorer": findings.scorer,
        "scorer_fallback": findings.scorer_fallback,
        **_describe_verification(findings.enrollment_id, findings.verification.value),
        **_describe_decision(findings.decision.value),
        **_describe_failure(first),
    }
    segments = [dict(vars(segment)) for segment in verdict.segments] if verdict else []
    return {"recording": row, "segments": segments, "features": findings.features.value or []}


def describe_task(task: Task, identity: Identity | None = None) -> Row:
    """Return what is known of a recording before it is analysed."""
    row = {"path": task.name, "file_size": task.size, "call_id": task.call_id, "context": task.context or None}
    return row if identity is None else row | {"sha256": identity.sha256, "file_size": identity.size}


def _pick(source: object | None, names: Iterable[str], prefix: str = "") -> Row:
    return {name: getattr(source, name.removeprefix(prefix), None) for name in names}


def _describe_validation(checked: Validation | None) -> Row:
    if checked is None:
        return {}
    return {
        **_pick(checked.properties, PROPERTIES),
        **_pick(checked.quality, QUALITY, QUALITY_PREFIX),
        "is_valid": checked.is_valid,
        "issue_codes": list(checked.codes),
        "issues": [asdict(issue) for issue in checked.issues],
    }


def _describe_verdict(verdict: Verdict | None) -> Row:
    """The answer, its worst segment, and the status of the recording."""
    if verdict is None:
        return {"status": "failed", "segment_count": 0}
    worst = next(iter(rank_segments(verdict.segments)), None)
    return {
        **_pick(verdict, ANSWER),
        "latency_ms": verdict.latency_ms,
        "scored_seconds": verdict.duration,
        "speech_seconds": verdict.speech_seconds,
        "segment_count": len(verdict.segments),
        "reasons": [asdict(reason) for reason in verdict.reasons],
        "notices": list(verdict.notices),
        "splices": [asdict(splice) for splice in verdict.splices],
        **{f"worst_{name}": getattr(worst, name, None) for name in ("channel", "start", "end", "score")},
        "status": "scored" if verdict.abstention is None else "abstained",
    }


def _describe_verification(enrollment_id: str | None, verification: Verification | None) -> Row:
    """Whether the voice that was asked for was heard."""
    asked: Row = {"enrollment_id": enrollment_id}
    if verification is None:
        return asked
    return asked | {
        "verified": verification.verified,
        "verification_confidence": verification.confidence,
        "log_likelihood_ratio": verification.log_likelihood_ratio,
        "similarity": verification.similarity,
        "channel_match": verification.channel_match,
        "verification_reasons": list(verification.reasons),
    }


def _describe_decision(decision: Decision | None) -> Row:
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


def _describe_failure(failure: Failure | None) -> Mapping[str, str]:
    if failure is None:
        return {}
    return {"error_code": failure.code, "error_stage": failure.stage, "error_message": failure.message}
