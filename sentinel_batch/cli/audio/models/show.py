"""Command ``audio models show``."""

from __future__ import annotations

from sentinel_batch.cli.audio.models.places import Models, Name, find_store, print_model
from sentinel_batch.cli.session import Session, with_session


@with_session
def show(session: Session, name: Name, models: Models = None) -> None:
    """Print the card of an added model, its contract, its hash, and what it was calibrated on."""
    from audio_batch import describe_model

    found = describe_model(name, store=find_store(session, models))
    out = session.output
    if out.as_json:
        out.document({"status": "success", "model": found.to_dict()})
    else:
        print_model(out, found)
