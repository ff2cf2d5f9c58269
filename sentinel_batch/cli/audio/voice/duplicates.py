"""Command ``audio voice duplicates``."""

from __future__ import annotations

from typing import Annotated

import typer

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
    Column("IDs", fold=True),
    Column("Lowest LLR", numeric=True),
    Column("Mean LLR", numeric=True),
    Column("Same channel"),
)


@with_session
def list_duplicates(
    session: Session,
    enrollments: Store = None,
    key_file: KeyFile = None,
    min_llr: Annotated[
        float | None,
        typer.Option(
            "--min-llr",
            metavar="LLR",
            help="Log-likelihood ratio from which two voices count as one [default shipped].",
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
        rows = [
            (", ".join(one.enrollment_ids), one.lowest_llr, one.mean_llr, show_answer(one.channel_match))
            for one in found
        ]
        out.table(_COLUMNS, rows)
