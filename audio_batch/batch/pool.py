"""Worker processes that may die without taking the batch with them.

A process per worker, one recording at a time, and a thread each that waits for it. The pools of the standard library
are not used: they give up as a whole when one worker is killed, do not say which task it had, and import the caller's
main module again.
"""

from __future__ import annotations

import queue
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from audio_batch.batch.analysis import report_loss
from audio_batch.batch.processes import Deadline, ask, describe_exit, start_process
from audio_batch.batch.settings import Settings
from audio_batch.batch.tasks import Task
from audio_batch.errors import AudioError

GRACE_SECONDS = 120.0
"""Wall time that every recording has, however short, beside its time per minute of audio: a fresh worker loads its
model in it, on a busy machine and a slow disk."""


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
            answer = ask(process, asdict(task), lambda facts: self._begin(facts, deadline), tell)
        if answer is None or deadline.is_over:
            self.process = None
            code = process.wait()
        if answer is not None:
            return answer
        if deadline.is_over:
            return self._report(task, "timed_out", f"Its analysis was stopped after {deadline.seconds:.0f} s.")
        reason = "stopped" if stopped.is_set() else describe_exit(code)
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
        process = start_process("audio_batch.batch.worker", self.messages)
        self.process = process
        if ask(process, asdict(self.settings)) is None:
            process.kill()
            raise AudioError(
                f"A worker process does not start: {self._last_message() or describe_exit(process.wait())}",
                hint="Check that this Python can import audio_batch, or run with --workers 0.",
            )
        return process

    def _last_message(self) -> str:
        self.messages.seek(0)
        lines = self.messages.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""
