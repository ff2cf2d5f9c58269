"""What ties two members of a box, kind by kind, in words that an analyst can check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from sentinel_batch.boxes.callees import CommonCallees
from sentinel_batch.boxes.candidates import Candidates
from sentinel_batch.boxes.pairs import Pairs
from sentinel_batch.boxes.selection import read_handsets

KINDS = {
    "common_callees": "common callees",
    "same_handset": "same handset",
    "same_model": "same model of handset",
    "same_site": "same site",
    "number_range": "numbers bought together",
    "mutual_calls": "calls to each other",
    "lives": "lives that meet",
    "same_hours": "same hours",
    "same_manner": "same manner of calling",
}
"""Kind of evidence to what an analyst calls it."""


_LEAST = 0.1


@dataclass(frozen=True)
class Uses:
    """What members used, from their traces.

    Parameters
    ----------
    cells
        Number to local day to the cell of most calls.
    handsets
        Number to the first 14 digits of IMEIs.
    """

    cells: Mapping[str, Mapping[date, str]]
    handsets: Mapping[str, Sequence[str]]


def read_uses(traces: pl.DataFrame, numbers: Sequence[str]) -> Uses:
    """Return what some numbers used, the most used first."""
    mine = traces.filter(pl.col("number").is_in(list(numbers)))
    ordered = mine.filter(pl.col("kind") == "cell").sort("calls", "value", descending=[True, False])
    daily = ordered.group_by("number", "local_date", maintain_order=True).agg(pl.col("value").first())
    cells: dict[str, dict[date, str]] = {number: {} for number in numbers}
    for number, day, cell in daily.select("number", "local_date", "value").iter_rows():
        cells[number][day] = cell
    counted = (
        read_handsets(mine.filter(pl.col("kind") == "handset")).group_by("number", "value").agg(pl.col("calls").sum())
    )
    ranked = counted.sort("calls", "value", descending=[True, False])
    handsets: dict[str, list[str]] = {number: [] for number in numbers}
    for number, handset in ranked.select("number", "value").iter_rows():
        handsets[number].append(handset)
    return Uses(cells, handsets)


class Words:
    """Words for links between candidates.

    Parameters
    ----------
    candidates
        The callers.
    common
        Their common callees.
    uses
        What those that are spoken of used.
    """

    def __init__(self, candidates: Candidates, common: CommonCallees, uses: Uses) -> None:
        self.candidates = candidates
        self.numbers = candidates.numbers
        self.common = common
        self.uses = uses
        self._shared: dict[tuple[int, int], tuple[float, float]] = {}

    def prepare(self, pairs: Pairs) -> None:
        """Look the common callees of pairs up, all at once, before they are described."""
        facts = zip(pairs.a, pairs.b, self.common.count(pairs), self.common.expect(pairs), strict=True)
        self._shared = {(int(a), int(b)): (float(common), float(expected)) for a, b, common, expected in facts}

    def describe(self, kind: str, pair: Pairs) -> str:
        """Return what one kind of evidence says of one pair that was prepared."""
        a, b = int(pair.a[0]), int(pair.b[0])
        if kind == "common_callees":
            common, expected = self._shared[a, b]
            chance = f"{expected:.1f}" if expected >= _LEAST else f"fewer than {_LEAST}"
            return f"{common:.0f} common one-way callees where {chance} are expected"
        if kind == "same_handset":
            return self._describe_handsets(a, b)
        if kind == "same_model":
            return self._describe_models(a, b)
        if kind == "same_site":
            return self._describe_site(a, b)
        if kind == "number_range":
            return f"numbers {abs(int(self.candidates.digits[a] - self.candidates.digits[b])):,} apart"
        if kind == "mutual_calls":
            calls = int(self.candidates.mutual[a, b] + self.candidates.mutual[b, a])
            return f"{calls} calls to each other"
        if kind == "lives":
            return self._describe_lives(a, b)
        return {"same_hours": "calls in the same hours", "same_manner": "calls in the same manner"}[kind]

    def _describe_handsets(self, a: int, b: int) -> str:
        mine, others = (self.uses.handsets[self.numbers[place]] for place in (a, b))
        shared = [handset for handset in mine if handset in set(others)]
        if not shared:
            return "different handsets"
        return f"handset {shared[0]} carried both" + (f", and {len(shared) - 1} more" if len(shared) > 1 else "")

    def _describe_models(self, a: int, b: int) -> str:
        mine, others = ({handset[:8] for handset in self.uses.handsets[self.numbers[place]]} for place in (a, b))
        models = sorted(mine & others)
        return f"handsets of model {', '.join(models)}" if models else "handsets of different models"

    def _describe_site(self, a: int, b: int) -> str:
        mine, others = (self.uses.cells[self.numbers[place]] for place in (a, b))
        both = sorted(set(mine) & set(others))
        same = [mine[day] for day in both if mine[day] == others[day]]
        if same:
            cell = max(sorted(set(same)), key=same.count)
            return f"both on cell {cell} on {same.count(cell)} of {len(both)} days"
        shared = sorted(set(mine.values()) & set(others.values()))
        return f"both on cell {shared[0]}, on different days" if shared else "different cells most of the day"

    def _describe_lives(self, a: int, b: int) -> str:
        days, first, last = self.candidates.days, self.candidates.first, self.candidates.last
        if first[a] == first[b] > 0:
            return f"both first seen on {days[first[a]]}"
        if last[a] == last[b] < len(days) - 2:
            return f"both last seen on {days[last[a]]}"
        for ended, born in ((a, b), (b, a)):
            if last[ended] <= first[born] <= last[ended] + 1 and first[born] > 0:
                return f"{self.numbers[ended]} ends on {days[last[ended]]}, the other begins on {days[first[born]]}"
        return f"seen {days[first[a]]} to {days[last[a]]}, and {days[first[b]]} to {days[last[b]]}"
