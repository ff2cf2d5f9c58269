"""Command ``audio demo``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from sentinel_batch.cli.audio.options import (
    Enrollment,
    KeyFile,
    PolicyName,
    SessionId,
    Store,
    find_store,
    read_store_key,
)
from sentinel_batch.cli.audio.story import tell_story
from sentinel_batch.cli.session import Session, with_session


@with_session
def demo(
    session: Session,
    path: Annotated[
        str | None, typer.Argument(metavar="PATH", help="A recording [default two bundled calls].", show_default=False)
    ] = None,
    enrollment_id: Enrollment = None,
    session_id: SessionId = None,
    sar: Annotated[
        Literal["auto", "always", "never"],
        typer.Option("--sar", metavar="WHEN", help="Draft a report: auto (escalated or blocked), always or never."),
    ] = "auto",
    policy: PolicyName = "wire_transfer",
    enrollments: Store = None,
    key_file: KeyFile = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for the drafts [default none is written].")
    ] = None,
) -> None:
    """Take a call all the way: detect, verify, route, draft a report.

    Without PATH: a person and a synthetic voice that claims to be her, both compared with her voiceprint.
    """
    from audio_batch.demo import demonstrate

    store = find_store(session, enrollments) if path is not None and enrollment_id is not None else None
    found = demonstrate(
        path,
        enrollment_id=enrollment_id,
        session_id=session_id,
        sar=sar,
        store=store,
        key=read_store_key(key_file),
        policy=policy,
        out=out,
    )
    if session.output.as_json:
        session.output.document({"status": "success", **found})
    else:
        tell_story(session.output, found["recordings"], bundled=path is None)
