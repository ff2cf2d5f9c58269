"""Command ``audio voice verify``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.audio.options import (
    Channel,
    KeyFile,
    Raw,
    SessionId,
    Store,
    find_store,
    parse_raw,
    read_store_key,
)
from sentinel_batch.cli.audio.verdicts import VerdictFile, read_verdict
from sentinel_batch.cli.output import Output
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.text import show_answer

if TYPE_CHECKING:
    from audio_batch import Verification


@with_session
def verify(
    session: Session,
    path: Annotated[str, typer.Argument(metavar="PATH", help="The recording.")],
    enrollment_id: Annotated[
        str, typer.Option("--enrollment-id", metavar="ID", help="Whose voice it should be.", show_default=False)
    ],
    enrollments: Store = None,
    key_file: KeyFile = None,
    session_id: SessionId = None,
    verdict: VerdictFile = None,
    channel: Channel = None,
    raw: Raw = None,
) -> None:
    """Say whether a recording carries an enrolled voice.

    It must match the voiceprint, and the scorer must not take it for synthetic. Exit code 0 means that there is an
    answer: see "verified".
    """
    from audio_batch import verify as compare

    verification = compare(
        path,
        enrollment_id,
        store=find_store(session, enrollments),
        verdict=read_verdict(verdict) if verdict is not None else None,
        key=read_store_key(key_file),
        session_id=session_id,
        channel=channel,
        raw=parse_raw(raw),
    )
    out = session.output
    if out.as_json:
        out.document({"status": "success", **verification.to_dict()})
    else:
        _print(out, verification)


def _print(out: Output, verification: Verification) -> None:
    out.line(f"Verified  {show_answer(verification.verified)} ({verification.enrollment_id})")
    ratio = f"log-likelihood ratio {verification.log_likelihood_ratio:.2f}"
    out.line(f"Voice     {verification.confidence:.3f} probability of the same speaker, {ratio}")
    spoof = "not asked" if verification.spoof_score is None else f"{verification.spoof_score:.3f}"
    out.line(f"Spoof     {spoof} (0 human, 1 synthetic)")
    for reason in verification.reasons:
        out.line(f"Because   {reason}")
