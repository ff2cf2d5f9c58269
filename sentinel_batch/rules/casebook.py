"""Cases of rules, as data that an analyst can add to: calls in, findings out (``ID.cases.yml``)."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import yaml

from sentinel_batch.config import Config
from sentinel_batch.desk import open_desk
from sentinel_batch.errors import RuleError, SentinelError
from sentinel_batch.lake import Lake
from sentinel_batch.rules.engine import examine
from sentinel_batch.rules.rule import Rule
from sentinel_batch.schema import CALL_RECORDS, polars_schema

ZONE = ZoneInfo("Africa/Lagos")
"""Zone of the local columns of the calls of a case."""

_SHORT = {
    "caller": "caller_number",
    "callee": "callee_number",
    "duration": "duration_seconds",
    "cell": "location_code",
    "direction": "call_direction",
}
_STEPS = ("at", "every", "count")
_TIME = re.compile(r"(?:(\d\d?) )?(\d\d):(\d\d):(\d\d(?:\.\d+)?)")
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_PREFIX_LENGTH = 7


@dataclass(frozen=True)
class Case:
    """One test case of a rule.

    Parameters
    ----------
    rule_id, name
        What it is about.
    calls
        Mappings as written: ``caller``, ``callee`` (``c{0..34}`` stands for 35 numbers), ``at`` (``22 10:00:00``, day
        of January 2026 and UTC), ``every`` (seconds), ``count`` (calls, the numbers in turn), ``duration`` (seconds),
        ``cell``, ``direction`` and every other column of ``call_records``.
    options
        What the rule is run with: arguments of ``examine``; ``lists`` are configured lists.
    findings
        What is expected of each finding, in order; a key ``evidence`` expects figures of its own.
    """

    rule_id: str
    name: str
    calls: tuple[Mapping[str, Any], ...]
    options: Mapping[str, Any]
    findings: tuple[Mapping[str, Any], ...]


def read_cases(rule: Rule) -> list[Case]:
    """Return the test cases of a rule; none if it has no file.

    Raises
    ------
    RuleError
        If the file is not as described.
    """
    path = rule.cases_path
    if not path.is_file():
        return []
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8")) or []
        return [_read_case(rule, entry) for entry in entries]
    except (yaml.YAMLError, OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise RuleError(
            f"{path}: the test cases cannot be read: {error!r}",
            hint="A test case has name, calls, findings and, if needed, options.",
        ) from error


def check_case(rule: Rule, case: Case) -> str:
    """Run a test case; return what is wrong with its findings, or an empty text."""
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake.create(folder)
        try:
            lake.append(CALL_RECORDS.name, unfold_calls(case))
            options = {name: _read_time(value) for name, value in case.options.items()}
            lists = options.pop("lists", {})
            found = examine(
                lake=open_desk(lake, Config(lake=lake.path, rules={rule.id: lists})), rule=rule, **options
            ).findings.to_dicts()
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
    try:
        rows = [row for entry in case.calls for row in _unfold(entry, case)]
        frame = pl.DataFrame(rows, schema=schema)
    except (KeyError, TypeError, ValueError, OverflowError, pl.exceptions.PolarsError) as error:
        raise RuleError(
            f"Test case {case.name!r} of {case.rule_id}: its calls cannot be read: {error!r}.",
            hint="Such as {caller: a, at: '22 10:00:00'}.",
        ) from error
    local = pl.col("call_timestamp").dt.convert_time_zone(ZONE.key)
    return frame.with_columns(
        call_date=pl.col("call_timestamp").dt.date(),
        local_date=local.dt.date(),
        local_hour=local.dt.hour(),
        iso_weekday=local.dt.weekday(),
        callee_prefix=pl.col("callee_number").str.slice(0, _PREFIX_LENGTH),
    ).cast(schema)


def _read_case(rule: Rule, entry: Mapping[str, Any]) -> Case:
    unknown = set(entry) - {"name", "calls", "options", "findings"}
    if unknown:
        raise KeyError(", ".join(sorted(unknown)))
    return Case(
        rule.id, entry["name"], tuple(entry["calls"]), entry.get("options") or {}, tuple(entry["findings"] or ())
    )


def _unfold(entry: Mapping[str, Any], case: Case) -> Iterator[dict[str, Any]]:
    known = {*CALL_RECORDS.columns, *_SHORT, *_STEPS}
    if set(entry) - known:
        raise RuleError(
            f"Test case {case.name!r} of {case.rule_id}: unknown {', '.join(sorted(set(entry) - known))}.",
            hint=f"A row of calls may have: {', '.join(sorted(known))}.",
        )
    values = {"callee": "c0", "duration": 60, **entry}
    lengths = [_length(value) for value in values.values()]
    start, step = _read_time(values["at"]), timedelta(seconds=values.get("every", 0))
    for index in range(values.get("count", max(lengths))):
        row = {_SHORT.get(name, name): _pick(value, index) for name, value in values.items() if name not in _STEPS}
        yield {**row, "call_timestamp": start + index * step}


def _length(value: Any) -> int:
    found = _RANGE.search(value) if isinstance(value, str) else None
    return int(found[2]) - int(found[1]) + 1 if found else 1


def _pick(value: Any, index: int) -> Any:
    """Return the index-th of the values that ``c{0..34}`` stands for, in turn, as wide as the first is written."""
    if not isinstance(value, str):
        return value
    return _RANGE.sub(lambda m: str(int(m[1]) + index % (int(m[2]) - int(m[1]) + 1)).zfill(len(m[1])), value)


def _read_time(value: Any) -> Any:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return value
    moment = datetime(2026, 1, int(match[1] or 22), int(match[2]), int(match[3]), tzinfo=UTC)
    return moment + timedelta(seconds=float(match[4]))


def _compare(row: Mapping[str, Any], wanted: Mapping[str, Any], number: int) -> Iterator[str]:
    if not 0 <= row["confidence"] <= 1:
        yield f"finding {number}: confidence is {row['confidence']}, which is not from 0 to 1"
    evidence = json.loads(row["evidence"] or "{}")
    pairs = [(name, row.get(name), _read_time(value)) for name, value in wanted.items() if name != "evidence"]
    pairs += [(f"evidence.{name}", evidence.get(name), value) for name, value in wanted.get("evidence", {}).items()]
    for name, got, expected in pairs:
        close = isinstance(expected, float) and isinstance(got, int | float) and abs(got - expected) < 1e-6
        if got != expected and not close:
            yield f"finding {number}: {name} is {got!r}, not {expected!r}"
