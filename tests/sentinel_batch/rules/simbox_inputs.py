"""Inputs of the oracle tests of rules on profiles: made-up days, and a rule's query run on them alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import polars as pl

from sentinel_batch.rules import get_rule

FIRST_DAY = date(2026, 1, 1)
MIDNIGHT = datetime(2025, 12, 31, 23, tzinfo=UTC)
"""Beginning of the local day 0 (Africa/Lagos)."""

DAY = timedelta(days=1)
TEXTS = ("number", "first_cell", "second_cell", "top_imei")
INTEGERS = (
    "call_count", "unique_callees", "new_callees", "callees_calling_back", "incoming_calls", "history_days",
    "distinct_cells", "imei_count", "night_calls", "night_callees", "international_calls", "active_days",
    "completed_calls", "short_calls",
)  # fmt: skip
REALS = (
    "total_minutes", "incoming_minutes", "night_share_z", "calls_z", "callees_z", "minutes_z", "international_z",
    "night_z",
)  # fmt: skip


@dataclass(frozen=True)
class Day:
    """A number's profile of the local day with this index; what is not given is NULL."""

    number: str
    index: int
    figures: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.figures.get(name)

    @property
    def start(self) -> datetime:
        return MIDNIGHT + self.index * DAY

    @property
    def end(self) -> datetime:
        return self.start + DAY

    @property
    def first_call(self) -> datetime:
        return self.start + timedelta(hours=1)

    @property
    def last_call(self) -> datetime:
        return self.start + timedelta(hours=20)


def tabulate_days(days: list[Day]) -> pl.DataFrame:
    """Return the days as rows of ``profiles``, with the columns that the rules under test read."""
    moments = ("day_start", "day_end", "first_call", "last_call")
    schema = {
        **dict.fromkeys(TEXTS, pl.String()),
        "local_date": pl.Date(),
        **dict.fromkeys(moments, pl.Datetime("us", "UTC")),
        **dict.fromkeys(INTEGERS, pl.Int64()),
        **dict.fromkeys(REALS, pl.Float64()),
    }
    rows = [
        {
            "number": day.number,
            "local_date": FIRST_DAY + day.index * DAY,
            "day_start": day.start,
            "day_end": day.end,
            "first_call": day.first_call,
            "last_call": day.last_call,
            **day.figures,
        }
        for day in days
    ]
    return pl.DataFrame(rows, schema=schema)


def run_rule(
    rule_id: str,
    days: list[Day],
    since: datetime,
    until: datetime,
    parameters: Mapping[str, Any],
    calls: pl.DataFrame | None = None,
    constants: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Return what a rule's query returns over these tables, by suspect and episode."""
    rule = get_rule(rule_id)
    values = rule.resolve_parameters(parameters)
    window = values["window"]
    seconds = int(window.total_seconds())
    bound = {**rule.constants, **(constants or {}), **values, "since": since, "until": until, "window_seconds": seconds}
    read = [day for day in days if day.end > since - window and day.start <= until]
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("profiles", tabulate_days(read).to_arrow())
    if calls is not None:
        inside = (pl.col("call_timestamp") > since - window) & (pl.col("call_timestamp") <= until)
        connection.register("examined_calls", calls.filter(inside).to_arrow())
    for name, rows in rule.resolve_lists().items():
        connection.register(name, rows.to_arrow())
    sql = rule.queries["sliding"]
    named = {
        name: Decimal(str(value)) if isinstance(value, float) else value
        for name, value in bound.items()
        if f"${name}" in sql
    }
    found: pl.DataFrame = connection.sql(sql, params=named).pl()
    connection.close()
    return found.sort("suspect_number", "episode_start").to_dicts()
