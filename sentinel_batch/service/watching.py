"""Who crosses the thresholds of a rule while calls are reported: found at the call, confirmed by the rule itself.

The rule is ``SDHF_001``, with its thresholds of the settings. A caller is suspect from the moment at which the calls of
a sliding window, as they are known then, go to more different numbers and last less on average than the rule says;
windows move by the times of the calls. Suspects are then examined by the rule, on the calls of lake and waiting events,
and what it finds is recorded as every detection is.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from sentinel_batch.config import Config
from sentinel_batch.rules import read_catalogue
from sentinel_batch.rules.segments import Plan
from sentinel_batch.rules.settings import Origin, is_enabled
from sentinel_batch.service.rolling import MICRO, RecentCalls, RollingCalls
from sentinel_batch.window import now

log = logging.getLogger("sentinel_batch.service")

RULE = "SDHF_001"

AHEAD = 3600 * MICRO
"""A call that is further ahead of the clock than this does not move the time of the stream."""

_GATHER_SECONDS = 0.2
_QUIET_SECONDS = 60.0
"""How long a caller with an alert is not examined again, though it goes on."""

_NOTHING_SECONDS = 1.0
"""The same for one in whose calls the rule found nothing."""

_RETRY_SECONDS = 2.0
_TOGETHER = 500

Examine = Callable[[Mapping[str, int], int], Collection[str]]


class Threshold(NamedTuple):
    """When a window speaks against a caller.

    Parameters
    ----------
    length
        Of the window, in microseconds.
    destinations
        More different numbers than this are called.
    micros
        Calls last less than this on average.
    """

    length: int
    destinations: int
    micros: int


def list_thresholds(config: Config) -> list[Threshold]:
    """Return the thresholds for everybody, and those of segments; none if the rule is off, or not the shipped one."""
    rule, settings = read_catalogue(config).get(RULE), config.rules.get(RULE, {})
    origin = Origin.of(config, RULE)
    if not rule.is_shipped or not is_enabled(settings, origin):
        log.warning("%s is switched off, or not the shipped one: events raise no alerts until a detection runs.", RULE)
        return []
    plan = Plan.of(rule, {}, settings, origin)
    tasks = (plan.task, *plan.segments.values())
    return sorted({_read_threshold(task.values) for task in tasks})


def _read_threshold(values: Mapping[str, object]) -> Threshold:
    window, fewest, longest = (values[name] for name in ("window", "min_unique_destinations", "max_avg_duration"))
    return Threshold(round(window.total_seconds()) * MICRO, int(fewest), round(float(longest) * MICRO))  # type: ignore[attr-defined, call-overload, arg-type]


class Watch:
    """Looks at callers as their calls come, and has suspects examined in a thread of its own.

    Parameters
    ----------
    thresholds
        Of the rule.
    calls
        The recent calls of callers.
    examine
        Examines suspects, each from a moment on, up to another one (microseconds), records what is found, and returns
        in whose calls that was.
    on_examined
        Called with those who were.
    """

    def __init__(
        self,
        thresholds: Iterable[Threshold],
        calls: RollingCalls,
        examine: Examine,
        on_examined: Callable[[Collection[str]], None],
    ) -> None:
        self._thresholds = tuple(thresholds)
        self._calls = calls
        self._examine, self._on_examined = examine, on_examined
        self._clock = self._latest = 0
        self._leaving: list[tuple[int, str, int]] = []
        self._queued: dict[tuple[str, int], int] = {}
        self._suspects: dict[str, int] = {}
        self._under_way: dict[str, int] = {}
        self._quiet: dict[str, tuple[float, int | None]] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="watch", daemon=True)

    @property
    def lengths(self) -> set[int]:
        """Of the windows that are looked at, in microseconds."""
        return {threshold.length for threshold in self._thresholds}

    def start(self, suspects: Mapping[str, int], latest: int) -> None:
        """Begin, with suspects of before and the moment of the latest call; without thresholds nothing is done."""
        self._latest = latest
        if self._thresholds:
            self._thread.start()
            for caller, since in suspects.items():
                self._suspect(caller, since)

    def stop(self) -> None:
        """End, once those who are suspect now were examined."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()

    def outstanding(self) -> dict[str, int]:
        """Return those who are suspect and not yet examined, since when."""
        with self._changed:
            again = {caller: since for caller, (_, since) in self._quiet.items() if since is not None}
            return {**again, **self._suspects, **self._under_way}

    def see(self, caller: str, calls: RecentCalls, moment: int) -> None:
        """Look at a caller, one of whose calls came in, and at all whose windows have moved since."""
        if not self._thresholds:
            return
        self._latest = max(self._latest, moment)
        if moment > self._clock and moment <= now().timestamp() * MICRO + AHEAD:
            self._clock = moment
        if caller not in self._suspects:
            self._look(caller, calls, moment)
        while self._leaving and self._leaving[0][0] <= self._clock:
            leaves, other, place = heapq.heappop(self._leaving)
            if self._queued.get((other, place)) == leaves:
                del self._queued[other, place]
                self._look_again(other, leaves)

    def suspect(self, caller: str, since: int) -> None:
        """Have a caller examined, whatever is known of it."""
        if self._thresholds:
            self._latest = max(self._latest, since)
            self._suspect(caller, since)

    def _look_again(self, caller: str, moment: int) -> None:
        calls = self._calls.peek(caller)
        if calls is None or calls.since > moment - max(self.lengths):
            # Its calls are held no longer; the rule says whether there was something.
            self._suspect(caller, moment)
        elif caller not in self._suspects:
            self._look(caller, calls, moment)

    def _look(self, caller: str, calls: RecentCalls, moment: int) -> None:
        for place, threshold in enumerate(self._thresholds):
            length = threshold.length
            until = max(moment, min(moment + length, self._clock))
            if calls.count(moment - length, until) <= threshold.destinations:
                continue
            window = calls.windows[length]
            for instant in (moment, *calls.changes(length, moment, until)):
                count, seconds, destinations = window.move(instant).load
                if destinations > threshold.destinations and seconds * MICRO < threshold.micros * count:
                    self._suspect(caller, instant)
                    return
            if destinations > threshold.destinations and window.first_leaves_at is not None:
                # A long call that leaves may tip the balance while nobody calls.
                self._wait_for(window.first_leaves_at, caller, place)

    def _wait_for(self, moment: int, caller: str, place: int) -> None:
        known = self._queued.get((caller, place))
        if known is None or moment < known:
            self._queued[caller, place] = moment
            heapq.heappush(self._leaving, (moment, caller, place))

    def _suspect(self, caller: str, since: int) -> None:
        with self._changed:
            quiet = self._quiet.get(caller)
            if quiet is not None:
                first = since if quiet[1] is None else min(since, quiet[1])
                self._quiet[caller] = (quiet[0], first)
                return
            self._suspects[caller] = min(since, self._suspects.get(caller, since))
            self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                self._wake_quiet()
                if not self._suspects:
                    if self._stopping:
                        return
                    self._changed.wait(timeout=1.0)
                    continue
            if not self._stopping:
                time.sleep(_GATHER_SECONDS)
            with self._changed:
                chosen = [*self._suspects][:_TOGETHER]
                self._under_way = {caller: self._suspects.pop(caller) for caller in chosen}
            if not self._try() and self._stopping:
                return

    def _try(self) -> bool:
        try:
            found = self._examine(self._under_way, max(self._clock, self._latest))
            self._on_examined([*self._under_way])
        except Exception as error:
            log.warning("Suspects could not be examined, and are tried again: %s", error)
            with self._changed:
                for caller, since in self._under_way.items():
                    self._suspects[caller] = min(since, self._suspects.get(caller, since))
                self._under_way = {}
                if not self._stopping:
                    self._changed.wait(timeout=_RETRY_SECONDS)
            return False
        with self._changed:
            # Whoever goes on is looked at again, but not with every call.
            moment = time.monotonic()
            for caller in self._under_way:
                pause = _QUIET_SECONDS if caller in found else _NOTHING_SECONDS
                self._quiet[caller] = moment + pause, self._suspects.pop(caller, None)
            self._under_way = {}
        return True

    def _wake_quiet(self) -> None:
        moment = time.monotonic()
        for caller, (ends, since) in [*self._quiet.items()]:
            if ends <= moment or (self._stopping and since is not None):
                del self._quiet[caller]
                if since is not None:
                    self._suspects[caller] = min(since, self._suspects.get(caller, since))
