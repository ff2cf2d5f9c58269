"""The parts of one service, put together once and shared by all its requests."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from anyio import to_thread

from sentinel_batch.desk import Desk
from sentinel_batch.lake import LakeReader
from sentinel_batch.service.access import Doorkeeper, read_tokens
from sentinel_batch.service.cache import AnswerCache
from sentinel_batch.service.events import BATCH, Event, EventQueue
from sentinel_batch.service.failures import RETRY_SECONDS
from sentinel_batch.service.figures import LakeFigures
from sentinel_batch.service.hub import MAX_CLIENTS, Hub
from sentinel_batch.service.jobs import OPEN, STATES, Job, JobStore, new_job_id
from sentinel_batch.service.keys import KeyStore
from sentinel_batch.service.metrics import Metrics
from sentinel_batch.service.runner import JobRunner
from sentinel_batch.service.scoring import Scored, Scorer
from sentinel_batch.service.settings import ServiceSettings
from sentinel_batch.service.uploads import remove_folder

log = logging.getLogger("sentinel_batch.service")

Answer = TypeVar("Answer")

READERS, QUICK_READERS = 2, 2
"""Requests that read calls at the same time, and those that read nothing but small tables, which are in memory."""

_OTHER_THREADS = 8

EVENTS_BY = "events"
_LOOK_SECONDS = 1.0


class Service:
    """What the requests of one service share.

    Parameters
    ----------
    settings
        What was asked for.
    """

    def __init__(self, settings: ServiceSettings) -> None:
        self.settings = settings
        self.desk: Desk = settings.desk
        self.reader = LakeReader(self.desk.create_lake(), seconds=settings.answer_seconds)
        settings.scrub("")  # Made now that the lake is open: a failure must not need it to be.
        self.answers = AnswerCache(settings.kept_answers)
        self.keys = KeyStore(settings.folder)
        self.doorkeeper = Doorkeeper(self.keys, settings.insecure_local, read_tokens(self.desk.config))
        self.metrics = Metrics()
        self.jobs = JobStore(settings.folder)
        self.runner = JobRunner(self.jobs, settings, self._close_job)
        self.events = EventQueue(settings.folder, lambda groups: self.scorer.take(groups))
        self.scorer = Scorer(self.desk, self.events)
        self.hub = Hub(self.desk, self.metrics)
        self.stopping = False
        self._readers = ThreadPoolExecutor(READERS, "reads")
        # A list must not wait behind explanations.
        self._quick_readers = ThreadPoolExecutor(QUICK_READERS, "quick reads")
        # One at a time: the lake has one writer anyway, and a second one would only wait in a thread.
        self._writer = ThreadPoolExecutor(1, "writes")
        self._tasks: list[asyncio.Task[None]] = []
        self._flushed = time.monotonic()
        self._watch()

    @property
    def uploads(self) -> Any:
        """Folder of files that wait for their job, on the lake's disk."""
        return self.settings.folder / "uploads"

    async def start(self) -> None:
        """Begin to work."""
        to_thread.current_default_thread_limiter().total_tokens = _OTHER_THREADS
        self._sweep_uploads()
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(self.scorer.start)
        self.events.start()
        self.runner.start()
        self._tasks = [
            asyncio.create_task(self.hub.follow(lambda: self.stopping)),
            asyncio.create_task(self._flush_regularly()),
        ]

    async def stop(self) -> None:
        """End: what was accepted is on the disk, and the job under way comes to its end."""
        self.stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.to_thread(self.events.stop)
        await asyncio.to_thread(self.runner.stop)
        await asyncio.to_thread(self.scorer.stop)
        self._writer.shutdown()
        self._readers.shutdown()
        self._quick_readers.shutdown()
        self.reader.close()

    def newest_desk(self) -> Desk:
        """Return a desk at the newest moment of the lake, for one request: its deadline begins now."""
        return Desk(self.desk.config, self.reader.snapshot())

    async def read(self, work: Callable[[], Answer], *, quick: bool = False) -> Answer:
        """Let a function read the lake, in a thread for those who read calls or for those who read small tables."""
        readers = self._quick_readers if quick else self._readers
        return await asyncio.get_running_loop().run_in_executor(readers, work)

    async def write(self, change: Callable[[Desk], Answer]) -> Answer:
        """Let a function change the lake, after those that came before it.

        A night that holds the lake for long is not waited for: the client is told to come again.
        """
        desk = self.desk.configure(lock_timeout=float(RETRY_SECONDS))
        return await asyncio.get_running_loop().run_in_executor(self._writer, change, desk)

    async def take_events(self, events: Sequence[Event]) -> list[Scored]:
        """Keep events, and score their callers; they are on the disk once this returns."""
        scored: list[Scored] = await self.events.submit(events)
        fresh = sum(one.fresh for one in scored)
        self.metrics.count_events(fresh, len(scored) - fresh)
        return scored

    async def run_job(
        self, kind: str, parameters: dict[str, Any], by: str, job_id: str | None = None, wait: float | None = None
    ) -> Job:
        """Queue a job and wait for it, a few seconds at most, or as long as is said."""
        job = await asyncio.to_thread(self.jobs.add, kind, parameters, by, job_id)
        self.runner.wake()
        return await self.runner.wait(job.id, self.settings.wait_seconds if wait is None else wait)

    def flush_events(self) -> None:
        """Have the waiting events loaded into the lake."""
        # One batch at a time: meanwhile the next one grows, and a slow machine loads few large ones.
        if not self.events.list_batches():
            self.events.fix_batch(new_job_id())
        known = {job.parameters.get("batch") for state in OPEN for job in self.jobs.list(1000, state)}
        for batch in self.events.list_batches():
            if batch not in known:
                self._load_batch(batch)

    def _load_batch(self, batch: str) -> None:
        job_id = new_job_id()
        folder = self.uploads / job_id
        folder.mkdir(mode=0o700, parents=True)
        file = folder / f"events-{batch}.csv"
        try:
            self.events.write_batch(batch, file)
            options = {"dialect": "sentinel-timestamp", "timezone": "UTC", "max_reject_rate": 1.0}
            self.jobs.add("ingest", {"file": str(file), "options": options, "batch": batch}, EVENTS_BY, job_id)
        except BaseException:
            remove_folder(folder)
            raise
        self.runner.wake()

    async def _flush_regularly(self) -> None:
        while True:
            await asyncio.sleep(min(_LOOK_SECONDS, self.settings.flush_seconds))
            due = time.monotonic() - self._flushed >= self.settings.flush_seconds
            if self.events.waiting and (due or self.events.waiting >= BATCH):
                self._flushed = time.monotonic()
                try:
                    await asyncio.to_thread(self.flush_events)
                except Exception as error:
                    # Whatever it is, the next minute may be a better one; events must not wait for a new start.
                    log.warning("Events cannot be loaded into the lake yet: %s", error)

    def _close_job(self, job: Job) -> None:
        batch = job.parameters.get("batch")
        self.metrics.count_job("events" if batch is not None else job.kind, job.state, job.status_code)
        if batch is not None and job.status_code == 200:
            asyncio.run_coroutine_threadsafe(self.scorer.release(batch), self._loop).result()
        elif batch is not None:
            log.warning("Events of batch %s were not taken, and are tried again: %s", batch, job.result)
        if "file" in job.parameters:
            remove_folder(self.uploads / job.id)

    def _sweep_uploads(self) -> None:
        """Remove what was never finished; files of jobs that wait stay."""
        self.uploads.mkdir(mode=0o700, exist_ok=True)
        # Jobs that a killed service left running are queued again, so both kinds are kept.
        kept = {job.id for state in OPEN for job in self.jobs.list(1000, state)}
        for folder in self.uploads.iterdir():
            if folder.name not in kept:
                remove_folder(folder)

    def _watch(self) -> None:
        watch = self.metrics.watch
        watch("sentinel_events_waiting", "Events that are not in the lake yet.", lambda: self.events.waiting)
        watch("sentinel_event_callers", "Callers whose recent calls are held.", lambda: self.scorer.callers)
        watch("sentinel_answers_kept", "Answers in memory.", lambda: len(self.answers))
        watch("sentinel_answers_kept_bytes", "Their size.", lambda: self.answers.size)
        watch("sentinel_answers_from_memory", "Answers that came from memory.", lambda: self.answers.hits)
        watch("sentinel_answers_shared", "Answers that equal requests shared.", lambda: self.answers.shared)
        watch("sentinel_answers_read", "Answers that were read from the lake, of those.", lambda: self.answers.misses)
        watch("sentinel_websocket_clients", f"WebSocket clients, of {MAX_CLIENTS}.", lambda: self.hub.clients)
        self.metrics.registry.register(LakeFigures(self.desk))
        self.metrics.watch_states("sentinel_jobs", "Jobs by state.", STATES, self.jobs.count)
