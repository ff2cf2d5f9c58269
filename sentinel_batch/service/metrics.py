"""What the service counts of itself, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_UNKNOWN = "unknown"


class Metrics:
    """Counters of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route")
        self.requests = Counter(
            "sentinel_http_requests", "Requests answered.", (*labels, "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "sentinel_http_request_seconds", "Time to the end of the answer.", labels,
            buckets=_BOUNDS, registry=self.registry,
        )  # fmt: skip
        self.events = Counter(
            "sentinel_events", "Call events, by what became of them.", ("outcome",), registry=self.registry
        )
        self._jobs = Counter(
            "sentinel_jobs_ended", "Jobs that came to their end, by kind and outcome.", ("kind", "outcome"),
            registry=self.registry,
        )  # fmt: skip
        # From the start, at 0: Prometheus does not count what a series begins with.
        for kind, outcome in product(("ingest", "detect", "events"), ("done", "refused", "failed", "cancelled")):
            self._jobs.labels(kind, outcome)
        self.pushed = Counter("sentinel_alerts_pushed", "Alerts sent to WebSocket clients.", registry=self.registry)
        self.dropped = Counter(
            "sentinel_websocket_clients_dropped", "WebSocket clients that were too slow.", registry=self.registry
        )

    def count_job(self, kind: str, state: str, status_code: int | None) -> None:
        """Count a job that came to its end; one whose input was wrong was refused, and did not fail."""
        refused = state == "failed" and (status_code or 500) < 500
        self._jobs.labels(kind, "refused" if refused else state).inc()

    def count_events(self, accepted: int, repeated: int) -> None:
        """Count events that were kept, and those that were there already."""
        self.events.labels("accepted").inc(accepted)
        self.events.labels("repeated").inc(repeated)

    def watch(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Show a figure that is looked up when it is asked for."""
        Gauge(name, text, registry=self.registry).set_function(read)

    def watch_states(
        self, name: str, text: str, states: tuple[str, ...], read: Callable[[], Mapping[str, int]]
    ) -> None:
        """Show a figure for each state."""
        gauge = Gauge(name, text, ("state",), registry=self.registry)
        for state in states:
            gauge.labels(state).set_function(lambda state=state: read()[state])  # type: ignore[misc]

    def render(self) -> Response:
        """Return everything as Prometheus reads it."""
        return Response(generate_latest(self.registry), media_type=None, headers={"Content-Type": CONTENT_TYPE_LATEST})


class MeasuredRequests:
    """Counts requests by their route, never by what stands in its place: paths are written by strangers."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            route = getattr(scope.get("route"), "path", _UNKNOWN)
            method = scope["method"] if scope["method"] in ("GET", "POST", "PATCH", "PUT", "DELETE") else "OTHER"
            self._metrics.requests.labels(method, route, str(status)).inc()
            self._metrics.seconds.labels(method, route).observe(time.perf_counter() - begun)
