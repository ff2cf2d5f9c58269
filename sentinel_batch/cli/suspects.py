"""What an analyst reads of alerts: one row per suspect or box."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sentinel_batch.cli.output import Column, Output, format_moment
from sentinel_batch.cli.text import count_of
from sentinel_batch.window import is_duration, now, parse_duration, parse_instant

if TYPE_CHECKING:
    import polars as pl

    from sentinel_batch.desk import Desk

_COLUMNS = (
    Column("Severity"),
    Column("Suspect", fold=True),
    Column("Score", numeric=True),
    Column("Loss", numeric=True),
    Column("Rules", fold=True),
    Column("Last seen"),
    Column("State", fold=True),
)
_RULES_SHOWN = 3


def choose_statuses(status: str | list[str] | None, reviewed: bool | None) -> list[str]:
    """Return the statuses that filters ask for."""
    from sentinel_batch.alerts import STATUSES

    asked = ["open", "reviewed"] if status is None else [status] if isinstance(status, str) else status
    chosen = list(STATUSES) if asked == ["all"] else asked
    if reviewed is None:
        return chosen
    return [name for name in chosen if (name == "reviewed") == reviewed]


def resolve_since(out: Output, desk: Desk, since: str | None) -> datetime | None:
    """Return what ``--since`` of alerts stands for, and say what it counts back from; None where it was not given."""
    if since is None:
        return None
    newest = desk.tables.newest_call or now()
    if not is_duration(since):
        begin = parse_instant(since, name="--since")
        if begin > newest:
            days = (begin - newest).total_seconds() / 86_400
            out.note(f"The newest call is of {format_moment(newest)} UTC, {days:.1f} days before --since.")
        return begin
    begin = newest - parse_duration(since, name="--since")
    out.note(f"Seen from {format_moment(begin)} UTC on: {since} back from the newest call.")
    return begin


def suspect_filters(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the filters of alerts as those of suspects."""
    kept = {name: filters[name] for name in ("severity", "suspect", "since")}
    return {**kept, "status": choose_statuses(filters["status"], filters["reviewed"])}


def print_suspects(out: Output, rows: pl.DataFrame) -> None:
    """Print one row per suspect or box."""
    if rows.is_empty():
        out.line("No alerts.")
        return
    out.table(_COLUMNS, [_row(row) for row in rows.to_dicts()])


def _row(row: dict[str, Any]) -> tuple[Any, ...]:
    is_box = row["kind"] == "box"
    rules = row["rules"]
    more = f" and {len(rules) - _RULES_SHOWN} more" if len(rules) > _RULES_SHOWN else ""
    name = f"{row['suspect']}, {count_of(row['member_count'], 'SIM')}" if is_box else row["suspect"]
    return (
        row["severity"],
        name if row["case_id"] is None else f"{name}, case {row['case_id']}",
        row["score"],
        _money(row["loss"]),
        (", ".join(rules[:_RULES_SHOWN]) + more) or ("model" if not is_box else "box"),
        format_moment(row["last_seen"])[:10],
        row["review"],
    )


def _money(loss: float | None) -> str:
    """Return a loss as short as a narrow terminal needs it: whole, or in thousands from ten thousand."""
    if loss is None:
        return ""
    return f"{loss:,.0f}" if loss < 10_000 else f"{loss / 1000:,.0f}k"
