"""Listen to alerts with many clients: ``python -m benchmarks.listeners [--clients 500] [--rounds 20] [--alerts 5]``.

Real WebSocket clients on loopback, one of which never reads; alerts are recorded by this process, as a night would,
while the service runs. Two delays are printed: from the end of the commit until a client has an alert, and from when
the service wrote the alert down (its ``timestamp``) until then.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
import time
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
from websockets.asyncio.client import ClientConnection, connect

import sentinel_batch as sb
from benchmarks.serving import Served
from sentinel_batch import MockCDRGenerator

_WAIT = 60.0


class Listeners:
    """Clients of one service, and when each got what.

    Parameters
    ----------
    served
        The service.
    """

    def __init__(self, served: Served) -> None:
        self._address = served.url.replace("http", "ws", 1) + "/api/v1/sentinel/ws/alerts"
        self._headers = {"Authorization": f"Bearer {served.key}"}
        self.commits: dict[str, float] = {}
        self.since_commit: list[float] = []
        self.since_written: list[float] = []

    async def listen(self, count: int, lake: Path, rounds: int, alerts: int) -> int:
        """Open connections, record alerts, and return how many answers are missing."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(connect(self._address, additional_headers=self._headers, max_queue=1))
            sockets = [await stack.enter_async_context(self._open()) for _ in range(count - 1)]
            tasks = [asyncio.create_task(self._receive(socket, rounds * alerts)) for socket in sockets]
            for number in range(rounds):
                await asyncio.to_thread(self._record, lake, number, alerts)
                await asyncio.sleep(1.0)
            _, left = await asyncio.wait(tasks, timeout=_WAIT)
            for task in left:
                task.cancel()
        return (count - 1) * rounds * alerts - len(self.since_commit)

    def _open(self) -> Any:
        return connect(self._address, additional_headers=self._headers, compression=None, max_queue=None)

    async def _receive(self, socket: ClientConnection, expected: int) -> None:
        while expected:
            text = await socket.recv()
            moment, clock = time.monotonic(), time.time()
            if '"alert"' not in text[:20]:
                continue
            message = json.loads(text)
            expected -= 1
            written = datetime.fromisoformat(message["timestamp"]).timestamp()
            self.since_written.append(clock - written)
            self.since_commit.append(moment - self.commits[message["data"]["suspect_number"]])

    def _record(self, lake: Path, number: int, alerts: int) -> None:
        names = [f"+23481{number:04}{place:04}" for place in range(alerts)]
        rows = pl.concat([sb.detect(lake=lake).head(1).with_columns(suspect_number=pl.lit(name)) for name in names])
        # The latest moment at which they may become visible; they never arrive before.
        self.commits |= dict.fromkeys(names, time.monotonic())
        sb.record_alerts(rows, lake=lake)
        self.commits |= dict.fromkeys(names, time.monotonic())


def main() -> None:
    """Read the command line, listen, and print delays."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--alerts", type=int, default=5, help="alerts in a round")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lake = Path(folder) / "lake"
        file = Path(folder) / "calls.csv"
        MockCDRGenerator(seed=7).save_to_file(file, total_records=1200, simbox_callers=1, simbox_calls_per_caller=80)
        sb.ingest([file], lake=lake)
        with Served(lake) as served:
            listeners = Listeners(served)
            missing = asyncio.run(listeners.listen(given.clients, lake, given.rounds, given.alerts))
            used = served.describe()
    print(f"{len(listeners.since_commit):,} alerts delivered to {given.clients - 1} clients, {missing} missing")
    for name, delays in (("commit", listeners.since_commit), ("writing", listeners.since_written)):
        ordered = sorted(delays)
        cuts = ", ".join(f"p{cut} {ordered[len(ordered) * cut // 100] * 1000:.0f} ms" for cut in (50, 95, 99))
        print(f"since {name}: {cuts}, max {ordered[-1] * 1000:.0f} ms")
    print(f"service: {used}")


if __name__ == "__main__":
    main()
