"""Command ``audio voice forget``."""

from __future__ import annotations

from sentinel_batch.cli.audio.options import (
    Enrolled,
    Store,
    find_store,
)
from sentinel_batch.cli.session import Session, with_session


@with_session
def forget(session: Session, enrollment_id: Enrolled, enrollments: Store = None) -> None:
    """Delete a voiceprint for good; needs no key."""
    from audio_batch import forget as delete

    store = find_store(session, enrollments)
    delete(enrollment_id, store=store)
    out = session.output
    if out.as_json:
        out.document({"status": "success", "enrollment_id": enrollment_id, "forgotten": True})
    else:
        out.line(f"Forgotten: {enrollment_id}")
