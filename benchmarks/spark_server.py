"""Servers that speak Spark Connect, each a process on a free port, and what Apache Spark tells of its work."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SPARK = Path(sys.prefix) / "spark-server" / "pyspark"
"""Where ``make test-cluster`` puts Apache Spark."""

_PATIENCE = 300.0
"""Seconds within which a server must listen."""

_SETTINGS = {
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.memory": "1g",
    "spark.master": "local[2]",
    "spark.sql.shuffle.partitions": "2",
    "spark.ui.enabled": "false",
}


@dataclass(frozen=True)
class SparkServer:
    """Apache Spark at work.

    Parameters
    ----------
    remote
        Its address, ``sc://HOST:PORT``.
    ui
        The address of its pages.
    process
        Its process.
    """

    remote: str
    ui: str
    process: int

    def read_processor(self) -> float:
        """Return the processor seconds that the server has used: tasks, planning, compiling, collecting garbage."""
        words = Path(f"/proc/{self.process}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def read_stages(self, after: int) -> list[dict[str, Any]]:
        """Return finished stages with an id above ``after``, each with the quarters of its tasks' figures."""
        stages: list[dict[str, Any]] = self._ask("stages?status=complete&withSummaries=true&quantiles=0.5,1.0")
        return [stage for stage in stages if stage["stageId"] > after]

    def _ask(self, question: str) -> Any:
        [application] = _read(f"{self.ui}/api/v1/applications")
        return _read(f"{self.ui}/api/v1/applications/{application['id']}/{question}")


def _read(address: str) -> Any:
    with urllib.request.urlopen(address, timeout=60) as answer:  # of our own server
        return json.load(answer)


@contextmanager
def run_spark(folder: Path, settings: Mapping[str, str]) -> Iterator[SparkServer]:
    """Run the Connect server of Apache Spark.

    Parameters
    ----------
    folder
        For its log and its temporary files.
    settings
        Beyond those for a small server on two cores.

    Raises
    ------
    RuntimeError
        If it does not listen in time; its log is in the message.
    """
    port, page = find_port(), find_port()
    chosen = {
        **_SETTINGS,
        "spark.connect.grpc.binding.port": str(port),
        "spark.local.dir": str(folder / "local"),
        "spark.sql.warehouse.dir": (folder / "warehouse").as_uri(),
        "spark.ui.port": str(page),
        **settings,
    }
    command = [str(SPARK / "bin" / "spark-submit")]
    command += [word for name, value in chosen.items() for word in ("--conf", f"{name}={value}")]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "spark-internal"]
    folder.mkdir(parents=True, exist_ok=True)
    # spark-submit becomes the JVM, so its process is the server's.
    with running(command, port, folder, {"SPARK_HOME": str(SPARK), "SPARK_LOCAL_IP": "127.0.0.1"}) as process:
        yield SparkServer(f"sc://127.0.0.1:{port}", f"http://127.0.0.1:{page}", process)


@contextmanager
def running(command: list[str], port: int, folder: Path, variables: Mapping[str, str]) -> Iterator[int]:
    """Run a server until the block ends, and give its process id once it listens.

    Raises
    ------
    RuntimeError
        If it ends, or does not listen in time.
    """
    log = folder / "server.log"
    with log.open("wb") as file:
        server = subprocess.Popen(
            command, env=os.environ | variables, cwd=folder, stdout=file, stderr=subprocess.STDOUT
        )
        try:
            _await(server, port, log)
            yield server.pid
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
    raise RuntimeError(f"The engine does not listen:\n{log.read_text(errors='replace')[-3000:]}")


def find_port() -> int:
    """Return a port of this machine that nobody uses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
