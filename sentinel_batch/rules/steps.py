"""Steps: pieces of SQL that rules share, each in a file of its own with a header that documents it.

A step's file begins with a TOML header in a comment: ``description``, ``example``, ``adds`` (the names that it adds
to the query), ``columns`` (what the last of them has), ``binds`` (values that the rule must declare), and one table
``[arguments.NAME]`` for each argument. ``NAME.trailing.sql`` beside it is what stands in its place in a query of one
trailing window, ``NAME.swept.sql`` in one whose sweep the engine works out itself.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from batch_base.suggestions import suggest
from sentinel_batch.errors import RuleError
from sentinel_batch.rules.arguments import ALLOWED, KINDS, Argument, Column, read_argument
from sentinel_batch.rules.templates import StepCall

STEPS = Path(__file__).parent.parent / "rulebook" / "steps"
"""Folder of the shipped steps."""

_HEADER = re.compile(r"\s*/\*(.*?)\*/\s*", re.DOTALL)
_KEYS = ("description", "example", "adds", "columns", "binds", "arguments")


@dataclass(frozen=True)
class Step:
    """A step, as its file documents it.

    Parameters
    ----------
    name
        What rules call it.
    file
        Where it stands.
    description, example
        For authors of rules.
    adds
        Names that it adds to the query's ``WITH``; none for an expression.
    columns
        Column to meaning: what the last of these names has, besides what it is given.
    binds
        Values and lists that the rule which calls it must declare, such as ``min_destinations``.
    arguments
        By name, in order.
    body, trailing_body, swept_body
        Its SQL, that for one trailing window, and that beside states which the engine works out (the same unless there
        is a file for it).
    """

    name: str
    file: str
    description: str
    example: str
    adds: tuple[str, ...]
    columns: Mapping[str, str]
    binds: tuple[str, ...]
    arguments: Mapping[str, Argument]
    body: str = field(repr=False)
    trailing_body: str = field(repr=False)
    swept_body: str = field(repr=False)

    def bind(self, call: StepCall, scope: Mapping[str, Any], place: str) -> dict[str, Any]:
        """Return the value of every argument for one call.

        Parameters
        ----------
        call
            What was written.
        scope
            Arguments of the step in which the call stands.
        place
            Where the call stands, ``file:line``, for messages.

        Raises
        ------
        RuleError
            If an argument is unknown, missing, given twice, or not of its kind.
        """
        if len(call.positional) > len(self.arguments):
            raise self._error(place, f"has {len(call.positional)} arguments", f"It takes: {self.usage}.")
        given = dict(zip(self.arguments, call.positional, strict=False))
        for name, value in call.named.items():
            if name not in self.arguments:
                hint = suggest(name, self.arguments, f"Its arguments are: {', '.join(self.arguments) or 'none'}.")
                raise self._error(place, f"has no argument {name!r}", hint)
            if name in given:
                raise self._error(place, f"is given {name!r} twice", f"It takes: {self.usage}.")
            given[name] = value
        return {name: self._value(argument, given, scope, place) for name, argument in self.arguments.items()}

    def choose_body(self, is_trailing: bool, is_swept: bool) -> str:
        """Return the SQL for a kind of query."""
        return self.trailing_body if is_trailing else self.swept_body if is_swept else self.body

    @property
    def has_trailing(self) -> bool:
        """Whether it is another one in a query of one trailing window."""
        return self.trailing_body != self.body

    @property
    def usage(self) -> str:
        """The step as it is called, with its defaults."""
        return f"{self.name}({', '.join(argument.usage for argument in self.arguments.values())})"

    def _value(self, argument: Argument, given: Mapping[str, Any], scope: Mapping[str, Any], place: str) -> Any:
        if argument.name not in given:
            if argument.is_needed:
                raise self._error(place, f"needs {argument.name!r}", f"It takes: {self.usage}.")
            value = argument.default
        else:
            value = resolve(given[argument.name], scope, place)
        try:
            return KINDS[argument.kind](value)
        except (TypeError, ValueError):
            hint = f"{argument.name} is {ALLOWED[argument.kind]}: {argument.description}"
            raise self._error(place, f"is given {argument.name} = {value!r}", hint) from None

    def _error(self, place: str, message: str, hint: str) -> RuleError:
        return RuleError(f"{place}: step {self.name} {message}.", hint=hint)


def resolve(value: Any, scope: Mapping[str, Any], place: str) -> Any:
    """Return a value of a call with the arguments that it refers to put in.

    Raises
    ------
    RuleError
        If it refers to something that is not an argument.
    """
    if isinstance(value, list):
        return [resolve(item, scope, place) for item in value]
    name = getattr(value, "name", None)
    if isinstance(value, Column) or name is None:
        return value
    if name not in scope:
        hint = suggest(name, scope, f'Texts need quotes: "{name}".')
        raise RuleError(f"{place}: {name} is not an argument here.", hint=hint)
    return scope[name] if value.part is None else getattr(scope[name], value.part)


def load_step(name: str, own: Path | None = None) -> Step:
    """Return a shipped step, or one of a book's own.

    Parameters
    ----------
    name
        What the rule calls it.
    own
        Folder of the book's own steps, if it has one.

    Raises
    ------
    RuleError
        If there is none, or its file is not as described, or a step of one's own has the name of a shipped one.
    """
    mine = own / f"{name}.sql" if own is not None and name.isidentifier() else None
    if mine is None or not mine.is_file():
        shipped = _load_shipped(name)
        if shipped is not None:
            return shipped
        known = [*list_steps(), *(list_steps(own) if own is not None else ())]
        raise RuleError(f"There is no step {name!r}.", hint=suggest(name, known, f"The steps are: {', '.join(known)}."))
    if _load_shipped(name) is not None:
        raise RuleError(f"{mine}: there is a shipped step {name}.", hint="Give this one another name.")
    return _read_step(mine, str(mine))


@cache
def _load_shipped(name: str) -> Step | None:
    path = STEPS / f"{name}.sql"
    return _read_step(path, f"steps/{path.name}") if name.isidentifier() and path.is_file() else None


def list_steps(folder: Path = STEPS) -> list[str]:
    """Return the names of the steps in a folder, sorted."""
    return sorted(path.stem for path in folder.glob("*.sql") if "." not in path.stem)


def _read_step(path: Path, file: str) -> Step:
    text = path.read_text(encoding="utf-8")
    header = _HEADER.match(text)
    try:
        data = tomllib.loads(header[1] if header else "")
        unknown = [key for key in data if key not in _KEYS]
        if header is None or unknown or not data["description"].strip():
            raise KeyError(*unknown)
        arguments = {name: read_argument(name, table) for name, table in data.get("arguments", {}).items()}
        example = data.get("example", "")
    except (tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        hint = f"A step begins with a /* TOML */ comment that may have: {', '.join(_KEYS)}."
        raise RuleError(f"{file}:1: the step's header cannot be read: {error!r}.", hint=hint) from None
    body = text[header.end() :].strip()
    return Step(
        name=path.stem,
        file=file,
        description=data["description"].strip(),
        example=example.strip(),
        adds=tuple(data.get("adds", ())),
        columns=data.get("columns", {}),
        binds=tuple(data.get("binds", ())),
        arguments=arguments,
        body=body,
        trailing_body=_read_form(path, "trailing", body),
        swept_body=_read_form(path, "swept", body),
    )


def _read_form(path: Path, form: str, body: str) -> str:
    beside = path.with_name(f"{path.stem}.{form}.sql")
    return beside.read_text(encoding="utf-8").strip() if beside.is_file() else body
