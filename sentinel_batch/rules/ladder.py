"""How severe a finding is: the first condition that holds decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sentinel_batch.schema import SEVERITIES


@dataclass(frozen=True)
class Rung:
    """One ``[[severity]]`` of a rule.

    Parameters
    ----------
    level
        One of ``schema.SEVERITIES``.
    when
        Condition in SQL, over the columns of the query that asks for the severity; None for every other finding.
    text
        The same for people.
    line
        Line of the rule's TOML file at which its condition stands.
    """

    level: str
    when: str | None
    text: str
    line: int


@dataclass(frozen=True)
class Ladder:
    """The rungs of a rule, and the file that they stand in."""

    rungs: Sequence[Rung]
    file: str

    def write_case(self) -> Iterator[tuple[str, int | None]]:
        """Yield the lines of an expression that gives 1 (LOW) to 4 (CRITICAL), and where those of a rung stand."""
        if len(self.rungs) == 1:
            yield str(SEVERITIES.index(self.rungs[0].level) + 1), None
            return
        yield "CASE", None
        for rung in self.rungs:
            step = SEVERITIES.index(rung.level) + 1
            yield f"    WHEN {rung.when} THEN {step}" if rung.when else f"    ELSE {step}", rung.line
        yield "END", None

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return the rungs as plain values."""
        return [{"level": rung.level, "when": rung.when, "text": rung.text} for rung in self.rungs]
