"""Whether the server answers and takes the key: once, again and again, and as metrics and probes for others to read."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

import requests

from audio_batch.remote.clock import Clock, SystemClock
from audio_batch.remote.errors import describe_error

Report = dict[str, Any]
_REFUSED = (401, 403)
_ACCEPTED = (400, 405, 411, 413, 415, 422, 429)
"""Statuses of a request without a file that show that the key was taken."""


class _Checkable(Protocol):
    def health(self) -> Report:
        """Return what `check_health` returns."""


def check_health(send: Callable[..., requests.Response], health_url: str, scoring_url: str) -> Report:
    """Check both; see `SonotheiaClient.health`.

    The key is checked by a request to the scorer without a file: the answer is 401 or 403 if it is wrong, and another
    complaint if it is right. Asking for the health alone would not do: many servers answer that to anybody.
    """
    connectivity = _check(lambda: send("GET", health_url, None, {}), _judge_connection)
    authentication = _check(lambda: send("POST", scoring_url, None, {}), _judge_key)
    healthy = connectivity["healthy"] and authentication["healthy"]
    return {"healthy": healthy, "connectivity": connectivity, "authentication": authentication}


def _check(ask: Callable[[], requests.Response], judge: Callable[[requests.Response], Report]) -> Report:
    facts: Report = {"timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"), "healthy": False}
    started = time.monotonic()
    found: Report = {"status_code": None, "error": None, "details": None}
    try:
        response = ask()
        found |= {"status_code": response.status_code, **judge(response)}
    except requests.RequestException as error:
        found["error"] = f"{type(error).__name__}: {describe_error(error)}"
    return {**facts, "latency_ms": round((time.monotonic() - started) * 1000, 3), **found}


def _judge_connection(response: requests.Response) -> Report:
    if response.status_code != 200:
        return {"error": f"The server answered {response.status_code}"}
    try:
        details = response.json()
    except ValueError:
        details = None
    return {"healthy": True, "details": details if isinstance(details, dict) else None}


def _judge_key(response: requests.Response) -> Report:
    code = response.status_code
    if code in _REFUSED:
        return {"error": f"The server refused the key ({code})", "details": {"authenticated": False}}
    if code in _ACCEPTED or 200 <= code < 300:
        return {"healthy": True, "details": {"authenticated": True}}
    return {"error": f"The server answered {code}"}


class HealthMonitor:
    """Checks again and again, and counts.

    Parameters
    ----------
    client
        Whose server is checked.
    clock
        What waits between checks; tests have their own.
    """

    def __init__(self, client: _Checkable, *, clock: Clock | None = None) -> None:
        self._client = client
        self._clock = clock or SystemClock()
        self.last: Report | None = None
        self.checks = 0
        self.errors = 0

    def check(self) -> Report:
        """Check once, and count it."""
        report = self._client.health()
        self.last = report
        self.checks += 1
        self.errors += not report["healthy"]
        return report

    def watch(self, interval: float, tell: Callable[[Report], None], *, times: int | None = None) -> None:
        """Check every `interval` seconds, and tell each report.

        Parameters
        ----------
        interval
            Seconds between the beginnings of two checks.
        tell
            Called with each report.
        times
            How often; None goes on until interrupted.
        """
        done = 0
        while times is None or done < times:
            begun = self._clock.now()
            tell(self.check())
            done += 1
            if done != times:
                self._clock.sleep(interval - (self._clock.now() - begun))

    def write_metrics(self) -> str:
        """Return the four metrics in the text format of Prometheus."""
        healthy = bool(self.last and self.last["healthy"])
        latency = self.last["connectivity"]["latency_ms"] if self.last else 0
        rows = (
            ("sonotheia_api_health", "gauge", "API health status (1=healthy, 0=unhealthy)", int(healthy)),
            ("sonotheia_api_latency_ms", "gauge", "API latency in milliseconds", latency),
            ("sonotheia_api_checks_total", "counter", "Total number of health checks", self.checks),
            ("sonotheia_api_errors_total", "counter", "Total number of errors", self.errors),
        )
        return "".join(f"# HELP {n} {text}\n# TYPE {n} {kind}\n{n} {value}\n" for n, kind, text, value in rows)


def serve_metrics(monitor: HealthMonitor, port: int, *, host: str = "0.0.0.0") -> ThreadingHTTPServer:  # noqa: S104
    """Answer ``/metrics``, ``/healthz`` (readiness: 200 or 503) and ``/livez`` (200) in a thread of their own.

    Parameters
    ----------
    port
        0 takes a free one; ``server.server_port`` says which.

    Returns
    -------
    ThreadingHTTPServer
        Call ``shutdown()`` and ``server_close()`` in the end.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            answer = _answer_probe(monitor, self.path.partition("?")[0])
            status, kind, text = answer
            body = text.encode()
            self.send_response(status)
            for name, value in {"Content-Type": kind, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing: probes come every few seconds."""

    server = ThreadingHTTPServer((host, port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health-metrics", daemon=True).start()
    return server


def _answer_probe(monitor: HealthMonitor, path: str) -> tuple[int, str, str]:
    if path == "/metrics":
        return 200, "text/plain; version=0.0.4; charset=utf-8", monitor.write_metrics()
    if path == "/livez":
        return 200, "application/json", json.dumps({"status": "alive", "checks": monitor.checks})
    if path in ("/healthz", "/readyz"):
        healthy = bool(monitor.last and monitor.last["healthy"])
        facts: Mapping[str, Any] = {"status": "healthy" if healthy else "unhealthy", "last": monitor.last}
        return 200 if healthy else 503, "application/json", json.dumps(facts)
    return 404, "application/json", json.dumps({"error": "Not found", "message": "Try /metrics, /healthz or /livez"})
