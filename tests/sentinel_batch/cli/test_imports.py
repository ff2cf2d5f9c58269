"""Start-up loads nothing heavy, and the layers hold."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {
    "polars",
    "duckdb",
    "deltalake",
    "altair",
    "pyarrow",
    "numpy",
    "sqlglot",
    "phonenumbers",
    "librosa",
}


def _loaded_after(code: str) -> set[str]:
    report = "\nimport sys, json\nprint('\\n' + json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "code",
    [
        "import sentinel_batch",
        "import sentinel_batch; sentinel_batch.load_config",
        "import sentinel_batch.cli.application",
        "from sentinel_batch.cli.application import app\napp(['--help'], standalone_mode=False)",
        "from sentinel_batch.cli.application import app\napp(['alerts', 'list', '--help'], standalone_mode=False)",
        "from sentinel_batch.cli.application import app\napp(['config', 'show', '--json'], standalone_mode=False)",
    ],
)
def test_nothing_heavy_is_loaded(code: str) -> None:
    assert _loaded_after(code) & HEAVY == set()


def test_the_probe_sees_what_is_loaded() -> None:
    assert "polars" in _loaded_after("import sentinel_batch, polars")


def test_listing_rules_loads_no_data_library() -> None:
    code = "from sentinel_batch.cli.application import app\napp(['rules', 'list', '--json'], standalone_mode=False)"
    assert _loaded_after(code) & HEAVY == set()


def test_a_call_imports_the_command_that_it_runs_and_no_other() -> None:
    code = "from sentinel_batch.cli.application import app\napp(['alerts', 'list', '--help'], standalone_mode=False)"
    report = (
        "\nimport sys\nprint('\\n' + ' '.join(name for name in sys.modules if name.startswith('sentinel_batch.cli.')))"
    )
    done = subprocess.run([sys.executable, "-c", code + report], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "sentinel_batch.cli.alerts" in loaded
    assert loaded.isdisjoint({f"sentinel_batch.cli.{name}" for name in ("rules", "audio", "sim", "model", "ingest")})


def test_help_does_without_rich() -> None:
    code = "from sentinel_batch.cli.application import app\napp(['--help'], standalone_mode=False)"
    assert "rich" not in _loaded_after(code)


def test_a_closed_pipe_is_quiet() -> None:
    code = "import os, sys\nfrom sentinel_batch.cli.application import app\napp(['rules', 'show', 'SDHF_001'])"
    piped = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert piped.stdout is not None
    assert piped.stderr is not None
    piped.stdout.close()
    errors = piped.stderr.read()
    piped.stderr.close()
    assert piped.wait() == 0
    assert errors == ""


def test_the_module_runs_as_a_program() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sentinel_batch", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == __import__("sentinel_batch").__version__
