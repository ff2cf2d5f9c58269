"""Send call events to a running service: ``python -m benchmarks.events [--rate 1000] [--seconds 60] [--batch 0]``.

Starts a service of its own on loopback, in a process of its own, unless ``--url`` names one. Events are sent at fixed
moments, whatever the service does (an open loop): a delay is counted from the moment at which an event was due, so a
service that stalls cannot hide it. Connections are kept open; client and service share the machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.serving import Served

ONE, MANY = "/api/v1/sentinel/events/call", "/api/v2/events"
_QUANTILES = (0.5, 0.95, 0.99)


@dataclass
class Outcome:
    """What came back.

    Parameters
    ----------
    delays
        Seconds from when each request was due until its answer was read.
    statuses
        Answers by status.
    seconds
        How long it took in all.
    events
        Events in answers of 200.
    """

    delays: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0
    events: int = 0

    def describe(self) -> str:
        """Return the figures in one line."""
        ordered = sorted(self.delays)
        cuts = (
            f"p{q * 100:.0f} {ordered[min(len(ordered) - 1, int(q * len(ordered)))] * 1000:.1f} ms" for q in _QUANTILES
        )
        return (
            f"{self.events / self.seconds:,.0f} events/s for {self.seconds:.0f} s, {', '.join(cuts)}, "
            f"max {ordered[-1] * 1000:.0f} ms, answers {dict(self.statuses)}"
        )


def make_calls(callers: int, seed: int, start: datetime | None = None) -> Iterator[bytes]:
    """Yield calls of some callers as JSON, few of them of one caller in a hundred, as in a network."""
    dice = random.Random(seed)
    while True:
        caller = int(callers * dice.random() ** 2)
        yield json.dumps(
            {
                "caller_number": f"+23480{30000000 + caller}",
                "callee_number": f"+23470{dice.randrange(10**8):08}",
                "duration_seconds": dice.randrange(300),
                "call_direction": "outbound",
                "timestamp": datetime.now(UTC).isoformat(),
                "event_id": f"{dice.getrandbits(64):x}",
            }
        ).encode()


class Sender:
    """Connections that are kept open, each with one request under way.

    Parameters
    ----------
    url, key
        Of the service.
    connections
        How many; a request that finds none free waits, and that is counted.
    """

    def __init__(self, url: str, key: str, connections: int) -> None:
        parts = urlsplit(url)
        self._host, self._port, self._count = parts.hostname or "", parts.port or 80, connections
        self._key = f"Authorization: Bearer {key}\r\n" if key else ""
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        self.outcome = Outcome()

    async def send(self, path: str, bodies: Sequence[tuple[bytes, int]], rate: float) -> Outcome:
        """Send requests of so many events at a rate of requests a second."""
        for _ in range(self._count):
            self._free.put_nowait(await asyncio.open_connection(self._host, self._port))
        begun, tasks = time.perf_counter(), set()
        for number, (body, events) in enumerate(bodies):
            due = begun + number / rate
            if (wait := due - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            tasks.add(task := asyncio.create_task(self._post(path, body, events, due)))
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
        self.outcome.seconds = time.perf_counter() - begun
        return self.outcome

    async def _post(self, path: str, body: bytes, events: int, due: float) -> None:
        reader, writer = await self._free.get()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: {self._host}:{self._port}\r\n{self._key}"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        await reader.readexactly(length)
        self._free.put_nowait((reader, writer))
        self.outcome.delays.append(time.perf_counter() - due)
        status = int(answer[9:12])
        self.outcome.statuses[status] += 1
        self.outcome.events += events if status == 200 else 0


def make_bodies(count: int, batch: int, callers: int, seed: int = 1) -> list[tuple[bytes, int]]:
    """Return the bodies of requests, each with how many events it has; a batch of 0 is the form of a single event."""
    calls = make_calls(callers, seed)
    if not batch:
        return [(next(calls), 1) for _ in range(count)]
    return [(b"[" + b",".join(next(calls) for _ in range(batch)) + b"]", batch) for _ in range(count // batch)]


def main() -> None:
    """Read the command line, send, and print what came back."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, default=1000, help="events a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--batch", type=int, default=0, help="events in a request; 0 sends them one by one")
    parser.add_argument("--callers", type=int, default=5000)
    parser.add_argument("--connections", type=int, default=128)
    parser.add_argument("--lake", type=Path, help="a lake to serve; without it, an empty one")
    parser.add_argument("--url", help="a service that runs already")
    parser.add_argument("--key", default="")
    given = parser.parse_args()
    bodies = make_bodies(int(given.rate * given.seconds), given.batch, given.callers)
    path, rate = (MANY, given.rate / given.batch) if given.batch else (ONE, given.rate)
    if given.url:
        print(asyncio.run(Sender(given.url, given.key, given.connections).send(path, bodies, rate)).describe())
        return
    with tempfile.TemporaryDirectory() as folder, Served(given.lake or Path(folder) / "lake") as served:
        print(asyncio.run(Sender(served.url, served.key, given.connections).send(path, bodies, rate)).describe())
        print(f"service: {served.describe()}")


if __name__ == "__main__":
    main()
