"""What all flows share: their common options, the decision, and how it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_batch.cli.audio.options import Enrollment, Fallback, KeyFile, Scorer, Store
from sentinel_batch.cli.audio.route import describe_ruling, print_ruling
from sentinel_batch.cli.audio.ruling import Facts, PendingCall, choose_scorer, gather_context
from sentinel_batch.cli.option_groups import Options, grouped
from sentinel_batch.cli.remote.connection import NoValidate
from sentinel_batch.cli.remote.delivery import DELIVERY, Delivery, check_before_sending
from sentinel_batch.cli.session import Session

if TYPE_CHECKING:
    from audio_batch import Policy

RequireMfa = Annotated[bool, typer.Option("--require-mfa", help="Demand a verified voice, whatever the policy says.")]
Audit = Annotated[
    Path | None, typer.Option("--save-audit", metavar="FILE", help="Append the decision to an audit trail.")
]
FLOW: Options = {
    "fields": (Facts, None),
    "enrollment_id": (Enrollment, None),
    "enrollments": (Store, None),
    "key_file": (KeyFile, None),
    "require_mfa": (RequireMfa, False),
    "scorer": (Scorer, None),
    "fallback": (Fallback, None),
    "no_validate": (NoValidate, False),
    "save_audit": (Audit, None),
    **DELIVERY,
}


@dataclass(frozen=True, kw_only=True)
class Flow:
    """How a call is decided on, whatever business it is; the fields are those of the options."""

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

    def decide(self, session: Session, audio: str, policy: str, *, ids: dict[str, Any], facts: dict[str, Any]) -> int:
        """Score, verify, decide, tell; returns the exit code of the action.

        Parameters
        ----------
        policy
            Its name.
        ids
            Who and what it is about: told, and sent along to a remote scorer, but no concern of the policy.
        facts
            What the policy asks for; None is not known.
        """
        from audio_batch import append_audit

        chosen = choose_scorer(session, self.scorer, self.fallback)
        rules = self._load_policy(policy)
        if chosen["scorer"] == "remote":
            check_before_sending(audio, skip=self.no_validate)
        known = {name: value for name, value in ids.items() if value is not None}
        given = {**known, **gather_context(self.fields, **facts)}
        ruling = PendingCall(
            session=session, path=audio, verdict_file=None, policy=rules, manifest=None, given=given,
            enrollment_id=self.enrollment_id, store=self.enrollments, key_file=self.key_file, channel=None, roles=None,
            session_id=None, profile="telephone", raw=None, metadata=known, **chosen,
        ).rule()  # fmt: skip
        if self.save_audit is not None:
            append_audit(self.save_audit, ruling.decision, now=datetime.now(UTC), actor="sentinel-batch flow")
        out = session.output
        if out.as_json or self.pretty or self.output is not None:
            document = {"status": "success", "ids": known, **describe_ruling(ruling)}
            Delivery(output=self.output, pretty=self.pretty).give(out, document)
        else:
            print_ruling(out, ruling)
        return ruling.decision.exit_code

    def _load_policy(self, name: str) -> Policy:
        from audio_batch import load_policy

        policy = load_policy(name)
        if not self.require_mfa:
            return policy
        return replace(policy, verification=replace(policy.verification, required=True))


with_flow: Callable[[Callable[..., Any]], Callable[..., Any]] = grouped("flow", Flow, FLOW)
"""Gives a command the options of a `Flow`, which it receives as ``flow``."""
