"""The service in a process of its own, asked by locust."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

HERE = Path(__file__).parent
# In a folder of its own, which locust puts before all others that Python imports from.
USERS = HERE / "clients" / "service_users.py"
ROUTES = ("alerts", "risk", "explain", "cases", "review")
_PATIENCE = 120.0


@dataclass(frozen=True)
class Load:
    """One way of asking.

    Parameters
    ----------
    name
        What it is called.
    pause
        Seconds that a client looks at an answer, on average.
    kept_mb
        Megabytes of answers that the service keeps.
    """

    name: str
    pause: float
    kept_mb: int


@dataclass(frozen=True)
class Route:
    """What became of the requests of one route; times in milliseconds."""

    name: str
    requests: int
    failures: int
    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Outcome:
    """What a load did.

    Parameters
    ----------
    load
        The load.
    routes
        What became of each.
    per_second
        Answers.
    cpu_seconds, peak_mib
        Of the service.
    errors
        What failed answers said.
    """

    load: Load
    routes: list[Route]
    per_second: float
    cpu_seconds: float
    peak_mib: float
    errors: list[str]

    @property
    def requests(self) -> int:
        """All answers."""
        return sum(route.requests for route in self.routes)


@contextmanager
def served(
    lake: Path, log: Path, kept_mb: int = 64, further: Sequence[str] = ()
) -> Iterator[tuple[str, psutil.Process]]:
    """Run the service on a lake, with further words on its command line; give its address and process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = ["serve", "--lake", lake, "--port", port, "--insecure-local", "--requests-per-minute", 1_000_000]
    command = [sys.executable, "-m", "sentinel_batch", *map(str, words), "--keep-answers", str(kept_mb), *further]
    with log.open("ab") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, cwd=HERE.parent, env=environment())
    try:
        _await_answer(f"http://127.0.0.1:{port}", process, log)
        yield f"http://127.0.0.1:{port}", psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def apply_load(lake: Path, calls: int, load: Load, clients: int, seconds: int) -> Outcome:
    """Ask a fresh service for so long; what a load measures does not include its first seconds."""
    with tempfile.TemporaryDirectory() as folder, served(lake, Path(folder) / "log", load.kept_mb) as (url, process):
        _ask_locust(url, calls, load, clients, min(seconds, 5))
        before, watch = _cpu(process), PeakMemory(process)
        rows = _ask_locust(url, calls, load, clients, seconds)
        cpu = _cpu(process) - before
        peak = watch.end()
    stats = {row["name"]: row for row in rows}
    routes = [_read_route(stats[name]) for name in ROUTES if name in stats]
    errors = [error for row in rows for error in row.get("errors", ())]
    return Outcome(load, routes, sum(route.requests for route in routes) / seconds, cpu, peak, errors)


class PeakMemory:
    """Watches how much memory a process has.

    Parameters
    ----------
    process
        The process.
    """

    def __init__(self, process: psutil.Process) -> None:
        self._process, self._peak, self._ended = process, 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> float:
        """Stop watching; return the most that there was, in MiB."""
        self._ended.set()
        self._thread.join()
        return self._peak

    def _watch(self) -> None:
        while True:
            with suppress(psutil.Error):
                self._peak = max(self._peak, self._process.memory_info().rss / 2**20)
            if self._ended.wait(0.2):
                return


def _ask_locust(url: str, calls: int, load: Load, clients: int, seconds: int) -> list[dict[str, Any]]:
    """Return locust's rows; those of failures are in ``errors``."""
    known = {**environment(), "BENCH_CALLS": str(calls), "BENCH_PAUSE": str(load.pause)}
    users = str(clients + 1)
    words = ["--headless", "--host", url, "--users", users, "--spawn-rate", users, "--run-time", f"{seconds}s"]
    command = [sys.executable, "-m", "locust", "-f", str(USERS), *words, "--json", "--loglevel", "ERROR"]
    done = subprocess.run(command, cwd=HERE.parent, env=known, capture_output=True, text=True)
    try:
        return list(json.loads(done.stdout))
    except ValueError:
        raise RuntimeError(f"locust gave no figures:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}") from None


def _read_route(row: dict[str, Any]) -> Route:
    times = sorted((float(milliseconds), count) for milliseconds, count in row["response_times"].items())
    share = [_percentile(times, percent) for percent in (50, 95, 99)]
    return Route(row["name"], row["num_requests"], row["num_failures"], *share)


def _percentile(times: Sequence[tuple[float, int]], percent: int) -> float:
    """Return the time within which so many percent of the answers were there."""
    wanted, seen = percent / 100 * sum(count for _, count in times), 0
    for milliseconds, count in times:
        seen += count
        if seen >= wanted:
            return milliseconds
    return 0.0


def _await_answer(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError), urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(f"The service does not answer: {log.read_text()[-2000:]}")


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(HERE.parent)}
