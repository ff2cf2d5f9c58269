"""Command ``audio voice key``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sentinel_batch.cli.session import Session, with_session


@with_session
def make_key(
    session: Session, path: Annotated[Path, typer.Argument(metavar="FILE", help="File to make, mode 0600.")]
) -> None:
    """Make a random key for encrypted voiceprints. If you lose it, you lose the voiceprints."""
    from audio_batch.speaker import create_key

    create_key(path)
    out = session.output
    if out.as_json:
        out.document({"status": "success", "path": path})
    else:
        out.line(str(path))
