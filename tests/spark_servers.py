"""Real engines that speak Spark Connect, each a process of its own on a free port of this machine.

Sail comes with the extra ``test`` and starts within a second; Apache Spark is what ``make test-cluster`` installs.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks import spark_server
from benchmarks.spark_server import SPARK

# Queries of tests are over before the second compiler's work pays: it would take most of the processor time.
_JAVA = {"spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}


@contextmanager
def run_sail(folder: Path, variables: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """Run Sail, with variables such as the keys of object storage, and give the settings with which rules run on it."""
    port = spark_server.find_port()
    command = [sys.executable, "-m", "pysail", "spark", "server", "--ip", "127.0.0.1", "--port", str(port)]
    checkpoints = folder / "checkpoints"
    checkpoints.mkdir(parents=True)
    # Kept parts of a query are checkpoints, and Sail has no place of its own for them.
    own = {"SAIL_EXECUTION__CHECKPOINT__PATH": checkpoints.as_uri()}
    with spark_server.running(command, port, folder, own | dict(variables or {})):
        # Sail cannot read files together whose texts are stored in different ways; it reads the table's log.
        yield {
            "engine": "spark",
            "spark_remote": f"sc://127.0.0.1:{port}",
            "spark_format": "delta",
            # Sail 0.7.2 says "Division by zero" of a division over no rows at all.
            "spark_settings": {"spark.sql.ansi.enabled": "false"},
        }


@contextmanager
def run_spark(folder: Path) -> Iterator[dict[str, Any]]:
    """Run the Connect server of Apache Spark, and give the settings with which rules run on it."""
    if not SPARK.is_dir() or shutil.which("java") is None:
        pytest.skip("Apache Spark or Java is not installed: make test-cluster")
    with spark_server.run_spark(folder, _JAVA) as server:
        yield {"engine": "spark", "spark_remote": server.remote}
