"""Command ``audio voice list``."""

from __future__ import annotations

from sentinel_batch.cli.audio.options import (
    KeyFile,
    Store,
    find_store,
    read_store_key,
)
from sentinel_batch.cli.output import Column
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.text import show_answer

_COLUMNS = (
    Column("ID", fold=True),
    Column("Channel"),
    Column("Clips", numeric=True),
    Column("Speech s", numeric=True),
    Column("Enrolled"),
    Column("Encrypted"),
)


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
                show_answer(one.encrypted),
            )
            for one in found
        ]
        out.table(_COLUMNS, rows)
