"""Lakes and command-line calls for the tests of the command line and the public API."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import thoroughness  # noqa: F401  # the command line may name its profile
from typer.main import get_command
from typer.testing import CliRunner

from sentinel_batch.cli.application import app

# Before NumPy is loaded: its threads fight for the cores that tests share (small products of matrices take five times
# the processor time on two threads), and the workers of a batch have one each too.
for _threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")


@dataclass(frozen=True)
class Outcome:
    """What one call of the command line left."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """The one JSON document on stdout; fails if there is more, or less."""
        found = json.loads(self.stdout)
        assert isinstance(found, dict)
        return found


Call = Callable[..., Outcome]

_build_command = cache(get_command)
"""The tree of commands, built once as in a process of its own: it takes longer than most commands."""


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run the command line in an empty folder, with no settings in the environment."""
    for name in ("SENTINEL_CONFIG", "SENTINEL_LAKE", "SENTINEL_DEBUG", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("typer.testing._get_command", _build_command)

    def run(*arguments: object, env: dict[str, str] | None = None) -> Outcome:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments], env=env)
        return Outcome(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture(scope="session")
def _seeded_lake(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    from sentinel_batch import MockCDRGenerator, detect, ingest, record_alerts

    folder = tmp_path_factory.mktemp("cli")
    numbers = MockCDRGenerator(seed=7).save_to_file(
        folder / "calls.csv", total_records=1200, simbox_callers=2, simbox_calls_per_caller=80
    )
    ingest([folder / "calls.csv"], lake=folder / "lake")
    record_alerts(detect(lake=folder / "lake"), lake=folder / "lake")
    return folder, numbers


@pytest.fixture
def simboxes(_seeded_lake: tuple[Path, list[str]]) -> list[str]:
    """The SIM boxes of ``calls_lake``."""
    return _seeded_lake[1]


@pytest.fixture
def calls_file(_seeded_lake: tuple[Path, list[str]]) -> Path:
    """The file that ``calls_lake`` was loaded from."""
    return _seeded_lake[0] / "calls.csv"


@pytest.fixture
def calls_lake(_seeded_lake: tuple[Path, list[str]], tmp_path: Path) -> Path:
    """A lake of its own with 1,200 calls, two SIM boxes and their alerts 1 and 2."""
    target = tmp_path / "lake é 1"
    shutil.copytree(_seeded_lake[0] / "lake", target)
    return target
