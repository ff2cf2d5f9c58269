"""The processes that listen to recordings, and the short queue before them.

A process works on one recording at a time, so a file that kills its process costs no other its answer, and the process
is replaced. Recordings are scored as they are by ``audio run``: one thread for the numerical libraries of each process.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from audio_batch.batch.processes import Deadline, ask, describe_exit, start_process
from sentinel_batch.service.failures import EngineMissingError, OverdueError, QueueFullError, WorkerLostError

log = logging.getLogger("sentinel_batch.service")

START_SECONDS = 120.0
"""How long a process may take to load the engine, on a busy machine and a slow disk."""

_MODULE = "sentinel_batch.service.voice.worker"

VoiceModel = str | dict[str, Any] | None
"""A folder, or a specification of a network, as plain types; None is the shipped model."""


class VoicePool:
    """Workers for recordings.

    Parameters
    ----------
    workers
        How many.
    queue
        How many recordings may wait for one.
    seconds
        Within which a recording must be answered, from its arrival.
    store
        Folder of the voiceprints.
    model
        Of the scorer: a folder, or a specification of a network; None is the shipped one.
    """

    def __init__(self, workers: int, queue: int, seconds: float, store: Path, model: VoiceModel = None) -> None:
        self.workers = [VoiceWorker(store, model) for _ in range(workers)]
        self.present = 0
        self._capacity = workers + queue
        self.seconds = seconds
        self._threads = ThreadPoolExecutor(workers, "voice")
        self._idle: SimpleQueue[VoiceWorker] = SimpleQueue()
        for worker in self.workers:
            self._idle.put(worker)

    @property
    def waiting(self) -> int:
        """Recordings that no process works on yet."""
        return max(0, self.present - len(self.workers))

    async def do(self, order: dict[str, Any]) -> dict[str, Any]:
        """Have an order done.

        Raises
        ------
        QueueFullError
            If too many recordings wait, or this one has waited for too long.
        OverdueError
            If its time was up before it was done.
        WorkerLostError
            If the process did not survive it.
        EngineMissingError
            If no process can be started.
        """
        if self.present >= self._capacity:
            raise QueueFullError(
                f"{self.present} recordings are being listened to or wait already.",
                hint="Send it again a little later, or serve with more --voice-workers or a longer --voice-queue.",
            )
        deadline = time.monotonic() + self.seconds
        self.present += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._work, order, deadline)
        finally:
            self.present -= 1

    def start(self) -> None:
        """Load the engine in all processes."""
        with ThreadPoolExecutor(len(self.workers)) as threads:
            for started in [threads.submit(worker.start) for worker in self.workers]:
                started.result()

    def stop(self) -> None:
        """End the processes, whatever they are doing."""
        for worker in self.workers:
            worker.stop()
        self._threads.shutdown(cancel_futures=True)

    def _work(self, order: dict[str, Any], deadline: float) -> dict[str, Any]:
        worker = self._idle.get()
        try:
            if time.monotonic() >= deadline:
                raise QueueFullError(
                    f"It has waited for {self.seconds:g} s behind others, and was not listened to.",
                    hint="Send it again a little later, or serve with more --voice-workers.",
                )
            return worker.do(order, deadline)
        finally:
            self._idle.put(worker)


class VoiceWorker:
    """One process, started when it is needed, and again after its death."""

    def __init__(self, store: Path, model: VoiceModel = None) -> None:
        self._store = store
        self._model = model
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False
        # Only whoever has the worker uses its process; stopping comes from outside.
        self._lock = threading.Lock()
        self._messages = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the worker

    @property
    def pid(self) -> int | None:
        """Id of the process; None before it is started."""
        return self._process.pid if self._process is not None else None

    def start(self) -> subprocess.Popen[bytes]:
        """Start the process, unless it runs; returns once the engine is loaded."""
        if self._process is not None and self._process.poll() is None:
            return self._process
        with self._lock:
            if self._stopped:
                raise EngineMissingError("The service is stopping.", hint="Send it again once it has started.")
            process = self._process = start_process(_MODULE, self._messages)
        with Deadline(process, START_SECONDS):
            greeting = ask(process, {"store": str(self._store), "model": self._model})
        if greeting is None or "failure" in greeting:
            self._process = None
            process.kill()
            raise self._refuse_start(greeting, process.wait())
        return process

    def do(self, order: dict[str, Any], deadline: float) -> dict[str, Any]:
        """Have an order done until a moment of the monotonic clock; loading the engine does not count."""
        begun = time.monotonic()
        process = self.start()
        left = deadline - begun
        with Deadline(process, left) as watch:
            answer = ask(process, order)
        if answer is not None and not watch.is_over:
            return answer
        self._process = None
        code = process.wait()
        if watch.is_over:
            raise OverdueError(
                "Listening to it took too long, and was ended.",
                hint="Long recordings are for sentinel-batch audio run; serve with a larger --voice-seconds.",
            )
        log.warning("A voice worker ended in the middle of a recording (%s)", describe_exit(code))
        raise WorkerLostError(
            f"The process that listened to it ended: {describe_exit(code)}.",
            hint="Other recordings are not affected. Sending it again may end the same way.",
        )

    def stop(self) -> None:
        """End the process at once."""
        with self._lock:
            self._stopped = True
            process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def _refuse_start(self, greeting: dict[str, Any] | None, code: int) -> EngineMissingError:
        failure = (greeting or {}).get("failure")
        if failure is None:
            self._messages.seek(0)
            lines = self._messages.read().decode(errors="replace").strip().splitlines()
            failure = {"message": lines[-1] if lines else describe_exit(code), "hint": ""}
        log.error("A voice worker does not start: %s", failure["message"])
        return EngineMissingError(
            "The voice engine does not start on this machine; the service's log says why.",
            hint=failure["hint"] or "Type there: pip install 'sentinel-batch[service,audio]'",
        )
