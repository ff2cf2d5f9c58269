"""Command ``rules new``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from batch_base.shell import type_last
from sentinel_batch.cli.session import Session, with_session


@with_session
def new(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Id of the rule, such as PREMIUM_NIGHT.")],
    folder: Annotated[Path, typer.Option("--folder", metavar="DIR", help="Where to write it.")] = Path(),
) -> None:
    """Write the three files of a new rule.

    They are a small working example, with comments that explain it."""
    from sentinel_batch.rules.scaffolding import write_scaffold

    files = write_scaffold(name, folder, config=session.configure())
    out = session.output
    if out.as_json:
        out.document({"status": "success", "rule": name, "files": [str(file) for file in files]})
        return
    for file in files:
        out.line(str(file))
    rule = type_last(str(files[1]))
    out.note(f"Change them, then: sentinel-batch rules lint {rule} && sentinel-batch rules test {rule}")
    out.note(f'To run it every night, add "{folder.absolute()}" to rules in sentinel.toml.')
