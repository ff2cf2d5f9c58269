"""How a night ends, well or not: its folder gets its name, people are told, the monitoring has its figures."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sentinel_batch.desk import Desk
from sentinel_batch.errors import LakeNotFoundError, SentinelError
from sentinel_batch.nightly.account import give_account, say_unsent
from sentinel_batch.nightly.ending import (
    amend,
    find_repeated,
    keep_failure,
    publish_night,
    read_history,
    tell_people,
)
from sentinel_batch.nightly.metrics import name_lake, place_metrics, render_metrics, write_metrics
from sentinel_batch.nightly.outcome import NightlyResult, Step, describe_error
from sentinel_batch.nightly.period import last_success
from sentinel_batch.reporting import Night
from sentinel_batch.runs import new_run_id
from sentinel_batch.window import now

OnStep = Callable[[Step], None]


class Closing:
    """A night's steps and its end; the pipeline adds the work in between."""

    def __init__(self, desk: Desk, on_step: OnStep | None) -> None:
        self.desk, self.settings = desk, desk.config
        self.on_step = on_step
        self.result = NightlyResult(run_id=new_run_id(), started_at=now())
        self.clock = time.perf_counter()

    def _account(self) -> Night:
        return give_account(self.result, find_repeated(read_history(self.desk), self.result))

    def _end(self, error: BaseException | None) -> None:
        """Settle the result and tell everybody, after all else: also how the night ended."""
        if error is not None:
            self.result.fail(error)
        self.result.elapsed = time.perf_counter() - self.clock
        name = name_lake(self.settings)
        self._publish(name)
        self._notify(name)
        self.result.seconds = time.perf_counter() - self.clock
        self._measure(name)

    def _publish(self, name: str) -> None:
        """Show the night to those who look: a page even if it failed, ``latest`` and the index."""
        with self._last_step("publish") as step:
            if self.result.folder is None:
                keep_failure(self.result, self._account(), self.settings)
            step.counts |= publish_night(self.result, self._account(), self.desk, name)

    def _notify(self, name: str) -> None:
        """Tell whoever must know; what fails here fails no night, but is in its outcome and on its page."""
        result = self.result
        try:
            with self._step("notify") as step:
                result.deliveries = tell_people(result, self._account(), self.desk, name)
                unsent = [delivery for delivery in result.deliveries or () if not delivery["sent"]]
                step.status = "skipped" if not result.deliveries else "partial" if unsent else "done"
                step.counts = {"sent": len(result.deliveries or ()) - len(unsent), "failed": len(unsent)}
                result.late = [say_unsent(delivery["target"], delivery["reason"]) for delivery in unsent]
        except Exception as failure:  # Of a library that speaks to anything: never a reason for a night to fail.
            result.late = [say_unsent("anybody", describe_error(failure)["message"])]
        if result.deliveries is not None or result.late or result.error is not None:
            with self._last_step("amend"):
                amend(result, self._account(), self.desk, name)

    def _measure(self, name: str) -> None:
        if self.settings.metrics_file is not None:
            with self._last_step("metrics"):
                success = last_success(self.desk.tables) if self._has_lake() else None
                file = place_metrics(self.settings.metrics_file, name)
                write_metrics(file, render_metrics(self.result, success, name))

    @contextmanager
    def _last_step(self, name: str) -> Iterator[Step]:
        """A step after the work: if it fails, so does the night, but the steps behind it are done all the same."""
        try:
            with self._step(name) as step:
                yield step
        except (SentinelError, OSError) as failure:
            if self.result.error is None:
                self.result.fail(failure)

    def _has_lake(self) -> bool:
        try:
            return bool(self.desk.lake)
        except LakeNotFoundError:
            return False

    @contextmanager
    def _step(self, name: str) -> Iterator[Step]:
        step = Step(self.result.run_id, name, now())
        clock = time.perf_counter()
        try:
            yield step
        except BaseException as error:
            step.status, step.error = "failed", describe_error(error)
            raise
        finally:
            step.seconds = time.perf_counter() - clock
            self.result.steps.append(step)
            if self.on_step is not None:
                self.on_step(step)
