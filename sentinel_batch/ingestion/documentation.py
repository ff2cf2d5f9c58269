"""The tables of docs/dialects.md: ``python -m sentinel_batch.ingestion.documentation docs/dialects.md``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sentinel_batch.generated_pages import replace_parts, take_place
from sentinel_batch.ingestion.dialects.catalogue import list_dialects
from sentinel_batch.ingestion.dialects.dialect import Dialect
from sentinel_batch.ingestion.shaping.rows import REASONS

_MAKER = "sentinel_batch.ingestion.documentation"
_HEADERS = {"required": "A header is required.", "optional": "With or without a header.", "none": "No header."}
_DELIMITERS = {"\t": "a tab", "fixed": "aligned columns"}
_MEANINGS = {
    "ragged_row": "The row ends before the last column that is needed, or has text beyond the last column.",
    "missing_caller": "No caller: empty, `NULL`, `-` or the like.",
    "rounded_caller": "A spreadsheet has rounded the caller (`2.34803E+12`): its last digits are lost.",
    "invalid_caller": "The caller is withheld, a name, or no telephone number.",
    "caller_short_code": "The caller is a short code or extension, and the dialect does not allow that.",
    "missing_callee": "No callee.",
    "rounded_callee": "A spreadsheet has rounded the callee.",
    "invalid_callee": "The callee has neither a letter nor a digit.",
    "missing_timestamp": "No time; of separate columns, no date or no time of day.",
    "bad_timestamp": "The time is in no notation known, does not exist, or is skipped by a clock change.",
    "implausible_timestamp": "The call is older than `earliest_call`, or more than a day after the ingest.",
    "missing_duration": "No duration, and the file does not say that the call was unanswered.",
    "bad_duration": "The duration is in no notation known, or longer than 999,999,999 s.",
    "negative_duration": "The duration is negative, other than -1.",
}


def render_dialects() -> str:
    """Return one Markdown section for each shipped dialect, in the order in which they are tried."""
    return "\n\n".join(_render(dialect) for dialect in list_dialects())


def render_reasons() -> str:
    """Return the Markdown table of reject reasons, in the order in which they are looked for."""
    rows = [f"| `{reason}` | {_MEANINGS[reason]} |" for reason in REASONS]
    return "\n".join(["| reason | meaning |", "|---|---|", *rows])


def render_page(page: str) -> str:
    """Return a page with its generated parts made anew; all other text stays.

    Parameters
    ----------
    page
        The page's text, with a begin and an end mark around each part.

    Raises
    ------
    UsageError
        If a mark is missing.
    """
    return replace_parts(page, {"dialects": render_dialects(), "reasons": render_reasons()}, _MAKER)


def _render(dialect: Dialect) -> str:
    alike = [field for field, columns in dialect.fields.items() if columns == (field,)]
    rows = [f"| `{field}` | {_list(columns)} |" for field, columns in dialect.fields.items() if field not in alike]
    rows += [f"| {_list(alike)} | the same |"] if alike else []
    facts = [_describe_rows(dialect), *_describe_selection(dialect), _describe_time(dialect)]
    facts += [*_describe_parties(dialect), _describe_answered(dialect), _describe_legs(dialect)]
    if dialect.short_callers:
        facts.append("A short code (an extension) may be a caller.")
    parts = [
        f"### {dialect.name}",
        f"{dialect.description}.",
        "\n".join(["| field | fed by column, best first |", "|---|---|", *rows]),
        "\n".join(f"- {fact}" for fact in facts),
    ]
    return "\n\n".join(parts)


def _describe_rows(dialect: Dialect) -> str:
    text = _HEADERS[dialect.header]
    if dialect.recognised_by:
        text += f" Recognised by the columns {_list(dialect.recognised_by)}."
    if dialect.layouts:
        longest = max(dialect.layouts, key=len)
        counts = ", ".join(str(count) for count in sorted(map(len, dialect.layouts)))
        text += f" Without a header there are {counts} columns, the first ones of: {_list(longest)}."
    text += " Further columns are not read." if dialect.wider else ""
    text += f" Lines such as `{dialect.markers}` are no records." if dialect.markers else ""
    if dialect.delimiter is not None:
        text += f" Delimiter: {_DELIMITERS.get(dialect.delimiter, dialect.delimiter)}."
    return text + (" A row of column types may follow the header." if dialect.type_row else "")


def _describe_selection(dialect: Dialect) -> list[str]:
    """Return what is said of rows that are no calls, nothing where all are."""
    rules = [
        f"{'Calls are only' if kept else 'No calls are'} the rows whose `{column}` is {_list(values, ' or ')}."
        for kept, table in ((True, dialect.keep), (False, dialect.skip))
        for column, values in table.items()
    ]
    return [] if dialect.guess else rules


def _describe_parties(dialect: Dialect) -> list[str]:
    """Return what is said of who called, nothing where caller and callee just stand in their columns."""
    facts = []
    if dialect.subject:
        facts.append(
            f"A row is about `{dialect.subject}`: on inbound rows {_list(dialect.other, ' or ')} is the caller."
        )
    if dialect.number_pattern:
        facts.append(f"Of what stands for a caller or a callee, the group of `{dialect.number_pattern}` is the number.")
    if dialect.outbound_caller:
        facts.append(f"An outbound row without a caller is by `{dialect.outbound_caller}`.")
    if dialect.served_device:
        facts.append("Device, SIM and cell are those of the party served: on inbound rows they are left out.")
    return facts


def _describe_time(dialect: Dialect) -> str:
    zone = f"`{dialect.timezone}`" if dialect.timezone else "the configured zone"
    order = {None: "", True: " The day comes first.", False: " The month comes first."}[dialect.day_first]
    return f"Times without an offset are in {zone}.{order}"


def _describe_answered(dialect: Dialect) -> str:
    ways = []
    if dialect.answered_column:
        ways.append(f"`{dialect.answered_column}` is {_list(dialect.answered_values, ' or ')}")
    ways += [f"`{name}` is above 0" for name in dialect.answered_positive]
    ways += [f"`{name}` is not empty" for name in dialect.answered_present]
    return f"Answered: {', or '.join(ways) or 'the duration is above 0'}."


def _describe_legs(dialect: Dialect) -> str:
    legs = dialect.legs
    if legs.pair:
        return f"Legs of one call: {_list(legs.pair, ' and ')} name each other."
    if legs.call_id:
        otherwise = f", or without it the same `{legs.otherwise}`" if legs.otherwise else ""
        return f"Legs of one call: the same {_list(legs.call_id, ' and ')}{otherwise}."
    if dialect.guess and dialect.fields.get("call_id"):
        return (
            "Legs of one call: the same value in the column that feeds `call_id`, a number in common, begun at most "
            f"{legs.within} s after those before ended."
        )
    return "Every row is a call of its own."


def _list(names: Sequence[str], separator: str = ", ") -> str:
    return separator.join(f"`{name}`" for name in names)


def main(arguments: list[str]) -> None:
    """Make the generated parts of the one page that the arguments name.

    Raises
    ------
    UsageError
        If they name none, or several.
    """
    page = take_place(arguments, _MAKER, "docs/dialects.md")
    page.write_text(render_page(page.read_text(encoding="utf-8")), encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main(sys.argv[1:])
