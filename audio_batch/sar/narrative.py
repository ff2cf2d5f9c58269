"""The narrative of a report: who, what, when, where, why and how, in plain sentences, with what is not proven."""

from __future__ import annotations

from collections.abc import Iterator

from audio_batch.routing.decision import Decision
from audio_batch.sar.record import CallRecord
from audio_batch.sar.wording import clean_text, cut_text
from audio_batch.verdict import SegmentScore, Verdict, Verification

DEEPFAKE_KEY_TERM = "FIN-2024-DEEPFAKEFRAUD"
"""Key term of FinCEN's alert FIN-2024-Alert004 (November 2024) on fraud with deepfake media."""

DRAFT_MARK = "DRAFT - NOT FILED - FOR REVIEW BY A COMPLIANCE OFFICER."
_MOST_REASONS = 5
_MOST_SEGMENTS = 3


def select_key_terms(verdict: Verdict) -> tuple[str, ...]:
    """Return the key terms that apply: that of deepfake fraud if the scorer calls the voice synthetic."""
    synthetic = verdict.abstention is None and verdict.label == "likely_synthetic"
    return (DEEPFAKE_KEY_TERM,) if synthetic else ()


def write_narrative(
    record: CallRecord,
    decision: Decision,
    verdict: Verdict,
    verification: Verification | None,
    *,
    institution: str,
    remark: str,
) -> str:
    """Write the narrative, one paragraph per line; every value is cleaned of line breaks and control characters."""
    paragraphs = (
        " ".join((DRAFT_MARK, *select_key_terms(verdict))),
        " ".join(_tell_call(record, institution)),
        " ".join(_tell_people(record)),
        " ".join(_tell_score(verdict)),
        " ".join(_tell_verification(verification)),
        " ".join(_tell_decision(decision)),
        f"Remark of the analyst: {cut_text(remark, 4000)}" if clean_text(remark) else "",
        " ".join(_tell_evidence(decision, verdict)),
        "The score is a statistical estimate from the sound alone. It is no proof that the voice was synthetic, nor of "
        "who spoke.",
    )
    return "\n".join(clean_text(paragraph) for paragraph in paragraphs if paragraph)


def _tell_call(record: CallRecord, institution: str) -> Iterator[str]:
    when = f"On {record.call_date.isoformat()}" if record.call_date else "On a date that is not known to this draft"
    caller = f" from the number {record.caller_number}" if record.caller_number else ""
    call = f" (call {record.call_id})" if record.call_id else ""
    yield f"{when}, {clean_text(institution) or 'the institution'} recorded a call{caller}{call}."
    if record.amount is not None:
        goal = f" to {record.beneficiary}" if record.beneficiary else ""
        country = f" in {record.destination_country}" if record.destination_country else ""
        yield f"The request concerned {record.amount:,.2f} {record.currency}{goal}{country}."


def _tell_people(record: CallRecord) -> Iterator[str]:
    if record.customer_name or record.customer_id:
        names = ", ".join(filter(None, (record.customer_name, record.customer_id)))
        account = f", account {record.account_number}" if record.account_number else ""
        yield f"The call was made in the name of the customer {names}{account}."
    if record.is_subject_named:
        names = " ".join(filter(None, (record.subject_first_name, record.subject_last_name)))
        yield f"The institution names as the suspect: {names}."
    else:
        yield "Who made the call is not known; the customer in whose name it was made may be a victim."


def _tell_score(verdict: Verdict) -> Iterator[str]:
    yield f"The recording lasts {verdict.duration:.1f} s, {verdict.speech_seconds:.1f} s of it speech."
    if verdict.abstention is not None or verdict.score is None:
        yield f"The spoof scorer gave no label: {verdict.abstention or 'there was nothing to score'}."
        return
    yield (
        f"The spoof scorer (model {verdict.model_version}, {verdict.channel_class}) gave the voice the score "
        f"{verdict.score:.3f} on a scale from 0 (human) to 1 (synthetic), label {verdict.label}, confidence "
        f"{verdict.confidence:.2f}."
    )
    worst = sorted(verdict.segments, key=lambda segment: (-segment.score, segment.start))[:_MOST_SEGMENTS]
    if worst:
        yield f"Highest scores within the call: {'; '.join(_name_segment(segment) for segment in worst)}."
    for reason in verdict.reasons[:_MOST_REASONS]:
        yield f"{reason.text.rstrip('.')}."


def _name_segment(segment: SegmentScore) -> str:
    role = f", {segment.role}" if segment.role else ""
    return f"{segment.start:.1f} s to {segment.end:.1f} s (channel {segment.channel}{role}) {segment.score:.3f}"


def _tell_verification(verification: Verification | None) -> Iterator[str]:
    if verification is None:
        yield "The voice was not compared with an enrolled one."
        return
    outcome = "was" if verification.verified else "was not"
    yield (
        f"The voice {outcome} verified against the enrolment {verification.enrollment_id} "
        f"(confidence {verification.confidence:.2f}, log-likelihood ratio {verification.log_likelihood_ratio:.2f})."
    )
    if not verification.channel_match:
        yield "Enrolment and call differ in the class of channel, which makes the comparison less certain."


def _tell_decision(decision: Decision) -> Iterator[str]:
    risk = "no composite risk" if decision.composite_risk is None else f"composite risk {decision.composite_risk:.3f}"
    yield f"Routing policy {decision.policy} {decision.policy_version}: {decision.action}, {risk}."
    for rule in decision.rules_fired:
        yield f"Rule {rule.id}: {rule.reason}"
    for factor in decision.multipliers:
        assumed = " (not known, assumed)" if factor.assumed else ""
        yield f"Factor {factor.factor:g}, {factor.id}{assumed}: {factor.reason}"


def _tell_evidence(decision: Decision, verdict: Verdict) -> Iterator[str]:
    yield f"Evidence: recording with SHA-256 {verdict.sha256}, session {verdict.session_id},"
    yield f"policy with SHA-256 {decision.input_hashes['policy_sha256']}."
