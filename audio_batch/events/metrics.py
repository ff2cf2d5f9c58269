"""What a consumer counts of itself, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

_BOUNDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class Metrics:
    """Counters of one consumer."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.received = self._count("received", "Messages received, those that came again included.")
        self.processed = self._count("processed", "Events that have a result now, by type.", "event_type")
        self.duplicates = self._count("duplicates", "Messages of events that had their result already.")
        self.published = self._count("published", "Results published.")
        self.failed = self._count("failed", "Tries that failed, by reason.", "reason")
        self.dead_lettered = self._count("dead_lettered", "Messages that became dead letters, by reason.", "reason")
        self.reconnects = self._count("reconnects", "Connections made anew, to source and results.")
        self.seconds = Histogram(
            "sentinel_voice_event_seconds", "Time from receiving an event to its result.",
            buckets=_BOUNDS, registry=self.registry,
        )  # fmt: skip
        self.waiting = self._show("waiting", "Messages that wait in the queue (lag), as far as the broker says.")
        self.working = self._show("in_progress", "Events that are worked on.")

    def serve(self, host: str, port: int) -> tuple[WSGIServer, Callable[[], None]]:
        """Answer ``/metrics`` on a port; returns the server and what ends it."""
        server, thread = start_http_server(port, host, self.registry)

        def end() -> None:
            server.shutdown()
            server.server_close()
            thread.join()

        return server, end

    def _count(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"sentinel_voice_events_{name}", text, labels, registry=self.registry)

    def _show(self, name: str, text: str) -> Gauge:
        return Gauge(f"sentinel_voice_events_{name}", text, registry=self.registry)
