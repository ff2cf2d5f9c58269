"""What an analysis of recordings found, and what of it was new."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import polars as pl

    from audio_batch.batch import UnreadFiles

_BRIEF = (
    "path", "sha256", "recording_id", "status", "score", "label", "confidence", "abstention", "action", "decisive_rule",
    "worst_start", "worst_end", "caller_number", "call_id", "model_version", "model_sha256", "error_code",
    "error_message",
)  # fmt: skip


@dataclass(frozen=True)
class RecordingsResult:
    """What :func:`sentinel_batch.recordings.analyse_recordings` did.

    Parameters
    ----------
    run_id
        Id of the row of ``runs``.
    recordings
        Every recording of the folder, worst first, with the columns of table ``recordings``.
    stored
        How many of them were new to the lake; the others were there already.
    unread
        What else the folder holds, by suffix: counted, with examples, and what it would take to read it.
    """

    run_id: str
    recordings: pl.DataFrame
    stored: int
    unread: tuple[UnreadFiles, ...] = ()

    @property
    def known(self) -> int:
        """Recordings that the lake already had, analysed in the same way."""
        return self.recordings.height - self.stored

    @property
    def status(self) -> Literal["success", "partial", "no_input"]:
        """``partial`` if some recording could not be read, ``no_input`` if there was none."""
        if self.recordings.is_empty():
            return "no_input"
        return "partial" if self.failed else "success"

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Recordings without a verdict, with the reason."""
        rows = self.recordings.filter(self.recordings["status"] == "failed")
        return rows.select("path", "error_code", "error_stage", "error_message").to_dicts()

    def count(self, column: str) -> dict[str, int]:
        """Count the recordings by ``status``, ``label`` or ``action``; those without one are left out."""
        counts = self.recordings[column].drop_nulls().value_counts(sort=True)
        return {str(value): int(number) for value, number in sorted(counts.iter_rows())}

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-serialisable facts; ``recordings`` is worst first."""
        return {
            "status": self.status,
            "run_id": self.run_id,
            "received": self.recordings.height,
            "stored": self.stored,
            "known": self.known,
            "by_status": self.count("status"),
            "by_label": self.count("label"),
            "by_action": self.count("action"),
            "unread": [group.to_dict() for group in self.unread],
            "recordings": self.recordings.select(_BRIEF).to_dicts(),
        }
