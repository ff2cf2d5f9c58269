"""Answers that are kept as long as the tables that they come from do not change, and asked for once at a time."""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass

from sentinel_batch.lake import Snapshot

ENTRIES = 4096
_OVERHEAD = 512
"""Bytes that an entry takes beside its body."""

Versions = Mapping[str, int | None]

_NOBODY: tuple[None, None] = (None, None)


@dataclass(frozen=True)
class Kept:
    """An answer.

    Parameters
    ----------
    body
        JSON.
    versions
        Version of each table that was looked at for it.
    ends
        When it stops being true all the same, on the monotonic clock.
    """

    body: bytes
    versions: Versions
    ends: float = math.inf

    @property
    def tag(self) -> str:
        """Entity tag of the body, for ``If-None-Match``."""
        return f'"{hashlib.blake2b(self.body, digest_size=12).hexdigest()}"'

    def holds(self, newest: Versions) -> bool:
        """Tell whether it is true: the tables are still those that it comes from."""
        return time.monotonic() < self.ends and all(newest[name] == version for name, version in self.versions.items())


class AnswerCache:
    """Answers by question. Used by one event loop; the answers are worked out elsewhere.

    Of the same question one answer is worked out at a time, and those who ask meanwhile get it, too, unless there was a
    commit in between: nobody is told less than what was committed before the question.

    Parameters
    ----------
    max_bytes
        Of all answers together; those that were asked for last stay. 0 keeps none, and shares all the same.
    max_entries
        The same as a number.
    """

    def __init__(self, max_bytes: int, max_entries: int = ENTRIES) -> None:
        self._max_bytes, self._max_entries = max_bytes, max_entries
        self._kept: OrderedDict[Hashable, Kept] = OrderedDict()
        self._under_way: dict[Hashable, tuple[Versions, asyncio.Task[Kept]]] = {}
        self.size = 0
        self.hits = self.shared = self.misses = 0

    def __len__(self) -> int:
        return len(self._kept)

    async def get(
        self, question: Hashable, tables: Snapshot, work: Callable[[], Awaitable[bytes]], keep: float = math.inf
    ) -> Kept:
        """Return the answer to a question.

        Parameters
        ----------
        question
            What is asked, by whose eyes; with the same tables it has one answer.
        tables
            The tables as they are now; ``work`` reads these.
        work
            Works the answer out.
        keep
            Seconds for which the answer is true if no table changes; 0 shares it with those who ask meanwhile, and
            forgets it.
        """
        kept = self._kept.get(question)
        if kept is not None and kept.holds(tables.versions):
            self._kept.move_to_end(question)
            self.hits += 1
            return kept
        versions, task = self._under_way.get(question, _NOBODY)
        # Snapshots of one moment share their versions.
        if task is None or versions is not tables.versions:
            self.misses += 1
            task = asyncio.create_task(self._work_out(question, tables, work, keep))
            task.add_done_callback(_hear)
            self._under_way[question] = tables.versions, task
        else:
            self.shared += 1
        # One who leaves must not end it for the others.
        return await asyncio.shield(task)

    async def _work_out(
        self, question: Hashable, tables: Snapshot, work: Callable[[], Awaitable[bytes]], keep: float
    ) -> Kept:
        try:
            body = await work()
        finally:
            # A question after a commit may have begun anew.
            if self._under_way.get(question, _NOBODY)[0] is tables.versions:
                del self._under_way[question]
        kept = Kept(body, {name: tables.versions[name] for name in tables.touched}, time.monotonic() + keep)
        if keep > 0:
            self._keep(question, kept)
        return kept

    def _keep(self, question: Hashable, kept: Kept) -> None:
        former = self._kept.pop(question, None)
        self.size += _weigh(kept) - (_weigh(former) if former is not None else 0)
        self._kept[question] = kept
        while self.size > self._max_bytes or len(self._kept) > self._max_entries:
            self.size -= _weigh(self._kept.popitem(last=False)[1])


def _hear(task: asyncio.Task[Kept]) -> None:
    """Take a failure off a task that everybody has left, so that it is not reported as one that nobody heard of."""
    if not task.cancelled():
        task.exception()


def _weigh(kept: Kept) -> int:
    return len(kept.body) + _OVERHEAD
