"""Why a file is taken for one of a dialect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sentinel_batch.ingestion.reading.layout import Layout

_NEEDED = ("caller_number", "callee_number", "call_timestamp", "call_date", "call_time", "duration_seconds")


def explain_layout(layout: Layout, spelt: Mapping[str, str]) -> str:
    """Say by which columns, or by which content, a file was recognised.

    Parameters
    ----------
    layout
        The layout as it was found.
    spelt
        Names of columns, as they are compared, to how the file spells them.
    """
    dialect = layout.dialect
    if layout.header_lines:
        columns = dialect.recognised_by or _list_feeding(layout)
        whose = "the columns that it is recognised by" if dialect.recognised_by else "a column for each needed field"
        return f"line {layout.preamble_lines + 1} is a header with {whose}: {_join(columns, spelt)}"
    time, *_, length = [name for name in _list_feeding(layout)[2:]]
    content = f", and in {_join(dialect.content, spelt)} what it writes there" if dialect.content else ""
    holds = f"a time in {spelt.get(time, time)}, a duration or an end in {spelt.get(length, length)}"
    return f"there is no header; most rows have {len(layout.columns)} columns, with {holds}{content}"


def _list_feeding(layout: Layout) -> list[str]:
    ends = () if layout.positions("duration_seconds") else ("end_timestamp",)
    return [layout.columns[layout.positions(field)[0]] for field in (*_NEEDED, *ends) if layout.positions(field)]


def _join(columns: Iterable[str], spelt: Mapping[str, str]) -> str:
    return ", ".join(dict.fromkeys(spelt.get(name, name) for name in columns))
