"""One object decides what is printed where: payload on stdout, everything else on stderr."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from sentinel_batch.window import format_duration

if TYPE_CHECKING:
    from rich.console import Console

JSON_SCHEMA_VERSION = 1
"""Version of every document that ``--json`` prints; a change that breaks a reader raises it."""

SEVERITY_MARKS = {"CRITICAL": ("◆", "bold red"), "HIGH": ("▲", "red"), "MEDIUM": ("■", "yellow"), "LOW": ("●", "cyan")}
"""Severity to icon (those of the report) and colour; the word is always printed too."""

_DIRECTION_CONTROLS = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)}


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, and whether it holds numbers (right-aligned) or long text (folded)."""

    heading: str
    numeric: bool = False
    fold: bool = False


class Output:
    """Where text goes.

    Parameters
    ----------
    as_json
        Exactly one JSON document goes to stdout, and no text.
    quiet
        Only payload, warnings and errors are printed.
    color
        ``auto`` (a terminal, and ``NO_COLOR`` unset), ``always`` or ``never``.
    """

    def __init__(self, *, as_json: bool = False, quiet: bool = False, color: str = "auto") -> None:
        self.as_json = as_json
        self.quiet = quiet
        self.color = color

    # -- payload ----------------------------------------------------------------------------------------------

    def document(self, facts: Mapping[str, Any]) -> None:
        """Print the JSON document of the command."""
        plain = {"schema_version": JSON_SCHEMA_VERSION, **facts}
        ordered = {key: plain[key] for key in (*facts, "schema_version")}
        _write(sys.stdout, json.dumps(to_plain(ordered), indent=2, allow_nan=False) + "\n")

    def line(self, text: str = "") -> None:
        """Print a line of payload."""
        _write(sys.stdout, to_printable(text) + "\n")

    def raw(self, text: str) -> None:
        """Print payload as it is, such as CSV."""
        _write(sys.stdout, text)

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Any]], *, title: str = "") -> None:
        """Print a table as payload; cells that name a severity get its icon and colour."""
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
        for column in columns:
            table.add_column(
                column.heading,
                justify="right" if column.numeric else "left",
                overflow="fold",
                no_wrap=not column.fold,
            )
        for row in rows:
            table.add_row(*(_cell(value) for value in row))
        with self._console(sys.stdout) as console:
            console.print(table)

    # -- everything else --------------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Print a remark, unless asked to be quiet."""
        if not self.quiet:
            _write(sys.stderr, to_printable(text) + "\n")

    def log(self, facts: Mapping[str, Any]) -> None:
        """Print one line of a structured log, unless asked to be quiet."""
        if not self.quiet:
            _write(sys.stderr, json.dumps(to_plain(facts), allow_nan=False) + "\n")

    def warn(self, text: str) -> None:
        """Print a warning."""
        self._labelled("Warning:", "yellow", text)

    def error(self, message: str, hint: str = "") -> None:
        """Print an error and what to do about it."""
        self._labelled("Error:", "bold red", message)
        if hint:
            self._labelled("Hint:", "bold", hint)

    @property
    def shows_progress(self) -> bool:
        """Tell whether progress may be drawn: only on a terminal, and not when asked to be quiet."""
        return not self.quiet and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"

    @contextmanager
    def progress(self, label: str) -> Iterator[Progress | None]:
        """Give a bar on stderr, or None where progress is not shown."""
        if not self.shows_progress:
            yield None
            return
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        console = Console(file=sys.stderr, no_color=not self._colours(sys.stderr))
        bar = RichProgress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        with bar:
            yield Progress(bar, bar.add_task(label, total=None))

    def _labelled(self, label: str, style: str, text: str) -> None:
        if not self._colours(sys.stderr):
            _write(sys.stderr, f"{label} {to_printable(text)}\n")
            return
        from rich.text import Text

        with self._console(sys.stderr) as console:
            console.print(Text.assemble((label, style), " ", to_printable(text)), soft_wrap=True)

    def _colours(self, stream: TextIO) -> bool:
        if self.color != "auto":
            return self.color == "always"
        return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    @contextmanager
    def _console(self, stream: TextIO) -> Iterator[Console]:
        from io import StringIO

        from rich.console import Console

        colours = self._colours(stream)
        console = Console(
            file=StringIO(),
            width=shutil.get_terminal_size((80, 24)).columns,
            force_terminal=colours,
            color_system="standard" if colours else None,
            no_color=not colours,
            markup=False,
            highlight=False,
            emoji=False,
            legacy_windows=False,
        )
        yield console
        text = console.file.getvalue()  # type: ignore[attr-defined]
        _write(stream, "".join(line.rstrip() + "\n" for line in text.splitlines()))


@dataclass
class Progress:
    """A bar under way; call it with what is worked on, what is done, and the total."""

    bar: Any
    task: Any

    def __call__(self, label: str, done: int, total: int) -> None:
        self.bar.update(self.task, description=to_printable(label)[-40:], completed=done, total=total)


def to_plain(value: Any) -> Any:
    """Return a value as JSON can hold it: times in RFC 3339 UTC, paths as text, no NaN."""
    if isinstance(value, Enum):
        return to_plain(value.value)
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
        return moment.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return to_plain(asdict(value))
    if isinstance(value, Iterable) and not isinstance(value, Path | bytes):
        return [to_plain(item) for item in value]
    return str(value)


def to_printable(text: str) -> str:
    """Return text that cannot steer a terminal: control and direction characters are written as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c in "\n\t" or not _steers(c) else c.encode("unicode_escape").decode() for c in text)


def format_moment(moment: datetime | None) -> str:
    """Write an instant for a table, to the second, without the zone (headings say UTC)."""
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def _steers(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cs"} or character in _DIRECTION_CONTROLS


def _cell(value: Any) -> Any:
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


def _write(stream: TextIO, text: str) -> None:
    """Write and flush; a reader that went away (``| head``) is no error, and ends the output."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        stream.write(text.encode(encoding, "replace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, stream.fileno())
        os.close(silent)
