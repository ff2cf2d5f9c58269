"""Command ``nightly``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode


@with_session
def run(
    session: Session,
    inbox: Annotated[Path | None, typer.Option("--inbox", metavar="DIR", help="Folder with new files.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder of the reports, one folder a day [default reports]."),
    ] = None,
    metrics_file: Annotated[
        Path | None, typer.Option("--metrics-file", metavar="FILE", help="Prometheus textfile to write.")
    ] = None,
) -> ExitCode:
    """Ingest the inbox, detect since the last run, report.

    Interrupted and started again, it finishes without doing work twice. A JSON line per step goes to stderr.
    """
    from sentinel_batch.nightly import run_nightly

    config = session.configure(inbox=inbox, reports=out, metrics_file=metrics_file)
    result = run_nightly(config)
    output = session.output
    if output.as_json:
        output.document(result.to_dict())
    else:
        output.line(str(result))
    return result.exit_code
