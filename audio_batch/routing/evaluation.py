"""From verdict, verification and context to a decision."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from audio_batch.routing.decision import Action, AppliedFactor, Decision, FiredRule, rank_action
from audio_batch.routing.inputs import Reading, read_inputs
from audio_batch.routing.policy import Condition, ContextRule, Policy
from audio_batch.routing.policy_files import load_policy
from audio_batch.verdict import Verdict, Verification
from batch_base.hashing import hash_value

_DECIMALS = 9
_SHOWN_SPLICES = 5
_VOLATILE = ("latency_ms", "path")


def route(
    verdict: Verdict | None,
    verification: Verification | None = None,
    context: Mapping[str, Any] | None = None,
    policy: str | Path | Policy = "wire_transfer",
    *,
    unanswered: str | None = None,
) -> Decision:
    """Decide what to do about a call.

    Parameters
    ----------
    verdict
        Answer of the spoof scorer; None if there is none.
    verification
        Answer of the voice verification; None if there is none. A successful one never lowers the risk: it only
        satisfies the policy's demand for one.
    context
        Circumstances by name: ``amount`` (in the policy's currency), ``new_beneficiary``, ``destination_country``,
        ``customer_risk`` (0 … 1) and what else the policy declares; text as in a CSV file is read. Other names are
        ignored.
    policy
        Name of a shipped policy, path of a TOML file, or a loaded one.
    unanswered
        Why a verification that was asked for has no answer; None if it has one, or nobody asked. Such a call is never
        allowed, whatever the policy demands.

    Returns
    -------
    Decision
        The action, with the rules and factors that led to it and every input that was missing.

    Raises
    ------
    AudioUsageError
        If the policy does not exist or is not valid. No content of the context raises.
    """
    rules = policy if isinstance(policy, Policy) else load_policy(policy)
    readings = read_inputs(rules, context)
    voice = _voice_risk(verdict)
    factors = tuple(_apply_factors(rules, readings))
    composite = _compose(voice, factors)
    fired = _fire(rules, verdict, verification, readings, composite, unanswered)
    missing = [name for name, reading in readings.items() if reading.value is None]
    action = fired[0].action
    return Decision(
        action=action,
        composite_risk=composite,
        voice_risk=voice,
        multipliers=factors,
        rules_fired=fired,
        missing_inputs=(*missing, *(["verification"] if unanswered is not None else [])),
        notices=tuple(_describe_missing(readings)),
        controls=rules.controls.get(action, ()),
        policy=rules.name,
        policy_version=rules.version,
        session_id=_name_session(verdict, verification, context),
        input_hashes=_hash_inputs(rules, verdict, verification, context),
    )


def _voice_risk(verdict: Verdict | None) -> float | None:
    if verdict is None or verdict.abstention is not None or verdict.score is None or math.isnan(verdict.score):
        return None
    return min(1.0, max(0.0, float(verdict.score)))


def _compose(voice: float | None, factors: tuple[AppliedFactor, ...]) -> float | None:
    if voice is None:
        return None
    # Rounded, so that 0.5 times 1.4 is 0.7 and not a hair above the threshold 0.7.
    return min(1.0, round(voice * math.prod(factor.factor for factor in factors), _DECIMALS))


def _apply_factors(policy: Policy, readings: dict[str, Reading]) -> Iterator[AppliedFactor]:
    for multiplier in policy.multipliers:
        name = multiplier.condition.input
        value = readings[name].value
        if multiplier.condition.holds(value):
            yield AppliedFactor(multiplier.id, multiplier.factor, multiplier.reason, name, value, value is None)


def _fire(
    policy: Policy,
    verdict: Verdict | None,
    verification: Verification | None,
    readings: dict[str, Reading],
    composite: float | None,
    unanswered: str | None,
) -> tuple[FiredRule, ...]:
    checked = list(_check_verification(policy, verification, unanswered))
    verified = verification is not None and not any(rule.id.startswith("verification_") for rule in checked)
    fired = [*_check_voice(policy, verdict), *_check_splices(verdict), *_check_composite(policy, composite), *checked]
    fired += [_fire_context(rule, readings) for rule in policy.rules if _holds(rule, readings, verified)]
    if all(rule.action == "ALLOW" for rule in fired):
        fired.append(FiredRule("low_risk", "ALLOW", "No rule asks for more.", {"composite_risk": composite}))
    return tuple(sorted(fired, key=lambda rule: -rank_action(rule.action)))


def _check_voice(policy: Policy, verdict: Verdict | None) -> Iterator[FiredRule]:
    if verdict is None:
        yield FiredRule("verdict_missing", policy.abstention, "There is no verdict on the voice.", {"verdict": None})
    elif _voice_risk(verdict) is None:
        cause = verdict.abstention or "no_score"
        values = {"abstention": cause, "raw_score": verdict.score}
        yield FiredRule("verdict_abstained", policy.abstention, f"The scorer abstained: {cause}.", values)
    else:
        yield from _check_confidence(policy, verdict)
        yield from _check_label(policy, verdict)


def _check_confidence(policy: Policy, verdict: Verdict) -> Iterator[FiredRule]:
    bound = policy.thresholds.confidence
    if not verdict.confidence >= bound:
        values = {"confidence": verdict.confidence, "threshold": bound}
        reason = "The evidence is too weak to rely on the score."
        yield FiredRule("low_confidence", "ESCALATE_TO_HUMAN", reason, values)


def _check_label(policy: Policy, verdict: Verdict) -> Iterator[FiredRule]:
    action = policy.labels.get(verdict.label, policy.abstention)
    if action != "ALLOW":
        reason = f"The scorer's label is {verdict.label}."
        yield FiredRule(f"label_{verdict.label}", action, reason, {"label": verdict.label})


def _check_splices(verdict: Verdict | None) -> Iterator[FiredRule]:
    """A sentence that looks inserted asks for a step-up, whatever the policy, and by itself for no more."""
    spans = [(splice.start, splice.end) for splice in verdict.splices] if verdict is not None else []
    if spans:
        places = ", ".join(f"{start:.0f} to {end:.0f} s" for start, end in spans[:_SHOWN_SPLICES])
        reason = f"Speech at {places} differs from the rest of the call as inserted synthetic speech does."
        yield FiredRule("spliced_speech", "REQUIRE_STEP_UP", reason, {"splices": len(spans)})


def _check_composite(policy: Policy, composite: float | None) -> Iterator[FiredRule]:
    steps: tuple[tuple[str, float, Action], ...] = (
        ("critical_risk", policy.thresholds.critical, "BLOCK"),
        ("high_risk", policy.thresholds.high, "ESCALATE_TO_HUMAN"),
        ("medium_high_risk", policy.thresholds.medium_high, "REQUIRE_CALLBACK"),
        ("medium_risk", policy.thresholds.medium, "REQUIRE_STEP_UP"),
    )
    for name, bound, action in steps:
        if composite is not None and composite > bound:
            values = {"composite_risk": composite, "threshold": bound}
            yield FiredRule(name, action, f"The composite risk is above {bound:g}.", values)
            return


def _check_verification(
    policy: Policy, verification: Verification | None, unanswered: str | None
) -> Iterator[FiredRule]:
    demand = policy.verification
    if unanswered is not None:
        action = max(demand.missing, "REQUIRE_STEP_UP", key=rank_action)
        reason = f"A voice verification was asked for and there is no answer: {unanswered}"
        yield FiredRule("verification_unanswered", action, reason, {"verification": None})
        return
    if verification is None:
        if demand.required:
            reason = "The policy asks for a voice verification and there is none."
            yield FiredRule("verification_missing", demand.missing, reason, {"verification": None})
        return
    values = {"verified": verification.verified, "confidence": verification.confidence}
    if not verification.verified:
        yield FiredRule("verification_failed", demand.failed, "The voice was not verified.", values)
    elif not verification.confidence >= demand.confidence:
        reason = f"The verification's confidence is below {demand.confidence:g}."
        yield FiredRule("verification_weak", demand.missing, reason, values)
    elif not verification.channel_match and demand.channel_mismatch != "ALLOW":
        reason = "The voice was enrolled over another class of channel than it was verified on."
        yield FiredRule("channel_mismatch", demand.channel_mismatch, reason, {"channel_match": False})


def _holds(rule: ContextRule, readings: dict[str, Reading], verified: bool) -> bool:
    if rule.unless_verified and verified:
        return False
    return all(condition.holds(readings[condition.input].value) for condition in rule.conditions)


def _fire_context(rule: ContextRule, readings: dict[str, Reading]) -> FiredRule:
    values: dict[str, Any] = {condition.input: readings[condition.input].value for condition in rule.conditions}
    bounds = {f"{c.input}_above": c.above for c in rule.conditions if _has_bound(c)}
    return FiredRule(rule.id, rule.action, rule.reason, values | bounds)


def _has_bound(condition: Condition) -> bool:
    return condition.above is not None


def _describe_missing(readings: dict[str, Reading]) -> Iterator[str]:
    for name, reading in readings.items():
        if reading.value is None:
            yield f"{name} {reading.problem}; the riskiest value was assumed."


def _name_session(verdict: Verdict | None, verification: Verification | None, context: Mapping[str, Any] | None) -> str:
    if verdict is not None:
        return verdict.session_id
    return verification.session_id if verification is not None else f"context-{hash_value(dict(context or {}))[:16]}"


def _hash_inputs(
    policy: Policy, verdict: Verdict | None, verification: Verification | None, context: Mapping[str, Any] | None
) -> dict[str, str | None]:
    return {
        "recording_sha256": verdict.sha256 if verdict is not None else None,
        "verdict_sha256": _hash_answer(verdict),
        "verification_sha256": _hash_answer(verification),
        "context_sha256": hash_value(dict(context)) if context else None,
        "policy_sha256": policy.sha256,
    }


def _hash_answer(answer: Verdict | Verification | None) -> str | None:
    if answer is None:
        return None
    return hash_value({key: value for key, value in answer.to_dict().items() if key not in _VOLATILE})
