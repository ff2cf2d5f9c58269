"""Listening: who may be let in is checked before the port is opened."""

from __future__ import annotations

import logging
import signal
import sys
from types import FrameType

import uvicorn

from sentinel_batch.errors import UsageError
from sentinel_batch.service.application import create_app
from sentinel_batch.service.keys import KeyStore
from sentinel_batch.service.protocol import GuardedProtocol
from sentinel_batch.service.settings import ServiceSettings, is_loopback

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
        If there is no key, unless ``insecure_local`` is asked for on this machine only.
    """
    if settings.insecure_local and not is_loopback(settings.host):
        raise UsageError(
            f"--insecure-local cannot be used with --host {settings.host}: all who reach it could do everything.",
            hint="Leave --insecure-local out, and make keys: sentinel-batch keys add NAME --role admin",
        )
    if not settings.insecure_local and not KeyStore(settings.folder).has_valid():
        raise UsageError(
            "There is no API key, so nobody could be let in.",
            hint="Make one: sentinel-batch keys add NAME --role admin; or try it here with --insecure-local.",
        )


def serve(settings: ServiceSettings) -> None:
    """Listen until the process is told to end; requests under way, and the job, come to their end.

    Raises
    ------
    UsageError
        If there is no key, unless ``insecure_local`` is asked for on this machine only; or the port cannot be had.
    """
    settings.desk.create_lake()
    check_exposure(settings)
    _log_to_stderr()
    config = uvicorn.Config(
        create_app(settings),
        host=settings.host,
        port=settings.port,
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
    uvicorn.Server(config).run()


def _ignore(told: int, frame: FrameType | None) -> None:
    """Do nothing."""


def _log_to_stderr() -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    for name in ("uvicorn", "sentinel_batch.service"):
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.handlers = [handler]
        logger.propagate = False
