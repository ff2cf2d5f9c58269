"""Command ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sentinel_batch.cli.offers import offer_models
from sentinel_batch.cli.session import Session, with_session


@with_session
def report(
    session: Session,
    run: Annotated[str | None, typer.Option("--run", metavar="ID", help="Report on the period of this run.")] = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="Report after it: 24h, 7d or RFC 3339.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="TIME", help="Report up to it [default the newest call].")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder to write to [default reports].")
    ] = None,
    max_alerts: Annotated[int, typer.Option("--max-alerts", metavar="N", help="Alerts shown on the page.")] = 500,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="DIR",
            help="Model that takes part in the ranking of suspects.",
            autocompletion=offer_models,
        ),
    ] = None,
) -> None:
    """Write report.html, report.json and alerts.parquet."""
    from sentinel_batch.reporting import write_report

    desk = session.desk(reports=out, model=model)
    files = write_report(
        lake=desk,
        out=desk.config.reports,
        run_id=run,
        since=since,
        until=until,
        max_alerts=max_alerts,
    )
    output = session.output
    paths = {"html": files.html, "json": files.json, "alerts": files.alerts}
    if output.as_json:
        output.document({"status": "success", **paths})
        return
    for path in paths.values():
        output.line(str(path))
