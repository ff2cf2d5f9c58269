"""Real brokers on free ports of loopback, each with a folder of its own; gone when the tests are."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_until

_RABBIT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
_MOCK_KAFKA = """
import sys, time
from confluent_kafka import Producer
producer = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock", "log_level": 0})
[broker] = producer.list_topics(timeout=10).brokers.values()
print(f"{broker.host}:{broker.port}", flush=True)
while True:
    producer.poll(1)
"""
"""librdkafka's own mock of a cluster, in a process of its own: others join its port as they would a broker's."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@dataclass
class Program:
    """A broker that can be ended and started again."""

    command: list[str]
    port: int
    folder: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    names: int | None = None  # Port of Erlang's list of names, which leaves the group of the program that starts it.

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, env=os.environ | self.environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

        def ready() -> bool:
            assert self.process is not None
            if self.process.poll() is not None:
                pytest.fail(f"{self.command[0]} ended: {(self.folder / 'log').read_text()[-2000:]}")
            return answers(self.port)

        wait_until(ready, f"{self.command[0]} on port {self.port}")

    def end(self) -> None:
        """End it, and whatever it started, by the group that was made for it."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
            if self.names is not None:
                wait_until(self._end_names, "the end of Erlang's list of names")
            wait_until(lambda: not answers(self.port), f"the end of {self.command[0]}")

    def _end_names(self) -> bool:
        """Ask it to end; it refuses until it has noticed that nobody is left."""
        subprocess.run(["epmd", "-port", str(self.names), "-kill"], capture_output=True, check=False)
        return self.names is not None and not answers(self.names)


@contextmanager
def running(program: Program) -> Iterator[Program]:
    program.start()
    try:
        yield program
    finally:
        program.end()


def make_redis(folder: Path) -> Program:
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("redis-server is not installed: apt-get install redis-server")
    port = free_port()
    words = [
        server, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "",
        "--appendonly", "yes", "--appendfsync", "always",
    ]  # fmt: skip
    return Program(words, port, folder, {})


def make_rabbit(folder: Path) -> Program:
    if not _RABBIT.exists():
        pytest.skip("RabbitMQ is not installed: apt-get install rabbitmq-server")
    port, distribution, names = free_port(), free_port(), free_port()
    (folder / "rabbitmq.conf").write_text(
        f"listeners.tcp.local = 127.0.0.1:{port}\nloopback_users.guest = true\nlog.console = true\n"
        "disk_free_limit.absolute = 50MB\n"
    )
    (folder / "plugins").write_text("[].\n")
    environment = {
        "HOME": str(folder),
        "RABBITMQ_NODENAME": f"sentinel{port}@localhost",
        "RABBITMQ_DIST_PORT": str(distribution),
        "ERL_EPMD_PORT": str(names),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "logs"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        # One scheduler, sleeping when idle: the tests share their cores with others.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none +sbwtdcpu none +sbwtdio none",
    }
    return Program([str(_RABBIT)], port, folder, environment, names=names)


def make_kafka(folder: Path) -> tuple[Program, str]:
    """Return a mock cluster that runs already, and where it is."""
    pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed (extra events)")
    process = subprocess.Popen(
        [sys.executable, "-c", _MOCK_KAFKA], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    )
    assert process.stdout is not None
    place = process.stdout.readline().decode().strip()
    return Program(["kafka"], int(place.rpartition(":")[2]), folder, {}, process), place


@contextmanager
def sqs_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    pytest.importorskip("moto.server", reason="moto is not installed (extra test)")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for name, value in (
            ("AWS_ENDPOINT_URL", f"http://{host}:{port}"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_DEFAULT_REGION", "eu-west-1"),
        ):
            monkeypatch.setenv(name, value)
        yield server
    finally:
        server.stop()
