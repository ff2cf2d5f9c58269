"""Command ``remote health``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel_batch.cli.output import Output
from sentinel_batch.cli.remote.connection import ApiUrl, Connection, Mock, Timeout
from sentinel_batch.cli.session import Session, with_session
from sentinel_batch.errors import ExitCode

if TYPE_CHECKING:
    from audio_batch.remote import HealthMonitor


@with_session
def health(
    session: Session,
    monitor: Annotated[bool, typer.Option("--monitor", help="Check again and again, until interrupted.")] = False,
    interval: Annotated[
        float, typer.Option("--interval", metavar="SECONDS", min=1, help="Between two checks of --monitor.")
    ] = 60.0,
    prometheus_port: Annotated[
        int | None,
        typer.Option(
            "--prometheus-port",
            metavar="N",
            min=1,
            max=65535,
            help="Also answer /metrics, /healthz and /livez on this port; implies --monitor.",
        ),
    ] = None,
    prometheus_host: Annotated[
        str, typer.Option("--prometheus-host", metavar="NAME", help="Address that the port is opened on.")
    ] = "0.0.0.0",  # noqa: S104 (probes and scrapers come from other machines)
    times: Annotated[
        int | None, typer.Option("--times", metavar="N", min=1, help="End --monitor after so many checks.")
    ] = None,
    api_url: ApiUrl = None,
    timeout: Timeout = 10.0,
    mock: Mock = False,
) -> ExitCode:
    """Say whether the server answers, and whether it takes the key; a wrong key is unhealthy.

    Exit codes: 0 healthy, 1 not (with --monitor, at the last check). As a probe of Kubernetes run it without --monitor,
    or ask /healthz (200 or 503) and /livez of --prometheus-port.
    """
    from audio_batch.remote import HealthMonitor
    from audio_batch.remote.health import serve_metrics

    out = session.output
    with Connection(api_url=api_url, timeout=timeout, mock=mock).open() as client:
        watcher = HealthMonitor(client)
        if not monitor and prometheus_port is None:
            _print(out, watcher.check())
            return _judge(watcher)
        server = serve_metrics(watcher, prometheus_port, host=prometheus_host) if prometheus_port is not None else None
        try:
            watcher.watch(interval, lambda report: _tell(out, report), times=times)
        finally:
            if server is not None:
                server.shutdown()
                server.server_close()
    if out.as_json and watcher.last is not None:
        out.document({**watcher.last, "checks": watcher.checks, "errors": watcher.errors})
    return _judge(watcher)


def _judge(watcher: HealthMonitor) -> ExitCode:
    return ExitCode.DONE if watcher.last is not None and watcher.last["healthy"] else ExitCode.FAILED


def _print(out: Output, report: dict[str, Any]) -> None:
    if out.as_json:
        out.document(report)
        return
    for line in _describe(report):
        out.line(line)


def _describe(report: dict[str, Any]) -> list[str]:
    lines = [f"{'Healthy' if report['healthy'] else 'Unhealthy'}"]
    for name in ("connectivity", "authentication"):
        found = report[name]
        word = "ok" if found["healthy"] else f"failed: {found['error']}"
        lines.append(f"  {name:15} {word} ({found['latency_ms']:.1f} ms)")
    return lines


def _tell(out: Output, report: dict[str, Any]) -> None:
    if out.as_json:
        out.log(report)
        return
    out.line(
        f"{report['connectivity']['timestamp']}  {'; '.join(' '.join(line.split()) for line in _describe(report))}"
    )
