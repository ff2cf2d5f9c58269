"""Hands jobs to worker processes, listens to them, and stops them."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import TypeVar

from sentinel_batch.service.failures import RETRY_SECONDS
from sentinel_batch.service.jobs import CANCELLED, DONE, FAILED, OPEN, Job, JobStore
from sentinel_batch.service.settings import ServiceSettings
from sentinel_batch.service.worker import Order, work

log = logging.getLogger("sentinel_batch.service")

__all__ = ["RETRY_SECONDS", "JobRunner"]

_LISTEN_SECONDS = 0.5
_STOP_SECONDS = 30.0

T = TypeVar("T")

OnDone = Callable[[Job], None]


class JobRunner:
    """The worker processes of a service.

    Parameters
    ----------
    jobs
        The list of jobs.
    settings
        How many processes, and for which lake.
    on_done
        Called, in a thread, with each job that came to its end.
    """

    def __init__(self, jobs: JobStore, settings: ServiceSettings, on_done: OnDone) -> None:
        self._jobs = jobs
        self._settings = settings
        self._on_done = on_done
        self._news = threading.Event()
        self._stopping = False
        self._processes: dict[str, SpawnProcess] = {}
        self._waiting: dict[str, list[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = {}
        self._threads = [
            threading.Thread(target=self._serve, name=f"jobs-{number}", daemon=True)
            for number in range(settings.job_workers)
        ]

    def start(self) -> None:
        """Take up what was left, and begin."""
        self._jobs.requeue()
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let the jobs under way come to their end, for a while; the others wait for the next start."""
        self._stopping = True
        for thread in self._threads:
            thread.join(_STOP_SECONDS)
        self.hasten()
        for thread in self._threads:
            thread.join(_STOP_SECONDS)

    def hasten(self) -> None:
        """Wait for no job any longer: those under way are taken up at the next start."""
        self._stopping = True
        for process in list(self._processes.values()):
            process.kill()

    def wake(self) -> None:
        """Say that there is a new job."""
        self._news.set()

    async def wait(self, job_id: str, seconds: float) -> Job:
        """Return a job once it is done, or as it is when the time is up."""
        event = asyncio.Event()
        entry = (asyncio.get_running_loop(), event)
        self._waiting.setdefault(job_id, []).append(entry)
        try:
            # It may have come to its end before anybody listened.
            if (await asyncio.to_thread(self._jobs.get, job_id)).state in OPEN:
                async with asyncio.timeout(seconds):
                    await event.wait()
        except TimeoutError:
            pass
        finally:
            left = [other for other in self._waiting.pop(job_id, []) if other is not entry]
            if left:
                self._waiting[job_id] = left
        return await asyncio.to_thread(self._jobs.get, job_id)

    def cancel(self, job_id: str, by: str) -> Job:
        """End a job: what it has not committed is never seen, since commits of the lake are atomic."""
        self._jobs.cancel(job_id, by)
        process = self._processes.get(job_id)
        if process is not None:
            process.kill()
        job = self._jobs.get(job_id)
        if process is None:
            self._tell(job)
        return job

    def _serve(self) -> None:
        """Be the life of one worker: start it, feed it, start another one if it dies."""
        process, pipe = self._start_worker()
        while not self._stopping:
            job = self._insist(self._jobs.claim)
            if job is None:
                self._news.wait(_LISTEN_SECONDS)
                self._news.clear()
                continue
            self._processes[job.id] = process
            survived = self._run(job, process, pipe)
            self._processes.pop(job.id, None)
            done = self._insist(partial(self._jobs.get, job.id))
            # One that is to be done again is not done: its file is still needed.
            if done.state not in OPEN:
                self._tell(done)
            if not survived and not self._stopping:
                pipe.close()
                process, pipe = self._start_worker()
        pipe.close()
        process.join(_LISTEN_SECONDS)

    def _run(self, job: Job, process: SpawnProcess, pipe: Connection) -> bool:
        """Have a job done; returns whether the worker is still alive."""
        if self._insist(partial(self._jobs.get, job.id)).state == CANCELLED:
            return True
        try:
            pipe.send(Order(job.kind, job.parameters))
            while True:
                kind, *facts = pipe.recv()
                if kind == "progress":
                    with suppress(sqlite3.Error):
                        self._jobs.report(job.id, *facts)
                    continue
                status, body = facts
                state = DONE if status < 400 else FAILED
                self._insist(partial(self._jobs.finish, job.id, state, status, body))
                return True
        except (EOFError, OSError):
            process.join()
            if not self._stopping:
                log.warning("The worker ended in the middle of job %s (exit code %s)", job.id, process.exitcode)
                self._insist(partial(self._jobs.requeue, job.id))
            return False

    def _insist(self, act: Callable[[], T]) -> T:
        """Read or write the jobs' file; where its disk is away, full or busy, as soon as that is over.

        Raises
        ------
        sqlite3.Error
            If the service ends before; what was under way is queued again at the next start.
        """
        while True:
            try:
                return act()
            except sqlite3.Error as error:
                if self._stopping:
                    raise
                log.warning("The file of jobs cannot be used, which is tried again: %s", error)
                time.sleep(_LISTEN_SECONDS)

    def _start_worker(self) -> tuple[SpawnProcess, Connection]:
        context = get_context("spawn")
        mine, theirs = context.Pipe()
        arguments = (theirs, self._settings.desk.config, self._settings.max_expansion)
        process = context.Process(target=work, args=arguments, name="sentinel-jobs", daemon=True)
        process.start()
        theirs.close()
        return process, mine

    def _tell(self, job: Job) -> None:
        try:
            self._on_done(job)
        except Exception as error:
            # Its events, or its file, are seen to at the next start; the worker has to go on.
            log.warning("What follows job %s could not be done: %s", job.id, error)
        for loop, event in self._waiting.get(job.id, []):
            loop.call_soon_threadsafe(event.set)
