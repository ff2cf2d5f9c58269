"""Tables for the terminal: no cell is ever cut off; a narrow terminal gets fewer columns, and is told so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sentinel_batch.cli.text import format_moment, to_printable
from sentinel_batch.window import format_duration

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

SEVERITY_MARKS = {"CRITICAL": ("◆", "bold red"), "HIGH": ("▲", "red"), "MEDIUM": ("■", "yellow"), "LOW": ("●", "cyan")}
"""Severity to icon (those of the report) and colour; the word is always printed too."""

_GAP = 2
_LONGEST_WORD = 32


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    heading
        Its heading.
    numeric
        It holds numbers, which are aligned to the right.
    fold
        It holds long text, which is broken between words.
    drop
        Order in which columns are left out where the terminal is too narrow: the highest first, 0 never.
    least
        Width below which a column that folds is better left out.
    """

    heading: str
    numeric: bool = False
    fold: bool = False
    drop: int = 0
    least: int = 12


def draw_table(
    console: Console, columns: Sequence[Column], rows: Iterable[Sequence[Any]], title: str = ""
) -> list[str]:
    """Draw a table; where the console is too narrow for it, with fewer columns, or one card of lines for each row.

    Parameters
    ----------
    console
        Where to draw.
    columns
        Headings; columns that fold give way first, then those that may be left out are. One that may be, and holds
        nothing, is.
    rows
        One value per column. A severity gets its icon and colour, a time is written in UTC, None is empty.
    title
        A line above.

    Returns
    -------
    list of str
        Headings of the columns that were left out for lack of width.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    kept = [n for n, column in enumerate(columns) if not column.drop or any(row[n].cell_len for row in cells)]
    left_out = []
    while (widths := _share_width(*_pick(columns, cells, kept), console.width)) is None:
        going = max(kept, key=lambda n: columns[n].drop)
        if not columns[going].drop:
            break
        kept.remove(going)
        left_out.append(columns[going].heading)
    if widths is None:
        _draw_cards(console, columns, cells, title)
        return []
    _draw_grid(console, *_pick(columns, cells, kept), title, widths)
    return left_out


def _pick(
    columns: Sequence[Column], cells: list[list[Text]], kept: Sequence[int]
) -> tuple[list[Column], list[list[Text]]]:
    return [columns[n] for n in kept], [[row[n] for n in kept] for row in cells]


def _share_width(columns: Sequence[Column], cells: list[list[Text]], width: int) -> list[int] | None:
    """Return the width of each column, None if they do not fit: those that fold give way, but break no word."""
    texts = [[column.heading, *(row[index].plain for row in cells)] for index, column in enumerate(columns)]
    natural = [max(map(_count_cells, column)) for column in texts]
    widths = [
        min(whole, max(which.least, _measure_words(column))) if which.fold else whole
        for which, column, whole in zip(columns, texts, natural, strict=True)
    ]
    spare = width - sum(widths) - _GAP * (len(columns) - 1)
    if spare < 0:
        return None
    while spare and widths != natural:
        _, narrowest = min(
            (have, n) for n, (have, whole) in enumerate(zip(widths, natural, strict=True)) if have < whole
        )
        widths[narrowest] += 1
        spare -= 1
    return widths


def _count_cells(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(text)


def _measure_words(texts: Sequence[str]) -> int:
    """Return the length of the longest word, up to what no table keeps whole."""
    return min(_LONGEST_WORD, max((_count_cells(word) for text in texts for word in text.split()), default=0))


def _draw_grid(
    console: Console, columns: Sequence[Column], cells: list[list[Text]], title: str, widths: Sequence[int]
) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=box.SIMPLE_HEAD,
        title=Text(title, style="bold") if title else None,
        title_justify="left",
        collapse_padding=True,
        pad_edge=False,
        show_edge=False,
    )
    for column, width in zip(columns, widths, strict=True):
        justify: Any = "right" if column.numeric else "left"
        table.add_column(column.heading, justify=justify, overflow="fold", no_wrap=not column.fold, width=width)
    for row in cells:
        table.add_row(*row)
    console.print(table)


def _draw_cards(console: Console, columns: Sequence[Column], cells: list[list[Text]], title: str) -> None:
    from rich.text import Text

    lines = [Text(title, style="bold")] if title else []
    for row in cells:
        for column, cell in zip(columns, row, strict=True):
            if cell.cell_len:
                lines.append(Text.assemble((f"{column.heading or '-'}: ", "bold"), cell))
        lines.append(Text())
    # At once: half of the time of a list of alerts went into a print for each line.
    console.print(Text("\n").join(lines), overflow="fold")


def _cell(value: Any) -> Text:
    from rich.text import Text

    if isinstance(value, str) and value in SEVERITY_MARKS:
        icon, style = SEVERITY_MARKS[value]
        return Text(f"{icon} {value}", style=style)
    if value is None:
        return Text("")
    if isinstance(value, datetime):
        return Text(format_moment(value))
    if isinstance(value, timedelta):
        return Text(format_duration(value))
    if isinstance(value, float):
        return Text(f"{value:,.2f}")
    if isinstance(value, int) and not isinstance(value, bool):
        return Text(f"{value:,}")
    return Text(to_printable(str(value)).replace("\n", " "))
