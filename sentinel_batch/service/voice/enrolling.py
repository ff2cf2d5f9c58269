"""Recordings that are sent one by one for an enrolment, until there are enough of them."""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path

from sentinel_batch.service.voice.refusals import refuse

SAMPLES = 3
"""Recordings that the documented error rates rest on; `audio_batch.speaker` demands as many."""

MOST_SAMPLES = 10
KEPT_SECONDS = 24 * 3600.0
"""How long recordings wait for the others; they are biometric data."""

MOST_PENDING = 1000


class PendingSamples:
    """Recordings that wait for more of the same person.

    Parameters
    ----------
    folder
        A private folder; one for each enrolment is made in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def add(self, enrollment_id: str, paths: list[Path]) -> list[Path]:
        """Keep recordings beside those that were sent before; returns all of them.

        Raises
        ------
        HTTPException
            422 if the same recording is there already, or there are too many; 503 if too many enrolments wait.
        """
        self.sweep()
        place = self._place(enrollment_id)
        if not place.exists() and sum(1 for _ in self._folder.iterdir()) >= MOST_PENDING:
            raise refuse(503, f"{MOST_PENDING} enrolments wait for recordings.", code="too_many_pending")
        place.mkdir(mode=0o700, exist_ok=True)
        for path in paths:
            kept = place / f"{_hash(path)[:32]}{path.suffix[:10]}"
            if kept.exists():
                raise refuse(422, "The same recording was sent twice.", code="same_recording")
            if sum(1 for _ in place.iterdir()) >= MOST_SAMPLES:
                raise refuse(422, f"More than {MOST_SAMPLES} recordings.", code="too_many")
            shutil.move(path, kept)
        return sorted(place.iterdir())

    def drop(self, enrollment_id: str, paths: list[Path] | None = None) -> None:
        """Remove recordings of an enrolment; all of them by default."""
        if paths is None:
            shutil.rmtree(self._place(enrollment_id), ignore_errors=True)
            return
        for path in paths:
            path.unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove what has waited for too long."""
        oldest = time.time() - KEPT_SECONDS
        for place in self._folder.iterdir():
            if place.stat().st_mtime < oldest:
                shutil.rmtree(place, ignore_errors=True)

    def _place(self, enrollment_id: str) -> Path:
        return self._folder / hashlib.sha256(enrollment_id.encode()).hexdigest()


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
