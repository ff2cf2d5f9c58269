"""What all flows share: their common options, the decision, and how it is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from sentinel_batch.cli.audio.route import describe_ruling, print_ruling
from sentinel_batch.cli.audio.ruling import PendingCall, choose_scorer, gather_context
from sentinel_batch.cli.remote.delivery import check_before_sending, deliver
from sentinel_batch.cli.session import Session

RequireMfa = Annotated[bool, typer.Option("--require-mfa", help="Demand a verified voice, whatever the policy says.")]
Audit = Annotated[
    Path | None, typer.Option("--save-audit", metavar="FILE", help="Append the decision to an audit trail.")
]


@dataclass(frozen=True, kw_only=True)
class Flow:
    """One call of a business, as its command names it.

    Parameters
    ----------
    policy
        Name of the policy.
    known
        Who and what it is about (ids): told, and sent along to a remote scorer, but no concern of the policy.
    facts
        What the policy asks for; None is not known.
    fields
        The same as KEY=VALUE.
    """

    session: Session
    audio: str
    policy: str
    known: dict[str, Any]
    facts: dict[str, Any]
    fields: list[str] | None
    enrollment_id: str | None
    enrollments: Path | None
    key_file: Path | None
    require_mfa: bool
    scorer: str | None
    fallback: str | None
    no_validate: bool
    save_audit: Path | None
    output: Path | None
    pretty: bool

    def decide(self) -> int:
        """Score, verify, decide, tell; returns the exit code of the action."""
        from audio_batch import append_audit, load_policy

        policy = load_policy(self.policy)
        if self.require_mfa:
            policy = replace(policy, verification=replace(policy.verification, required=True))
        known = {name: value for name, value in self.known.items() if value is not None}
        chosen = choose_scorer(self.session, self.scorer, self.fallback)
        if chosen["scorer"] == "remote":
            check_before_sending(self.audio, skip=self.no_validate)
        ruling = PendingCall(
            session=self.session, path=self.audio, verdict_file=None, policy=policy, manifest=None,
            given={**known, **gather_context(self.fields, **self.facts)}, enrollment_id=self.enrollment_id,
            store=self.enrollments, key_file=self.key_file, channel=None, roles=None, model=None, session_id=None,
            profile="telephone", raw=None, metadata=known, **chosen,
        ).rule()  # fmt: skip
        if self.save_audit is not None:
            actor = "sentinel-batch flow"
            append_audit(self.save_audit, ruling.decision, now=datetime.now(UTC), actor=actor)
        out = self.session.output
        document = {"status": "success", "ids": known, **describe_ruling(ruling)}
        if out.as_json or self.pretty or self.output is not None:
            deliver(out, document, (), file=self.output, pretty=self.pretty)
        else:
            print_ruling(out, ruling)
        return ruling.decision.exit_code
