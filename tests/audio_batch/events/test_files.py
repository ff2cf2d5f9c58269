"""Files as queues: lines that are no lines, and results that a killed consumer left."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from audio_batch.events import BrokerError, open_sink, open_source
from audio_batch.events.event import MOST_BYTES


def _read(path: Path) -> list[bytes]:
    async def read() -> list[bytes]:
        source = open_source(f"file:{path}")
        await source.connect()
        found = []
        while (deliveries := await source.receive(2, 0.1)) is not None:
            found += [delivery.body for delivery in deliveries]
        await source.close()
        return found

    return asyncio.run(read())


def test_empty_lines_are_passed_over_and_the_last_one_needs_no_end(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"a": 1}\r\n\n  \n{"a": 2}\n{"a": 3}')
    assert _read(path) == [b'{"a": 1}', b'{"a": 2}', b'{"a": 3}']


def test_a_line_that_is_too_long_is_one_event_and_not_kept_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"x" * (3 * MOST_BYTES) + b"\nnext\n")
    long, last = _read(path)
    assert MOST_BYTES < len(long) <= MOST_BYTES + 2
    assert last == b"next"


def test_half_a_result_is_cut_off_and_whole_ones_are_not_written_twice(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    path.write_bytes(b'{"event_id": "a"}\nno result\n{"event_id": "b"}\n{"event_id": "c", "sco')

    async def publish() -> None:
        sink = open_sink(f"file:{path}")
        await sink.connect()
        for name in ("b", "c"):
            await sink.publish(name, json.dumps({"event_id": name, "score": 1}).encode())
        await sink.close()

    asyncio.run(publish())
    assert path.read_bytes().splitlines() == [
        b'{"event_id": "a"}', b"no result", b'{"event_id": "b"}', b'{"event_id": "c", "score": 1}',
    ]  # fmt: skip


def test_only_the_last_part_of_long_results_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audio_batch.events.files._TAIL", 30)
    path = tmp_path / "results.jsonl"
    path.write_bytes(b'{"event_id": "a"}\n{"event_id": "b"}\n')

    async def publish() -> None:
        sink = open_sink(f"file:{path}")
        await sink.connect()
        await sink.publish("b", b"{}")
        await sink.publish("d", b"{}")

    asyncio.run(publish())
    assert path.read_bytes().splitlines()[2:] == [b"{}"]


def test_a_disk_that_refuses_is_a_broker_that_refuses(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"

    async def publish() -> None:
        sink = open_sink(f"file:{path}")
        await sink.connect()
        path.unlink()
        path.mkdir()
        await sink.publish("a", b"{}")

    with pytest.raises(BrokerError, match="cannot be written"):
        asyncio.run(publish())
