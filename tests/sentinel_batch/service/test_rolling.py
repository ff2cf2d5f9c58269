"""Recent calls in memory: whatever comes, goes and is asked for, the figures are those of plain Python."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sentinel_batch.service.rolling import CALLER_WEIGHT, MICRO, Figures, Load, RecentCalls, RollingCalls, Waiting

LENGTH, OTHER = 100, 37
MOMENTS, CALLEES = st.integers(0, 300), st.sampled_from("abcde")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("stored"), MOMENTS, CALLEES, st.integers(0, 9)),
        st.tuples(st.just("waiting"), MOMENTS, CALLEES, st.integers(0, 9 * MICRO)),
        st.tuples(st.just("forget"), st.integers(0, 40)),
        st.tuples(st.just("ask"), MOMENTS, CALLEES, st.integers(0, 9 * MICRO)),
        st.tuples(st.just("prune"), st.integers(0, 120)),
    ),
    max_size=60,
)


class Plain:
    """The same, worked out from lists at every question."""

    def __init__(self) -> None:
        self.stored: list[tuple[int, str, int]] = []
        self.waiting: list[tuple[int, str, int, str]] = []

    def slots(self, since: int, until: int) -> dict[tuple[int, str], tuple[int, int, int, int]]:
        found = {}
        for key in {(m, c) for m, c, *_ in [*self.stored, *self.waiting] if since < m <= until}:
            seconds = [s for m, c, s in self.stored if (m, c) == key]
            events = [micros for m, c, micros, _ in self.waiting if (m, c) == key]
            fresh = {micros // MICRO for micros in events} - set(seconds) if len(seconds) < 2 else set()
            rated = (1, events[0]) if events else (len(seconds), sum(seconds) * MICRO)
            found[key] = (*rated, len(seconds) + len(fresh), sum(seconds) + sum(fresh))
        return found

    def load(self, length: int, moment: int) -> Load:
        slots = self.slots(moment - length, moment)
        return Load(sum(s[2] for s in slots.values()), sum(s[3] for s in slots.values()), len({c for _, c in slots}))

    def figures(self, length: int, moment: int, callee: str, micros: int) -> Figures:
        slots = self.slots(moment - length, moment) | {(moment, callee): (1, micros, 0, 0)}
        return Figures(sum(s[0] for s in slots.values()), len({c for _, c in slots}), sum(s[1] for s in slots.values()))


@given(STEPS)
def test_figures_are_those_of_plain_python(steps: list[tuple[Any, ...]]) -> None:
    calls, plain, since, number = RecentCalls(-1, [LENGTH, OTHER]), Plain(), -1, 0
    for kind, *values in steps:
        if kind == "stored" and values[0] > since:
            calls.add_stored(*values)
            plain.stored.append(tuple(values))
        elif kind == "waiting" and values[0] > since:
            moment, callee, micros = values
            for _ in range(2):  # Once more changes nothing.
                calls.add_waiting(moment, callee, Waiting(str(number), micros))
            plain.waiting.append((moment, callee, micros, str(number)))
            number += 1
        elif kind == "forget" and plain.waiting:
            moment, callee, _, key = plain.waiting.pop(values[0] % len(plain.waiting))
            calls.forget_waiting(moment, callee, key)
            calls.forget_waiting(moment, callee, key)
        elif kind == "ask" and values[0] - LENGTH >= since:
            for length in (LENGTH, OTHER):
                assert calls.figures(length, *values) == plain.figures(length, *values)
                assert calls.windows[length].load == plain.load(length, values[0])
        elif kind == "prune":
            calls.prune(values[0])
            since = max(since, calls.since)
            # What waits stays, and so does all that came after it.
            assert all(moment > since for moment, *_ in plain.waiting)
            plain.stored = [call for call in plain.stored if call[0] > since]
        assert all(one <= other for one, other in pairwise(calls.times))
    changes = calls.changes(LENGTH, 50, 200)
    moments = {m for m, *_ in [*plain.stored, *plain.waiting]}
    assert changes == sorted(t for t in moments | {m + LENGTH for m in moments} if 50 < t <= 200)


def test_memory_is_bounded_and_the_latest_are_kept() -> None:
    rolling = RollingCalls([LENGTH], capacity=5 * (1 + CALLER_WEIGHT))
    for number in range(10):
        rolling.put(str(number), 0).add_stored(number + 1, "x", 1)
    assert rolling.get("0", 0) is not None
    rolling.shrink(kept=["1"])
    assert {*rolling} == {"0", "1", "7", "8", "9"} and rolling.held == 5 * (1 + CALLER_WEIGHT)
    assert rolling.get("9", -1) is None  # Not held from so early on.


def test_nobody_is_asked_for_where_all_are_held() -> None:
    rolling = RollingCalls([LENGTH], capacity=CALLER_WEIGHT)
    rolling.complete_since = 10
    assert rolling.get("a", 9) is None
    assert rolling.get("a", 10) is not None and rolling.get("b", 10) is not None
    rolling.shrink()
    assert rolling.complete_since is None and rolling.get("c", 10) is None
