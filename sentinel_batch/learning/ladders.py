"""The values that a rule's main parameter might take, from loosest to tightest."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from sentinel_batch.errors import RuleError
from sentinel_batch.rules import Parameter, Rule

LEVELS = (0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999)
"""Shares of a segment's caller-days that lie below a threshold."""

FACTORS = (0.5, 0.75, 1.25, 1.5, 2.0, 3.0, 5.0)
"""What a default is multiplied by where no profile column measures the parameter."""

EVERYONE = "all"
"""Stands for all segments together."""

_MAPPING = Path(__file__).parent / "thresholds.toml"


@dataclass(frozen=True)
class Knob:
    """A rule's main parameter: the one that decides how many alerts it raises.

    Parameters
    ----------
    rule, parameter
        Ids.
    column
        Column of the daily profiles that the parameter is compared with; None if there is none.
    """

    rule: str
    parameter: str
    column: str | None = None


@cache
def list_knobs() -> tuple[Knob, ...]:
    """Return the knob of every rule that has one, by rule."""
    table: dict[str, dict[str, str]] = tomllib.loads(_MAPPING.read_text(encoding="utf-8"))
    return tuple(Knob(rule, entry["parameter"], entry.get("column")) for rule, entry in sorted(table.items()))


def find_knob(rule: Rule) -> Knob | None:
    """Return a rule's knob, None for a rule without.

    Raises
    ------
    RuleError
        If the rule has no such parameter (any more).
    """
    knob = next((knob for knob in list_knobs() if knob.rule == rule.id), None)
    if knob is not None and knob.parameter not in rule.parameters:
        raise RuleError(
            f"Rule {rule.id} has no parameter {knob.parameter!r} to calibrate.",
            hint=f"Name one of these in {_MAPPING.name}: {', '.join(rule.parameters)}.",
        )
    return knob


def measure_quantiles(profiles: pl.LazyFrame, columns: Sequence[str], levels: Sequence[float] = LEVELS) -> pl.DataFrame:
    """Return the quantiles of profile columns over caller-days: ``segment, column, level, quantile, caller_days``.

    Segment :data:`EVERYONE` holds all; a caller-day without the figure does not count.
    """
    wanted = list(dict.fromkeys(columns))
    figures = profiles.select("segment", *(pl.col(column).cast(pl.Float64) for column in wanted)).collect()
    parts = []
    for name, rows in [(EVERYONE, figures), *((str(key[0]), part) for key, part in figures.group_by("segment"))]:
        for column in wanted:
            values = rows[column].drop_nulls()
            parts += [(name, column, level, values.quantile(level, "higher"), len(values)) for level in levels]
    schema = {"segment": pl.String, "column": pl.String, "level": pl.Float64, "quantile": pl.Float64}
    return pl.DataFrame(parts, schema=schema | {"caller_days": pl.Int64}, orient="row").sort(
        "column", "segment", "level"
    )


def build_ladder(
    knob: Knob, rule: Rule, current: float, quantiles: Mapping[float, float | None]
) -> list[tuple[float | None, float]]:
    """Return level and value of every step, loosest first; the current value is one of them, without a level.

    Parameters
    ----------
    knob, rule
        Whose.
    current
        The value in use.
    quantiles
        Level to quantile of the knob's column; empty without one: then the steps are multiples of the current value.
    """
    parameter = rule.parameters[knob.parameter]
    steps: dict[float, float | None] = {}
    for level, value in sorted(quantiles.items()):
        if value is not None:
            steps.setdefault(_fit(value, parameter), level)
    if knob.column is None:
        steps = dict.fromkeys((_fit(current * factor, parameter) for factor in FACTORS), None)
    steps[_fit(current, parameter)] = None
    return sorted(((level, value) for value, level in steps.items()), key=lambda step: step[1])


def _fit(value: float, parameter: Parameter) -> float:
    """Return the value as the parameter takes it: within bounds, whole if it must be, else with three digits."""
    bounded: Any = min(max(value, parameter.minimum), parameter.maximum)
    return math.ceil(bounded) if parameter.kind == "integer" else float(f"{bounded:.3g}")
