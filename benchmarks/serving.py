"""A service on loopback, in a process of its own, for the benchmarks that ask one."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

import sentinel_batch as sb
from sentinel_batch.service import KeyStore, ServiceSettings, serve
from sentinel_batch.service.settings import service_folder

_PATIENCE = 60.0
ROOT = Path(__file__).parent.parent


class Served:
    """A service that runs in a block; ``url`` and ``key`` (of an admin) say how to ask it.

    Parameters
    ----------
    lake
        Folder of its lake, which is made if there is none.
    settings
        Of the service.
    """

    def __init__(self, lake: Path, settings: Mapping[str, Any] | None = None) -> None:
        self._lake, self._settings = lake, {"events_per_minute": 10_000_000, **(settings or {})}
        sb.open(lake).create_lake()
        self.key = KeyStore(service_folder(sb.open(lake))).add(f"load-{time.time_ns()}", "admin", by="benchmark")[1]

        lake.parent.mkdir(parents=True, exist_ok=True)
        self._errors = (lake.parent / "serve.log").open("ab")

    def __enter__(self) -> Served:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        # The worker process of the service imports this module anew, so it has to be one.
        words = ["-P", "-m", "benchmarks.serving", str(self._lake), json.dumps({**self._settings, "port": port})]
        self.process = subprocess.Popen(
            [sys.executable, *words], env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=self._errors
        )
        self._await_answer()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @contextmanager
    def killed_at_the_end(self) -> Iterator[None]:
        """Let it run in a block, and end it as a power cut would; it can be started again."""
        self.__enter__()
        yield
        self.stop(signal.SIGKILL)

    def get(self, path: str) -> str:
        """Return what it answers, as text."""
        asked = urllib.request.Request(f"{self.url}{path}", headers={"Authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return str(answer.read().decode())

    def stop(self, sign: int = signal.SIGTERM) -> int:
        """End it, and return its exit code."""
        self.process.send_signal(sign)
        code = self.process.wait(_PATIENCE)
        return code

    def describe(self) -> str:
        """Return how much memory and processor time it took."""
        process = psutil.Process(self.process.pid)
        with process.oneshot():
            memory, times = process.memory_info().rss / 2**20, process.cpu_times()
        return f"{memory:.0f} MiB, {times.user + times.system:.1f} s of processor time"

    def _await_answer(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"{self.url}/healthz", timeout=5) as answer:
                if answer.status == 200:
                    return
            time.sleep(0.1)
        raise RuntimeError("The service does not answer.")


if __name__ == "__main__":
    serve(ServiceSettings(desk=sb.open(Path(sys.argv[1])), **json.loads(sys.argv[2])))
