"""The group ``labels``: what others know of numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from sentinel_batch.cli.output import Column
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.cli.text import count_of

_LABELS = (
    Column("Number"),
    Column("Label"),
    Column("Date"),
    Column("Source", fold=True),
    Column("Reason", fold=True),
    Column("File", fold=True),
)


@with_session
def start(session: Session) -> None:
    """Labels from outside: hits of test calls, regulators' lists, closed cases."""


@with_session
def import_file(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or Parquet: number, label, source, date, reason.")],
    by: Annotated[str | None, typer.Option("--by", metavar="NAME", help="Who imports [default you].")] = None,
) -> None:
    """Import labels of numbers, with or without an alert.

    Columns: number; label (positive, negative or unknown); source, who says so; date, such as 2026-01-31; and, if there
    is one, reason. Nothing is imported if a line is invalid; importing a file again changes nothing. Models are trained
    and measured on labels (--labels verdicts or both), and rules scorecard and rules calibrate take them where no
    analyst has decided.
    """
    from sentinel_batch.labels import import_labels

    done = import_labels(file, by=by, lake=session.desk())
    out = session.output
    if out.as_json:
        out.document({"status": "success", **done.to_dict()})
        return
    said = ", ".join(f"{count:,} {name}" for name, count in done.labels.items())
    out.line(f"{done.file}: {said}")
    out.line(f"{done.added:,} added, {done.changed:,} changed, {done.unchanged:,} as they were")
    if done.without_calls:
        out.note(
            f"{count_of(done.without_calls, 'number')} without a call in the lake: nothing is learned from them yet."
        )


@with_session
def list_rows(
    session: Session,
    label: Annotated[
        Literal["positive", "negative", "unknown"] | None,
        typer.Option("--label", metavar="LABEL", help="positive, negative or unknown."),
    ] = None,
    source: Annotated[str | None, typer.Option("--source", metavar="NAME", help="Only of this source.")] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, help="At most N labels.")] = 50,
) -> None:
    """List imported labels, the newest first."""
    from sentinel_batch.labels import list_labels

    rows = list_labels(lake=session.desk(), label=label, source=source)
    out, shown = session.output, rows.head(limit)
    if out.as_json:
        out.document({"status": "success", "count": shown.height, "labels": shown.to_dicts()})
        return
    out.table(_LABELS, shown.select("number", "label", "labelled_on", "source", "reason", "file").iter_rows())
    if rows.height > limit:
        out.note(f"Stopped at {limit} of {rows.height:,}; see more with --limit.")


def create(create_app: Callable[[], typer.Typer]) -> typer.Typer:
    """Return the group ``labels``."""
    app = create_app()
    app.callback()(start)
    app.command("import")(import_file)
    app.command("list")(list_rows)
    return app
