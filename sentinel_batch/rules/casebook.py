"""Running the cases of rules: calls in, findings out."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl

from sentinel_batch.config import Config
from sentinel_batch.desk import open_desk
from sentinel_batch.errors import SentinelError
from sentinel_batch.lake import Lake
from sentinel_batch.rules.case_files import SHORT, STEPS, Case, check_calls, count_range, pick, read_time
from sentinel_batch.rules.engine import examine
from sentinel_batch.rules.rule import Rule
from sentinel_batch.schema import CALL_RECORDS, polars_schema

ZONE = ZoneInfo("Africa/Lagos")
"""Zone of the local columns of the calls of a case."""

_PREFIX_LENGTH = 7


def check_case(rule: Rule, case: Case, **settings: Any) -> str:
    """Run a test case; return what is wrong with its findings, or an empty text.

    Parameters
    ----------
    rule
        The rule.
    case
        The case.
    **settings
        Settings other than the default, such as ``engine``.
    """
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake.create(folder)
        try:
            lake.append(CALL_RECORDS.name, unfold_calls(case))
            options = {name: read_time(value) for name, value in case.options.items()}
            given = {**(options.pop("parameters", None) or {}), **(options.pop("lists", None) or {})}
            desk = open_desk(lake, Config(lake=lake.path, **settings))
            found = examine(lake=desk, rule=rule, parameters=given, **options).findings.to_dicts()
        except SentinelError as error:
            return str(error)
    if len(found) != len(case.findings):
        shown = ", ".join(f"{row['suspect_number']} {row['alert_severity']}" for row in found)
        return f"expected {len(case.findings)} findings, got {len(found)} ({shown})"
    problems = [
        problem
        for number, (row, wanted) in enumerate(zip(found, case.findings, strict=True), 1)
        for problem in _compare(row, wanted, number)
    ]
    return "; ".join(problems)


def unfold_calls(case: Case) -> pl.DataFrame:
    """Return the calls of a test case as rows of ``call_records``.

    Raises
    ------
    RuleError
        If a call lacks its time, or holds a value that its column cannot have.
    """
    schema = polars_schema(CALL_RECORDS.columns)
    check_calls(case)
    try:
        rows = [row for entry in case.calls for row in _unfold(entry)]
        frame = pl.DataFrame(rows, schema=schema)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        raise case.error(f"its calls cannot be read: {error}.", "Such as {caller: a, at: '22 10:00:00'}.") from error
    local = pl.col("call_timestamp").dt.convert_time_zone(ZONE.key)
    return frame.with_columns(
        call_date=pl.col("call_timestamp").dt.date(),
        local_date=local.dt.date(),
        local_hour=local.dt.hour(),
        iso_weekday=local.dt.weekday(),
        callee_prefix=pl.col("callee_number").str.slice(0, _PREFIX_LENGTH),
    ).cast(schema)


def _unfold(entry: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    values = {"callee": "c0", "duration": 60, **entry}
    lengths = [count_range(value) for value in values.values()]
    start, step = read_time(values["at"]), timedelta(seconds=values.get("every", 0))
    for index in range(values.get("count", max(lengths))):
        row = {SHORT.get(name, name): pick(value, index) for name, value in values.items() if name not in STEPS}
        yield {**row, "call_timestamp": start + index * step}


def _compare(row: Mapping[str, Any], wanted: Mapping[str, Any], number: int) -> Iterator[str]:
    evidence = json.loads(row["evidence"] or "{}")
    pairs = [(name, row.get(name), read_time(value)) for name, value in wanted.items() if name != "evidence"]
    pairs += [(f"evidence.{name}", evidence.get(name), value) for name, value in wanted.get("evidence", {}).items()]
    for name, got, expected in pairs:
        close = isinstance(expected, float) and isinstance(got, int | float) and abs(got - expected) < 1e-6
        if got != expected and not close:
            yield f"finding {number}: {name} is {got!r}, not {expected!r}"
