"""The functions that a rule's SQL may call: those that DuckDB and Spark define alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

FUNCTIONS = frozenset(
    {
        "abs", "acos", "and", "asin", "atan2", "avg", "case", "cast", "ceil", "coalesce", "concat", "cos", "count",
        "date_trunc", "dense_rank", "exists", "exp", "floor", "greatest", "if", "lag", "lead", "least", "length", "ln",
        "lower", "max", "min", "nullif", "or", "pi", "power", "radians", "rank", "round", "row_number", "sign", "sin",
        "sqrt", "starts_with", "stddev_samp", "substring", "sum", "time_to_unix", "timestamp_trunc", "try_cast",
        "upper",
    }
)  # fmt: skip
"""By the name that sqlglot gives them: ``epoch`` is ``time_to_unix``."""


def name_function(node: exp.Func) -> str:
    """Return the name of a called function, as in :data:`FUNCTIONS`."""
    from sqlglot import exp

    return (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
