"""From the text of a rule to the queries that run: steps put in, every line with the place that it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from sentinel_batch.errors import RuleError
from sentinel_batch.rules.arguments import Column
from sentinel_batch.rules.ladder import Ladder
from sentinel_batch.rules.steps import Step, load_step
from sentinel_batch.rules.templates import Piece, Reference, StepCall, read_braces, split_lines

SEVERITY = "severity"
"""The one step that has no file: the rule's own ladder of severities, as an expression."""

SLIDE = "slide"
"""The step whose states the engine can work out itself; its arguments are those of :class:`Sweep`."""

_STEP_OF_QUERY = re.compile(r"^\s*(\w+) AS (?:\w+ )?\($", re.MULTILINE)


class Sweep(NamedTuple):
    """What a call of the step ``slide`` asks for, with every argument filled in."""

    calls: str
    by: str
    counting: Column | None
    sums: list[Column]
    duration: Column | None
    at: str
    window: str


class Line(NamedTuple):
    """A line of a query, the place that it comes from, and the steps that wrote it, outermost first.

    Where the states of a sweep are a table of the engine's, the line that begins them says what is swept.
    """

    text: str
    file: str
    number: int
    steps: tuple[str, ...] = ()
    sweep: Sweep | None = None


@dataclass(frozen=True)
class Query:
    """One SELECT that an engine can run, line by line."""

    lines: tuple[Line, ...]

    @property
    def sql(self) -> str:
        """The text."""
        return "\n".join(line.text for line in self.lines)

    def locate(self, number: int) -> str:
        """Return where a line of the text, counted from 1, comes from: ``file:line``."""
        line = self.lines[min(max(number, 1), len(self.lines)) - 1]
        return f"{line.file}:{line.number}"

    def name_step(self, number: int) -> str:
        """Return the step of which a line is part, such as ``sweep (instants)``; nothing for the final SELECT."""
        line = self.lines[min(max(number, 1), len(self.lines)) - 1]
        named = _STEP_OF_QUERY.findall("\n".join(before.text for before in self.lines[:number]))
        part = named[-1] if named else ""
        called = " of ".join(reversed(line.steps))
        return f"{called} ({part})" if called and part else called or part


