"""Readers that stay: the newest version for each request, never a mixture, an error when it takes too long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest
from alert_samples import at, call, finding, frame, make_lake
from thoroughness import examples

import sentinel_batch as sb
from benchmarks.reading import Trial
from sentinel_batch.config import Config
from sentinel_batch.desk import Desk
from sentinel_batch.errors import DeadlineError, LakeDamagedError, LakeNotFoundError
from sentinel_batch.lake import Deadline, Lake, LakeReader, find_last_call, read_calls_of
from sentinel_batch.schema import CALL_RECORDS

ENDLESS = "SELECT count(*) FROM range(100000000000) AS a, range(1000) AS b WHERE a.range * b.range = 7"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return make_lake(tmp_path, [call(1, "+1"), call(2, "+2"), call(2, "+3", 7, "+234701")])


@pytest.fixture
def reader(lake: Lake) -> Iterator[LakeReader]:
    with LakeReader(lake) as opened:
        yield opened


def test_answers_are_right_while_calls_are_committed_and_packed(tmp_path: Path) -> None:
    done = Trial(tmp_path, reads=examples(1000, quick=250), commits=20, packings=3).run()
    assert done.faults == []
    assert done.overlapping


def test_a_snapshot_stays_as_it_was_and_the_next_is_new(lake: Lake, reader: LakeReader) -> None:
    before = reader.snapshot()
    lake.append(CALL_RECORDS.name, before.read(CALL_RECORDS.name))
    assert read_calls_of(before, ["+234701"], at(0), at(9)).height == 1
    assert read_calls_of(reader.snapshot(), ["+234701"], at(0), at(9)).height == 2


def test_logs_of_tables_that_did_not_change_are_not_opened_again(lake: Lake, reader: LakeReader) -> None:
    before = reader.snapshot()
    calls = before.log(CALL_RECORDS.name)
    sb.record_alerts(frame(finding()), lake=lake)
    after = reader.snapshot()
    assert after.log(CALL_RECORDS.name) is calls
    assert (before.read("fraud_alerts").height, after.read("fraud_alerts").height) == (0, 1)


def test_calls_of_numbers(lake: Lake) -> None:
    tables = lake.snapshot()
    found = read_calls_of(tables, ["+2348031234567", "' OR 1=1 --"], at(1), at(2))
    assert found.to_dicts() == [{**call(2, "+2")}]
    assert found.schema == tables.read(CALL_RECORDS.name).schema
    assert read_calls_of(tables, ["+2348031234567"], at(0), at(2))["callee_number"].to_list() == ["+1", "+2"]
    assert find_last_call(tables, "+2348031234567") == at(2)
    assert find_last_call(tables, "+2348031234567", until=at(1.5)) == at(1)
    assert find_last_call(tables, "+9") is None


def test_a_query_that_takes_too_long_is_interrupted(lake: Lake) -> None:
    with LakeReader(lake, seconds=0.2) as reader:
        tables = reader.snapshot()
        clock = time.perf_counter()
        with (
            pytest.raises(DeadlineError, match=r"No answer within 0.2 s.*\nHint: Ask again"),
            tables.engine.cursor(tables.deadline) as cursor,
        ):
            cursor.execute(ENDLESS)
        assert time.perf_counter() - clock < 60  # It would take days.
        # The next request is not harmed by it.
        assert find_last_call(reader.snapshot(seconds=30), "+234701") == at(2)


def test_nothing_is_begun_after_the_deadline(lake: Lake) -> None:
    tables = lake.snapshot().within(Deadline(0))
    for act in (
        lambda: sb.explain("+234701", lake=Desk(Config(), tables)),
        lambda: sb.list_alerts(lake=Desk(Config(), tables)),
        lambda: find_last_call(tables, "+234701"),
    ):
        with pytest.raises(DeadlineError):
            act()


def test_threads_get_their_own_answers(lake: Lake, reader: LakeReader) -> None:
    def count(number: int) -> int:
        tables = reader.snapshot()
        with tables.query(CALL_RECORDS.name) as calls:
            [(found,)] = calls.aggregate(f"count(*) + {number}").fetchall()
        return int(found)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(count, range(400))) == [number + 3 for number in range(400)]


def test_missing_files_are_named(lake: Lake, reader: LakeReader) -> None:
    for file in reader.snapshot().files(CALL_RECORDS.name):
        file.unlink()
    with pytest.raises(LakeDamagedError, match="cannot be read"):
        find_last_call(reader.snapshot(), "+234701")


def test_there_has_to_be_a_lake(tmp_path: Path) -> None:
    with pytest.raises(LakeNotFoundError):
        LakeReader(tmp_path)


def test_a_lake_that_is_gone_is_not_one_without_rows(lake: Lake, reader: LakeReader) -> None:
    lake.path.rename(lake.path.with_name("elsewhere"))
    for take in (lake.snapshot, reader.snapshot):
        with pytest.raises(LakeNotFoundError):
            take()


def test_what_is_remembered_is_bounded(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentinel_batch.lake.engine.REMEMBERED", 2)
    engine = lake.snapshot().engine
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return number

    engine.remember("other", 1, lambda: 0)
    for number in (1, 2, 1, 3, 1, 2):
        assert engine.remember("kind", number, partial(make, number)) == number
    assert made == [1, 2, 3, 2]
    # Many of one kind leave those of another alone: the small do not push out the dear.
    assert engine.remember("other", 1, lambda: 7) == 0
