"""How a file is read, on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sentinel_batch.cli.output import Column, Output
from sentinel_batch.cli.text import format_moment, show_answer
from sentinel_batch.errors import ExitCode

if TYPE_CHECKING:
    from sentinel_batch.ingestion import DialectProposal

_DELIMITERS = {"\t": "a tab", "fixed": "aligned columns"}
_CALLS = {
    "call_timestamp": "Time (UTC)",
    "caller_number": "Caller",
    "callee_number": "Callee",
    "duration_seconds": "Seconds",
    "answered": "Answered",
}
_FURTHER = ("call_direction", "termination_cause", "trunk", "location_code", "imei", "imsi", "call_id")


def print_fields(out: Output, layout: Mapping[str, Any]) -> None:
    """Print which column feeds which field, and the first calls as they would be stored.

    Parameters
    ----------
    out
        Where to print.
    layout
        :meth:`sentinel_batch.ingestion.LayoutView.to_dict`.
    """
    columns = (Column("Field"), Column("Column", fold=True), Column("Such as", fold=True))
    rows = [(f["field"], ", ".join(f["columns"]), " | ".join(filter(None, f["samples"]))) for f in layout["fields"]]
    out.table(columns, rows, title="Field and column")
    if not layout["calls"]:
        return
    heads = (*(Column(text) for text in _CALLS.values()), Column("Further", fold=True))
    out.line()
    out.table(heads, map(_list_values, layout["calls"]), title="The first calls as they would be stored")


def _list_values(call: Mapping[str, Any]) -> Sequence[object]:
    time = format_moment(datetime.fromisoformat(call["call_timestamp"]))
    further = ", ".join(f"{name} {call[name]}" for name in _FURTHER if name in call)
    plain = (call["caller_number"], call["callee_number"], call["duration_seconds"], show_answer(call["answered"]))
    return (time, *plain, further)


def print_proposal(out: Output, proposal: DialectProposal) -> None:
    """Print how a file is read, or what comes near."""
    layout = None if proposal.layout is None else proposal.layout.to_dict()
    if layout is not None and proposal.recognised:
        out.prose(f"{proposal.path}: {layout['dialect']} ({layout['description']}), as {layout['reason']}.")
    else:
        out.prose(f"{proposal.path}: no dialect fits.")
    for miss in proposal.near_misses:
        out.prose(str(miss), label="- ")
    for field, reason in proposal.guessed.items():
        out.prose(f"{field}: {reason}.", label="- ")
    for field in proposal.missing:
        out.prose(f"{field}: no column seems to hold it.", label="- ")
    if layout is not None:
        _print_layout(out, layout)
    for notice in (*proposal.notices, *(layout["notices"] if layout is not None else ())):
        out.note(notice)


def _print_layout(out: Output, layout: Mapping[str, Any]) -> None:
    header = f"header in line {layout['header_line']}" if layout["header_line"] else "no header"
    delimiter = _DELIMITERS.get(layout["delimiter"], repr(layout["delimiter"]))
    out.prose(f"Delimiter {delimiter}, {layout['encoding']}, {header}; times in {layout['timezone']}.")
    out.line()
    print_fields(out, layout)
    out.line()
    out.prose(f"Columns that are not used: {', '.join(layout['unused']) or 'none'}.")
    out.prose(f"Fields that no column feeds: {', '.join(layout['missing']) or 'none'}.")


def judge(proposal: DialectProposal) -> ExitCode:
    """Return the exit code: 3 where no dialect fits, and the proposed one is to be checked or completed."""
    return ExitCode.DONE if proposal.recognised else ExitCode.PARTLY_DONE
