"""New alerts for everybody who listens, whoever wrote them: service, command line or night."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import Any

import polars as pl
from starlette.concurrency import run_in_threadpool

from batch_base.plain import to_plain
from sentinel_batch.alerts import list_alerts
from sentinel_batch.desk import Desk
from sentinel_batch.lake import is_newest
from sentinel_batch.schema import FRAUD_ALERTS
from sentinel_batch.service.answers import dump, mask
from sentinel_batch.service.metrics import Metrics
from sentinel_batch.service.published import publish_alerts
from sentinel_batch.service.shapes import alert_row
from sentinel_batch.window import now

log = logging.getLogger("sentinel_batch.service")

MAX_CLIENTS = 500
QUEUE_SIZE = 1000
"""Alerts that may wait for a client; one that is further behind is dropped, and can resume."""

_LOOK_SECONDS = 0.5
_REMOTE_LOOK_SECONDS = 5.0
"""Object storage is paid by the request, and each look at all tables is nine."""
_ORDER = ("open", "reviewed")


class SlowClientError(Exception):
    """A client reads more slowly than alerts come."""


class News:
    """One alert as it is told, written once for all who listen.

    Parameters
    ----------
    alert
        Its row.
    """

    def __init__(self, alert: dict[str, Any]) -> None:
        self.id: int = alert["id"]
        self._message = {"type": "alert", "timestamp": now(), "data": alert_row(alert)}

    @cached_property
    def text(self) -> str:
        """The message."""
        return dump(self._message)

    @cached_property
    def masked(self) -> str:
        """The message for those who see masked numbers."""
        return dump(mask(to_plain(self._message)))


class Client:
    """One listener, with the news that waits for it."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[News] = asyncio.Queue(QUEUE_SIZE)
        self._lost = False

    def put(self, news: News) -> bool:
        """Hand over news; returns False if there is no room."""
        try:
            self._queue.put_nowait(news)
        except asyncio.QueueFull:
            self._lost = True
        return not self._lost

    async def get(self, seconds: float) -> News | None:
        """Return the next news; None if there is none for so long.

        Raises
        ------
        SlowClientError
            If alerts had to be left out.
        """
        if self._lost:
            raise SlowClientError
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                return await self._queue.get()
        return None


class Hub:
    """Follows the table of alerts and tells clients of new ones.

    Parameters
    ----------
    desk
        The lake.
    metrics
        Counts what is sent.
    """

    def __init__(self, desk: Desk, metrics: Metrics) -> None:
        self._desk = desk
        self._metrics = metrics
        self._clients: set[Client] = set()
        self._version: int | None = None
        self._last_id = 0

    @property
    def clients(self) -> int:
        """How many listen."""
        return len(self._clients)

    def join(self) -> Client | None:
        """Return a new client, or None if there are too many."""
        if len(self._clients) >= MAX_CLIENTS:
            return None
        client = Client()
        self._clients.add(client)
        return client

    def leave(self, client: Client) -> None:
        """Forget a client."""
        self._clients.discard(client)

    def list_since(self, alert_id: int) -> list[News]:
        """Return the alerts that came after one, oldest first."""
        return [News(alert) for alert in _read_since(self._desk, alert_id)]

    async def follow(self, stopped: Callable[[], bool]) -> None:
        """Look for new alerts until the service stops."""
        # What is there already is no news.
        self._last_id = await run_in_threadpool(self._find_last)
        while not stopped():
            try:
                for alert in await run_in_threadpool(self._look):
                    self._spread(News(alert))
                    # In between, what was put is sent, and a burst of alerts makes nobody slow.
                    await asyncio.sleep(0)
            except Exception as error:
                log.warning("New alerts cannot be read: %s", error)
            await asyncio.sleep(_LOOK_SECONDS if self._desk.lake.store is None else _REMOTE_LOOK_SECONDS)

    def _find_last(self) -> int:
        newest: int | None = self._desk.tables.scan(FRAUD_ALERTS.name).select(pl.col("id").max()).collect().item()
        return newest or 0

    def _look(self) -> list[dict[str, Any]]:
        table = self._desk.lake.path / FRAUD_ALERTS.name
        if self._desk.lake.store is not None:
            self._desk.lake.snapshot()  # Brings here what other machines committed, for the scoring of events as well.
        if self._version is not None and is_newest(table, self._version):
            return []
        version = self._desk.lake.snapshot().versions[FRAUD_ALERTS.name]
        found = _read_since(self._desk, self._last_id)
        self._version = version
        self._last_id = max((alert["id"] for alert in found), default=self._last_id)
        return found

    def _spread(self, news: News) -> None:
        for client in list(self._clients):
            if client.put(news):
                self._metrics.pushed.inc()
            else:
                self._clients.discard(client)
                self._metrics.dropped.inc()


def _read_since(desk: Desk, alert_id: int) -> list[dict[str, Any]]:
    return publish_alerts(list_alerts(lake=desk, status=_ORDER).filter(pl.col("id") > alert_id).sort("id")).to_dicts()
