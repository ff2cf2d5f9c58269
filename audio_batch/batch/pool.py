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
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from audio_batch.batch.analysis import report_loss
from audio_batch.batch.settings import Settings
from audio_batch.batch.tasks import Task
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

GRACE_SECONDS = 120.0
"""Wall time that every recording has, however short, beside its time per minute of audio: a fresh worker loads its
model in it, on a busy machine and a slow disk."""

_PACKAGE_PARENT = str(Path(__file__).resolve().parents[2])


class WorkerPool:
    """Analyses tasks in processes; leave it as a context manager, which ends them."""

    def __init__(
        self, workers: int, settings: Settings, listen: Callable[[Task, float], None] = lambda task, share: None
    ) -> None:
        self.settings = settings
        self.workers = [Worker(settings) for _ in range(workers)]
        self.listen = listen
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
        results: queue.SimpleQueue[tuple[Task, dict[str, Any] | float] | BaseException] = queue.SimpleQueue()
        for worker in self.workers:
            threading.Thread(target=self._serve, args=(worker, waiting, results), daemon=True).start()
        left = len(tasks)
        while left:
            result = results.get()
            if isinstance(result, BaseException):
                raise result
            task, found = result
            if isinstance(found, float):
                self.listen(task, found)
            else:
                left -= 1
                yield task, found

    def _serve(self, worker: Worker, waiting: queue.SimpleQueue[Task], results: queue.SimpleQueue[Any]) -> None:
        try:
            while not self.stopped.is_set():
                task = waiting.get_nowait()
                results.put((task, worker.analyse(task, self.stopped, partial(_put_share, results, task))))
        except queue.Empty:
            return
        except BaseException as error:
            results.put(error)


def _put_share(results: queue.SimpleQueue[Any], task: Task, share: float) -> None:
    results.put((task, share))


class Worker:
    """One process, started when it is needed, and again after its death."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.process: subprocess.Popen[bytes] | None = None
        self.known: dict[str, Any] = {}
        self.messages = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker

    def analyse(self, task: Task, stopped: threading.Event, tell: Callable[[float], None]) -> dict[str, Any]:
        """Return the result of a task, and tell the share that is done; if the process dies, a result that says so."""
        process = self._start() if self.process is None else self.process
        self.known = {}
        with Deadline(process, GRACE_SECONDS) as deadline:
            answer = _ask(process, asdict(task), lambda facts: self._begin(facts, deadline), tell)
        if answer is None or deadline.is_over:
            self.process = None
            code = process.wait()
        if answer is not None:
            return answer
        if deadline.is_over:
            return self._report(task, "timed_out", f"Its analysis was stopped after {deadline.seconds:.0f} s.")
        reason = "stopped" if stopped.is_set() else _describe_exit(code)
        return self._report(task, "worker_lost", f"The process that analysed it ended: {reason}.")

    def _begin(self, facts: dict[str, Any], deadline: Deadline) -> None:
        """Take what the worker knows of the recording before the hard work begins."""
        self.known = facts["row"]
        deadline.extend(self.settings.seconds_per_minute * facts["seconds"] / 60)

    def _report(self, task: Task, code: str, message: str) -> dict[str, Any]:
        return report_loss(task, self.settings, code, message, self.known)

    def stop(self) -> None:
        """End the process at once; what it was doing is lost."""
        process = self.process
        if process is not None:
            process.kill()
            process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        # -P: whatever lies in the current folder, such as an email.py among recordings, is not imported.
        command = [sys.executable, "-P", "-m", "audio_batch.batch.worker"]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=self.messages, env=_make_environment())
        self.process = process
        if _ask(process, asdict(self.settings)) is None:
            process.kill()
            raise AudioError(
                f"A worker process does not start: {self._last_message() or _describe_exit(process.wait())}",
                hint="Check that this Python can import audio_batch, or run with --workers 0.",
            )
        return process

    def _last_message(self) -> str:
        self.messages.seek(0)
        lines = self.messages.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


class Deadline:
    """Kills a process that has not answered in time; leave it as a context manager, which stops the clock."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self.process, self.seconds = process, seconds
        self.is_over = False
        self.started = time.monotonic()
        self.answered, self.lock = threading.Event(), threading.Lock()
        threading.Thread(target=self._watch, daemon=True).start()

    def __enter__(self) -> Deadline:
        return self

    def __exit__(self, *_: object) -> None:
        with self.lock:
            self.answered.set()

    def extend(self, seconds: float) -> None:
        """Allow so many seconds more."""
        self.seconds += seconds

    def _watch(self) -> None:
        while (left := self.started + self.seconds - time.monotonic()) > 0:
            if self.answered.wait(left):
                return
        with self.lock:
            if not self.answered.is_set():
                self.is_over = True
                self.process.kill()


def _ask(
    process: subprocess.Popen[bytes],
    document: dict[str, Any],
    begin: Callable[[dict[str, Any]], None] = lambda facts: None,
    tell: Callable[[float], None] = lambda share: None,
) -> dict[str, Any] | None:
    """Send a line and wait for the answer, None if the process is gone; what comes before it is passed on."""
    if process.stdin is None or process.stdout is None:
        return None
    try:
        process.stdin.write(json.dumps(document, default=str).encode() + b"\n")
        process.stdin.flush()
        while (line := process.stdout.readline()).endswith(b"\n"):
            answer = json.loads(line)
            if "begun" in answer:
                begin(answer["begun"])
            elif "share" in answer:
                tell(float(answer["share"]))
            else:
                return dict(answer)
    except (OSError, ValueError):
        pass
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
