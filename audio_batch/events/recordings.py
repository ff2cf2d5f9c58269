"""The recording of an event: a file below the allowed folder, or one that is fetched and removed again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from audio_batch.events.errors import EventError
from audio_batch.events.event import Event
from audio_batch.events.fetching import Fetcher, FetchRules


@dataclass(frozen=True)
class Recordings:
    """Where recordings are taken from.

    Attributes
    ----------
    folder
        Files below it may be named by events; None allows none.
    fetcher
        Fetches those that are elsewhere.
    """

    folder: Path | None = None
    fetcher: Fetcher = field(default_factory=lambda: Fetcher(FetchRules()))

    @contextmanager
    def open(self, event: Event) -> Iterator[Path]:
        """Give the recording of an event, as long as the block lasts.

        Raises
        ------
        EventError
            ``path_not_allowed`` (permanent), ``recording_missing``, or what fetching it raises.
        """
        if event.audio_path is not None:
            yield self._find(event.audio_path)
            return
        with tempfile.TemporaryDirectory(prefix="sentinel-event-") as folder:
            yield self.fetcher.fetch(event.audio_url or "", Path(folder))

    def _find(self, text: str) -> Path:
        if self.folder is None:
            message = "The event names a file, and no folder of recordings is allowed."
            raise EventError(
                message, reason="path_not_allowed", permanent=True, hint="Start the consumer with --audio-folder DIR."
            )
        root = self.folder.resolve()
        try:
            path = (root / text).resolve()  # Links are followed first, so that none leads out.
            inside, found = path.is_relative_to(root), path.is_file()
        except (OSError, RuntimeError, ValueError):
            inside = found = False
        if not inside:
            message = f"The file {text[:200]!r} is not below the folder of recordings."
            raise EventError(message, reason="path_not_allowed", permanent=True)
        if not found:  # It may still be on its way.
            raise EventError(f"There is no file {text[:200]!r}.", reason="recording_missing", permanent=False)
        return path
