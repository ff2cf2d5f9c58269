"""Command ``audio models remove``."""

from __future__ import annotations

from sentinel_batch.cli.audio.models.places import Models, Name, find_store
from sentinel_batch.cli.session import Session, with_session


@with_session
def remove(session: Session, name: Name, models: Models = None) -> None:
    """Delete an added model for good; verdicts that it gave keep its name and hash."""
    from audio_batch import remove_model

    removed = remove_model(name, store=find_store(session, models))
    out = session.output
    if out.as_json:
        out.document({"status": "success", "model": removed.to_dict()})
    else:
        out.line(f"Removed: {removed.version or removed.name}")
