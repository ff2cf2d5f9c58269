"""Commands ``profiles build``, ``profiles show`` and ``profiles list``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_batch.cli.output import Column, Output
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

Since = Annotated[str | None, typer.Option("--since", metavar="DAY", help="First local day, such as 2026-01-22.")]
Until = Annotated[str | None, typer.Option("--until", metavar="DAY", help="Last local day.")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", help="At most N rows.")]

_LISTED = {
    "local_date": "Day",
    "number": "Number",
    "segment": "Segment",
    "call_count": "Calls",
    "unique_callees": "Callees",
    "total_minutes": "Minutes",
    "in_out_call_ratio": "In:out",
    "new_callee_share": "New",
    "reciprocity": "Call back",
    "distinct_cells": "Cells",
    "night_share": "Night",
    "calls_z": "z",
}
_MOST_ROWS = 2**31
"""No terminal shows more; Polars counts rows in 32 bits."""

_TEXTS = ("local_date", "number", "segment")


@with_session
def start(session: Session) -> None:
    """Figures of each number and local day: build, show and list them."""


@with_session
def build(
    session: Session,
    since: Since = None,
    until: Until = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Also compute days that are up to date.")] = False,
) -> None:
    """Compute the profiles that are missing or out of date.

    A local day is out of date if calls of it, or of the days that it is compared with, came in later."""
    from sentinel_batch.profiles import build_profiles

    done = build_profiles(lake=session.desk(), since=since, until=until, rebuild=rebuild)
    out = session.output
    if out.as_json:
        facts = {"run_id": done.run_id, "built": done.built, "kept": done.kept, "rows": done.rows}
        out.document({"status": "success", **facts})
        return
    out.line(f"{len(done.built):,} days built ({done.rows:,} profiles), {len(done.kept):,} up to date.")


@with_session
def show(
    session: Session,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="A caller, in any notation.")],
    since: Since = None,
    until: Until = None,
) -> None:
    """Print every figure of a number, one column for each day."""
    import polars as pl

    from sentinel_batch.numbers import normalise_number
    from sentinel_batch.profiles import scan_profiles

    desk = session.desk()
    normal = normalise_number(number, desk.config.region)[0]
    rows = scan_profiles(desk, since, until).filter(pl.col("number") == normal).sort("local_date").collect()
    if rows.is_empty():
        raise UsageError(
            f"There is no profile of {number!r}{f' ({normal})' if normal != number else ''}.",
            hint="Build profiles first: sentinel-batch profiles build; only numbers that call have one.",
            number=normal,
        )
    out = session.output
    if out.as_json:
        out.document({"status": "success", "number": normal, "count": rows.height, "profiles": rows.to_dicts()})
        return
    _print_days(out, rows)


@with_session
def list_profiles(session: Session, since: Since = None, until: Until = None, limit: Limit = 50) -> None:
    """List stored profiles: the newest day first, most calls first."""
    from sentinel_batch.profiles import scan_profiles

    if limit < 1:
        raise UsageError(f"--limit {limit} is not allowed.", hint="Give a number of rows, 1 or more.")
    order = ["local_date", "call_count", "number"]
    scan = scan_profiles(session.desk(), since, until)
    rows = scan.sort(order, descending=[True, True, False]).head(min(limit, _MOST_ROWS)).collect()
    out = session.output
    if out.as_json:
        out.document({"status": "success", "count": rows.height, "profiles": rows.to_dicts()})
        return
    columns = [Column(heading, numeric=name not in _TEXTS) for name, heading in _LISTED.items()]
    out.table(columns, rows.select(_LISTED.keys()).rows())
    if rows.height == limit:
        out.note(f"Stopped at {limit}; see more with --limit.")


_SHOWN_DAYS = 5


def _print_days(out: Output, rows: pl.DataFrame) -> None:
    shown = rows.tail(_SHOWN_DAYS).drop("number", "definition")
    days: list[dict[str, Any]] = shown.to_dicts()
    columns = [Column("Figure"), *(Column(str(day["local_date"]), numeric=True) for day in days)]
    names = [name for name in shown.columns if name != "local_date"]
    out.table(columns, [(name, *(day[name] for day in days)) for name in names], title=str(rows["number"][0]))
    if rows.height > _SHOWN_DAYS:
        out.note(f"The newest {_SHOWN_DAYS} of {rows.height} days; choose others with --since and --until.")


def create(create_app: Callable[[], typer.Typer]) -> typer.Typer:
    """Return the group ``profiles``."""
    app = create_app()
    app.callback()(start)
    app.command("build")(build)
    app.command("show")(show)
    app.command("list")(list_profiles)
    return app
