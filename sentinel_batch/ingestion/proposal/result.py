"""What is proposed for a file: how it is read, what comes near, and the text of a dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sentinel_batch.ingestion.preview.view import LayoutView
from sentinel_batch.ingestion.proposal.misses import NearMiss
from sentinel_batch.ingestion.proposal.page import render_html


@dataclass(frozen=True)
class DialectProposal:
    """What is proposed for a file.

    Parameters
    ----------
    path
        The file.
    recognised
        Whether a dialect fits it.
    layout
        How it is read, by that dialect or by the proposed one; None where fields are missing.
    near_misses
        Where no dialect fits, those that come nearest.
    guessed
        Field to the reason for which its column was taken, where names do not tell: to be checked.
    missing
        Fields that a call needs and that no column feeds.
    notices
        What else should be known.
    toml
        The proposed dialect, with comments.
    """

    path: str
    recognised: bool
    layout: LayoutView | None
    near_misses: tuple[NearMiss, ...]
    guessed: Mapping[str, str]
    missing: tuple[str, ...]
    notices: tuple[str, ...]
    toml: str

    @property
    def complete(self) -> bool:
        """Whether nothing is missing and nothing guessed by content."""
        return not self.missing and not self.guessed

    def to_toml(self) -> str:
        """Return the text of the proposed dialect."""
        return self.toml

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document of the command."""
        return {
            "path": self.path,
            "recognised": self.recognised,
            "complete": self.complete,
            "layout": None if self.layout is None else self.layout.to_dict(),
            "near_misses": [{**asdict(miss), "text": str(miss)} for miss in self.near_misses],
            "guessed": dict(self.guessed),
            "missing": list(self.missing),
            "notices": list(self.notices),
            "toml": self.toml,
        }

    def _repr_html_(self) -> str:
        return render_html(self.to_dict())
