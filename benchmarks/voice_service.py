"""The voice API against ``audio run`` on the same files: ``python -m benchmarks.voice_service [--files 120]``.

Calls at 8 kHz mu-law are scored by a service with a worker on each core, twice as many requests at a time as workers,
and by ``audio run`` with as many workers; they take turns. ``audio run`` measures features of the worst segments
beside; its time without them is the yardstick, because the service does as much. Clients use the same cores.

Writes ``benchmarks/results/voice_service.md`` and prints it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.audio_batch import make_speech, write_file

RESULTS = Path(__file__).parent / "results" / "voice_service.md"
LEAST_SHARE = 0.8
_DETECT = "/v1/voice/deepfake"
_RUN = """
import json, sys, time
import audio_batch as ab
clock = time.perf_counter()
result = ab.run(sys.argv[1], workers=int(sys.argv[2]), with_features=sys.argv[3] == "features")
seconds = time.perf_counter() - clock
rows = {row["path"]: row["score"] for row in result.recordings.to_dicts()}
print(json.dumps({"seconds": seconds, "scores": rows}))
"""


@contextmanager
def serving(lake: Path, workers: int) -> Iterator[tuple[httpx.Client, int]]:
    """Give a client of a service whose workers have loaded the engine, and the id of its process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "sentinel_batch", "serve", "--insecure-local", "--lake", str(lake)]
    options = ["--port", str(port), "--voice-workers", str(workers), "--voice-queue", "64"]
    with (lake.parent / "serve.log").open("wb") as log:
        process = subprocess.Popen([*command, *options], stdout=log, stderr=log)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=300) as client:
            _wait(client, process)
            yield client, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _wait(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            if client.get("/healthz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"The service does not start: exit code {process.returncode}")


@dataclass(frozen=True)
class Measured:
    """What it took to score all files: seconds by the clock and of processors, and the scores."""

    seconds: float
    cpu: float
    scores: dict[str, float]
    latencies: tuple[float, ...] = ()


def measure_service(client: httpx.Client, server: int, files: list[Path], at_once: int) -> Measured:
    """Have all files scored by a service; processors' time includes that of the requests."""

    def ask(path: Path) -> tuple[float, str, float]:
        begun = time.perf_counter()
        with path.open("rb") as file:
            answer = client.post(_DETECT, files={"audio": (path.name, file, "audio/wav")})
        answer.raise_for_status()
        return time.perf_counter() - begun, path.name, answer.json()["score"]

    cpu, clock = sum_cpu(server, os.getpid()), time.perf_counter()
    with ThreadPoolExecutor(at_once) as threads:
        found = list(threads.map(ask, files))
    seconds = time.perf_counter() - clock
    scores = {name: score for _, name, score in found}
    return Measured(seconds, sum_cpu(server, os.getpid()) - cpu, scores, tuple(one[0] for one in found))


def sum_cpu(server: int, client: int) -> float:
    """Return the seconds of processors that a server with its workers, and a client without them, have taken."""
    root = psutil.Process(server)
    times = [one.cpu_times() for one in (root, *root.children(recursive=True), psutil.Process(client))]
    return sum(one.user + one.system for one in times)


def measure_run(folder: Path, workers: int, features: bool) -> Measured:
    """Have all files scored by a batch."""
    words = [str(folder), str(workers), "features" if features else "plain"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", _RUN, *words], capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    answer = json.loads(done.stdout.splitlines()[-1])
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Measured(answer["seconds"], cpu, answer["scores"])


def measure(count: int, seconds: float, turns: int) -> str:
    """Measure everything and return the table."""
    workers = len(os.sched_getaffinity(0))
    found: list[tuple[Measured, Measured, Measured]] = []
    with tempfile.TemporaryDirectory() as name:
        inbox = Path(name) / "inbox"
        inbox.mkdir()
        files = [write_file(inbox / f"{n:03}.wav", make_speech(None, seconds, n)) for n in range(count)]
        with serving(Path(name) / "lake", workers) as (client, server):
            for _ in range(turns):
                service = measure_service(client, server, files, 2 * workers)
                plain = measure_run(inbox, workers, features=False)
                assert service.scores == plain.scores, "The service and the batch do not give the same scores."
                found.append((service, plain, measure_run(inbox, workers, features=True)))
    head = f"{count} calls of {seconds:g} s at 8 kHz, {workers} cores, {2 * workers} requests at a time, {turns} turns."
    return head + "\n\n" + "\n".join(describe(found, count)) + "\n"


def describe(found: list[tuple[Measured, Measured, Measured]], count: int) -> list[str]:
    """Return the lines of the table."""

    def speed(place: int) -> str:
        return f"{count / statistics.median(turn[place].seconds for turn in found):.1f} calls/s"

    def share(place: int, figure: str) -> str:
        return f"{statistics.median(getattr(t[place], figure) / getattr(t[0], figure) for t in found):.2f}×"

    latencies = [one for turn in found for one in turn[0].latencies]
    half, most = (statistics.quantiles(latencies, n=100, method="inclusive")[place] for place in (49, 94))
    limit = f"at least {LEAST_SHARE}×"
    return [
        "| what | figure | limit |",
        "|---|---:|---|",
        f"| `audio run`, scores only | {speed(1)} | yardstick |",
        f"| `audio run` | {speed(2)} | |",
        f"| voice API | {speed(0)} | |",
        f"| voice API by `audio run`, scores only | {share(1, 'seconds')} | {limit} |",
        f"| the same by processors' time, requests included | {share(1, 'cpu')} | {limit} |",
        f"| voice API by `audio run` | {share(2, 'seconds')} | {limit} |",
        f"| latency, half of the requests | {half * 1000:.0f} ms | |",
        f"| latency, 95 % of the requests | {most * 1000:.0f} ms | |",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=120)
    parser.add_argument("--seconds", type=float, default=30.0, help="length of each call")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    table = measure(arguments.files, arguments.seconds, arguments.turns)
    arguments.out.write_text(table)
    print(table)


if __name__ == "__main__":
    main()
