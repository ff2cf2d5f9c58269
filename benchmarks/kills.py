"""Kill the service while events come in: ``python -m benchmarks.kills [--kills 100] [--senders 3]``.

Senders post events, one by one and many at once, of numbers that cross the threshold of SDHF_001 again and again; the
service is ended by ``kill -9`` at a random moment, 0 to 2 s after its start, and started anew. At the end the lake must
hold every event that was answered with 200, and none twice; every number that the rule finds must have exactly one
alert, and a detection over all of it must create none.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import random
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import sentinel_batch as sb
from benchmarks.events import MANY, ONE
from benchmarks.serving import Served

START = datetime(2026, 1, 22, 12, tzinfo=UTC)
RULE = "SDHF_001"
EACH = 70
"""Calls of a number, one after the other: more than the rule's threshold."""

_MANY_AT_ONCE = 12
_PATIENCE = 600.0


@dataclass
class Found:
    """What the lake holds in the end.

    Parameters
    ----------
    kills, accepted, calls, numbers
        Kills, events answered with 200, calls in the lake, numbers with an alert.
    problems
        What is wrong, in words.
    """

    kills: int
    accepted: int
    calls: int
    numbers: int
    problems: list[str] = field(default_factory=list)


class Senders:
    """Threads that post events to a service until it dies, and remember what was accepted."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._numbers: Iterator[int] = itertools.count()
        self._lock = threading.Lock()
        self.accepted: set[int] = set()

    def start(self, served: Served) -> list[threading.Thread]:
        threads = [threading.Thread(target=self._send, args=(served, bool(n)), daemon=True) for n in range(self._count)]
        for thread in threads:
            thread.start()
        return threads

    def _send(self, served: Served, single: bool) -> None:
        connection = http.client.HTTPConnection(urlsplit(served.url).netloc, timeout=60)
        headers = {"Authorization": f"Bearer {served.key}", "Content-Type": "application/json"}
        while True:
            with self._lock:
                numbers = [next(self._numbers) for _ in range(1 if single else _MANY_AT_ONCE)]
            body = json.dumps(make_event(numbers[0]) if single else [make_event(number) for number in numbers])
            try:
                connection.request("POST", ONE if single else MANY, body, headers)
                answer = connection.getresponse()
                content = json.loads(answer.read())
            except (OSError, http.client.HTTPException, ValueError):
                return
            if answer.status == 200 and (single or content["refused"] == 0):
                with self._lock:
                    self.accepted.update(numbers)


def make_event(number: int) -> dict[str, Any]:
    """Return the event of a number: its time, and its place among the calls of its caller, tell it apart."""
    return {
        "caller_number": f"+23480311{number // EACH:05}",
        "callee_number": f"+2347030{number % EACH:06}",
        "duration_seconds": 1,
        "timestamp": (START + timedelta(seconds=number)).isoformat(),
    }


def kill_and_count(lake: Path, kills: int, seed: int = 1, senders: int = 3) -> Found:
    """Kill a service so often while events come in, and look at what is in the lake then.

    Parameters
    ----------
    lake
        Folder of the lake that is made.
    kills
        How often.
    seed
        Of the moments.
    senders
        Threads that post.
    """
    dice, posts = random.Random(seed), Senders(senders)
    served = Served(lake, {"flush_seconds": 0.3})
    for _ in range(kills):
        with served.killed_at_the_end():
            threads = posts.start(served)
            time.sleep(dice.uniform(0, 2))
        for thread in threads:
            thread.join(60)
    with served:
        _await_flush(served)
    return _count(lake, kills, posts.accepted)


def _await_flush(served: Served) -> None:
    deadline = time.monotonic() + _PATIENCE
    while "sentinel_events_waiting 0.0" not in served.get("/metrics"):
        if time.monotonic() > deadline:
            raise RuntimeError("Events still wait for the lake.")
        time.sleep(0.2)


def _count(lake: Path, kills: int, accepted: set[int]) -> Found:
    calls = sb.open(lake).tables.read("call_records")
    seconds = Counter(int((moment - START).total_seconds()) for moment in calls["call_timestamp"])
    alerts = Counter(sb.list_alerts(lake=lake, status="all")["suspect_number"])
    found = Found(kills, len(accepted), calls.height, len(alerts))
    lost, doubled = accepted - set(seconds), [number for number, count in seconds.items() if count > 1]
    found.problems += [f"lost: {sorted(lost)[:5]}"] * bool(lost) + [f"doubled: {doubled[:5]}"] * bool(doubled)
    done = sb.run_detection(RULE, lake=lake, since="30d")
    wanted = set(done.findings["suspect_number"])
    missed, twice = wanted - set(alerts), [number for number, count in alerts.items() if count > 1]
    found.problems += [f"without an alert: {sorted(missed)[:5]}"] * bool(missed)
    found.problems += [f"with two alerts: {twice[:5]}"] * bool(twice)
    created = done.changes.created if done.changes is not None else []
    found.problems += [f"created by a later detection: {created}"] * bool(created)
    return found


def main() -> None:
    """Read the command line, kill, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--senders", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = kill_and_count(Path(folder) / "lake", given.kills, given.seed, given.senders)
    print(
        f"{found.kills} kills, {found.accepted:,} events accepted, {found.calls:,} calls in the lake, "
        f"{found.numbers:,} numbers with an alert; {'; '.join(found.problems) or 'none lost, none doubled'}"
    )
    raise SystemExit(bool(found.problems))


if __name__ == "__main__":
    main()