@dataclass(frozen=True)
class Expansion:
    """What the calls of one text expand to: which steps there are, and the rule's ladder.

    Parameters
    ----------
    ladder
        Conditions of the rule's severities.
    own_steps
        Folder of the book's own steps, if it has one.
    is_trailing
        True for a query of the one window that ends with the period.
    is_swept
        True for a query that is to read the states of its sweep from a table.
    """

    ladder: Ladder
    own_steps: Path | None = None
    is_trailing: bool = False
    is_swept: bool = False

    def expand(self, text: str, file: str, first_line: int = 1) -> list[Line]:
        """Return the lines of a rule's text with its steps put in.

        Raises
        ------
        RuleError
            If a call is not one, or names no step, or gives it something that it cannot take.
        """
        return [
            made for pieces in split_lines(text, file, first_line) for made in self._expand_line(pieces, {}, file, ())
        ]

    def _expand_line(
        self, pieces: Sequence[Piece], scope: Mapping[str, Any], file: str, steps: tuple[str, ...]
    ) -> Iterator[Line]:
        if len(pieces) == 1 and not pieces[0].in_braces:
            yield Line(pieces[0].text, file, pieces[0].line, steps)
            return
        made = [Line("", file, pieces[0].line, steps)]
        for piece in pieces:
            plain = [Line(piece.text, file, piece.line, steps)]
            made = _join(made, self._expand_braces(piece, scope, file, steps) if piece.in_braces else plain)
        yield from made

    def _expand_braces(self, piece: Piece, scope: Mapping[str, Any], file: str, steps: tuple[str, ...]) -> list[Line]:
        origin = Line("", file, piece.line, steps)
        read = read_braces(piece, file)
        if isinstance(read, StepCall):
            return self._call(read, scope, origin) or [origin]
        if read.name in scope:
            return [origin._replace(text=_show(scope[read.name], read.part))]
        raise RuleError(
            f"{file}:{piece.line}: there is no step {read.name!r}.", hint=f"A step is called: {read.name}()."
        )

    def _call(self, call: StepCall, scope: Mapping[str, Any], origin: Line) -> list[Line]:
        place = f"{origin.file}:{origin.number}"
        if call.step == SEVERITY:
            return self._write_severity(call, origin)
        # Steps may call steps, so a circle is possible; without this it would end in a stack overflow.
        if call.step in origin.steps:
            raise RuleError(f"{place}: step {call.step} calls itself.", hint="Write it without.")
        try:
            step = load_step(call.step, self.own_steps)
        except RuleError as error:
            raise RuleError(f"{place}: {error.message}", hint=error.hint) from None
        values = step.bind(call, scope, place)
        steps = (*origin.steps, step.name)
        return [
            # An error inside a shipped step is of no use to the author of a rule: the line of the call is. Conditions
            # of severity are the author's own lines, and keep their place.
            line if line.file == self.ladder.file else line._replace(file=origin.file, number=origin.number)
            for line in self._write_step(step, values, steps)
        ]

    def _write_severity(self, call: StepCall, origin: Line) -> list[Line]:
        if call.positional or call.named:
            hint = "Its conditions stand in the [[severity]] tables of the header."
            raise RuleError(f"{origin.file}:{origin.number}: step severity takes no arguments.", hint=hint)
        return [
            Line(text, self.ladder.file, number) if number else origin._replace(text=text)
            for text, number in self.ladder.write_case()
        ]

    def _write_step(self, step: Step, values: Mapping[str, Any], steps: tuple[str, ...]) -> Iterator[Line]:
        sweep = Sweep(**values) if self.is_swept and step.name == SLIDE else None
        for pieces, named in _read_body(step.choose_body(self.is_trailing, self.is_swept), step.file):
            for scope in _repeat(named, values):
                for line in self._expand_line(pieces, scope, step.file, steps):
                    yield line if sweep is None else line._replace(sweep=sweep)
                    sweep = None


@lru_cache(maxsize=256)
def _read_body(text: str, file: str) -> list[tuple[list[Piece], list[Reference]]]:
    """Return the lines of a step, each with the arguments that it names outside calls."""
    lines = []
    for pieces in split_lines(text, file):
        read = (read_braces(piece, file) for piece in pieces if piece.in_braces)
        lines.append((pieces, [found for found in read if isinstance(found, Reference)]))
    return lines


def _repeat(named: Sequence[Reference], values: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the arguments for each time that a line is written: none, one, or one for each item of a list."""
    # An argument that is left out drops its whole line, commas and all; no blocks are needed for that.
    if any(values.get(found.name, "") is None for found in named):
        return
    repeated = {found.name for found in named if found.part != "list" and isinstance(values.get(found.name), list)}
    for number in range(min((len(values[name]) for name in repeated), default=1)):
        yield {**values, **{name: values[name][number] for name in repeated}} if repeated else values


def _show(value: Any, part: str | None) -> str:
    if part == "list":
        return ", ".join(map(str, value))
    return str(value if part is None else getattr(value, part))


def _join(made: Sequence[Line], added: Sequence[Line]) -> list[Line]:
    """Go on at the end of the last line; further lines are indented as it is."""
    last, (first, *rest) = made[-1], added
    origin = last if last.text.strip() else first
    joined = origin._replace(text=last.text + first.text)
    if not rest:
        return [*made[:-1], joined]
    # Only for people: what runs should look as if somebody had written it by hand.
    indent = last.text[: len(last.text) - len(last.text.lstrip())]
    return [*made[:-1], joined, *(line._replace(text=f"{indent}{line.text}" if line.text else "") for line in rest)]
