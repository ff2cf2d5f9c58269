"""Real engines that speak Spark Connect, each a process of its own on a free port of this machine.

Sail comes with the extra ``test`` and starts within a second; Apache Spark is what ``make test-cluster`` installs.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SPARK = Path(sys.prefix) / "spark-server" / "pyspark"
"""Where ``make test-cluster`` puts Apache Spark."""

_PATIENCE = 300.0
"""Seconds within which an engine must listen."""

_SPARK_SETTINGS = {
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.master": "local[2]",
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
}


# Queries of tests are over before the second compiler's work pays: it would take most of the processor time.
_JAVA = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")


@contextmanager
def run_sail(folder: Path, variables: Mapping[str, str] | None = None) -> Iterator[dict[str, Any]]:
    """Run Sail, with variables such as the keys of object storage, and give the settings with which rules run on it."""
    port = _find_port()
    command = [sys.executable, "-m", "pysail", "spark", "server", "--ip", "127.0.0.1", "--port", str(port)]
    checkpoints = folder / "checkpoints"
    checkpoints.mkdir(parents=True)
    # Kept parts of a query are checkpoints, and Sail has no place of its own for them.
    own = {"SAIL_EXECUTION__CHECKPOINT__PATH": checkpoints.as_uri()}
    with _running(command, port, folder, own | dict(variables or {})):
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
    port = _find_port()
    settings = _SPARK_SETTINGS | {
        "spark.connect.grpc.binding.port": str(port),
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": (folder / "warehouse").as_uri(),
    }
    command = [str(SPARK / "bin" / "spark-submit")]
    command += [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
    command += ["--driver-java-options", " ".join(_JAVA)]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"]
    folder.mkdir(parents=True, exist_ok=True)
    with _running(command, port, folder, {"SPARK_HOME": str(SPARK), "SPARK_LOCAL_IP": "127.0.0.1"}):
        yield {"engine": "spark", "spark_remote": f"sc://127.0.0.1:{port}"}


@contextmanager
def _running(command: list[str], port: int, folder: Path, variables: Mapping[str, str]) -> Iterator[None]:
    log = folder / "server.log"
    with log.open("wb") as file:
        server = subprocess.Popen(
            command, env=os.environ | variables, cwd=folder, stdout=file, stderr=subprocess.STDOUT
        )
        try:
            _await(server, port, log)
            yield
        finally:
            server.terminate()
            server.wait(timeout=30)


def _await(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"The engine does not listen:\n{log.read_text(errors='replace')[-3000:]}")


def _find_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
