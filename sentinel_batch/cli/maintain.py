"""Command ``maintain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sentinel_batch.cli.session import Session, with_session


@with_session
def maintain(
    session: Session,
    keep_days: Annotated[
        int | None,
        typer.Option("--keep-days", metavar="DAYS", help="Archive older days; without it, no day leaves the lake."),
    ] = None,
    archive: Annotated[
        Path | None, typer.Option("--archive", metavar="DIR", help="Folder of archived days [default LAKE-archive].")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")] = False,
) -> None:
    """Compact and clean up the tables; archive old days on request."""
    from sentinel_batch.maintenance import maintain as maintain_lake

    result = maintain_lake(lake=session.desk(), keep_days=keep_days, archive=archive, dry_run=dry_run)
    out = session.output
    if out.as_json:
        out.document(result.to_dict())
        return
    would = "would be " if dry_run else ""
    rows = sum(day.rows for day in result.archived)
    out.line(f"{len(result.archived)} days ({rows:,} calls) {would}archived")
    out.line(f"{len(result.compacted)} partitions {would}compacted")
    out.line(f"{result.vacuumed_files} files ({result.vacuumed_bytes / 1e6:,.1f} MB) {would}removed")
    out.line(f"{result.staging_removed} working folders of killed runs {would}removed")
    out.line(f"{result.results_removed} kept results of recordings {would}removed")
    out.note(f"Took {result.processing_time_seconds:.1f} s")
