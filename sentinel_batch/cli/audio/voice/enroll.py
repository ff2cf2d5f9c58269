"""Command ``audio voice enroll``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from sentinel_batch.cli.audio.options import (
    Channel,
    Enrolled,
    KeyFile,
    Paths,
    Raw,
    Store,
    find_store,
    list_files,
    parse_raw,
    read_store_key,
)
from sentinel_batch.cli.session import Session, with_session


@with_session
def enroll(
    session: Session,
    enrollment_id: Enrolled,
    paths: Paths,
    enrollments: Store = None,
    key_file: KeyFile = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an existing voiceprint.")] = False,
    force: Annotated[
        bool,
        typer.Option("--force", help="Enrol although there is too little of it, or the spoof check speaks against it."),
    ] = False,
    channel: Channel = None,
    channel_class: Annotated[
        Literal["narrowband", "wideband"] | None,
        typer.Option("--channel-class", metavar="CLASS", help="narrowband or wideband [default measured]."),
    ] = None,
    raw: Raw = None,
) -> None:
    """Make a voiceprint from recordings of one person.

    Three recordings with 8 s of speech together are needed, none of which the spoof check labels likely_synthetic:
    the documented error rates rest on that. Either all recordings are used, or nothing is written.
    """
    from audio_batch import enroll as make

    enrollment = make(
        enrollment_id,
        [recording.path for recording in list_files(paths).recordings],
        store=find_store(session, enrollments),
        channel_class=channel_class,
        replace=replace,
        force=force,
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
        out.note("The voiceprint is not encrypted; audio voice key makes a key.")
