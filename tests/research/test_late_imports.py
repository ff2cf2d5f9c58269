"""Benchmarks and research import late, and run seldom: what they ask of the product must be there all the same."""

from __future__ import annotations

import ast
import importlib
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OWN = ("audio_batch", "sentinel_batch", "batch_base", "benchmarks", "research")
FILES = sorted(path for folder in ("benchmarks", "research", "docs") for path in (ROOT / folder).rglob("*.py"))


def _list_imports(source: str) -> list[tuple[str, str]]:
    """Return module and name of whatever is imported from this repository, wherever in the file."""
    return [
        (node.module, alias.name)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in OWN
        for alias in node.names
    ]


def _exists(module: str, name: str) -> bool:
    owner = importlib.import_module(module)
    return hasattr(owner, name) or (
        hasattr(owner, "__path__") and importlib.util.find_spec(f"{module}.{name}") is not None
    )


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_is_imported_from_the_product_exists(path: Path) -> None:
    missing = [pair for pair in _list_imports(path.read_text(encoding="utf-8")) if not _exists(*pair)]
    assert missing == []
