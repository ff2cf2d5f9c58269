"""What a package offers is listed once: in its stub, which type checkers read and lazy-loader serves."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

import audio_batch
import sentinel_batch as sb

ROOT = Path(__file__).parents[2]
STUBS = sorted(ROOT.glob("*_batch/**/__init__.pyi"))
PACKAGES = [importlib.import_module(".".join(stub.parent.relative_to(ROOT).parts)) for stub in STUBS]
each_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)


@each_package
def test_every_name_of_the_stub_resolves_and_says_what_it_is(package: ModuleType) -> None:
    assert package.__all__ and dir(package) == package.__all__
    found = [getattr(package, name) for name in package.__all__]
    described = [one for one in found if inspect.isfunction(one) or inspect.isclass(one)]
    assert described and [one for one in described if not (one.__doc__ or "").strip()] == []
    with pytest.raises(AttributeError, match="nothing"):
        _ = package.nothing


@each_package
def test_a_resolved_name_stays_on_the_package_where_a_test_can_replace_it(
    package: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = package.__all__[0]
    resolved = getattr(package, name)
    assert vars(package)[name] is resolved
    monkeypatch.setattr(package, name, "replaced")
    assert getattr(package, name) == "replaced"


@each_package
def test_no_exported_name_is_hidden_by_a_module(package: ModuleType) -> None:
    modules = [info.name for info in pkgutil.iter_modules(package.__path__) if info.name != "__main__"]
    for module in modules:
        importlib.import_module(f"{package.__name__}.{module}")
    assert [name for name in package.__all__ if isinstance(getattr(package, name), ModuleType)] == []
    assert set(modules).isdisjoint(package.__all__)


@pytest.mark.parametrize("stub", STUBS, ids=lambda stub: str(stub.parent.relative_to(ROOT)))
def test_a_stub_names_each_thing_once_and_by_its_own_name(stub: Path) -> None:
    imports = [node for node in ast.parse(stub.read_text()).body if isinstance(node, ast.ImportFrom)]
    names = [alias for node in imports for alias in node.names]
    assert [name for name, times in Counter(alias.name for alias in names).items() if times > 1] == []
    assert [alias.name for alias in names if alias.asname != alias.name] == []


def test_no_package_lists_its_names_beside_a_stub() -> None:
    for init in ROOT.glob("*_batch/**/__init__.py"):
        tree = ast.parse(init.read_text())
        lists = [
            target.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and not isinstance(node.value, ast.Call)
            for target in node.targets
            if isinstance(target, ast.Name) and target.id not in {"__version__", "ALLOCATOR"}
        ]
        assert lists == [], init
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name[:2] == "__"], (
            init
        )


def test_the_packages_with_a_stub() -> None:
    names = {package.__name__ for package in PACKAGES}
    assert {
        "audio_batch",
        "audio_batch.spoof",
        "sentinel_batch",
        "sentinel_batch.alerts",
        "sentinel_batch.lake",
    } <= names


def test_the_version_is_there_without_loading_anything() -> None:
    assert vars(sb)["__version__"].count(".") == 2


@pytest.mark.parametrize("package", [sb, audio_batch], ids=lambda package: package.__name__)
def test_the_help_of_a_public_function_stands_on_its_own(package: ModuleType) -> None:
    for name in package.__all__:
        function = getattr(package, name)
        if inspect.isfunction(function):
            said = inspect.getdoc(function) or ""
            lines = [line.strip() for line in said.splitlines()]
            documented = {
                word.strip("*") for line in lines for word in line.split(", ") if re.fullmatch(r"\**\w+", word)
            }
            assert set(inspect.signature(function).parameters) <= documented, name
            assert "As for :func" not in said and "re those of :func" not in said, name
