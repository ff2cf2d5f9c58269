"""The risk of callers as their calls are reported, from calls that are held in memory; the lake is asked once a caller.

All of this happens in one task, in the order in which events became durable. What another program has committed to the
lake is read before the next event is scored, so the answers are those of
:func:`sentinel_batch.scores.assess_events`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import polars as pl

from sentinel_batch.desk import Desk
from sentinel_batch.lake import LakeReader, is_newest, list_added, read_calls_of, scan_parts
from sentinel_batch.schema import CALL_RECORDS
from sentinel_batch.scores import Risk
from sentinel_batch.scores.risk import WINDOW, rate_figures
from sentinel_batch.service.events import Event, EventQueue, Group
from sentinel_batch.service.examination import examine_suspects
from sentinel_batch.service.rolling import (
    CALLER_WEIGHT,
    MICRO,
    Change,
    Gone,
    RecentCalls,
    RollingCalls,
    Stored,
    Waiting,
)
from sentinel_batch.service.watching import Watch, list_thresholds

log = logging.getLogger("sentinel_batch.service")

LATE = 6 * 3600 * MICRO
"""Calls are held for this much longer than the longest window, so that late events find theirs."""

_SLACK = 3600 * MICRO
_DAY = round(WINDOW.total_seconds()) * MICRO
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST, _LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_CALL = ("caller_number", "callee_number", "call_timestamp", "duration_seconds")
_CALLERS_AT_ONCE = 500
_SHRINK_AFTER = 10_000
_MEMORY = "256MB"
_WARM_SHARE = 0.5


class Scored(NamedTuple):
    """What became of an event: whether it is new, and its caller's risk."""

    fresh: bool
    risk: Risk


@dataclass(frozen=True)
class Turn:
    """What is done in its place among the events, while nobody scores."""

    act: Callable[[], None]
    done: asyncio.Future[None]


