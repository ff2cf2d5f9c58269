"""Command ``rules lock``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.text import count_of


@with_session
def lock(
    session: Session,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The book: a folder of rules.")],
) -> None:
    """Record what each version of a folder's rules says.

    Writes versions.lock beside them, so that no rule changes unnoticed.
    A rule that has changed needs a new version first.
    """
    from sentinel_batch.rules.lock import write_lock
    from sentinel_batch.rules.selection import select_rules

    chosen = select_rules([str(folder)], session.configure())
    if chosen.failed:
        raise chosen.failed[0].error
    path = write_lock(folder, chosen.rules)
    out = session.output
    if out.as_json:
        out.document({"status": "success", "count": len(chosen.rules), "file": str(path)})
    else:
        out.line(f"{path}: {count_of(len(chosen.rules), 'rule')}.")
