"""What brute-force tests of rules on calls share: calls in whole seconds, running a rule over them, joining windows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from sentinel_batch.desk import open_desk
from sentinel_batch.lake import Lake
from sentinel_batch.rules import examine
from sentinel_batch.schema import CALL_RECORDS, polars_schema

ORIGIN = datetime(2026, 1, 22, 23, 0, tzinfo=UTC)  # midnight in Lagos
DAY = 86_400


@dataclass(frozen=True)
class Call:
    at: int
    caller: str
    callee: str
    seconds: int
    answered: bool | None = None
    cell: str | None = None
    trunk: str | None = None

    @property
    def got_through(self) -> bool:
        return self.seconds > 0 if self.answered is None else self.answered


def run_rule(
    rule: str,
    calls: Iterable[Call],
    since: int,
    until: int,
    parameters: dict[str, Any],
    lists: dict[str, Any] | None = None,
) -> list[dict[str, Any]]:
    rows = list(calls)
    columns: dict[str, list[Any]] = {
        "call_timestamp": [ORIGIN + timedelta(seconds=call.at) for call in rows],
        "caller_number": [call.caller for call in rows],
        "callee_number": [call.callee for call in rows],
        "duration_seconds": [call.seconds for call in rows],
        "answered": [call.answered for call in rows],
        "location_code": [call.cell for call in rows],
        "trunk": [call.trunk for call in rows],
    }
    schema = polars_schema(CALL_RECORDS.columns)
    frame = pl.DataFrame(columns, schema={name: schema[name] for name in columns})
    local = pl.col("call_timestamp").dt.convert_time_zone("Africa/Lagos")
    frame = frame.with_columns(
        *(pl.lit(None, dtype=kind).alias(name) for name, kind in schema.items() if name not in columns)
    ).with_columns(
        call_date=pl.col("call_timestamp").dt.date(),
        local_date=local.dt.date(),
        local_hour=local.dt.hour(),
        callee_prefix=pl.col("callee_number").str.slice(0, 7),
    )
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake.create(folder)
        lake.append(CALL_RECORDS.name, frame.cast(dict(schema)))
        found = examine(
            lake=open_desk(lake, rules={rule: lists or {}}),
            rule=rule,
            since=ORIGIN + timedelta(seconds=since),
            until=ORIGIN + timedelta(seconds=until),
            parameters=parameters,
        ).findings
    return found.sort("suspect_number", "episode_start").to_dicts()


def second(moment: datetime) -> int:
    return round((moment - ORIGIN).total_seconds())


def join_windows(ends: Iterable[int], length: int) -> list[list[int]]:
    """Return the ends of windows (end - length, end], those that touch together."""
    episodes: list[list[int]] = []
    for end in sorted(ends):
        if episodes and end - length <= episodes[-1][-1]:
            episodes[-1].append(end)
        else:
            episodes.append([end])
    return episodes


def group_by(calls: Iterable[Call], key: Callable[[Call], str]) -> dict[str, list[Call]]:
    groups: dict[str, list[Call]] = {}
    for call in calls:
        groups.setdefault(key(call), []).append(call)
    return groups


def unique(calls: Iterable[Call]) -> list[Call]:
    """Return the calls without those that share caller, callee and time with an earlier one, as a lake has them."""
    return list({(call.at, call.caller, call.callee): call for call in calls}.values())
