"""What `import audio_batch` offers."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

import audio_batch as ab
from audio_batch.errors import AudioError
from batch_base.errors import ReportedError
from sentinel_batch.errors import SentinelError

HEAVY = ("numpy", "polars", "scipy", "librosa", "soundfile", "xgboost", "onnxruntime")


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
