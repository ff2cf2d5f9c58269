"""Events are scored from memory, and watched, as the library would do it from the lake."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sentinel_batch as sb
from sentinel_batch.config import Config
from sentinel_batch.desk import Desk
from sentinel_batch.scores import Risk, assess_events
from sentinel_batch.service import watching
from sentinel_batch.service.events import EventQueue, make_event
from sentinel_batch.service.scoring import Scorer
from sentinel_batch.service.watching import RULE

START = datetime(2026, 1, 22, 12, tzinfo=UTC)
RULES = {RULE: {"window": "1h", "min_unique_destinations": 5, "max_avg_duration": 3.0}}


class Stream:
    """A scorer with its queue, without HTTP; ``options`` of ingest are those of the service."""

    def __init__(self, folder: Path, rules: dict[str, Any] | None = None) -> None:
        self.folder = folder
        self.desk = Desk(Config(lake=folder / "lake", rules=rules or {}))
        self.desk.create_lake()
        self.batches = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Stream]:
        self.queue = EventQueue(self.folder / "service", lambda groups: self.scorer.take(groups))
        self.scorer = Scorer(self.desk, self.queue)
        await asyncio.to_thread(self.scorer.start)
        self.queue.start()
        yield self
        self.queue.stop()
        await asyncio.to_thread(self.scorer.stop)

    async def send(self, *calls: dict[str, Any]) -> list[Risk]:
        events = [make_event(call, "ada", str(call.get("id") or "") or None) for call in calls]
        return [scored.risk for scored in await self.queue.submit(events)]

    async def flush(self) -> None:
        self.batches += 1
        name = f"batch-{self.batches}"
        if self.queue.fix_batch(name):
            file = self.folder / f"{name}.csv"
            self.queue.write_batch(name, file)
            await asyncio.to_thread(self._ingest, file)
            await self.scorer.release(name)

    def _ingest(self, file: Path) -> None:
        sb.ingest(file, lake=self.desk, dialect="sentinel-timestamp", timezone="UTC", max_reject_rate=1.0)

    def expected(self, call: dict[str, Any]) -> Risk:
        [risk] = assess_events([call], pending=self.queue.pending, lake=self.desk)
        return risk


def _call(caller: int, callee: int, minutes: float, duration: float = 2) -> dict[str, Any]:
    return {
        "caller_number": f"+23480311122{caller:02}",
        "callee_number": f"+23470300000{callee:02}",
        "timestamp": START + timedelta(minutes=minutes),
        "duration_seconds": float(duration),
    }


def _write(file: Path, calls: list[dict[str, Any]]) -> Path:
    rows = pl.DataFrame(calls).rename({"timestamp": "call_timestamp"})
    rows.with_columns(pl.col("duration_seconds").cast(pl.Int64)).write_csv(file)
    return file


CALL = st.builds(
    _call,
    st.integers(0, 2),
    st.integers(0, 4),
    # Within a day, at its edges, late by days, and in the future.
    st.one_of(st.integers(0, 30), st.sampled_from([-1440, 1440, 1441, -3000, 4000, 20000, 500000])),
    st.sampled_from([0, 1, 2, 2.5, 60, 0.1]),
)
STEP = st.one_of(
    st.tuples(st.just("send"), st.lists(CALL, min_size=1, max_size=6)),
    st.tuples(st.just("flush"), st.just([])),
    st.tuples(st.just("ingest"), st.lists(CALL, min_size=1, max_size=6)),
    st.tuples(st.just("restart"), st.just([])),
)


@pytest.mark.parametrize("capacity", [1_000_000, 30])
@settings(max_examples=15, deadline=None)
@given(st.lists(STEP, min_size=2, max_size=8))
def test_risk_is_that_of_the_library(capacity: int, steps: list[tuple[str, list[dict[str, Any]]]]) -> None:
    """Late, future and repeated events; loaded meanwhile; another program that ingests; little memory."""

    async def run(stream: Stream) -> None:
        todo = [*steps]
        while todo:
            async with stream.running():
                stream.scorer._calls.capacity = capacity
                while todo:
                    kind, calls = todo.pop(0)
                    if kind == "restart":
                        break
                    if kind == "flush":
                        await stream.flush()
                    elif kind == "ingest":
                        sb.ingest(_write(stream.folder / f"cli-{len(todo)}.csv", calls), lake=stream.desk)
                    for call in calls if kind == "send" else ():
                        [found] = await stream.send(call)
                        _compare(found, stream.expected(call))

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Stream(Path(folder))))


def test_nothing_that_changes_meanwhile_is_missed(tmp_path: Path) -> None:
    """The same, step by step: what each step adds to a caller's calls is known."""
    stream = Stream(tmp_path)

    async def count(minutes: int) -> int:
        [risk] = await stream.send(call := _call(1, minutes % 60, minutes))
        _compare(risk, stream.expected(call))
        return risk.call_count

    async def run() -> None:
        async with stream.running():
            assert [await count(1), await count(2)] == [1, 2]
            sb.ingest(_write(tmp_path / "cli.csv", [_call(1, 7, 0), _call(1, 2, 2)]), lake=stream.desk)
            assert await count(3) == 4
        async with stream.running():  # What waits and what is loaded is found again.
            assert await count(4) == 5
            await stream.flush()
            assert await count(5) == 6
            await stream.flush()
            await asyncio.to_thread(sb.maintain, lake=stream.desk)
            assert await count(6) == 7
        async with stream.running():
            assert await count(8) == 8
            assert await count(-2000) == 1 and await count(9) == 9

    asyncio.run(run())


