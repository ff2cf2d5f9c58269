"""From the rows that a rule's query returns to findings."""

from __future__ import annotations

import json
import string
from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from sentinel_batch.errors import RuleError
from sentinel_batch.rules.rule import Rule
from sentinel_batch.schema import FINDING_COLUMNS, SEVERITIES, polars_schema
from sentinel_batch.window import spell_duration

RETURNED_COLUMNS = (
    "suspect_number", "severity", "confidence", "call_count", "unique_destinations", "avg_duration_seconds",
    "window_start", "window_end", "episode_start", "episode_end", "first_seen", "last_seen",
)  # fmt: skip
"""Columns that a rule's query returns; ``severity`` counts from 1, in the order of ``schema.SEVERITIES``."""

_INSTANTS = RETURNED_COLUMNS[-6:]
_NUMBERS = RETURNED_COLUMNS[1:6]

DETAILS_KEPT = 20
"""Rows of the ``details`` query that are kept for each suspect."""

_DIGITS = 6
_FIGURES = ("avg_duration_seconds", "confidence")
_FIGURE_DIGITS = 9
"""Sums of fractions differ in their last digits from run to run, because threads add in any order; findings may not."""


def check_rows(rows: pl.DataFrame, rule: Rule) -> None:
    """Raise for rows that are not findings.

    Raises
    ------
    RuleError
        If a column of :data:`RETURNED_COLUMNS` is missing, holds NULL, or something of another type.
    """
    missing = [column for column in RETURNED_COLUMNS if column not in rows.columns]
    if missing:
        raise RuleError(
            f"{rule.file}: the rule returns no column {', '.join(missing)}.",
            hint=f"A rule returns: {', '.join(RETURNED_COLUMNS)}; the step findings() does.",
        )
    kinds = {"suspect_number": pl.String()} | dict.fromkeys(_INSTANTS, pl.Datetime("us", "UTC"))
    for column in RETURNED_COLUMNS:
        kind = rows.schema[column]
        fits = kind.is_numeric() if column in _NUMBERS else kind == kinds[column]
        if not fits or rows[column].null_count():
            found = "NULL" if fits else f"a value of type {kind}"
            wanted = "a number" if column in _NUMBERS else "a text" if column == "suspect_number" else "an instant"
            raise RuleError(f"{rule.file}: the rule returns {found} as {column}.", hint=f"Return {wanted} in each row.")
    outside = rows.filter(~pl.col("confidence").is_between(0, 1))["confidence"]
    if not outside.is_empty():
        raise RuleError(
            f"{rule.file}: the rule {rule.id} returns {outside[0]} as confidence.",
            hint="A confidence is a number from 0 (a guess) to 1 (certain).",
        )
    steps = set(rows["severity"].to_list()) - set(range(1, len(SEVERITIES) + 1))
    if steps:
        raise RuleError(
            f"{rule.file}: the rule returns {min(steps)} as severity.",
            hint="Severities are numbers from 1 (LOW) to 4 (CRITICAL); the step severity() gives them.",
        )


def shape_findings(
    rows: pl.DataFrame, rule: Rule, window: timedelta, parameters: str, details: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return findings (``schema.FINDING_COLUMNS``), worst first, from the rows that a rule's query returned.

    Parameters
    ----------
    rows
        Columns :data:`RETURNED_COLUMNS`; any other column goes into the evidence.
    rule
        The rule that returned them.
    window
        Its window W, for the summary.
    parameters
        JSON text that every finding carries.
    details
        Rows of the rule's ``details`` query, if it has one.

    Raises
    ------
    RuleError
        If the rule's summary names a column that its query does not return.
    # Averages differ in the last digit with the number of threads; a repeated night must find the same.
    """
    rows = rows.with_columns(pl.col(_FIGURES).round(_FIGURE_DIGITS))
    shaped = rows.sort(
        ["severity", "unique_destinations", "avg_duration_seconds", "suspect_number", "window_end"],
        descending=[True, True, False, False, False],
    ).with_columns(
        pl.lit(rule.id).alias("detection_rule"),
        pl.lit(rule.version).alias("rule_version"),
        pl.lit(rule.alert_type).alias("alert_type"),
        pl.lit(parameters).alias("parameters"),
        pl.col("severity")
        .replace_strict(list(range(1, len(SEVERITIES) + 1)), list(SEVERITIES), return_dtype=pl.String())
        .alias("alert_severity"),
    )
    known = _details_by_suspect(details)
    returned = [{name: row[name] for name in rows.columns} for row in shaped.iter_rows(named=True)]
    shaped = shaped.with_columns(
        pl.Series("evidence_summary", [_summarise(row, rule, window) for row in returned], dtype=pl.String()),
        pl.Series("evidence", [_write_evidence(row, known) for row in returned], dtype=pl.String()),
    )
    return shaped.select(pl.col(name).cast(kind) for name, kind in polars_schema(FINDING_COLUMNS).items())


class _Sentence(string.Formatter):
    """Formats a value that is not known as such."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        if not field_name.isidentifier():  # A summary names what a rule returns, and nothing inside of it.
            raise KeyError(field_name)
        return super().get_field(field_name, args, kwargs)

    def format_field(self, value: Any, format_spec: str) -> str:
        return "unknown" if value is None else str(format(value, format_spec))


def _summarise(row: Mapping[str, Any], rule: Rule, window: timedelta) -> str:
    try:
        return _Sentence().vformat(rule.summary, (), {**row, "window": spell_duration(window)})
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        raise RuleError(
            f"{rule.header_file}:{rule.find_line('summary')}: the summary of rule {rule.id} does not fit its rows: "
            f"{error!r}.",
            hint=f"It may name: {', '.join(['window', *row])}.",
        ) from error


def _details_by_suspect(details: pl.DataFrame | None) -> Mapping[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    if details is not None:
        for row in details.sort(details.columns, nulls_last=True).iter_rows(named=True):
            found[row.pop("suspect_number")].append({name: _plain(value) for name, value in row.items()})
    return found


def _write_evidence(row: Mapping[str, Any], details: Mapping[str, list[dict[str, Any]]]) -> str | None:
    facts = {name: _plain(value) for name, value in row.items() if name not in RETURNED_COLUMNS}
    named = details.get(row["suspect_number"], [])
    if named:
        facts |= {"details": named[:DETAILS_KEPT], "details_total": len(named)}
    return json.dumps(facts, sort_keys=True) if facts else None


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal | float):
        return round(float(value), _DIGITS)
    return value
