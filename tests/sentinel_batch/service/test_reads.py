"""What the lake says over HTTP: the newest, in time, and worked out once."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import httpx
import pytest
from running_service import RunningService, serving
from thoroughness import examples

import sentinel_batch as sb
from benchmarks.reading_service import ServiceTrial
from benchmarks.service import LEAST_CALLS, run
from sentinel_batch.errors import DeadlineError
from sentinel_batch.lake import Lake, LakeReader, Snapshot
from sentinel_batch.service.cache import AnswerCache

V1 = "/api/v1/sentinel/alerts"


def test_answers_are_right_while_calls_are_committed_and_packed(tmp_path: Path) -> None:
    done = ServiceTrial(tmp_path, reads=examples(1000, quick=250), commits=20, packings=3).run()
    assert done.faults == []
    assert done.overlapping


def test_trial_finds_an_answer_that_was_kept_too_long(tmp_path: Path) -> None:
    trial = ServiceTrial(tmp_path, reads=40, commits=4, packings=1)
    get, kept = trial._get, {}
    trial._get = lambda path: kept.setdefault(path, get(path))  # type: ignore[method-assign]
    assert trial.run().faults


def test_every_commit_is_in_the_next_answer(service: RunningService, admin: httpx.Client) -> None:
    for path in (V1, "/api/v2/alerts", "/api/v2/alerts/1", "/api/v2/alerts/1/explain", "/api/v2/suspects"):
        admin.get(path)
        for number in range(3):
            sb.annotate_alerts(1, notes=f"{path} {number}", lake=service.lake)
            assert f"{path} {number}" in admin.get(path).text
    admin.patch(f"{V1}/2", json={"reviewed": True, "disposition": "watch"})
    assert [row["id"] for row in admin.get(V1, params={"reviewed": True}).json()["alerts"]] == [2]
    sb.suppress("+234809*", reason="hotline", lake=service.lake)
    assert [row["pattern"] for row in admin.get("/api/v2/suppressions").json()["suppressions"]] == ["+234809*"]
    assert admin.get("/api/v2/runs").json()["runs"][0]["command"] == "suppress"


def test_who_sees_masked_numbers_never_gets_an_answer_for_others(service: RunningService, admin: httpx.Client) -> None:
    with service.client("reader") as reader:
        for _ in range(2):
            whole, masked = admin.get(V1).json(), reader.get(V1).json()
            assert "*" not in whole["alerts"][0]["suspect_number"]
            assert "*" in masked["alerts"][0]["suspect_number"]
            assert whole["count"] == masked["count"]


def test_an_answer_that_is_known_is_not_sent_again(service: RunningService, admin: httpx.Client) -> None:
    tag = admin.get(V1).headers["etag"]
    again = admin.get(V1, headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    sb.annotate_alerts(1, notes="another", lake=service.lake)
    changed = admin.get(V1, headers={"If-None-Match": tag})
    assert changed.status_code == 200 and changed.headers["etag"] != tag


def test_metrics_count_answers_from_memory(admin: httpx.Client) -> None:
    def count(name: str) -> float:
        [line] = [line for line in admin.get("/metrics").text.splitlines() if line.startswith(f"{name} ")]
        return float(line.split()[1])

    admin.get(V1)
    before = count("sentinel_answers_from_memory")
    admin.get(V1)
    assert count("sentinel_answers_from_memory") == before + 1
    assert count("sentinel_answers_kept_bytes") > 1000


@pytest.fixture(scope="module")
def hurried(_seeded_lake: tuple[Path, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    """A service that gives itself no time."""
    yield from serving(_seeded_lake[0] / "lake", tmp_path_factory.mktemp("hurried"), {"answer_seconds": 0.0})


@pytest.mark.parametrize("path", [V1, "/api/v2/alerts/1/explain", "/api/v2/numbers/+2348012345678", "/api/v2/queue"])
def test_an_answer_that_takes_too_long_is_refused(hurried: RunningService, path: str) -> None:
    with hurried.client() as client:
        answer = client.get(path)
    assert answer.status_code == 503 and int(answer.headers["retry-after"]) > 0
    assert answer.json()["detail"].startswith("No answer within 0 s") and answer.json()["hint"]


# Importing it would patch the sockets of this process.
@pytest.mark.skipif(find_spec("locust") is None, reason="locust is not installed (dev extra)")
@pytest.mark.slow
def test_benchmark_asks_a_real_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not run(tmp_path, LEAST_CALLS, 4, 3)
    said = capsys.readouterr().out
    assert "| no pause | explain |" in said and "| risk, bare DuckDB |" in said


@pytest.fixture
def reader(_seeded_lake: tuple[Path, list[str]], tmp_path: Path) -> Iterator[LakeReader]:
    """A reader of a lake of one's own."""
    with LakeReader(shutil.copytree(_seeded_lake[0] / "lake", tmp_path / "lake")) as opened:
        yield opened


