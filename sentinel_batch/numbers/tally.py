"""How the numbers of a file were read: counted, with an example of each way."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from .kinds import (
    AMBIGUOUS,
    BARE_INTERNATIONAL,
    E164,
    FORMER,
    IMPOSSIBLE,
    KINDS,
    NATIONAL_OR_FOREIGN,
    POSSIBLE,
    READINGS,
    ROUNDED,
)

Way = tuple[str, str]
"""Reading and kind of a number."""

_WORDS = {
    (BARE_INTERNATIONAL, E164): "without + read as international",
    (NATIONAL_OR_FOREIGN, E164): "valid at home and abroad, read at home",
}
_WORDS_OF_KINDS = {
    POSSIBLE: "in no known range",
    FORMER: "of an earlier numbering plan",
    IMPOSSIBLE: "with + that no country can have",
    AMBIGUOUS: "that could be at home or abroad, kept as typed",
    ROUNDED: "rounded by a spreadsheet, rejected",
}


@dataclass
class Tally:
    """Counts of numbers, one for each cell of the file, by the way in which they were read.

    Parameters
    ----------
    counts
        Reading and kind to the number of cells.
    examples
        Reading and kind to the first number, as typed and as read; only where it was changed or doubted.
    """

    counts: Counter[Way] = field(default_factory=Counter)
    examples: dict[Way, tuple[str | None, str | None]] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Add what was counted later in the file."""
        self.counts.update(other.counts)
        self.examples = other.examples | self.examples

    @property
    def readings(self) -> dict[str, int]:
        """Reading to count, in the order of :data:`~sentinel_batch.numbers.kinds.READINGS`."""
        return self._sum(0, tuple(READINGS))

    @property
    def kinds(self) -> dict[str, int]:
        """Kind to count, in the order of :data:`~sentinel_batch.numbers.kinds.KINDS`."""
        return self._sum(1, tuple(KINDS))

    def describe(self) -> str | None:
        """Return what a reader should know: every number that was guessed or doubted; None where there is none."""
        parts = [text for way, words in _WORDS.items() if (text := self._describe([way], words))]
        for kind, words in _WORDS_OF_KINDS.items():
            ways = sorted(way for way in self.counts if way[1] == kind)
            if text := self._describe(ways, words):
                parts.append(text)
        return f"Telephone numbers: {'; '.join(parts)}. See docs/numbers.md." if parts else None

    def _describe(self, ways: list[Way], words: str) -> str:
        count = sum(self.counts[way] for way in ways)
        if not count:
            return ""
        typed, number = self.examples[next(way for way in ways if self.counts[way])]
        return f"{count:,} {words} ({typed}{f' is {number}' if typed != number else ''})"

    def _sum(self, part: int, order: tuple[str, ...]) -> dict[str, int]:
        totals: Counter[str] = Counter()
        for way, count in self.counts.items():
            totals[way[part]] += count
        return {name: totals[name] for name in order if totals[name]}
