"""The risk of callers as their calls are reported: those that wait together are answered by one look at the lake."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool

from sentinel_batch.desk import Desk
from sentinel_batch.scores import Risk, assess_events
from sentinel_batch.service.events import EventQueue

_TOGETHER = 1000

Waiting = tuple[Mapping[str, Any], asyncio.Future[Risk]]


class Scorer:
    """Scores events in groups: while one group is worked on, the next one gathers.

    Parameters
    ----------
    desk
        The lake.
    events
        The events that are not in it yet.
    """

    def __init__(self, desk: Desk, events: EventQueue) -> None:
        self._desk = desk
        self._events = events
        self._waiting: list[Waiting] = []
        self._work: asyncio.Task[None] | None = None

    async def score(self, event: Mapping[str, Any]) -> Risk:
        """Return the risk of an event's caller over the last 24 hours, the event included."""
        future: asyncio.Future[Risk] = asyncio.get_running_loop().create_future()
        self._waiting.append((event, future))
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._work_off())
        return await future

    async def _work_off(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:_TOGETHER], self._waiting[_TOGETHER:]
            try:
                risks = await run_in_threadpool(self._assess, [event for event, _ in group])
            except Exception as error:
                for _, future in group:
                    if not future.done():
                        future.set_exception(error)
                continue
            for (_, future), risk in zip(group, risks, strict=True):
                if not future.done():
                    future.set_result(risk)

    def _assess(self, events: list[Mapping[str, Any]]) -> list[Risk]:
        return assess_events(events, pending=self._events.pending, lake=self._desk)