class Scorer:
    """Scores events, and watches who crosses the thresholds of the rule.

    Parameters
    ----------
    desk
        The lake.
    events
        The events that are not in it yet.
    """

    def __init__(self, desk: Desk, events: EventQueue) -> None:
        self._desk, self._events = desk, events
        self._reader = LakeReader(desk.lake, seconds=None, memory_limit=_MEMORY)
        self._tables = self._reader.snapshot()
        thresholds = list_thresholds(desk.config)
        self._longest = max([_DAY, *(threshold.length for threshold in thresholds)])
        self._calls = RollingCalls([_DAY, *(threshold.length for threshold in thresholds)])
        self.watch = Watch(thresholds, self._calls, self._examine, self._clear)
        self._waiting: list[Group | Turn] = []
        self._work: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "scoring")
        self._added = 0
        self._persisted = False

    @property
    def callers(self) -> int:
        """How many callers are held."""
        return len(self._calls)

    def start(self) -> None:
        """Begin; callers whose events wait are examined, since the service may have died before it did."""
        self._warm_up()
        suspects = self._events.list_suspects()
        self._persisted = bool(suspects)
        # Those of before may have called up to the newest call of the lake.
        latest = [self._tables.newest_call] if suspects and self._tables.newest_call else []
        for caller, (first, last) in self._events.list_callers().items():
            suspects[caller] = min(_micros(first), suspects.get(caller, _micros(first)))
            latest.append(last)
        self.watch.start(suspects, max(map(_micros, latest), default=0))

    def stop(self) -> None:
        """End; who is suspect by now is examined."""
        self.watch.stop()
        self._thread.shutdown()
        self._reader.close()

    def take(self, groups: Sequence[Group]) -> None:
        """Take groups of events that are durable; their futures get a list of :class:`Scored`."""
        self._waiting += groups
        self._wake()

    async def release(self, batch: str) -> None:
        """Know that a batch is in the lake; its events wait no longer."""
        gone = await asyncio.to_thread(self._read_gone, batch)
        await self._in_turn(lambda: self._refresh({}, ()))
        # Scoring goes on: as long as an event is held as waiting, it does not matter that the lake has it, too.
        await asyncio.to_thread(self._events.forget_batch, batch, self._list_outstanding)
        await self._in_turn(lambda: self._defer(gone))

    async def _in_turn(self, act: Callable[[], None]) -> None:
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(Turn(act, done))
        self._wake()
        await done

    def _wake(self) -> None:
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._work_off())

    async def _work_off(self) -> None:
        while self._waiting:
            first = self._waiting[0]
            if isinstance(first, Turn):
                del self._waiting[0]
                await self._take_turn(first)
                continue
            end = next((n for n, entry in enumerate(self._waiting) if isinstance(entry, Turn)), len(self._waiting))
            groups, self._waiting = self._waiting[:end], self._waiting[end:]
            await self._score(groups)  # type: ignore[arg-type]

    async def _score(self, groups: list[Group]) -> None:
        try:
            await self._prepare(groups)
            for group in groups:
                scored = [self._take(event, group.claim(event.key)) for event in group.events]
                if not group.future.done():
                    group.future.set_result(scored)
            self._forget_old(groups)
        except Exception as error:
            log.warning("Events are kept, and could not be scored: %s", error)
            for group in groups:
                for event in group.events:
                    self.watch.suspect(event.call["caller_number"], _micros(event.call["timestamp"]))
                group.fail(error)
        finally:
            self._events.finish(groups)

    async def _prepare(self, groups: Sequence[Group]) -> None:
        """See to it that what the lake has of these callers is held."""
        # Again, for as long as the lake changes while it is read.
        while True:
            missing: dict[str, int] = {}
            for group in groups:
                for event in group.events:
                    caller, since = event.call["caller_number"], _micros(event.call["timestamp"]) - self._longest
                    if self._calls.get(caller, since) is None:
                        missing[caller] = min(since - LATE, missing.get(caller, since - LATE))
            if not missing and self._is_current():
                return
            kept = {event.call["caller_number"] for group in groups for event in group.events}
            await asyncio.get_running_loop().run_in_executor(self._thread, self._refresh, missing, kept)

    def _take(self, event: Event, fresh: bool) -> Scored:
        call = event.call
        caller, callee, moment = call["caller_number"], call["callee_number"], _micros(call["timestamp"])
        micros = round(call["duration_seconds"] * MICRO)
        calls = self._calls.get(caller, moment - self._longest)
        if calls is None:
            raise RuntimeError(f"The calls of {caller} are not held.")
        if fresh:
            calls.add_waiting(moment, callee, Waiting(event.key, micros))
            self._added += 1
            self.watch.see(caller, calls, moment)
        found = calls.figures(_DAY, moment, callee, micros)
        seconds = found.micros / MICRO
        risk = rate_figures(caller, call["timestamp"], found.calls, found.destinations, seconds, self._desk.config)
        return Scored(fresh, risk)

    def _forget_old(self, groups: Sequence[Group]) -> None:
        latest = datetime.now(UTC).timestamp() * MICRO + _SLACK
        for group in groups:
            for event in group.events:
                calls = self._calls.peek(event.call["caller_number"])
                moment = _micros(event.call["timestamp"])
                oldest = moment - self._longest - LATE
                if calls and calls.times[0] < oldest - _SLACK and moment <= latest:
                    calls.prune(oldest)

    async def _take_turn(self, turn: Turn) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, turn.act)
        except Exception as error:
            turn.done.set_exception(error)
        else:
            turn.done.set_result(None)

    def _read_gone(self, batch: str) -> dict[str, list[Change]]:
        gone: defaultdict[str, list[Change]] = defaultdict(list)
        for event in self._events.read_batch(batch):
            gone[event["caller"]].append(Gone(_micros(event["at"]), event["callee"], event["key"]))
        return gone

    def _defer(self, changes: Mapping[str, list[Change]]) -> None:
        for caller, some in changes.items():
            self._calls.defer(caller, some)

    def _list_outstanding(self) -> dict[str, int]:
        suspects = self.watch.outstanding()
        self._persisted |= bool(suspects)
        return suspects

    def _is_current(self) -> bool:
        return is_newest(self._tables.path / CALL_RECORDS.name, self._tables.versions[CALL_RECORDS.name])

    def _refresh(self, missing: Mapping[str, int], kept: Collection[str]) -> None:
        """Read what was committed to the lake since, and callers who are not held; in a thread, while nobody scores."""
        # Where the lake is in object storage, logs here know of a commit only once somebody looked there.
        if not self._desk.lake.is_newest(CALL_RECORDS.name, self._tables.versions[CALL_RECORDS.name]):
            self._catch_up()
        by_start: defaultdict[int, list[str]] = defaultdict(list)
        for caller, since in missing.items():
            # Callers of very late events are read apart, so that the others are not read as far back.
            by_start[since // _DAY].append(caller)
        for callers in by_start.values():
            for begin in range(0, len(callers), _CALLERS_AT_ONCE):
                self._load({caller: missing[caller] for caller in callers[begin : begin + _CALLERS_AT_ONCE]})
        if missing or self._added > _SHRINK_AFTER:
            self._added = 0
            self._calls.shrink(kept)

    def _catch_up(self) -> None:
        before, self._tables = self._tables.versions[CALL_RECORDS.name], self._reader.snapshot()
        after = self._tables.versions[CALL_RECORDS.name]
        added = None if after is None else list_added(self._tables.path / CALL_RECORDS.name, before, after)
        if added is None:
            self._calls.clear()
            return
        complete = self._calls.complete_since
        for file in added:
            rows = _plain(scan_parts(CALL_RECORDS.name, [file], partitions=False).select(_CALL))
            if complete is None:
                rows = rows.filter(pl.col("caller_number").is_in([*self._calls]))
            columns = ("moment", "callee_number", "duration_seconds")
            for caller, *values in rows.group_by("caller_number").agg(*columns).collect().iter_rows():
                self._calls.defer(caller, list(map(Stored, *values)))

    def _warm_up(self) -> None:
        """Hold everybody who called lately, if they fit; then the lake is not asked again, but for late events."""
        newest = self._tables.newest_call
        latest = min(newest or datetime.now(UTC), datetime.now(UTC))
        since = _micros(latest) - self._longest - LATE - _SLACK
        most = _WARM_SHARE * self._calls.capacity
        files = self._tables.files(CALL_RECORDS.name, since=_moment(since))
        if self._events.waiting > most:
            return
        if files:
            calls = scan_parts(CALL_RECORDS.name, files, partitions=False).select(_CALL)
            calls = calls.filter(pl.col("call_timestamp") > _moment(since))
            size, callers = calls.select(pl.len(), pl.col("caller_number").unique().implode()).collect().row(0)
            if size + CALLER_WEIGHT * len(callers) > most:
                return
            self._fill(_plain(calls), dict.fromkeys(callers, since))
        self._calls.complete_since = since
        self._fill_waiting(self._events.pending(self._events.list_callers(), _moment(since), _LATEST))

    def _fill(self, calls: pl.LazyFrame, since: Mapping[str, int]) -> None:
        """Hold callers with these calls of the lake, those after the moments that are named for each."""
        bounds = pl.LazyFrame({"caller_number": [*since], "since": [*since.values()]})
        inside = calls.join(bounds, on="caller_number").filter(pl.col("moment") > pl.col("since"))
        each = inside.group_by("caller_number", "moment", "callee_number").agg(
            count=pl.len(), seconds=pl.col("duration_seconds").sum()
        )
        columns = ("moment", "callee_number", "count", "seconds")
        lists = (
            each.sort("moment", "callee_number").group_by("caller_number", maintain_order=True).agg(*columns).collect()
        )
        for caller, moment in since.items():
            self._calls.put(caller, moment)
        for caller, *values in lists.iter_rows():
            self._hold(caller).fill(*values)

    def _load(self, since: Mapping[str, int]) -> None:
        first = _moment(min(since.values()))
        pending = self._events.pending(since, first, _LATEST)
        self._fill(_plain(read_calls_of(self._tables, [*since], first, _LATEST, _CALL).lazy()), since)
        self._fill_waiting(pending)

    def _fill_waiting(self, calls: Iterable[Mapping[str, Any]]) -> None:
        for call in calls:
            moment = _micros(call["timestamp"])
            held = self._calls.get(call["caller_number"], moment - 1)
            if held is not None:
                event = Waiting(call["event_key"], round(call["duration_seconds"] * MICRO))
                held.add_waiting(moment, call["callee_number"], event)

    def _hold(self, caller: str) -> RecentCalls:
        held = self._calls.peek(caller)
        if held is None:
            raise RuntimeError(f"The calls of {caller} are not held.")
        return held

    def _examine(self, suspects: Mapping[str, int], until: int) -> Collection[str]:
        window = timedelta(microseconds=self._longest)
        return examine_suspects(self._desk, self._events, suspects, until, window)

    def _clear(self, callers: Collection[str]) -> None:
        if self._persisted:
            self._events.clear_suspects(callers)


def _plain(calls: pl.LazyFrame) -> pl.LazyFrame:
    """Return calls with their times in microseconds."""
    return calls.select(
        "caller_number", "callee_number", pl.col("call_timestamp").dt.epoch("us").alias("moment"), "duration_seconds"
    )


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _moment(micros: int) -> datetime:
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return _EARLIEST
