"""The stub of a desk's methods, written from the functions.

A method that is made when it is looked up has no signature that a type checker could see, and one written by hand
drifts. Written anew by ``python -m sentinel_batch.verb_stub sentinel_batch/verbs.pyi``; a test tells when it is stale.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

import sentinel_batch
from sentinel_batch.binding import list_verbs, sign_verb

_HEAD = "# Written by: python -m sentinel_batch.verb_stub sentinel_batch/verbs.pyi\n\n"
_WIDTH = 120
_MARKS: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}

Origin = tuple[str, str]
"""Module and name there; without a name the module itself."""


def render_stub() -> str:
    """Return the stub: a class with a method for each verb, and the imports that their types need."""
    functions = [getattr(sentinel_batch, name) for name in list_verbs()]
    origins: dict[str, set[Origin]] = defaultdict(set)
    for function in functions:
        for name, origin in _origins(function).items():
            origins[name].add(origin)
    imports = sorted(
        _import(origin, name if len(several) == 1 else _tell_apart(origin))
        for name, several in origins.items()
        for origin in several
    )
    methods = "\n".join(_method(function, origins) for function in functions)
    return f"{_HEAD}{''.join(imports)}\nclass Verbs:\n{methods}"


def _method(function: Callable[..., Any], origins: dict[str, set[Origin]]) -> str:
    own = _origins(function)
    renamed = {name: _tell_apart(own[name]) for name in own if len(origins[name]) > 1}
    signature = sign_verb(function)
    parameters = ["self", *_parameters(signature, renamed)]
    result = _spell(signature.return_annotation, renamed)
    line = f"    def {function.__name__}({', '.join(parameters)}) -> {result}:"
    if len(line) > _WIDTH:
        rows = "".join(f"        {parameter},\n" for parameter in parameters)
        line = f"    def {function.__name__}(\n{rows}    ) -> {result}:"
    summary = (function.__doc__ or "").strip().partition("\n")[0]
    return f'{line}\n        """{summary}"""\n'


def _parameters(signature: inspect.Signature, renamed: dict[str, str]) -> Iterator[str]:
    starred = False
    for parameter in signature.parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        mark = _MARKS.get(parameter.kind, "")
        text = f"{mark}{parameter.name}: {_spell(parameter.annotation, renamed)}"
        if parameter.default is inspect.Parameter.empty:
            yield text
        elif parameter.default is None or isinstance(parameter.default, (bool, int, float, str)):
            yield f"{text} = {parameter.default!r}"
        else:
            yield f"{text} = ..."


def _spell(annotation: str, renamed: dict[str, str]) -> str:
    tree = ast.parse(annotation, mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = renamed.get(node.id, node.id)
    return ast.unparse(tree)


def _origins(function: Callable[..., Any]) -> dict[str, Origin]:
    """Return where the names in a function's types come from, builtins left out."""
    signature = sign_verb(function)
    types = [parameter.annotation for parameter in signature.parameters.values()] + [signature.return_annotation]
    names = {node.id for text in types for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    imported = _imported(function.__module__)
    return {
        name: imported.get(name, (function.__module__, name)) for name in sorted(names) if not hasattr(builtins, name)
    }


def _imported(module: str) -> dict[str, Origin]:
    """Return what a module imports, for type checkers only too; a class by the module that defines it."""
    tree = ast.parse(Path(str(sys.modules[module].__file__)).read_text(encoding="utf-8"))
    found: dict[str, Origin] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            home = resolve_name("." * node.level + (node.module or ""), module.rpartition(".")[0])
            for alias in node.names:
                value = getattr(import_module(home), alias.name) if "_batch" in home else None
                defined = value.__module__ if isinstance(value, type) else home
                found[alias.asname or alias.name] = (defined, alias.name)
        elif isinstance(node, ast.Import):
            found |= {alias.asname or alias.name: (alias.name, "") for alias in node.names}
    return found


def _tell_apart(origin: Origin) -> str:
    module, name = origin
    return f"{module.split('.')[1].title()}{name}"


def _import(origin: Origin, name: str) -> str:
    module, there = origin
    renamed = f" as {name}" if name != (there or module) else ""
    return f"from {module} import {there}{renamed}\n" if there else f"import {module}{renamed}\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render_stub(), encoding="utf-8")
