"""The text of rules and steps: SQL with calls of steps in it, such as ``{{ sweep("calls") }}``.

Nothing in such a text is executed: a call names a step and gives it texts, numbers, lists and ``none``. Inside a step,
``{{ name }}`` stands for an argument; a line that names an argument which is a list is written once for each item, and
a line that names an argument which is ``none`` is left out. ``{{ name.list }}`` is a list in one line.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn

from sentinel_batch.errors import RuleError

_TOKEN = re.compile(r"--[^\n]*|/\*.*?\*/|'(?:[^']|'')*'|\{\{(?P<inside>.*?)\}\}|(?P<block>\{[%#{])", re.DOTALL)
_WORDS = {"none": None, "None": None, "true": True, "True": True, "false": False, "False": False}


class Piece(NamedTuple):
    """A part of a line: plain SQL, or what stands between the braces; ``line`` is its line in the file."""

    text: str
    line: int
    in_braces: bool = False


class Reference(NamedTuple):
    """``{{ name }}`` or ``{{ name.part }}``: an argument of the step in which it stands."""

    name: str
    part: str | None = None


class StepCall(NamedTuple):
    """``{{ step(…) }}``: a value is a text, a number, a list of them, None, or a :class:`Reference`."""

    step: str
    positional: tuple[Any, ...]
    named: Mapping[str, Any]


def split_lines(text: str, place: str, first_line: int = 1) -> Iterator[list[Piece]]:
    """Yield the lines of a text, each as its pieces; a call that spans lines makes one line of them.

    Braces in comments and in quoted texts are left alone.

    Parameters
    ----------
    text
        SQL with calls.
    place
        File that it stands in, for messages.
    first_line
        Line of the file at which the text begins.

    Raises
    ------
    RuleError
        If braces are not closed, or begin a block.
    """
    pieces: list[Piece] = []
    start, line = 0, first_line
    for token in _TOKEN.finditer(text):
        if token["block"] is not None:
            at = line + text.count("\n", start, token.start())
            raise RuleError(
                f"{place}:{at}: {token['block']} is not allowed, or a call is not closed.",
                hint="A rule calls steps, as {{ sweep('calls') }}, and has no blocks.",
                file=place,
                line=at,
            )
        if token["inside"] is None:
            continue
        for is_last, part in _by_line(text[start : token.start()]):
            pieces.append(Piece(part, line))
            if not is_last:
                yield pieces
                pieces, line = [], line + 1
        pieces.append(Piece(token["inside"].strip(), line, in_braces=True))
        line += token[0].count("\n")
        start = token.end()
    for _, part in _by_line(text[start:]):
        yield [*pieces, Piece(part, line)]
        pieces, line = [], line + 1


def _by_line(text: str) -> Iterator[tuple[bool, str]]:
    parts = text.split("\n")
    return ((number == len(parts), part) for number, part in enumerate(parts, 1))


def read_braces(piece: Piece, place: str) -> StepCall | Reference:
    """Return what a piece between braces says.

    Raises
    ------
    RuleError
        If it is neither a name nor a call whose arguments are plain values.
    """
    try:
        return _read(piece.text)
    except (SyntaxError, ValueError):
        raise RuleError(
            f"{place}:{piece.line}: {{{{ {piece.text} }}}} does not call a step.",
            hint="Write a step's name and its arguments: texts in quotes, numbers, lists in [brackets], none. "
            'Such as {{ sweep("calls", sums=["seconds"]) }}.',
            file=place,
            line=piece.line,
        ) from None


@lru_cache(maxsize=1024)
def _read(text: str) -> StepCall | Reference:
    tree = ast.parse(text, mode="eval").body
    if not isinstance(tree, ast.Call):
        value = _read_value(tree)
        return value if isinstance(value, Reference) else _refuse(tree)
    if not isinstance(tree.func, ast.Name) or any(keyword.arg is None for keyword in tree.keywords):
        _refuse(tree)
    return StepCall(
        tree.func.id,
        tuple(_read_value(node) for node in tree.args),
        {str(keyword.arg): _read_value(keyword.value) for keyword in tree.keywords},
    )


def _read_value(node: ast.expr) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int | None):
        return node.value
    if isinstance(node, ast.Name):
        return _WORDS[node.id] if node.id in _WORDS else Reference(node.id)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return Reference(node.value.id, node.attr)
    if isinstance(node, ast.List):
        return [_read_value(item) for item in node.elts]
    return _refuse(node)


def _refuse(node: ast.expr) -> NoReturn:
    raise ValueError(ast.dump(node))
