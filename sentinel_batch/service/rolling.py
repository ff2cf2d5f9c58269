"""The recent calls of callers in memory, so that an event is scored without asking the lake.

A call is known by callee and time. As long as an event waits for the lake, its duration is that of the event; once the
lake has the call, that of the lake, in whole seconds. So every figure is what
:func:`sentinel_batch.scores.assess_events` works out from lake and waiting events.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

MICRO = 1_000_000

MAX_CALLS = 1_000_000
"""Calls that are held of all callers together; beyond that, callers that were asked for longest ago are dropped."""

CALLER_WEIGHT = 5
"""What a caller costs beside its calls, in calls."""


class Figures(NamedTuple):
    """What is in a window: calls, different callees, and microseconds of all calls together."""

    calls: int
    destinations: int
    micros: int


class Load(NamedTuple):
    """What a rule counts in a window: calls and seconds as the lake has or will have them, and different callees."""

    calls: int
    seconds: int
    destinations: int


class Waiting(NamedTuple):
    """One event that may not be in the lake yet: its key, and its duration in microseconds."""

    key: str
    micros: int


class Stored(NamedTuple):
    """A call that the lake has got."""

    moment: int
    callee: str
    seconds: int


class Gone(NamedTuple):
    """An event that waits no longer."""

    moment: int
    callee: str
    key: str


Change = Stored | Gone


class Window:
    """A window ``(t - length, t]`` over the calls of one caller, which moves with what is asked."""

    __slots__ = ("_calls", "_counts", "_first", "_last", "_length", "load_calls", "load_seconds", "micros", "rated")

    def __init__(self, calls: RecentCalls, length: int) -> None:
        self._calls, self._length = calls, length
        self._first = self._last = 0
        self._counts: Counter[str] = Counter()
        self.rated = self.micros = self.load_calls = self.load_seconds = 0

    @property
    def load(self) -> Load:
        """What a rule counts in it."""
        return Load(self.load_calls, self.load_seconds, len(self._counts))

    @property
    def first_leaves_at(self) -> int | None:
        """When the oldest call leaves it; None if it is empty."""
        times = self._calls.times
        return times[self._first] + self._length if self._first < self._last else None

    def move(self, moment: int) -> Window:
        """Let it end at a moment; it costs as much as calls enter or leave."""
        times = self._calls.times
        first, last = bisect_right(times, moment - self._length), bisect_right(times, moment)
        if first >= self._last or last <= self._first:
            self._empty(first)
        while self._last < last:
            self.add(self._last, 1)
            self._last += 1
        while self._first > first:
            self._first -= 1
            self.add(self._first, 1)
        while self._last > last:
            self._last -= 1
            self.add(self._last, -1)
        while self._first < first:
            self.add(self._first, -1)
            self._first += 1
        return self

    def holds(self, callee: str) -> bool:
        """Tell whether a callee is called in it."""
        return callee in self._counts

    def add(self, place: int, sign: int) -> None:
        """Count a call in, or out."""
        callee = self._calls.callees[place]
        rated, micros, calls, seconds = self._calls.weigh(place)
        self.rated += sign * rated
        self.micros += sign * micros
        self.load_calls += sign * calls
        self.load_seconds += sign * seconds
        if sign > 0:
            self._counts[callee] += 1
        elif self._counts[callee] == 1:
            del self._counts[callee]
        else:
            self._counts[callee] -= 1

    def covers(self, place: int) -> bool:
        """Tell whether the call at a place is in it."""
        return self._first <= place < self._last

    def make_room(self, place: int) -> None:
        """Know that a call is put in at a place; it is not counted yet."""
        # Between two calls of the window it is in it; at its edges the next move looks at the time.
        self._shift(place, 1, is_before=place <= self._first)

    def close_gap(self, place: int) -> None:
        """Know that the call at a place, which is counted no more, is taken out."""
        self._shift(place, -1, is_before=place < self._first)

    def _shift(self, place: int, step: int, *, is_before: bool) -> None:
        if is_before:
            self._first += step
            self._last += step
        elif place < self._last:
            self._last += step

    def drop(self, number: int) -> None:
        """Know that so many of the oldest calls are gone."""
        while self._first < min(number, self._last):
            self.add(self._first, -1)
            self._first += 1
        self._first, self._last = max(0, self._first - number), max(0, self._last - number)

    def _empty(self, place: int) -> None:
        self._counts.clear()
        self.rated = self.micros = self.load_calls = self.load_seconds = 0
        self._first = self._last = place


class RecentCalls:
    """The calls of one caller from a moment on, by time.

    Parameters
    ----------
    since
        Calls after it are held, in microseconds; of earlier ones nothing is known.
    lengths
        Of the windows that are asked for, in microseconds.
    """

    __slots__ = ("_stored", "_stored_seconds", "_waiting", "callees", "since", "times", "windows")

    def __init__(self, since: int, lengths: Iterable[int]) -> None:
        self.since = since
        self.times = array("q")
        self.callees: list[str] = []
        self._stored, self._stored_seconds = array("l"), array("q")
        self._waiting: dict[tuple[int, str], tuple[Waiting, ...]] = {}
        self.windows = {length: Window(self, length) for length in lengths}

    def __len__(self) -> int:
        return len(self.times)

    def fill(self, times: list[int], callees: list[str], counts: list[int], seconds: list[int]) -> None:
        """Put calls of the lake into an empty record: by time, then by callee, each with how often it is there."""
        self.times, self.callees = array("q", times), callees
        self._stored, self._stored_seconds = array("l", counts), array("q", seconds)

    def add_stored(self, moment: int, callee: str, seconds: int) -> None:
        """Add a call of the lake."""
        place = self._open(moment, callee)
        self._stored[place] += 1
        self._stored_seconds[place] += seconds
        self._close(place)

    def add_waiting(self, moment: int, callee: str, event: Waiting) -> None:
        """Add an event that waits for the lake; the same one again changes nothing."""
        known = self._waiting.get((moment, callee), ())
        if any(other.key == event.key for other in known):
            return
        place = self._open(moment, callee)
        self._waiting[moment, callee] = (*known, event)
        self._close(place)

    def forget_waiting(self, moment: int, callee: str, key: str) -> None:
        """Take out an event that waits no longer: the lake has it, or refused it."""
        known = self._waiting.get((moment, callee), ())
        left = tuple(event for event in known if event.key != key)
        if len(left) == len(known):
            return
        place = self._open(moment, callee)
        if left:
            self._waiting[moment, callee] = left
        else:
            del self._waiting[moment, callee]
        self._close(place)

    def change(self, changes: Iterable[Change]) -> None:
        """Take in what has changed, in that order; calls before what is held do not count."""
        for change in changes:
            if isinstance(change, Gone):
                self.forget_waiting(*change)
            elif change.moment > self.since:
                self.add_stored(*change)

    def figures(self, length: int, moment: int, callee: str, micros: int) -> Figures:
        """Return what is in the window that ends with a call, which counts with its own duration and once."""
        window = self.windows[length].move(moment)
        place = self._find(moment, callee)
        if place is None:
            # The lake refused it, or has dropped it: it is one of the sender's calls all the same.
            destinations = window.load.destinations + (not window.holds(callee))
            return Figures(window.rated + 1, destinations, window.micros + micros)
        rated, known, _, _ = self.weigh(place)
        return Figures(window.rated + 1 - rated, window.load.destinations, window.micros + micros - known)

    def changes(self, length: int, since: int, until: int) -> list[int]:
        """Return the moments after one and up to another at which a call enters or leaves a window, in order."""
        entered = self.times[bisect_right(self.times, since) : bisect_right(self.times, until)]
        first, last = (bisect_right(self.times, moment - length) for moment in (since, until))
        return sorted({*entered, *(moment + length for moment in self.times[first:last])})

    def count(self, since: int, until: int) -> int:
        """Return how many different calls there are after a moment and up to another."""
        return bisect_right(self.times, until) - bisect_right(self.times, since)

    def prune(self, since: int) -> None:
        """Drop calls up to a moment, but for those that wait."""
        gone = bisect_right(self.times, since)
        waiting = [moment for moment, _ in self._waiting if moment <= since]
        if waiting:
            gone = bisect_left(self.times, min(waiting))
        if not gone:
            return
        for window in self.windows.values():
            window.drop(gone)
        self.since = max(self.since, self.times[gone - 1])
        for column in self._columns():
            del column[:gone]

    def weigh(self, place: int) -> tuple[int, int, int, int]:
        """Return calls and microseconds for the risk, and calls and seconds for rules, of a place."""
        stored, seconds = self._stored[place], self._stored_seconds[place]
        events = self._waiting.get((self.times[place], self.callees[place])) if self._waiting else None
        if events is None:
            return stored, seconds * MICRO, stored, seconds
        # Ingest cuts fractions off, and keeps equal calls once. Of several calls of the lake only the sum is known:
        # then the event is taken for one of them.
        fresh = {event.micros // MICRO for event in events}
        if stored == 1:
            fresh.discard(seconds)
        elif stored:
            fresh.clear()
        return 1, events[0].micros, stored + len(fresh), seconds + sum(fresh)

    def _find(self, moment: int, callee: str) -> int | None:
        first, last = bisect_left(self.times, moment), bisect_right(self.times, moment)
        place = bisect_left(self.callees, callee, first, last)
        return place if place < last and self.callees[place] == callee else None

    def _open(self, moment: int, callee: str) -> int:
        """Return the place of a call, made if it is new, and counted out of the windows that cover it."""
        place = self._find(moment, callee)
        if place is not None:
            for window in self.windows.values():
                if window.covers(place):
                    window.add(place, -1)
            return place
        first, last = bisect_left(self.times, moment), bisect_right(self.times, moment)
        place = bisect_left(self.callees, callee, first, last)
        for window in self.windows.values():
            window.make_room(place)
        self.times.insert(place, moment)
        self.callees.insert(place, callee)
        self._stored.insert(place, 0)
        self._stored_seconds.insert(place, 0)
        return place

    def _close(self, place: int) -> None:
        """Count a call in again, or take it out if nothing is left of it."""
        if self._stored[place] or (self.times[place], self.callees[place]) in self._waiting:
            for window in self.windows.values():
                if window.covers(place):
                    window.add(place, 1)
            return
        for window in self.windows.values():
            window.close_gap(place)
        for column in self._columns():
            del column[place]

    def _columns(self) -> tuple[array[int] | list[str], ...]:
        return self.times, self.callees, self._stored, self._stored_seconds


class RollingCalls:
    """Recent calls of many callers, in bounded memory.

    Parameters
    ----------
    lengths
        Of the windows that are asked for, in microseconds.
    capacity
        Calls that are held in all.

    Attributes
    ----------
    complete_since
        Whoever is not held has no call in the lake after this moment, but for what is deferred; None if that is not
        known.
    """

    def __init__(self, lengths: Collection[int], capacity: int = MAX_CALLS) -> None:
        self.lengths = tuple(sorted(set(lengths)))
        self.capacity = capacity
        self.complete_since: int | None = None
        self._callers: OrderedDict[str, RecentCalls] = OrderedDict()
        self._deferred: dict[str, list[Change]] = {}

    def __len__(self) -> int:
        return len(self._callers)

    def __iter__(self) -> Iterator[str]:
        return iter(self._callers)

    @property
    def held(self) -> int:
        """What is held, in calls."""
        calls, deferred = (sum(map(len, held.values())) for held in (self._callers, self._deferred))
        return calls + deferred + CALLER_WEIGHT * len(self._callers)

    def get(self, caller: str, since: int) -> RecentCalls | None:
        """Return the calls of a caller; None if they are not held, or not from a moment on."""
        found = self._callers.get(caller)
        if found is None and self.complete_since is not None and self.complete_since <= since:
            found = self._callers[caller] = RecentCalls(self.complete_since, self.lengths)
        if found is None or found.since > since:
            return None
        self._callers.move_to_end(caller)
        found.change(self._deferred.pop(caller, ()))
        return found

    def peek(self, caller: str) -> RecentCalls | None:
        """Return the calls of a caller, however far back they go; it does not count as asking for them."""
        found = self._callers.get(caller)
        if found is not None:
            found.change(self._deferred.pop(caller, ()))
        return found

    def defer(self, caller: str, changes: list[Change]) -> None:
        """Keep changes of a caller until it is looked at: a batch has thousands, and no event may wait for them."""
        if caller in self._callers or self.complete_since is not None:
            self._deferred.setdefault(caller, []).extend(changes)

    def put(self, caller: str, since: int) -> RecentCalls:
        """Return an empty record for a caller, in place of the one that is held."""
        self._callers.pop(caller, None)
        self._deferred.pop(caller, None)
        fresh = self._callers[caller] = RecentCalls(since, self.lengths)
        return fresh

    def clear(self) -> None:
        """Forget everybody."""
        self._callers.clear()
        self._deferred.clear()
        self.complete_since = None

    def shrink(self, kept: Collection[str] = ()) -> None:
        """Forget callers that were asked for longest ago until the rest fits; some are kept in any case."""
        over = self.held - self.capacity
        if over > 0:
            self.complete_since = None
            for caller in self._deferred.keys() - self._callers.keys():
                over -= len(self._deferred.pop(caller))
        for caller in [*self._callers] if over > 0 else ():
            if over <= 0:
                return
            if caller not in kept:
                over -= len(self._callers.pop(caller)) + len(self._deferred.pop(caller, ())) + CALLER_WEIGHT