class Asked:
    """A question that says how often it was worked out, and waits until it may end.

    Parameters
    ----------
    cache
        Where it is asked.
    """

    def __init__(self, cache: AnswerCache) -> None:
        self.cache, self.times, self.may_end = cache, 0, asyncio.Event()

    async def ask(self, tables: Snapshot, question: str = "which", keep: float = 60.0) -> bytes:
        async def work() -> bytes:
            self.times += 1
            tables.read("fraud_alerts")
            said = f"{question} {self.times}".encode()
            await self.may_end.wait()
            return said

        return (await self.cache.get(question, tables, work, keep)).body


def test_equal_questions_are_worked_out_once(reader: LakeReader) -> None:
    async def play() -> None:
        asked = Asked(AnswerCache(1 << 20))
        together = [asyncio.create_task(asked.ask(reader.snapshot())) for _ in range(20)]
        await asyncio.sleep(0)
        together[0].cancel()  # The first one leaves; the others are answered all the same.
        await asyncio.sleep(0)
        asked.may_end.set()
        assert {await one for one in together[1:]} == {b"which 1"}
        assert await asked.ask(reader.snapshot()) == b"which 1"
        assert (asked.times, asked.cache.hits, asked.cache.shared, asked.cache.misses) == (1, 1, 19, 1)

    asyncio.run(play())


def test_a_question_after_a_commit_joins_none_before_it(reader: LakeReader) -> None:
    async def play() -> None:
        asked = Asked(AnswerCache(1 << 20))
        before = asyncio.create_task(asked.ask(reader.snapshot()))
        await asyncio.sleep(0)
        sb.annotate_alerts(1, notes="now", lake=reader.snapshot().path)
        after = asyncio.create_task(asked.ask(reader.snapshot()))
        await asyncio.sleep(0)
        asked.may_end.set()
        assert (await before, await after) == (b"which 1", b"which 2")
        assert await asked.ask(reader.snapshot()) in (b"which 2", b"which 3")

    asyncio.run(play())


def test_an_answer_holds_while_its_tables_do(reader: LakeReader) -> None:
    async def play() -> None:
        asked = Asked(AnswerCache(1 << 20))
        asked.may_end.set()
        path = reader.snapshot().path
        assert await asked.ask(reader.snapshot()) == b"which 1"
        calls = reader.snapshot().read("call_records")
        Lake.open(path).append("call_records", calls)
        assert await asked.ask(reader.snapshot()) == b"which 1"
        sb.annotate_alerts(1, notes="now", lake=path)
        assert await asked.ask(reader.snapshot()) == b"which 2"
        assert await asked.ask(reader.snapshot(), "at once", keep=0) == b"at once 3"
        assert await asked.ask(reader.snapshot(), "at once", keep=0) == b"at once 4"

    asyncio.run(play())


def test_failures_are_told_to_all_and_not_kept(reader: LakeReader) -> None:
    async def fail() -> bytes:
        await asyncio.sleep(0)
        raise DeadlineError("No answer.")

    async def play() -> None:
        cache = AnswerCache(1 << 20)
        told = await asyncio.gather(
            *(cache.get("q", reader.snapshot(), fail) for _ in range(3)), return_exceptions=True
        )
        assert [type(one) for one in told] == [DeadlineError] * 3
        assert (len(cache), cache.misses) == (0, 1)

    asyncio.run(play())


def test_memory_is_bounded(reader: LakeReader) -> None:
    async def play(cache: AnswerCache, size: int) -> None:
        async def work() -> bytes:
            return b"x" * size

        for number in range(50):
            await cache.get(number, reader.snapshot(), work)
            await cache.get(0, reader.snapshot(), work)  # What is asked for stays.

    few, small, none = AnswerCache(1 << 20, 10), AnswerCache(20_000), AnswerCache(0)
    for cache in (few, small, none):
        asyncio.run(play(cache, 1000))
    assert len(few) == 10 and few.hits == 50
    assert 0 < len(small) < 20 and small.size <= 20_000 and small.hits == 50
    assert len(none) == none.size == none.hits == 0
