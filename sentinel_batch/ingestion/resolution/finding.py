"""How a file is read, as far as it is known: every question that is settled returns it, with answer and notice."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sentinel_batch.ingestion.reading.layout import Layout


@dataclass(frozen=True)
class Resolution:
    """How a file is read.

    Parameters
    ----------
    layout
        Its layout; once all is settled, the dialect in it leaves nothing open.
    zone
        Zone of its times without an offset.
    notices
        What was found out or guessed, and what is in doubt.
    """

    layout: Layout
    zone: str
    notices: tuple[str, ...] = ()

    def note(self, *notices: str) -> Resolution:
        """Return this with more notices."""
        return replace(self, notices=(*self.notices, *notices))

    def settle(self, **answers: Any) -> Resolution:
        """Return this with some settings of the dialect answered."""
        return replace(self, layout=replace(self.layout, dialect=replace(self.layout.dialect, **answers)))
