"""The generator of mock call detail records (CDRs)."""

from __future__ import annotations

import datetime as dt
import errno
import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from batch_base.files import replaced_file
from batch_base.plain import unwrap
from sentinel_batch.errors import DiskFullError, UsageError

from .calls import COLUMNS, Calls
from .damage import TRAILING_BLANK_LINES, damaged_csv, draw_damage
from .numbering import NumberPlan
from .simboxes import MOST_CALLS, MOST_SIMBOXES, SimBoxes
from .subscribers import Subscribers, last_second
from .truth import truth_document, truth_path

DEFAULT_START = dt.date(2026, 1, 22)
_CHUNK_RECORDS = 500_000
_NUMBERS, _SIMBOX_CALLS, _SUBSCRIBER_CALLS, _DAMAGE = range(4)


@dataclass(frozen=True)
class _Plan:
    """Validated counts of one file."""

    total_records: int
    simbox_callers: int
    simbox_calls_per_caller: int

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not isinstance(unwrap(value), int) or value < 0:
                raise UsageError(f"{name} is {value!r}, not a whole number of 0 or more", hint="Give a count, as 5000.")
        _allow("simbox_callers", self.simbox_callers, MOST_SIMBOXES)
        _allow("simbox_calls_per_caller", self.simbox_calls_per_caller, MOST_CALLS)
        if self.simbox_records > self.total_records:
            raise UsageError(
                f"total_records is {self.total_records}, fewer than the {self.simbox_records} SIM box calls "
                f"({self.simbox_callers} callers x {self.simbox_calls_per_caller} calls) that it includes",
                hint=f"Ask for at least {self.simbox_records} records, or for fewer SIM box calls.",
            )

    @property
    def simbox_records(self) -> int:
        return self.simbox_callers * self.simbox_calls_per_caller


