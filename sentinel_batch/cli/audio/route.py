"""Command ``audio route``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from sentinel_batch.cli.audio.options import (
    Channel,
    Enrollment,
    Fallback,
    KeyFile,
    MaybePath,
    Model,
    PolicyName,
    Profile,
    Raw,
    Roles,
    Scorer,
    SessionId,
    Store,
)
from sentinel_batch.cli.audio.ruling import (
    Amount,
    Beneficiary,
    Call,
    Country,
    Customer,
    Facts,
    Manifest,
    PendingCall,
    Risk,
    Ruling,
    choose_scorer,
    gather_context,
)
from sentinel_batch.cli.audio.verdicts import VerdictFile
from sentinel_batch.cli.output import Output
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import UsageError


@with_session
def route(
    session: Session,
    path: MaybePath = None,
    verdict: VerdictFile = None,
    policy: PolicyName = "wire_transfer",
    manifest: Manifest = None,
    transaction_amount: Amount = None,
    new_beneficiary: Beneficiary = None,
    destination_country: Country = None,
    customer_risk: Risk = None,
    customer_id: Customer = None,
    call_id: Call = None,
    fields: Facts = None,
    enrollment_id: Enrollment = None,
    enrollments: Store = None,
    key_file: KeyFile = None,
    channel: Channel = None,
    channel_role: Roles = None,
    model: Model = None,
    session_id: SessionId = None,
    profile: Profile = "telephone",
    raw: Raw = None,
    scorer: Scorer = None,
    fallback: Fallback = None,
    save_audit: Annotated[
        Path | None, typer.Option("--save-audit", metavar="FILE", help="Append the decision to an audit trail.")
    ] = None,
    fail_on_action: Annotated[
        str | None,
        typer.Option(
            "--fail-on-action", metavar="ACTION", help="Exit with the action's code if it is at least this severe."
        ),
    ] = None,
) -> int:
    """Decide what to do about a call, by a policy.

    The call is scored, its voice verified if asked, and the policy applied to that and to its context. Missing context
    counts as risky. Options win over the manifest. Exit codes, only with --fail-on-action: 21 REQUIRE_STEP_UP, 22
    REQUIRE_CALLBACK, 23 ESCALATE_TO_HUMAN, 24 BLOCK; 0 otherwise.
    """
    from audio_batch import append_audit

    severity = _rank(fail_on_action) if fail_on_action is not None else None
    given = gather_context(
        fields,
        amount=transaction_amount,
        new_beneficiary=new_beneficiary,
        destination_country=destination_country,
        customer_risk=customer_risk,
        customer_id=customer_id,
        call_id=call_id,
    )
    ruling = PendingCall(
        session=session, path=path, verdict_file=verdict, policy=policy, manifest=manifest, given=given,
        enrollment_id=enrollment_id, store=enrollments, key_file=key_file, channel=channel, roles=channel_role,
        session_id=session_id, profile=profile, raw=raw, **choose_scorer(session, scorer, fallback, model),
    ).rule()  # fmt: skip
    if save_audit is not None:
        append_audit(save_audit, ruling.decision, now=datetime.now(UTC), actor="sentinel-batch audio route")
    out = session.output
    if out.as_json:
        out.document({"status": "success", **describe_ruling(ruling)})
    else:
        print_ruling(out, ruling)
    severe = severity is not None and _rank(ruling.decision.action) >= severity
    return ruling.decision.exit_code if severe else 0


def _rank(action: str) -> int:
    from audio_batch.routing import ACTIONS

    names: list[str] = list(ACTIONS)
    name = action.upper().replace("-", "_")
    if name not in names:
        hint = f"Give one of: {', '.join(names)}."
        raise UsageError(f"--fail-on-action {action!r} is not an action.", hint=hint, value=action, allowed=names)
    return names.index(name)


def describe_ruling(ruling: Ruling) -> dict[str, Any]:
    """Return the decision and what led to it."""
    return {
        "path": ruling.verdict.path,
        "scorer": ruling.scorer,
        "scorer_fallback": ruling.fallback,
        **ruling.decision.to_dict(),
        "verdict": ruling.verdict.to_dict(),
        "verification": ruling.verification.to_dict() if ruling.verification else None,
    }


def print_ruling(out: Output, ruling: Ruling) -> None:
    """Print the decision and what led to it."""
    decision, verdict = ruling.decision, ruling.verdict
    risk = "none" if decision.composite_risk is None else f"{decision.composite_risk:.3f}"
    score = "none" if verdict.score is None else f"{verdict.score:.3f}"
    out.line(f"Action   {decision.action}")
    out.line(f"Risk     {risk} (score {score}, {verdict.label}, confidence {verdict.confidence:.2f})")
    if ruling.fallback is not None:
        out.line(f"Scorer   local, because the remote one failed: {ruling.fallback}")
    elif ruling.scorer == "remote":
        out.line("Scorer   remote")
    out.line(f"Policy   {decision.policy} {decision.policy_version}")
    for rule in decision.rules_fired:
        out.line(f"Rule     {rule.id}: {rule.reason} ({rule.action})")
    for factor in decision.multipliers:
        out.line(f"Factor   {factor.factor:g} {factor.id}: {factor.reason}{' (assumed)' if factor.assumed else ''}")
    for notice in decision.notices:
        out.line(f"Missing  {notice}")
    for control in decision.controls:
        out.line(f"Control  {control}")
