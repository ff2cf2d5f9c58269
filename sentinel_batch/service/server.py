"""Listening: who may be let in is checked before the port is opened."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI

from sentinel_batch.errors import UsageError
from sentinel_batch.service.application import create_app
from sentinel_batch.service.keys import KeyStore
from sentinel_batch.service.protocol import GuardedProtocol
from sentinel_batch.service.settings import ServiceSettings, is_loopback
from sentinel_batch.service.voice.mock import create_mock

log = logging.getLogger("sentinel_batch.service")

_GRACE_SECONDS = 30
_KEEP_ALIVE_SECONDS = 75
_CONNECTIONS = 2000
_SOCKET_BYTES = 4096
_SWITCH_SECONDS = 0.0005


def check_exposure(settings: ServiceSettings) -> None:
    """Refuse to listen where strangers could come in.

    Raises
    ------
    UsageError
        If there is no key and no issuer of tokens, unless ``insecure_local`` is asked for on this machine only.
    """
    if settings.insecure_local and not is_loopback(settings.host):
        raise UsageError(
            f"--insecure-local cannot be used with --host {settings.host}: all who reach it could do everything.",
            hint="Leave --insecure-local out, and make keys: sentinel-batch keys add NAME --role admin",
        )
    known = settings.desk.config.oidc_issuer is not None or KeyStore(settings.folder).has_valid()
    if not settings.insecure_local and not known:
        raise UsageError(
            "There is no API key and no issuer of tokens, so nobody could be let in.",
            hint="Make one: sentinel-batch keys add NAME --role admin; or try it here with --insecure-local.",
        )


def serve(settings: ServiceSettings) -> None:
    """Listen until the process is told to end; requests under way, and the job, come to their end.

    Raises
    ------
    UsageError
        If nobody could be let in, or everybody; or the port cannot be had.
    """
    settings.desk.create_lake().require_writable()
    check_exposure(settings)
    app = create_app(settings)
    _listen(app, settings.host, settings.port, app.state.service.runner.hasten)


def serve_mock(host: str, port: int, seed: int = 0) -> None:
    """Listen with the mock of the voice API until the process is told to end.

    Parameters
    ----------
    host, port
        Where to listen, on this machine only.
    seed
        What its scores and faults follow from.

    Raises
    ------
    UsageError
        If others could reach it.
    """
    if not is_loopback(host):
        raise UsageError(
            f"--mock cannot be used with --host {host}: everybody knows its key, and its scores are invented.",
            hint="Leave --host out.",
        )
    _listen(create_mock(seed), host, port)


def _listen(app: FastAPI, host: str, port: int, hasten: Callable[[], None] = lambda: None) -> None:
    _log_to_stderr()
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=GuardedProtocol,
        ws="websockets-sansio",
        ws_max_size=_SOCKET_BYTES,
        # Alerts are short: packing each for every listener takes longer than sending it.
        ws_per_message_deflate=False,
        # Longer than proxies and clients keep theirs, so that it is they who close an idle connection.
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        limit_concurrency=_CONNECTIONS,
        server_header=False,
        # Paths hold numbers; what is counted is in the metrics, and what is changed in the lake's history.
        access_log=False,
        log_config=None,
    )
    # The thread that makes events durable waits for the interpreter after every statement: not for 5 ms each time.
    sys.setswitchinterval(_SWITCH_SECONDS)
    # The server ends in order, and then raises the signal again; that it was told to end is no failure.
    for told in (signal.SIGTERM, signal.SIGINT):
        signal.signal(told, _ignore)
    _Server(config, hasten).run()


class _Server(uvicorn.Server):
    """A server that ends in order when it is told to, and quickly when it is told again."""

    def __init__(self, config: uvicorn.Config, hasten: Callable[[], None]) -> None:
        super().__init__(config)
        self._hasten = hasten

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit:
            # Nothing that was answered is lost: an unfinished request was not, and an unfinished job is taken up again.
            self.force_exit = True
            self._hasten()
        super().handle_exit(sig, frame)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self.force_exit:
            log.warning("Told to end a second time; requests cut off: %d", len(self.server_state.tasks))
            for task in self.server_state.tasks:
                task.cancel()
            await self.lifespan.shutdown()


def _ignore(told: int, frame: FrameType | None) -> None:
    """Do nothing."""


def _is_worth_telling(record: logging.LogRecord) -> bool:
    """Leave out addresses of WebSockets, which may hold tickets, and tracebacks of what was cut off on purpose."""
    cut_off = record.exc_info is not None and record.exc_info[0] is asyncio.CancelledError
    return not cut_off and '"WebSocket ' not in str(record.msg)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    # It repeats what strangers send; the answer says it to them.
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    handler.addFilter(_is_worth_telling)
    for name in ("uvicorn", "sentinel_batch.service"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.handlers = [handler]
        logger.propagate = False
