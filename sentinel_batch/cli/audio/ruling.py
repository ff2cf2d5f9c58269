"""One call that is to be decided on: the options that say so, and how they become a ruling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from sentinel_batch.cli.audio.options import find_store, parse_raw, parse_roles, read_store_key
from sentinel_batch.cli.audio.verdicts import read_verdict
from sentinel_batch.cli.session import Session
from sentinel_batch.errors import UsageError

if TYPE_CHECKING:
    from audio_batch import Decision, Policy, Verdict, Verification
    from audio_batch.remote.scoring import Scored

Manifest = Annotated[
    Path | None,
    typer.Option("--manifest", metavar="FILE", help="CSV or Parquet whose row of the recording is the context."),
]
Amount = Annotated[
    float | None, typer.Option("--transaction-amount", metavar="AMOUNT", help="Amount, in the policy's currency.")
]
Beneficiary = Annotated[
    bool | None, typer.Option("--new-beneficiary/--known-beneficiary", help="Whether the beneficiary is new.")
]
Country = Annotated[
    str | None, typer.Option("--destination-country", metavar="CC", help="Country that the money goes to, two letters.")
]
Risk = Annotated[float | None, typer.Option("--customer-risk", metavar="RISK", help="Risk of the customer, 0 to 1.")]
Customer = Annotated[str | None, typer.Option("--customer-id", metavar="ID", help="The customer.")]
Call = Annotated[str | None, typer.Option("--call-id", metavar="ID", help="The call; also finds its manifest row.")]
Facts = Annotated[
    list[str] | None,
    typer.Option("--context", metavar="KEY=VALUE", help="Any other field of the context; may be repeated."),
]


class Ruling(NamedTuple):
    """What was decided on one recording, and from what."""

    verdict: Verdict
    verification: Verification | None
    context: dict[str, Any]
    decision: Decision
    scorer: str = "local"
    fallback: str | None = None


@dataclass(frozen=True, kw_only=True)
class PendingCall:
    """One call that waits for a decision, as the command line names it.

    Parameters
    ----------
    path, verdict_file
        The recording, or what an earlier scoring of it printed, or both.
    given
        Context from the options; it wins over the manifest's.
    policy
        Name or file, or a policy.
    model
        Of the local scorer, as `audio_batch.assess` takes it.
    scorer, falls_back, url
        ``local`` or ``remote``, whether the local one stands in where that fails, and where it is if the environment
        does not say.
    metadata
        Sent to the remote scorer.
    """

    session: Session
    path: str | None
    verdict_file: Path | None
    policy: str | Policy
    manifest: Path | None
    given: dict[str, Any]
    enrollment_id: str | None
    store: Path | None
    key_file: Path | None
    channel: int | None
    roles: str | None
    model: Any
    session_id: str | None
    profile: str
    raw: str | None
    scorer: str = "local"
    falls_back: bool = True
    url: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)

    def rule(self) -> Ruling:
        """Score, verify, route; the cheap refusals come first."""
        from audio_batch import load_policy, route
        from audio_batch.remote.scoring import Scored

        policy = load_policy(self.policy) if isinstance(self.policy, str) else self.policy
        known = read_verdict(self.verdict_file) if self.verdict_file is not None else None
        if known is None and self.path is None:
            raise UsageError("There is no recording.", hint="Name a recording, or a verdict with --verdict FILE.")
        path = self.path if self.path is not None else known.path if known is not None else ""
        context = self._read_context(path)
        scored = Scored(known, "given") if known is not None else self._score(path)
        verdict = scored.verdict
        verification = self._verify(path, verdict, context)
        decision = route(verdict, verification, context, policy)
        return Ruling(verdict, verification, context, decision, scored.scorer, scored.fallback)

    def _read_context(self, path: str) -> dict[str, Any]:
        if self.manifest is None:
            return self.given
        from audio_batch import match_contexts, read_contexts

        call_id = self.given.get("call_id")
        rows = read_contexts(self.manifest)
        (row,) = match_contexts([path], rows, root=self.manifest.parent, call_ids=[call_id] if call_id else None)
        return {**row, **self.given}

    def _score(self, path: str) -> Scored:
        from audio_batch.decoding import hash_file
        from audio_batch.remote.scoring import Scored, score_remotely

        if self.scorer == "local":
            return Scored(self._score_here(path), "local")
        known = {"session_id": self.session_id} if self.session_id is not None else {}
        otherwise = (lambda: self._score_here(path)) if self.falls_back else None
        sha256, _ = hash_file(path)
        return score_remotely(
            path, metadata={**self.metadata, **known}, sha256=sha256, url=self.url, otherwise=otherwise
        )

    def _score_here(self, path: str) -> Verdict:
        from audio_batch.assessment import assess, require_verdict

        options: dict[str, Any] = {"model": self.model, "session_id": self.session_id, "profile": self.profile}
        return require_verdict(assess(path, channel_roles=parse_roles(self.roles), raw=parse_raw(self.raw), **options))

    def _verify(self, path: str, verdict: Verdict, context: dict[str, Any]) -> Verification | None:
        """Verify the voice of the option, or, where a store is named, of the manifest."""
        listed = context.get("enrollment_id") if self.store is not None else None
        enrollment_id = self.enrollment_id or listed
        if not enrollment_id:
            return None
        if self.scorer == "remote" and self.store is None:
            return self._verify_remotely(path, str(enrollment_id), verdict)
        from audio_batch import verify

        return verify(
            path,
            str(enrollment_id),
            store=find_store(self.session, self.store),
            verdict=verdict,
            key=read_store_key(self.key_file),
            session_id=verdict.session_id,
            channel=self.channel,
            raw=parse_raw(self.raw),
        )

    def _verify_remotely(self, path: str, enrollment_id: str, verdict: Verdict) -> Verification:
        """Have the voice compared where it was enrolled: nobody else knows it, so nobody stands in."""
        from audio_batch.remote.scoring import verify_remotely

        known = {"session_id": verdict.session_id} if verdict.session_id else {}
        return verify_remotely(path, enrollment_id, context={**self.metadata, **known}, spoof_score=verdict.score)


def choose_scorer(
    session: Session, scorer: str | None = None, fallback: str | None = None, model: str | None = None
) -> dict[str, Any]:
    """Return who scores, as fields of a `PendingCall`: what the options say, else the settings."""
    from sentinel_batch.recordings import settle_scorer

    choice = settle_scorer(session.configure(), scorer=scorer, fallback=fallback, model=model)
    falls_back = choice.fallback == "local"
    return {"scorer": choice.scorer, "falls_back": falls_back, "model": choice.model, "url": choice.url}


def gather_context(pairs: Sequence[str] | None, **given: Any) -> dict[str, Any]:
    """Return the fields that were given, by their own option or as KEY=VALUE."""
    facts = {name: value for name, value in given.items() if value is not None}
    for pair in pairs or ():
        name, separator, value = pair.partition("=")
        if not separator or not name.strip():
            hint = "Give a name and a value, such as --context new_device=true."
            raise UsageError(f"--context {pair!r} is not of the form KEY=VALUE.", hint=hint, value=pair)
        facts[name.strip()] = value
    return facts
