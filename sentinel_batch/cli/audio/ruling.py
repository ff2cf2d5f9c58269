"""One call that is to be decided on: the options that say so, and how they become a ruling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from sentinel_batch.cli.audio.options import find_store, parse_raw, parse_roles, read_store_key
from sentinel_batch.cli.audio.verdicts import read_verdict
from sentinel_batch.cli.session import Session
from sentinel_batch.errors import UsageError

if TYPE_CHECKING:
    from audio_batch import Decision, Verdict, Verification

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


@dataclass(frozen=True, kw_only=True)
class PendingCall:
    """One call that waits for a decision, as the command line names it.

    Parameters
    ----------
    path, verdict_file
        The recording, or what an earlier scoring of it printed, or both.
    given
        Context from the options; it wins over the manifest's.
    """

    session: Session
    path: str | None
    verdict_file: Path | None
    policy: str
    manifest: Path | None
    given: dict[str, Any]
    enrollment_id: str | None
    store: Path | None
    key_file: Path | None
    channel: int | None
    roles: str | None
    model: str | None
    session_id: str | None
    profile: str
    raw: str | None

    def rule(self) -> Ruling:
        """Score, verify, route; the cheap refusals come first."""
        from audio_batch import load_policy, route

        policy = load_policy(self.policy)
        known = read_verdict(self.verdict_file) if self.verdict_file is not None else None
        if known is None and self.path is None:
            raise UsageError("There is no recording.", hint="Name a recording, or a verdict with --verdict FILE.")
        path = self.path if self.path is not None else known.path if known is not None else ""
        context = self._read_context(path)
        verdict = known or self._score(path)
        verification = self._verify(path, verdict, context)
        return Ruling(verdict, verification, context, route(verdict, verification, context, policy))

    def _read_context(self, path: str) -> dict[str, Any]:
        if self.manifest is None:
            return self.given
        from audio_batch import match_contexts, read_contexts

        call_id = self.given.get("call_id")
        rows = read_contexts(self.manifest)
        (row,) = match_contexts([path], rows, root=self.manifest.parent, call_ids=[call_id] if call_id else None)
        return {**row, **self.given}

    def _score(self, path: str) -> Verdict:
        from audio_batch.assessment import assess, require_verdict

        options: dict[str, Any] = {"model": self.model, "session_id": self.session_id, "profile": self.profile}
        return require_verdict(assess(path, channel_roles=parse_roles(self.roles), raw=parse_raw(self.raw), **options))

    def _verify(self, path: str, verdict: Verdict, context: dict[str, Any]) -> Verification | None:
        """Verify the voice of the option, or, where a store is named, of the manifest."""
        listed = context.get("enrollment_id") if self.store is not None else None
        enrollment_id = self.enrollment_id or listed
        if not enrollment_id:
            return None
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
