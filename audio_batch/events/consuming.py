"""The consumer: takes events from a queue, a bounded number at a time, and answers each once.

The order is what makes it safe: the try is counted, the event is worked on, the result is kept on the disk, published,
and only then is the message acknowledged. A death in between leaves the message with the broker, which hands it out
again, and the store knows how far it had come.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from audio_batch.events.broker import Burial, Delivery, Sink, Source
from audio_batch.events.errors import BrokerError, EventError
from audio_batch.events.event import Event, find_id, parse_event
from audio_batch.events.metrics import Metrics
from audio_batch.events.store import EventStore

_WAIT_SECONDS = 1.0
_WATCH_SECONDS = 15.0
_DAY_SECONDS = 86400.0

Log = Callable[[Mapping[str, Any]], None]


class Handler(Protocol):
    """What an event is turned into a result by; called in as many threads as there are workers."""

    def __call__(self, event: Event) -> bytes:
        """Return the result as JSON; raise `EventError` if there is none."""
        ...


@dataclass(frozen=True)
class Limits:
    """How much a consumer takes on.

    Attributes
    ----------
    workers
        Events that are worked on at the same time; no more messages than these are taken from the queue.
    attempts
        After so many tries an event becomes a dead letter.
    retry_seconds
        Wait after the first failed try; it doubles with each one, up to a hundred times.
    reconnect_seconds
        Longest wait between two tries to reach a broker.
    keep_days
        How long results are kept, and an event that comes twice is known.
    """

    workers: int = 1
    attempts: int = 5
    retry_seconds: float = 2.0
    reconnect_seconds: float = 30.0
    keep_days: float = 90.0


@dataclass
class Tally:
    """What a consumer did."""

    received: int = 0
    processed: int = 0
    duplicates: int = 0
    failed: int = 0
    dead_lettered: int = 0
    published: int = 0


class Consumer:
    """Works off a queue.

    Parameters
    ----------
    source
        Where events come from.
    store
        What became of events.
    handler
        Makes results of events.
    sink
        Where results go; None only keeps them.
    limits
        How much it takes on.
    metrics
        Counts what it does, if given.
    log
        Told of everything that somebody may have to act on, as facts.
    """

    def __init__(
        self,
        source: Source,
        store: EventStore,
        handler: Handler,
        *,
        sink: Sink | None = None,
        limits: Limits | None = None,
        metrics: Metrics | None = None,
        log: Log = lambda facts: None,
    ) -> None:
        self.tally = Tally()
        self._source, self._sink, self._store, self._handler = source, sink, store, handler
        self._limits = limits or Limits()
        self._metrics, self._log = metrics, log
        self._tasks: dict[asyncio.Task[None], Delivery] = {}
        self._active: dict[str, asyncio.Event] = {}
        self._mending = asyncio.Lock()
        self._mended = 0
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Take no more events; those under way are finished. May be called in a handler of signals of the loop."""
        self._stop.set()

    async def run(self) -> Tally:
        """Work until told to stop, or until the source has no more; finishes what it has begun."""
        with ThreadPoolExecutor(self._limits.workers, "event") as self._threads:
            await self._reach("source", self._source.connect)
            if self._sink is not None:
                await self._reach("results", self._sink.connect)
            watch = asyncio.create_task(self._watch())
            touch = asyncio.create_task(self._touch())
            try:
                await self._take_all()
                await self._wait_for_all()
            finally:
                for task in (watch, touch):
                    task.cancel()
                await asyncio.gather(watch, touch, return_exceptions=True)
                await self._close()
        return self.tally

    # -- taking ---------------------------------------------------------------------------------------------------

    async def _take_all(self) -> None:
        while not self._stop.is_set():
            free = self._limits.workers - len(self._tasks)
            if free <= 0:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
                continue
            try:
                found = await self._source.receive(free, _WAIT_SECONDS)
            except BrokerError as error:
                self._say("disconnected", side="source", error=error.message)
                await self._reach("source", self._source.connect, again=True)
                continue
            if found is None and not self._tasks:
                return
            if found is None:
                await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
            for delivery in found or ():
                self._begin(delivery)

    def _begin(self, delivery: Delivery) -> None:
        self._add(received=1)
        task = asyncio.create_task(self._answer_safely(delivery))
        self._tasks[task] = delivery
        task.add_done_callback(self._tasks.pop)

    async def _wait_for_all(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks)

    # -- one message ----------------------------------------------------------------------------------------------

    async def _answer_safely(self, delivery: Delivery) -> None:
        """Answer a message; if that fails, as on a full disk, it is given back, and nothing is lost."""
        try:
            await self._answer(delivery)
        except Exception as error:
            self._say("failed", error=f"{type(error).__name__}: {error}")
            delay = self._limits.retry_seconds
            await self._settle("nack", delivery, lambda: self._source.nack(delivery, delay))

    async def _answer(self, delivery: Delivery) -> None:
        try:
            event = parse_event(delivery.body)
        except EventError as error:
            await self._bury(delivery, find_id(delivery.body), error, 1)
            return
        while (other := self._active.get(event.id)) is not None:  # The same event, twice at the same time.
            await other.wait()
        self._active[event.id] = asyncio.Event()
        try:
            await self._answer_event(delivery, event)
        finally:
            self._active.pop(event.id).set()

    async def _answer_event(self, delivery: Delivery, event: Event) -> None:
        begun = await self._store.begin(event)
        if not begun.same:
            message = f"Another event with the id {event.id} came before, and asks for something else."
            await self._bury(delivery, None, EventError(message, reason="id_reused", permanent=True), begun.attempts)
        elif begun.result is not None:
            self._add(duplicates=1)
            await self._conclude(delivery, event.id, begun.result, published=begun.published)
        elif begun.attempts > self._limits.attempts:
            message = "Its tries never came to an end: the consumer was ended, or died of it."
            error = EventError(message, reason="unfinished", permanent=True)
            await self._bury(delivery, event.id, error, begun.attempts - 1)
        else:
            await self._process(delivery, event, begun.attempts)

    async def _process(self, delivery: Delivery, event: Event, attempts: int) -> None:
        started = time.monotonic()
        try:
            result = await asyncio.get_running_loop().run_in_executor(self._threads, self._handler, event)
        except Exception as error:
            await self._fail(delivery, event, _as_event_error(error), attempts)
            return
        result = await self._store.finish(event.id, result)
        self._add(processed=1)
        if self._metrics is not None:
            self._metrics.processed.labels(event.type).inc()
            self._metrics.seconds.observe(time.monotonic() - started)
        await self._conclude(delivery, event.id, result)

    async def _fail(self, delivery: Delivery, event: Event, error: EventError, attempts: int) -> None:
        self._add(failed=1)
        if self._metrics is not None:
            self._metrics.failed.labels(error.reason).inc()
        if error.permanent or attempts >= self._limits.attempts:
            await self._bury(delivery, event.id, error, attempts)
            return
        delay = self._limits.retry_seconds * min(100, 2 ** (attempts - 1))
        self._say("retry", event_id=event.id, reason=error.reason, error=error.message, attempt=attempts, seconds=delay)
        await self._settle("nack", delivery, lambda: self._source.nack(delivery, delay))

    async def _bury(self, delivery: Delivery, event_id: str | None, error: EventError, attempts: int) -> None:
        burial = Burial(error.reason, error.message, attempts)
        if not await self._settle("bury", delivery, lambda: self._source.bury(delivery, burial)):
            return
        self._add(dead_lettered=1)
        if self._metrics is not None:
            self._metrics.dead_lettered.labels(error.reason).inc()
        if event_id is not None:
            await self._store.mark_dead(event_id, error.reason)
        self._say("dead_letter", event_id=event_id, reason=error.reason, error=error.message, attempts=attempts)

    async def _conclude(self, delivery: Delivery, event_id: str, result: bytes, *, published: bool = False) -> None:
        """Publish a result, unless it was, and acknowledge its event."""
        if not published and not await self._publish(event_id, result):
            return
        # At the same time: the sooner either is done, the less is published again should this process be killed now.
        acked = self._settle("ack", delivery, lambda: self._source.ack(delivery))
        await asyncio.gather(acked, *([] if published else [self._store.mark_published(event_id)]))

    async def _publish(self, event_id: str, result: bytes) -> bool:
        """Publish a result, however long it takes; False only if the consumer is told to stop before it is done."""
        sink = self._sink
        if sink is not None:
            wait = self._waits()
            while True:
                mended = self._mended
                try:
                    await sink.publish(event_id, result)
                    break
                except BrokerError as error:
                    self._say("not_published", event_id=event_id, error=error.message)
                if await self._rest(next(wait)):
                    return False
                await self._mend(sink, mended)
            self._add(published=1)
        return True

    async def _settle(self, what: str, delivery: Delivery, settle: Callable[[], Awaitable[None]]) -> bool:
        """Answer the broker; where that fails the message comes again, and the store knows what became of it."""
        try:
            await settle()
        except BrokerError as error:
            self._say("not_settled", what=what, error=error.message)
            return False
        return True

    # -- connections and watching ---------------------------------------------------------------------------------

    async def _reach(self, side: str, connect: Callable[[], Awaitable[None]], *, again: bool = False) -> None:
        """Connect, waiting longer after each failure; the first connection of all must succeed."""
        wait = self._waits()
        while not self._stop.is_set():
            try:
                await connect()
            except BrokerError as error:
                if not again:
                    raise
                self._say("unreachable", side=side, error=error.message)
                await self._rest(next(wait))
                continue
            if again:
                self._say("reconnected", side=side)
                if self._metrics is not None:
                    self._metrics.reconnects.inc()
            return

    async def _mend(self, sink: Sink, seen: int) -> None:
        """Connect the results anew, unless another event did since; all find out at the same time."""
        async with self._mending:
            if self._mended == seen:
                with suppress(BrokerError):
                    await sink.connect()
                    self._mended += 1

    def _waits(self) -> Any:
        longest = 0.25
        while True:
            yield longest * random.uniform(0.5, 1)  # noqa: S311 - so that consumers do not come all at once
            longest = min(2 * longest, self._limits.reconnect_seconds)

    async def _rest(self, seconds: float) -> bool:
        """Wait; True if the consumer was told to stop meanwhile."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stop.wait(), seconds)
        return self._stop.is_set()

    async def _touch(self) -> None:
        interval = self._source.touch_seconds
        while interval is not None:
            await asyncio.sleep(interval)
            if self._tasks:
                with suppress(BrokerError):
                    await self._source.touch(list(self._tasks.values()))

    async def _watch(self) -> None:
        forgotten = float("-inf")
        if self._metrics is not None:
            self._metrics.working.set_function(lambda: len(self._tasks))
        while True:
            try:
                if time.monotonic() - forgotten > _DAY_SECONDS:
                    await self._store.forget(self._limits.keep_days)
                    forgotten = time.monotonic()
                if self._metrics is not None:
                    self._metrics.waiting.set(await self._source.count_waiting() or 0)
            except Exception as error:  # What only watches must not end what it watches.
                self._say("not_watched", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(_WATCH_SECONDS)

    async def _close(self) -> None:
        for side in (self._source, self._sink):
            if side is not None:
                with suppress(BrokerError):
                    await side.close()

    def _add(self, **counts: int) -> None:
        for name, count in counts.items():
            setattr(self.tally, name, getattr(self.tally, name) + count)
            if self._metrics is not None and name in ("received", "duplicates", "published"):
                getattr(self._metrics, name).inc(count)

    def _say(self, event: str, **facts: Any) -> None:
        self._log({"event": event, **facts})


def _as_event_error(error: Exception) -> EventError:
    if isinstance(error, EventError):
        return error
    message = f"{type(error).__name__}: {error}"
    return EventError(message, reason="unexpected", permanent=False)
