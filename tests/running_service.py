"""A real service on loopback, in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

import sentinel_batch as sb
from sentinel_batch import MockCDRGenerator
from sentinel_batch.service import KeyStore, ServiceSettings, serve
from sentinel_batch.service.protocol import GuardedProtocol
from sentinel_batch.service.settings import service_folder

V1 = "/api/v1/sentinel"
_PATIENCE = 60.0


@dataclass
class RunningService:
    """A service, its lake, and a key for each role.

    Parameters
    ----------
    lake
        Folder of the tables.
    settings
        Of the service, but for lake and port; ``config`` are settings of the desk.
    header_seconds
        How long a client may take to send its headers.
    """

    lake: Path
    settings: Mapping[str, Any] = field(default_factory=dict)
    header_seconds: float = 10.0
    keys: dict[str, str] = field(default_factory=dict)
    port: int = 0

    def start(self) -> RunningService:
        """Start it, on a free port or again on the one that it had, and wait until it answers."""
        self.port = self.port or free_port()
        settings = {**self.settings, "port": self.port}
        words = [__file__, str(self.lake), str(self.header_seconds), json.dumps(settings)]
        return self.launch(words)

    def launch(self, words: list[str]) -> RunningService:
        """Start Python with words that make it serve at ``port``."""
        self.log = self.lake.parent / f"serve-{self.port}.log"
        with self.log.open("ab") as log:
            # Not from this folder: its sentinel_batch holds tests, and would be taken for the package.
            self.process = subprocess.Popen(
                [sys.executable, "-P", *words], env=dict(os.environ), stdout=log, stderr=log
            )
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(f"{self.url}/healthz", timeout=5).status_code == 200:
                    return self
            except httpx.TransportError:
                time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def stop(self, sign: int = signal.SIGTERM) -> int:
        """End it, and return its exit code."""
        self.process.send_signal(sign)
        return self.process.wait(_PATIENCE)

    def make_keys(self) -> RunningService:
        """Make a key for each role, named as the role."""
        store = KeyStore(service_folder(sb.open(self.lake)))
        self.keys = {role: store.add(role, role, by="test")[1] for role in ("reader", "analyst", "ingest", "admin")}
        return self

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, role: str | None = "admin") -> httpx.Client:
        """Return a client with the key of a role, or without one."""
        headers = {"Authorization": f"Bearer {self.keys[role]}"} if role is not None and self.keys else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=_PATIENCE)


def serving(
    filled: Path, folder: Path, settings: Mapping[str, Any] | None = None, header_seconds: float = 10.0
) -> Iterator[RunningService]:
    """Give a service with a key for each role, on a copy of a lake; it must end in order, and without a traceback."""
    lake = shutil.copytree(filled, folder / "lake é 1")
    running = RunningService(lake, settings or {}, header_seconds).make_keys().start()
    yield running
    assert running.stop() == 0
    assert "Traceback" not in running.log.read_text()


def raise_alert(lake: Path, folder: Path, seed: int) -> str:
    """Let another process than the service load calls of a SIM box and find it; returns its number."""
    file = folder / f"{seed}.csv"
    [number] = MockCDRGenerator(seed=seed).save_to_file(
        file, total_records=300, simbox_callers=1, simbox_calls_per_caller=80
    )
    sb.ingest([file], lake=lake)
    sb.run_detection("SDHF_001", lake=lake)
    return number


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for_job(client: httpx.Client, job_id: str) -> dict[str, Any]:
    """Return a job that has come to its end."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        job = client.get(f"/api/v2/jobs/{job_id}").json()["job"]
        if job["state"] not in ("queued", "running"):
            return dict(job)
        time.sleep(0.1)
    raise AssertionError(f"The job {job_id} does not end.")


def _serve(lake: str, header_seconds: str, settings: str) -> None:
    GuardedProtocol.header_seconds = float(header_seconds)
    given = json.loads(settings)
    given |= {name: Path(given[name]) for name in ("voice_keep",) if name in given}
    serve(ServiceSettings(sb.open(lake, **given.pop("config", {})), **given))


if __name__ == "__main__":
    _serve(*sys.argv[1:])
