"""Commands ``audio enroll``, ``verify``, ``forget``, ``enrollments``, ``duplicates`` and ``key``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sentinel_batch.cli.audio_options import (
    Channel,
    KeyFile,
    Paths,
    Raw,
    SessionId,
    Store,
    find_store,
    list_files,
    parse_raw,
    read_store_key,
)
from sentinel_batch.cli.audio_verdicts import VerdictFile, read_verdict
from sentinel_batch.cli.output import Column, Output
from sentinel_batch.cli.session import Session, with_session

if TYPE_CHECKING:
    from audio_batch import Verification

_COLUMNS = (
    Column("ID", fold=True),
    Column("Channel"),
    Column("Clips", numeric=True),
    Column("Speech s", numeric=True),
    Column("Enrolled"),
    Column("Encrypted"),
)
_CLUSTER_COLUMNS = (
    Column("IDs", fold=True),
    Column("Lowest LLR", numeric=True),
    Column("Mean LLR", numeric=True),
    Column("Same channel"),
)

Id = Annotated[str, typer.Argument(metavar="ID", help="Name of the account or customer.")]


@with_session
def enroll(
    session: Session,
    enrollment_id: Id,
    paths: Paths,
    enrollments: Store = None,
    key_file: KeyFile = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the voiceprint that is there.")] = False,
    channel: Channel = None,
    channel_class: Annotated[
        Literal["narrowband", "wideband"] | None,
        typer.Option("--channel-class", metavar="CLASS", help="narrowband or wideband [default measured]."),
    ] = None,
    raw: Raw = None,
) -> None:
    """Make a voiceprint of recordings of one person: 8 s of speech or more, best in several calls.

    All recordings are used, or nothing is written.
    """
    from audio_batch import enroll as make

    enrollment = make(
        enrollment_id,
        [recording.path for recording in list_files(paths).recordings],
        store=find_store(session, enrollments),
        channel_class=channel_class,
        replace=replace,
        key=read_store_key(key_file),
        channel=channel,
        raw=parse_raw(raw),
    )
    out = session.output
    if out.as_json:
        out.document({"status": "success", "enrollment": enrollment.to_dict()})
        return
    clips = f"{enrollment.clips} clip{'s' * (enrollment.clips != 1)}, {enrollment.speech_seconds:.1f} s of speech"
    out.line(f"Enrolled {enrollment.enrollment_id}: {clips}, {enrollment.channel_class}")
    if not enrollment.encrypted:
        out.note("The voiceprint is not encrypted; audio key makes a key.")


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
    """Say whether a recording carries an enrolled voice, and is not synthetic as far as the scorer can tell.

    Exit code 0 means that there is an answer; it stands in "verified".
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
        print_verification(out, verification)


@with_session
def forget(session: Session, enrollment_id: Id, enrollments: Store = None) -> None:
    """Delete a voiceprint for good; needs no key."""
    from audio_batch import forget as delete

    store = find_store(session, enrollments)
    delete(enrollment_id, store=store)
    out = session.output
    if out.as_json:
        out.document({"status": "success", "enrollment_id": enrollment_id, "forgotten": True})
    else:
        out.line(f"Forgotten: {enrollment_id}")


@with_session
def list_voices(session: Session, enrollments: Store = None, key_file: KeyFile = None) -> None:
    """List who is enrolled."""
    from audio_batch import list_enrollments

    found = list_enrollments(find_store(session, enrollments), key=read_store_key(key_file))
    out = session.output
    if out.as_json:
        out.document({"status": "success", "count": len(found), "enrollments": [one.to_dict() for one in found]})
    elif not found:
        out.line("Nobody is enrolled.")
    else:
        rows = [
            (
                one.enrollment_id,
                one.channel_class,
                one.clips,
                one.speech_seconds,
                one.created_at,
                _yes(one.encrypted),
            )
            for one in found
        ]
        out.table(_COLUMNS, rows)


@with_session
def list_duplicates(
    session: Session,
    enrollments: Store = None,
    key_file: KeyFile = None,
    min_llr: Annotated[
        float | None,
        typer.Option(
            "--min-llr", metavar="LLR", help="Log-likelihood ratio from which voices are one [default shipped]."
        ),
    ] = None,
) -> None:
    """Find accounts that share a voice, as clusters."""
    from audio_batch import find_duplicates

    found = find_duplicates(find_store(session, enrollments), min_llr=min_llr, key=read_store_key(key_file))
    out = session.output
    if out.as_json:
        out.document({"status": "success", "count": len(found), "duplicates": [one.to_dict() for one in found]})
    elif not found:
        out.line("No voice is enrolled twice.")
    else:
        rows = [(", ".join(one.enrollment_ids), one.lowest_llr, one.mean_llr, _yes(one.channel_match)) for one in found]
        out.table(_CLUSTER_COLUMNS, rows)


@with_session
def make_key(
    session: Session, path: Annotated[Path, typer.Argument(metavar="FILE", help="File to make, mode 0600.")]
) -> None:
    """Make a random key for encrypted voiceprints. Whoever loses it loses the voiceprints."""
    from audio_batch.speaker import create_key

    create_key(path)
    out = session.output
    if out.as_json:
        out.document({"status": "success", "path": path})
    else:
        out.line(str(path))


def print_verification(out: Output, verification: Verification) -> None:
    """Print one verification."""
    out.line(f"Verified  {_yes(verification.verified)} ({verification.enrollment_id})")
    ratio = f"log-likelihood ratio {verification.log_likelihood_ratio:.2f}"
    out.line(f"Voice     {verification.confidence:.3f} probability of the same speaker, {ratio}")
    spoof = "not asked" if verification.spoof_score is None else f"{verification.spoof_score:.3f}"
    out.line(f"Spoof     {spoof} (0 human, 1 synthetic)")
    for reason in verification.reasons:
        out.line(f"Because   {reason}")


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"
