"""Command ``audio sar``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from sentinel_batch.cli.audio.options import (
    Channel,
    Enrollment,
    KeyFile,
    MaybePath,
    Model,
    PolicyName,
    Profile,
    Raw,
    Roles,
    SessionId,
    Store,
    settle_model,
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
    gather_context,
)
from sentinel_batch.cli.audio.verdicts import VerdictFile
from sentinel_batch.cli.session import Session, with_session


@with_session
def sar(
    session: Session,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder in which a folder for the draft is made.")],
    path: MaybePath = None,
    verdict: VerdictFile = None,
    decision: Annotated[
        Literal["allow", "deny", "review"] | None,
        typer.Option("--decision", metavar="DECISION", help="allow, deny or review [default from the action]."),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="The analyst's remark.")] = "",
    config: Annotated[
        Path | None,
        typer.Option("--sar-config", metavar="FILE", help="TOML file: the institution, national codes."),
    ] = None,
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
) -> None:
    """Draft a suspicious-activity report on a call. Nothing is filed or sent.

    Writes sar.json, narrative.txt, FinCEN and goAML XML, and a manifest with the hash of each.
    """
    from audio_batch import draft_sar

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
        session_id=session_id, profile=profile, raw=raw, model=settle_model(session, model),
    ).rule()  # fmt: skip
    draft = draft_sar(
        ruling.decision,
        ruling.verdict,
        verification=ruling.verification,
        context=ruling.context,
        config=config,
        outcome=decision,
        reason=reason,
        now=datetime.now(UTC),
    )
    folder = draft.write(out)
    output = session.output
    if output.as_json:
        # `status` is the command's; the draft's own is in "state", so that no reader takes one for the other.
        document = draft.to_dict()
        output.document({**document, "status": "success", "state": document["status"], "folder": folder})
        return
    output.line(str(folder))
    output.note(f"A draft, not filed; {len(draft.missing_fields)} fields are missing (sar.json lists them).")