def _compare(found: Risk, wanted: Risk) -> None:
    assert (found.number, found.since, found.until) == (wanted.number, wanted.since, wanted.until)
    assert (found.call_count, found.unique_destinations) == (wanted.call_count, wanted.unique_destinations)
    # Sums of fractions depend on their order.
    assert found.avg_duration_seconds == pytest.approx(wanted.avg_duration_seconds, abs=1e-9)
    assert found.score == pytest.approx(wanted.score, abs=1e-6) and found.level == wanted.level


def _suspects(desk: Desk, status: str = "all") -> set[str]:
    return set(sb.list_alerts(lake=desk, status=status)["suspect_number"])


async def _stream(stream: Stream, calls: list[dict[str, Any]], flush_every: int) -> None:
    async with stream.running():
        for number, call in enumerate(calls, 1):
            await stream.send(call)
            if flush_every and number % flush_every == 0:
                await stream.flush()
        # Not by starting anew: then all whose events wait are examined.
        await stream.flush()


def _examine(stream: Stream) -> Any:
    newest = stream.desk.tables.newest_call
    return sb.run_detection(RULE, lake=stream.desk, since="30d", until=newest)


BURST = st.tuples(st.integers(0, 3), st.integers(3, 9), st.sampled_from([0, 1, 2, 3, 4, 40]), st.integers(0, 120))


def _unfold(bursts: list[tuple[int, int, int, int]]) -> list[dict[str, Any]]:
    """Return bursts of calls, some with a long call before them that leaves the window later, by time."""
    calls = []
    for caller, count, duration, start in bursts:
        calls += [_call(caller, callee, start + callee / 4, duration) for callee in range(count)]
        calls += [_call(caller, 50, start - 20, 300)] if duration == 1 else []
    calls.append(_call(9, 0, 300))
    return sorted(calls, key=lambda call: call["timestamp"])


