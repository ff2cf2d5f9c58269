"""A consumer that is killed in the middle, again and again: nothing is lost, and every event has one result."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from waiting import wait_until

from audio_batch.events import EventStore
from tests.audio_batch.events.queues import KINDS, FileQueue, Queue, SqsQueue
from tests.audio_batch.events.test_queues import write_event

LIGHT = Path(__file__).parent / "light_consumer.py"
WORKERS = 8


@contextmanager
def _consuming(queue: Queue, store: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, str(LIGHT), queue.source, queue.results, str(store), str(WORKERS)]
    with log.open("ab") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _run_with_kills(queue: Queue, folder: Path, events: int, kills: int) -> None:
    """Let consumers work off events, of which the first ones are killed when a part of the work is done."""
    path = folder / "store.db"
    queue.send([write_event(number, context={"number": number, "seconds": 0.002}) for number in range(events)])
    with closing(EventStore(path)) as store:

        def has_done(most: int) -> bool:
            return store.count_states()["done"] >= most

        for kill in range(kills):
            with _consuming(queue, path, folder / "log") as process:
                wait_until(lambda part=kill + 1: has_done(events * part // (kills + 1)), "a part of the work", 300)
                process.kill()
        with _consuming(queue, path, folder / "log") as process:
            wait_until(lambda: has_done(events), "all of the work", 300)
            # A result that a kill caught before it was published is published when its event is delivered again.
            wait_until(lambda: _read_numbers(queue) == set(range(events)), "all results", 60)
            if not isinstance(queue, FileQueue):  # A file has an end, and so has what reads it.
                process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=60)
        assert process.returncode == 0, (folder / "log").read_text()[-2000:]
        assert store.count_states() == {"open": 0, "done": events, "dead": 0}
    _check(queue, events, kills, json.loads(out))


def _read_numbers(queue: Queue) -> set[int]:
    return {result["number"] for result in queue.read_results()}


def _check(queue: Queue, events: int, kills: int, tally: dict[str, int]) -> None:
    results = queue.read_results()
    # Between publishing a result and remembering it lies a moment; a result that a kill caught there is sent again, the
    # same to the byte, under the same name. That is at most one for each worker and kill, and mostly none.
    assert len({json.dumps(result) for result in results}) == events
    assert len(results) - events <= kills * WORKERS
    print(f"{type(queue).__name__}: {events:,} events, {kills} kills, {len(results) - events} results sent twice")
    assert queue.read_dead() == []
    assert tally["processed"] < events


@pytest.mark.parametrize("queue", KINDS, indirect=True)
def test_nothing_is_lost_when_the_consumer_is_killed(queue: Queue, tmp_path: Path) -> None:
    # The server that plays SQS takes ten milliseconds for each request.
    _run_with_kills(queue, tmp_path, events=120 if isinstance(queue, SqsQueue) else 300, kills=2)


@pytest.mark.slow
def test_ten_thousand_events_and_ten_kills(queue: Queue, tmp_path: Path) -> None:
    # The server that plays SQS looks at all its messages for each request.
    _run_with_kills(queue, tmp_path, events=600 if isinstance(queue, SqsQueue) else 10_000, kills=10)


def test_a_consumer_that_is_told_to_end_finishes_what_it_has_begun(queue: Queue, tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    queue.send([write_event(number, context={"number": number, "seconds": 0.3}) for number in range(20)])
    with closing(EventStore(path)) as store:
        with _consuming(queue, path, tmp_path / "log") as process:
            wait_until(lambda: store.count_states()["open"] > 0, "the first event")
            process.send_signal(signal.SIGTERM)
            out, _ = process.communicate(timeout=60)
        tally = json.loads(out)
        assert process.returncode == 0
        # A file is read to its end within a moment; the others have events left.
        assert 0 < tally["received"] == tally["processed"] == tally["published"] < 20
        assert store.count_states() == {"open": 0, "done": tally["processed"], "dead": 0}
    assert len(queue.read_results()) == tally["processed"]
