"""Voice events taken over HTTP and worked off in the same process."""

from __future__ import annotations

import asyncio
import signal

import uvicorn
from fastapi import APIRouter, FastAPI

from audio_batch.events import Consumer, Tally
from sentinel_batch import __version__

_GRACE_SECONDS = 10


def listen_for_events(consumer: Consumer, router: APIRouter, *, host: str, port: int) -> Tally:
    """Take events until the process is told to end; those under way are finished, those that wait are kept.

    Parameters
    ----------
    consumer
        Works off what the router takes.
    router
        Takes events.
    host, port
        Where to listen.
    """
    return asyncio.run(_listen(consumer, router, host, port))


async def _listen(consumer: Consumer, router: APIRouter, host: str, port: int) -> Tally:
    app = FastAPI(title="Voice events", version=__version__, docs_url=None, redoc_url=None)
    app.include_router(router)
    config = uvicorn.Config(
        app, host=host, port=port, access_log=False, log_config=None, server_header=False, lifespan="off",
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )  # fmt: skip
    server = uvicorn.Server(config)
    # The server takes these signals itself, ends, and then raises them once more: here they end the consumer.
    for told in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(told, consumer.stop)
    working, serving = asyncio.create_task(consumer.run()), asyncio.create_task(server.serve())
    try:
        await asyncio.wait({working, serving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        consumer.stop()
        server.should_exit = True
    await serving
    return await working
