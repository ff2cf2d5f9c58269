"""Command ``nightly``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel_batch.cli.audio.options import show_unread
from sentinel_batch.cli.output import Output, format_moment
from sentinel_batch.cli.session import EngineOption, Session, with_session
from sentinel_batch.cli.text import count_of
from sentinel_batch.errors import ExitCode

if TYPE_CHECKING:
    from sentinel_batch.nightly import NightlyResult


@with_session
def run(
    session: Session,
    inbox: Annotated[
        str | None, typer.Option("--inbox", metavar="DIR", help="Folder with new files, or sftp://… or s3://….")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder of the reports, one folder a run [default reports]."),
    ] = None,
    metrics_file: Annotated[
        Path | None,
        typer.Option("--metrics-file", metavar="FILE", help="Prometheus textfile to write, or their folder."),
    ] = None,
    engine: EngineOption = None,
) -> ExitCode:
    """Ingest the inbox, detect since the last run, report.

    If it is interrupted, start it again: it finishes without repeating work. A JSON line per step goes to stderr.
    """
    from sentinel_batch.nightly import run_nightly

    desk = session.desk(inbox=inbox, reports=out, metrics_file=metrics_file, engine=engine)
    output = session.output
    result = run_nightly(lake=desk, on_step=lambda step: output.log(step.to_dict()))
    if output.as_json:
        output.document(result.to_dict())
    else:
        _print(output, result)
    return result.exit_code


def _print(output: Output, result: NightlyResult) -> None:
    if result.error is not None:
        output.line(f"Night    failed: {result.error['message']}")
    _print_calls(output, result)
    _print_troubles(output, result)
    if result.since is not None and result.until is not None:
        output.line(f"Examined ({format_moment(result.since)}, {format_moment(result.until)}] UTC")
    if result.error is None or result.alert_changes:
        output.line("Alerts   " + ", ".join(f"{count} {name}" for name, count in result.alert_counts().items()))
    if result.unrecorded.notice:
        output.line(result.unrecorded.notice)
    for trouble in result.late:
        output.error(f"{trouble['what']}: {trouble['message']}", f"Try it: {trouble['command']}")
    if result.folder is not None:
        output.line(f"Report   {result.folder / 'report.html'}")
    if result.error is not None:
        output.error(result.error["message"], result.error["hint"])


def _print_calls(output: Output, result: NightlyResult) -> None:
    if result.ingest is not None:
        output.line(
            f"Calls    {result.ingest.records_inserted:,} inserted, {result.ingest.records_rejected:,} rejected"
        )
    elif result.error is None:
        output.line("Calls    no new file came in")
    lost, unread = len(result.failed_files), sum(file["outcome"] == "not_read" for file in result.files)
    if lost:
        output.line(f"Lost     {count_of(lost, 'file')}, not in the lake; the errors and the report say why")
    if unread:
        output.line(f"Not read {count_of(unread, 'entry', 'entries')} of the inbox; the warnings say why")
    if result.failed_rules:
        output.line(f"Rules    {count_of(len(result.failed_rules), 'rule')} did not run")


def _print_troubles(output: Output, result: NightlyResult) -> None:
    commands = {file["path"]: file["command"] for file in result.files}
    for file in result.failed_files:
        path, message = file["path"], (file["error"] or {}).get("message", file["status"])
        named = message.startswith((f"{path}:", f"{path} "))
        command = commands.get(path)
        output.error(message if named else f"{path}: {message}", f"To see why, type: {command}" if command else "")
    if result.recordings is not None:
        show_unread(output, result.recordings.unread)
    for file in result.files:
        if file["outcome"] in ("unfinished", "empty", "not_read"):
            output.warn(f"{file['path']}: {file['reason']}")
    for rule in result.failed_rules:
        output.error(f"Rule {rule['rule']} did not run. {rule['message']}", rule["hint"])
    for notice in result.notices:
        output.warn(notice)