@settings(max_examples=12, deadline=None)
@given(st.lists(BURST, min_size=1, max_size=6), st.sampled_from([0, 7]))
def test_watched_callers_are_those_of_the_rule(bursts: list[Any], flush_every: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        stream = Stream(Path(folder), RULES)
        asyncio.run(_stream(stream, _unfold(bursts), flush_every))
        found = _suspects(stream.desk)
        changes = _examine(stream).changes
        assert found == _suspects(stream.desk)
        # A later detection goes on with the same alerts.
        assert changes is not None and changes.created == []


@settings(max_examples=8, deadline=None)
@given(st.data(), st.lists(BURST, min_size=1, max_size=4))
def test_none_is_missed_if_calls_come_in_any_order(data: Any, bursts: list[Any]) -> None:
    calls = data.draw(st.permutations(_unfold(bursts)))
    with tempfile.TemporaryDirectory() as folder:
        stream = Stream(Path(folder), RULES)
        asyncio.run(_stream(stream, calls, 5))
        found = _suspects(stream.desk)
        wanted = {row["suspect_number"] for row in _examine(stream).findings.to_dicts()}
        assert wanted <= found


BOX = [_call(1, callee, callee) for callee in range(8)]


def test_alert_is_one_of_a_recorded_run_and_suppressed_numbers_stay_so(tmp_path: Path) -> None:
    stream = Stream(tmp_path, RULES)
    sb.suppress("+23480311122*", reason="test line", lake=stream.desk)
    asyncio.run(_stream(stream, BOX, 0))
    assert _suspects(stream.desk, "open") == set() and _suspects(stream.desk, "suppressed") == {BOX[0]["caller_number"]}
    runs = stream.desk.tables.read("runs").filter(pl.col("command") == "events")
    alerts = sb.list_alerts(lake=stream.desk, status="all")
    assert runs.height >= 1 and set(alerts["run_id"]) <= set(runs["run_id"])


def test_lake_and_events_count_together(tmp_path: Path) -> None:
    stream = Stream(tmp_path, RULES)
    sb.ingest(_write(tmp_path / "first.csv", BOX[:4]), lake=stream.desk)
    asyncio.run(_stream(stream, BOX[2:], 0))
    [alert] = sb.list_alerts(lake=stream.desk).to_dicts()
    assert (alert["suspect_number"], alert["call_count"], alert["unique_destinations"]) == (
        BOX[0]["caller_number"],
        8,
        8,
    )


def test_suspects_survive_a_crash_between_loading_and_examining(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = Stream(tmp_path, RULES)

    def fail(*_: object) -> None:
        raise OSError("the lake is away")

    async def crash() -> None:
        async with stream.running():
            monkeypatch.setattr(stream.scorer.watch, "_examine", fail)
            for call in BOX:
                await stream.send(call)
            await stream.flush()

    async def again() -> None:
        async with stream.running():
            assert stream.queue.list_suspects()

    asyncio.run(crash())
    assert _suspects(stream.desk) == set() and stream.queue.waiting == 0
    asyncio.run(again())
    assert _suspects(stream.desk) == {BOX[0]["caller_number"]} and not stream.queue.list_suspects()


def test_all_calls_that_waited_are_examined_after_a_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody calls any more: the period must reach the last of them all the same."""
    stream = Stream(tmp_path, RULES)

    def fail(*_: object) -> None:
        raise OSError("the lake is away")

    async def crash() -> None:
        async with stream.running():
            monkeypatch.setattr(stream.scorer.watch, "_examine", fail)
            await stream.send(*BOX)

    async def again() -> None:
        async with stream.running():
            pass

    asyncio.run(crash())
    assert _suspects(stream.desk) == set() and stream.queue.waiting == len(BOX)
    asyncio.run(again())
    [alert] = sb.list_alerts(lake=stream.desk).to_dicts()
    assert alert["call_count"] == len(BOX)


def test_a_caller_that_was_examined_in_vain_is_not_left_alone(tmp_path: Path) -> None:
    """After a restart all whose calls wait are examined; who then crosses the threshold raises the alert at once."""
    stream = Stream(tmp_path, RULES)

    async def wait_for(done: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not await asyncio.to_thread(done):
                await asyncio.sleep(0.05)

    async def begin() -> None:
        async with stream.running():
            await stream.send(*BOX[:3])

    async def go_on() -> None:
        async with stream.running():
            await wait_for(lambda: not stream.scorer.watch.outstanding())
            await stream.send(*BOX[3:])
            await wait_for(lambda: bool(_suspects(stream.desk)))

    asyncio.run(begin())
    asyncio.run(go_on())


def test_rule_that_is_switched_off_raises_nothing(tmp_path: Path) -> None:
    stream = Stream(tmp_path, {RULE: {**RULES[RULE], "enabled": False}})
    asyncio.run(_stream(stream, BOX, 0))
    assert _suspects(stream.desk) == set()


def test_segments_have_thresholds_of_their_own() -> None:
    rules = {RULE: {**RULES[RULE], "segments": {"callers": {"window": "2h", "min_unique_destinations": 80}}}}
    found = watching.list_thresholds(Config(rules=rules))
    assert [(one.length // 60_000_000, one.destinations) for one in found] == [(60, 5), (120, 80)]


def test_a_call_far_ahead_does_not_move_the_clock(tmp_path: Path) -> None:
    """The calls of a sender whose clock is wrong must not let the windows of the others run empty."""
    stream = Stream(tmp_path, RULES)
    future = datetime.now(UTC) + timedelta(days=2)

    async def run() -> None:
        async with stream.running():
            await stream.send(_call(1, 1, 0), _call(2, 1, 0) | {"timestamp": future})
            assert stream.scorer.watch._clock == (START - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1e6

    asyncio.run(run())
