"""What a rule's SQL may say because DuckDB and Spark define it alike: functions, and columns of a QUALIFY."""

from __future__ import annotations

from collections.abc import Iterator
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


def find_unnamed(tree: exp.Query) -> Iterator[exp.Expression]:
    """Yield what a SELECT with QUALIFY returns without a name: taken apart for Spark, such a column is another."""
    from sqlglot import exp

    for select in tree.find_all(exp.Select):
        if select.args.get("qualify") is not None:
            yield from (one for one in select.expressions if not isinstance(one, exp.Alias | exp.Column | exp.Star))
