"""A consumer with a handler that costs nothing, as a program of its own that may be killed.

Usage: light_consumer.py SOURCE RESULTS STORE WORKERS
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from pathlib import Path

from audio_batch.events import Consumer, Event, EventStore, Limits, open_sink, open_source


def handle(event: Event) -> bytes:
    time.sleep(float(event.context.get("seconds", 0)))
    return json.dumps({"event_id": event.id, "number": event.context["number"]}).encode()


async def consume(source: str, results: str, store: EventStore, workers: int) -> None:
    consumer = Consumer(
        open_source(source, workers=workers),
        store,
        handle,
        sink=open_sink(results, workers=workers),
        limits=Limits(workers=workers, retry_seconds=0.1, reconnect_seconds=1.0),
        log=lambda facts: print(json.dumps(facts), file=sys.stderr, flush=True),
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, consumer.stop)
    print(json.dumps(vars(await consumer.run())), flush=True)


if __name__ == "__main__":
    opened = EventStore(Path(sys.argv[3]))
    asyncio.run(consume(sys.argv[1], sys.argv[2], opened, int(sys.argv[4])))
    opened.close()
