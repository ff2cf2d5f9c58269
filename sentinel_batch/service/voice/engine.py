"""What the routes of the voice API share: the workers, the sessions, the voiceprints, the drafts."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from batch_base.errors import ReportedError
from sentinel_batch.recordings import settle_scorer
from sentinel_batch.service.metrics import Metrics
from sentinel_batch.service.settings import ServiceSettings
from sentinel_batch.service.uploads import remove_folder, safe_name
from sentinel_batch.service.voice.enrolling import PendingSamples
from sentinel_batch.service.voice.hearings import HearingStore
from sentinel_batch.service.voice.pool import VoicePool
from sentinel_batch.service.voice.reports import ReportDesk

log = logging.getLogger("sentinel_batch.service")

_POLICY = "voice_only"


class VoiceEngine:
    """The voice side of one service.

    Parameters
    ----------
    settings
        Of the service.
    metrics
        Where the queue can be watched.
    """

    def __init__(self, settings: ServiceSettings, metrics: Metrics) -> None:
        self.settings = settings
        self.folder = settings.folder / "voice"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        config = settings.desk.config
        self.pool = VoicePool(
            settings.voice_workers or count_cores(),
            settings.voice_queue,
            settings.voice_seconds,
            config.enrollments or self.folder / "voiceprints",
            settle_scorer(config, scorer="local").model,  # type: ignore[arg-type]  # settings hold plain types
        )
        self.hearings = HearingStore(self.folder)
        self.samples = PendingSamples(self.folder / "samples")
        self.reports = ReportDesk(self.hearings, self.folder / "drafts", config.audio_policy or _POLICY)
        metrics.watch("sentinel_voice_waiting", "Recordings that no worker listens to yet.", lambda: self.pool.waiting)
        metrics.watch("sentinel_voice_present", "Recordings that are listened to, or wait.", lambda: self.pool.present)

    async def start(self) -> None:
        """Remove what a killed service left; load the engine, if its number of workers was asked for."""
        self.samples.sweep()
        shutil.rmtree(self._uploads, ignore_errors=True)
        self._uploads.mkdir(mode=0o700)
        if self.settings.voice_workers:
            try:
                await asyncio.to_thread(self.pool.start)
            except ReportedError as error:
                log.error("Recordings cannot be listened to: %s", error)

    async def stop(self) -> None:
        """End the workers."""
        await asyncio.to_thread(self.pool.stop)

    @contextmanager
    def upload_folder(self) -> Iterator[Path]:
        """Give a private folder for one request, removed after it."""
        folder = self._uploads / secrets.token_hex(12)
        folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            remove_folder(folder)

    def keep_recording(self, path: Path, sha256: str) -> None:
        """Move a recording into the folder that the settings name, if any, for the night to analyse."""
        place = self.settings.voice_keep
        if place is None:
            return
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = place / f"{sha256[:16]}-{safe_name(path.name, 'recording')}"
        part = kept.with_name(f".{kept.name}.part")
        shutil.move(path, part)
        part.replace(kept)

    async def remember(
        self, session_id: str, by: str, verdict: dict[str, Any], verification: dict[str, Any] | None, facts: Any
    ) -> None:
        """Keep what was heard in a session, for reports on it."""
        await asyncio.to_thread(self.hearings.keep, session_id, by, verdict, verification, facts)

    @property
    def _uploads(self) -> Path:
        return self.folder / "uploads"


def count_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
