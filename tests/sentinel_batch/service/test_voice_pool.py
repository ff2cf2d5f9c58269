"""The pool of workers: short queue, deadlines, an engine that does not start; with workers that listen to nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from sentinel_batch.service.failures import EngineMissingError, OverdueError, QueueFullError, WorkerLostError
from sentinel_batch.service.voice.pool import VoicePool

WORKER = """
import json, os, sys, time
lines = iter(sys.stdin.buffer.readline, b"")
store = json.loads(next(lines))["store"]
def say(document):
    sys.stdout.write(json.dumps(document) + "\\n")
    sys.stdout.flush()
if store.endswith("failing"):
    say({"failure": {"code": "missing_extra", "message": "no librosa", "hint": "Type: pip install it"}})
    sys.exit()
if store.endswith("dying"):
    sys.exit("ModuleNotFoundError: No module named 'soundfile'")
say({"ready": True})
for line in lines:
    order = json.loads(line)
    if "seconds" in order:
        time.sleep(order["seconds"])
    if "exit" in order:
        os._exit(order["exit"])
    say({"pid": os.getpid(), **order})
"""


@pytest.fixture(autouse=True)
def idle_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let workers be processes that wait and die as they are told."""
    (tmp_path / "idle_voice_worker.py").write_text(WORKER)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setattr("sentinel_batch.service.voice.pool._MODULE", "idle_voice_worker")


def use(act: Callable[[VoicePool], Awaitable[Any]], workers: int = 1, queue: int = 1) -> Any:
    """Run a coroutine with a pool, which is ended after it."""

    async def run() -> Any:
        pool = VoicePool(workers, queue, 60.0, Path("store"))
        try:
            return await act(pool)
        finally:
            pool.stop()

    return asyncio.run(run())


async def _settle(pool: VoicePool, present: int) -> None:
    while pool.present != present:
        await asyncio.sleep(0.01)


def test_one_process_answers_all_and_is_started_once() -> None:
    async def act(pool: VoicePool) -> list[dict[str, Any]]:
        await asyncio.to_thread(pool.start)
        pids = [worker.pid for worker in pool.workers]
        found = [await pool.do({"number": number}) for number in range(3)]
        assert {one["pid"] for one in found} == set(pids)
        return found

    assert [one["number"] for one in use(act)] == [0, 1, 2]


def test_more_than_can_wait_is_refused_at_once() -> None:
    async def act(pool: VoicePool) -> None:
        busy = [asyncio.create_task(pool.do({"seconds": 0.5})) for _ in range(3)]
        await _settle(pool, 3)
        assert pool.waiting == 1
        with pytest.raises(QueueFullError, match="3 recordings are being listened to or wait already"):
            await pool.do({})
        await asyncio.gather(*busy)
        assert pool.present == pool.waiting == 0

    use(act, workers=2, queue=1)


def test_what_waited_for_too_long_is_not_begun() -> None:
    async def act(pool: VoicePool) -> None:
        slow = asyncio.create_task(pool.do({"seconds": 0.3}))
        await _settle(pool, 1)
        pool.seconds = 0.0
        with pytest.raises(QueueFullError, match="waited for 0 s behind others"):
            await pool.do({})
        assert (await slow)["seconds"] == 0.3

    use(act)


def test_what_takes_too_long_is_ended_and_the_next_goes_on() -> None:
    async def act(pool: VoicePool) -> tuple[int, int]:
        before = (await pool.do({}))["pid"]
        pool.seconds = 0.5
        with pytest.raises(OverdueError, match="took too long"):
            await pool.do({"seconds": 600})
        pool.seconds = 60.0
        return before, (await pool.do({}))["pid"]

    before, after = use(act)
    assert before != after


def test_a_process_that_ends_costs_its_own_order_only() -> None:
    async def act(pool: VoicePool) -> None:
        first, second = await asyncio.gather(
            pool.do({"seconds": 0.2, "exit": 7}), pool.do({"seconds": 0.2}), return_exceptions=True
        )
        assert isinstance(first, WorkerLostError) and "exit code 7" in first.message
        assert isinstance(second, dict)
        assert (await pool.do({"again": True}))["again"]

    use(act, workers=2)


@pytest.mark.parametrize(("store", "hint"), [("failing", "Type: pip install it"), ("dying", "service,audio")])
def test_engine_that_does_not_start(store: str, hint: str, caplog: pytest.LogCaptureFixture) -> None:
    async def act() -> None:
        pool = VoicePool(1, 0, 60.0, Path(store))
        with pytest.raises(EngineMissingError, match="does not start") as caught:
            await pool.do({})
        assert hint in caught.value.hint
        pool.stop()
        with pytest.raises(RuntimeError):
            await pool.do({})

    asyncio.run(act())
    assert "librosa" in caplog.text or "soundfile" in caplog.text
