"""What `import audio_batch` offers."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import audio_batch as ab
from audio_batch.errors import AudioError
from batch_base.errors import ReportedError
from sentinel_batch.errors import SentinelError

ROOT = Path(__file__).parents[2]
HEAVY = ("numpy", "polars", "scipy", "librosa", "soundfile", "xgboost", "onnxruntime")


PACKAGES = [
    importlib.import_module(f"{stub.parent.relative_to(ROOT)}".replace("/", "."))
    for stub in sorted(ROOT.glob("*_batch/**/__init__.pyi"))
]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_exported_name_is_there_with_a_docstring(package: ModuleType) -> None:
    assert package.__all__ and dir(package) == package.__all__
    found = [getattr(package, name) for name in package.__all__]
    described = [one for one in found if inspect.isfunction(one) or inspect.isclass(one)]
    assert described and [one for one in described if not (one.__doc__ or "").strip()] == []
    with pytest.raises(AttributeError, match="nothing"):
        _ = package.nothing


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_no_exported_name_is_hidden_by_a_module(package: ModuleType) -> None:
    modules = [info.name for info in pkgutil.iter_modules(package.__path__)]
    for module in modules:
        importlib.import_module(f"{package.__name__}.{module}")
    assert [name for name in package.__all__ if isinstance(getattr(package, name), ModuleType)] == []
    assert set(modules).isdisjoint(package.__all__)


def test_the_voice_engine_and_its_parts_export_by_stub() -> None:
    assert {"audio_batch", "audio_batch.decoding", "audio_batch.spoof"} <= {package.__name__ for package in PACKAGES}


def test_functions_are_verbs_of_their_own_parts() -> None:
    functions = [name for name in ab.__all__ if inspect.isfunction(getattr(ab, name))]
    assert {"assess", "demonstrate", "run", "score", "tabulate_features"} <= set(functions)
    assert all(getattr(ab, name).__module__.startswith("audio_batch.") for name in functions)


def test_importing_the_package_and_its_errors_loads_nothing_heavy() -> None:
    program = f"import sys, audio_batch, sentinel_batch.errors; print(sorted(set({HEAVY}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", [AudioError, SentinelError])
def test_errors_of_both_packages_have_one_shape(kind: type[ReportedError]) -> None:
    error = kind("'x' is wrong.", hint="Use y.", value="x")
    assert (str(error), error.details) == ("'x' is wrong.\nHint: Use y.", {"value": "x"})
    assert str(kind("Wrong.")) == "Wrong." and error.code == kind.__name__.removesuffix("Error").lower()
