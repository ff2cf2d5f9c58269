"""Command ``ingest``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.dialects.view import print_fields
from sentinel_batch.cli.offers import offer_dialects
from sentinel_batch.cli.output import Column, Output
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode

if TYPE_CHECKING:
    from sentinel_batch.ingestion import FileResult, IngestResult

_COLUMNS = (
    Column("File", fold=True),
    Column("Dialect"),
    Column("Rows", numeric=True),
    Column("Inserted", numeric=True),
    Column("Dup.", numeric=True),
    Column("Rejected", numeric=True),
    Column("Skipped", numeric=True),
    Column("Refused", numeric=True),
)
_EXIT_CODES = {"success": ExitCode.DONE, "partial": ExitCode.PARTLY_DONE, "failed": ExitCode.FAILED}


@with_session
def ingest(
    session: Session,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders, globs, or - for stdin.")],
    dialect: Annotated[
        str | None,
        typer.Option(
            "--dialect",
            metavar="NAME",
            help="Dialect, or a dialect file; detected when not given.",
            autocompletion=offer_dialects,
        ),
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option("--timezone", metavar="ZONE", help="Zone of times without offset [default Africa/Lagos]."),
    ] = None,
    region: Annotated[
        str | None, typer.Option("--region", metavar="CC", help="Country of national numbers [default NG].")
    ] = None,
    numbers: Annotated[
        str | None,
        typer.Option("--numbers", metavar="WAY", help="Digits without +: auto, national or international."),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse a file if any of its rows is rejected.")] = False,
    max_reject_rate: Annotated[
        float | None,
        typer.Option("--max-reject-rate", metavar="SHARE", help="Refuse a file above it [default 0.05]."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Count, show how each file is read, and write nothing.")
    ] = False,
    day_first: Annotated[
        bool | None,
        typer.Option("--day-first/--month-first", help="How to read 03/04/2026 where the file leaves it open."),
    ] = None,
) -> ExitCode:
    """Load call detail records; every row is accounted for.

    A file is committed whole or not at all; loading it again inserts nothing. Exit codes: 1 no file was taken, 3 some
    files were not taken, 4 nothing to read.
    """
    from sentinel_batch.ingestion import ingest as load

    desk = session.desk(
        dialect=dialect, timezone=timezone, region=region, numbers=numbers, max_reject_rate=max_reject_rate
    )
    out = session.output
    with out.progress("Reading") as progress:
        result = load(paths, lake=desk, strict=strict, dry_run=dry_run, day_first=day_first, progress=progress)
    if out.as_json:
        out.document(result.to_dict())
    else:
        _print(out, result)
    return _EXIT_CODES[result.status]


def _print(out: Output, result: IngestResult) -> None:
    out.table(_COLUMNS, [_row(file) for file in result.files])
    out.line()
    would = "would be " if result.dry_run else ""
    out.line(
        f"{result.records_processed:,} rows = {result.records_inserted:,} {would}inserted"
        f" + {result.duplicates_skipped:,} duplicates + {result.records_rejected:,} rejected"
        f" + {result.records_skipped:,} skipped + {result.records_refused:,} refused"
        f" ({result.processing_time_seconds:.1f} s)"
    )
    for file in result.files:
        if file.preview is not None:
            out.line()
            out.line(f"{file.path}:")
            print_fields(out, file.preview)
        _print_remarks(out, file)


def _row(file: FileResult) -> tuple[object, ...]:
    known = file.dialect or file.status
    return (
        Path(file.path).name,
        f"{known} (already loaded)" if file.status == "already_ingested" else known,
        file.records_processed,
        file.records_inserted,
        file.duplicates_skipped,
        file.records_rejected,
        file.records_skipped,
        file.records_refused,
    )


def _print_remarks(out: Output, file: FileResult) -> None:
    if file.rejects_by_reason:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in sorted(file.rejects_by_reason.items()))
        out.note(f"{file.path}: rejected: {reasons}")
    if file.skipped_by_type:
        types = ", ".join(f"{name} {count:,}" for name, count in file.skipped_by_type.items())
        out.note(f"{file.path}: skipped, no calls: {types}")
    for notice in file.notices:
        out.note(f"{file.path}: {notice}")
    if file.error is not None:
        message = file.error["message"]
        named = message.startswith((f"{file.path}:", f"{file.path} "))
        out.error(message if named else f"{file.path}: {message}", file.error.get("hint", ""))