class MockCDRGenerator:
    """Generator of CDR files in which the SIM boxes are known; equal seeds and parameters give equal bytes.

    Ordinary subscribers talk for 30 seconds to 30 minutes, mostly to a few favourites, more by day than by night. Each
    SIM box makes calls of 1 to 5 seconds, each to another destination, within 23 hours. With more than 50 calls it
    always qualifies under the seed's rule (more than 50 unique destinations, average below 3 s, in 24 hours), and no
    ordinary subscriber ever does. Every call was answered. Rows are in order of time, and no two share caller, callee
    and time.

    Parameters
    ----------
    seed
        Seed of all randomness, 0 or more.
    days
        Days of traffic; the last ends at 23:00.
    dirty
        Probability, from 0 to 1, that a row is damaged as field data are: subscribers' rows are damaged in place,
        doubled rows (SIM boxes' too) come on top, and blank lines end the file.
    start
        First day, local time (Africa/Lagos); 2026-01-22 if not given.

    Raises
    ------
    UsageError
        If a parameter is out of range.

    Examples
    --------
    >>> csv_text, simbox_numbers = MockCDRGenerator(seed=42).generate_csv(5000, 3, 75)
    >>> len(csv_text.splitlines()), len(simbox_numbers)
    (5001, 3)
    """

    def __init__(self, seed: int = 42, *, days: int = 1, dirty: float = 0.0, start: dt.date | None = None) -> None:
        self.seed = seed
        self.days = days
        self.dirty = dirty
        self.start = DEFAULT_START if start is None else start
        self._validate()

    def generate_frame(
        self, total_records: int = 5000, simbox_callers: int = 3, simbox_calls_per_caller: int = 75
    ) -> pl.DataFrame:
        """Return the undamaged records, whatever ``dirty`` says.

        Parameters
        ----------
        total_records
            Number of records, SIM box calls included.
        simbox_callers
            Number of SIM boxes.
        simbox_calls_per_caller
            Calls of each SIM box.

        Returns
        -------
        polars.DataFrame
            Columns as in the file, all text but the integer ``duration_seconds`` (in seconds).

        Raises
        ------
        UsageError
            If a count is out of range.
        """
        plan = _Plan(total_records, simbox_callers, simbox_calls_per_caller)
        return pl.concat([calls.to_frame(self.start) for calls in self._chunks(plan)])

    def generate_csv(
        self, total_records: int = 5000, simbox_callers: int = 3, simbox_calls_per_caller: int = 75
    ) -> tuple[str, list[str]]:
        """Return a whole file as text, and the numbers of its SIM boxes.

        Parameters
        ----------
        total_records
            Number of records, SIM box calls included.
        simbox_callers
            Number of SIM boxes.
        simbox_calls_per_caller
            Calls of each SIM box.

        Returns
        -------
        csv_text : str
            What `save_to_file` writes; its stray bytes (``dirty``), which no text can hold, stand as U+FFFD.
        simbox_numbers : list of str
            Numbers in E.164.

        Raises
        ------
        UsageError
            If a count is out of range.
        """
        plan = _Plan(total_records, simbox_callers, simbox_calls_per_caller)
        text = b"".join(self._csv(plan, Counter())).decode("utf-8", errors="replace")
        return text, self._simboxes(plan).numbers

    def save_to_file(
        self,
        path: str | Path,
        *,
        total_records: int = 5000,
        simbox_callers: int = 3,
        simbox_calls_per_caller: int = 75,
    ) -> list[str]:
        """Write a CSV file, and beside it the truth about it (``x.truth.json`` for ``x.csv``).

        The file is written chunk by chunk in bounded memory, under another name until it is complete.

        Parameters
        ----------
        path
            File to write; it is replaced if it exists.
        total_records
            Number of records, SIM box calls included.
        simbox_callers
            Number of SIM boxes.
        simbox_calls_per_caller
            Calls of each SIM box.

        Returns
        -------
        list of str
            Numbers of the SIM boxes in E.164.

        Raises
        ------
        UsageError
            If a count is out of range, or the file cannot be written.
        DiskFullError
            If the disk runs full; the unfinished file is removed.
        """
        plan = _Plan(total_records, simbox_callers, simbox_calls_per_caller)
        numbers, counts = self._simboxes(plan).numbers, Counter[str]()
        _write_whole(Path(path), self._csv(plan, counts))
        truth = truth_document(seed=self.seed, parameters=self._parameters(plan), simbox_numbers=numbers, damage=counts)
        _write_whole(truth_path(path), iter([json.dumps(truth, indent=2).encode() + b"\n"]))
        return numbers

    def _validate(self) -> None:
        if not isinstance(unwrap(self.seed), int) or self.seed < 0:
            raise UsageError(f"seed is {self.seed!r}, not a whole number of 0 or more", hint="Give a seed such as 42.")
        if not 0.0 <= self.dirty <= 1.0:
            raise UsageError(f"dirty is {self.dirty!r}, not a share from 0 to 1", hint="Give a share such as 0.01.")
        if not isinstance(self.start, dt.date):
            raise UsageError(f"start is {self.start!r}, not a date", hint="Give a date such as date(2026, 1, 22).")
        most = (dt.date.max - self.start).days
        if not isinstance(unwrap(self.days), int) or not 1 <= self.days <= most:
            raise UsageError(f"days is {self.days!r}, not from 1 to {most}", hint="Give a number of days such as 7.")

    def _parameters(self, plan: _Plan) -> dict[str, Any]:
        return {**vars(plan), "days": self.days, "dirty": self.dirty, "start": self.start}

    def _rng(self, *purpose: int) -> np.random.Generator:
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=purpose))

    def _simboxes(self, plan: _Plan) -> SimBoxes:
        rng = self._rng(_NUMBERS)
        numbers = NumberPlan.draw(rng)
        return SimBoxes.draw(rng, plan.simbox_callers, plan.simbox_calls_per_caller, numbers)

    def _chunks(self, plan: _Plan) -> Iterator[Calls]:
        """Yield the calls of one slice of time after the other."""
        simboxes = self._simboxes(plan)
        fraud = simboxes.calls(self._rng(_SIMBOX_CALLS), self.days)
        ordinary = plan.total_records - plan.simbox_records
        people = Subscribers.for_traffic(ordinary, self.days, simboxes.plan)
        wanted = math.ceil(plan.total_records / _CHUNK_RECORDS)
        bounds = people.rhythm.slices(min(max(wanted, 1), last_second(self.days) // 60))
        sizes = people.rhythm.split(ordinary, bounds)
        cuts = np.searchsorted(fraud.second, bounds)
        for chunk, size in enumerate(sizes.tolist()):
            rng = self._rng(_SUBSCRIBER_CALLS, chunk)
            calls = people.calls(rng, size, int(bounds[chunk]), int(bounds[chunk + 1]))
            yield calls.merged_with(fraud.take(slice(int(cuts[chunk]), int(cuts[chunk + 1]))))

    def _csv(self, plan: _Plan, counts: Counter[str]) -> Iterator[bytes]:
        """Yield the file piece by piece; add the number of rows of each kind of damage to ``counts``."""
        yield ",".join(COLUMNS).encode() + b"\n"
        for chunk, calls in enumerate(self._chunks(plan)):
            frame = calls.to_frame(self.start)
            if self.dirty:
                kinds = draw_damage(self._rng(_DAMAGE, chunk), calls.simbox, self.dirty)
                yield damaged_csv(frame, kinds, counts)
            else:
                yield frame.write_csv(include_header=False, quote_style="never").encode()
        if self.dirty:
            yield b"\n" * TRAILING_BLANK_LINES


def _allow(name: str, value: int, most: int) -> None:
    if value > most:
        raise UsageError(f"{name} is {value}, more than the {most} allowed", hint=f"Ask for at most {most}.")


def _write_whole(path: Path, pieces: Iterator[bytes]) -> None:
    """Write a file that is either complete or not there."""
    try:
        with replaced_file(path) as fresh, fresh.open("wb") as file:
            file.writelines(pieces)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise DiskFullError(f"{path}: the disk is full", hint="Free some space, or ask for less.") from error
        message = f"{path}: cannot be written ({error.strerror})"
        raise UsageError(message, hint="Name a file in an existing folder.") from error
