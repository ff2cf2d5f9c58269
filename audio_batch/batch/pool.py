"""Worker processes that may die without taking the batch with them.

A process per worker, one recording at a time, and a thread each that waits for it. The pools of the standard library
are not used: they give up as a whole when one worker is killed, do not say which task it had, and import the caller's
main module again.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from audio_batch.batch.analysis import Settings, Task, report_loss
from audio_batch.errors import AudioError

THREAD_LIMITS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "POLARS_MAX_THREADS",
)
"""Variables that are set to 1 for workers: the recordings are the parallelism."""

_PACKAGE_PARENT = str(Path(__file__).resolve().parents[2])


class WorkerPool:
    """Analyses tasks in processes; leave it as a context manager, which ends them."""

    def __init__(self, workers: int, settings: Settings) -> None:
        self.settings = settings
        self.workers = [Worker(settings) for _ in range(workers)]
        self.stopped = threading.Event()

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        for worker in self.workers:
            worker.stop()

    def map_unordered(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, dict[str, Any]]]:
        """Yield every task with its result, as they come."""
        waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
        for task in tasks:
            waiting.put(task)
        results: queue.SimpleQueue[tuple[Task, dict[str, Any]] | BaseException] = queue.SimpleQueue()
        for worker in self.workers:
            threading.Thread(target=self._serve, args=(worker, waiting, results), daemon=True).start()
        for _ in tasks:
            result = results.get()
            if isinstance(result, BaseException):
                raise result
            yield result

    def _serve(self, worker: Worker, waiting: queue.SimpleQueue[Task], results: queue.SimpleQueue[Any]) -> None:
        try:
            while not self.stopped.is_set():
                task = waiting.get_nowait()
                results.put((task, worker.analyse(task, self.stopped)))
        except queue.Empty:
            return
        except BaseException as error:
            results.put(error)


class Worker:
    """One process, started when it is needed, and again after its death."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None
        self.messages = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker

    def analyse(self, task: Task, stopped: threading.Event) -> dict[str, Any]:
        """Return the result of a task; if the process dies of it, a result that says so."""
        process = self._start() if self.process is None else self.process
        answer = _ask(process, asdict(task))
        if answer is not None:
            return answer
        self.process = None
        code = process.wait()
        reason = "stopped" if stopped.is_set() else _describe_exit(code)
        return report_loss(task, self.settings, "worker_lost", f"The process that analysed it ended: {reason}.")

    def stop(self) -> None:
        """End the process at once; what it was doing is lost."""
        process = self.process
        if process is not None:
            process.kill()
            process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", "audio_batch.batch.worker"]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self.messages, env=_make_environment())
        self.process = process
        if _ask(process, asdict(self.settings)) is None:
            process.kill()
            raise AudioError(
                f"A worker process does not start: {self._last_message() or _describe_exit(process.wait())}",
                hint="Check that this Python can import audio_batch, or run with workers=0.",
            )
        return process

    def _last_message(self) -> str:
        self.messages.seek(0)
        lines = self.messages.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


def _ask(process: subprocess.Popen[bytes], document: dict[str, Any]) -> dict[str, Any] | None:
    """Send a line and wait for one; None if the process is gone."""
    if process.stdin is None or process.stdout is None:
        return None
    try:
        process.stdin.write(json.dumps(document, default=str).encode() + b"\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        return dict(json.loads(answer)) if answer.endswith(b"\n") else None
    except (OSError, ValueError):
        return None


def _make_environment() -> dict[str, str]:
    paths = [_PACKAGE_PARENT, *filter(None, [os.environ.get("PYTHONPATH")])]
    limits = dict.fromkeys(THREAD_LIMITS, "1")
    return os.environ | limits | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONIOENCODING": "utf-8"}


def _describe_exit(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    return f"{name} (out of memory?)" if name == "SIGKILL" else name
