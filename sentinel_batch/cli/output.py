"""One object decides what is printed where: payload on stdout, everything else on stderr."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any, TextIO

from batch_base.plain import to_plain
from sentinel_batch.cli.activity import Activity, clear_line, show_activity
from sentinel_batch.cli.tables import SEVERITY_MARKS, Column, draw_table
from sentinel_batch.cli.text import format_moment, to_printable, wrap

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["SEVERITY_MARKS", "Activity", "Column", "Output", "format_moment", "to_printable"]

JSON_SCHEMA_VERSION = 1
"""Version of every document that ``--json`` prints; a change that breaks a reader raises it."""


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

    def prose(self, text: str, *, label: str = "", indent: str = "") -> None:
        """Print payload that is meant to be read: broken between words where the terminal ends, beside its label."""
        width = shutil.get_terminal_size((80, 24)).columns
        self.line(wrap(text, width, label, indent or " " * len(label)))

    def raw(self, text: str) -> None:
        """Print payload as it is, such as CSV."""
        _write(sys.stdout, text)

    def table(self, columns: Sequence[Column], rows: Iterable[Sequence[Any]], *, title: str = "") -> None:
        """Print a table as payload; what a narrow terminal has no room for is left out, and said."""
        with self._console(sys.stdout) as console:
            left_out = draw_table(console, columns, rows, title)
        if left_out:
            self.note(f"No room for: {', '.join(left_out)} (see a wider terminal, or --json)")

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
    def progress(self, label: str) -> Iterator[Activity | None]:
        """Give what shows how far the work is, or None where progress is not shown."""
        if not self.shows_progress:
            yield None
            return
        with show_activity(label, colours=self._colours(sys.stderr)) as activity:
            yield activity

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


def _write(stream: TextIO, text: str) -> None:
    """Write and flush; a reader that went away (``| head``) is no error, and ends the output."""
    clear_line()
    encoding = getattr(stream, "encoding", None) or "utf-8"
    try:
        stream.write(text.encode(encoding, "replace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, stream.fileno())
        os.close(silent)
