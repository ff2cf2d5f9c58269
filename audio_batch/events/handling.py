"""From an event to its result: the recording is found, validated, scored, verified and routed.

Each recording is analysed in a process of its own, as in a batch: one that makes a decoder crash or hang takes neither
the consumer nor the other events with it, and becomes a dead letter after its tries.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_batch.batch.pool import Worker
from audio_batch.batch.settings import make_settings
from audio_batch.batch.tasks import Task
from audio_batch.errors import AudioUsageError
from audio_batch.events.drafting import draft_report
from audio_batch.events.errors import EventError
from audio_batch.events.event import EVENT_POLICIES, Event
from audio_batch.events.recordings import Recordings
from audio_batch.routing import load_policy
from batch_base.plain import to_plain
from batch_base.suggestions import suggest

if TYPE_CHECKING:
    from audio_batch.spoof.model import ModelLike

FORMAT = 1
"""Version of the result's form; a change that breaks a reader raises it."""

_PASSING = ("worker_lost", "timed_out", "out_of_memory", "not_opened", "file_changed")
"""Codes of failures that another try may not have; what the recording itself is to blame for becomes a result."""
_DEEPFAKE = (
    "score",
    "label",
    "confidence",
    "abstention",
    "channel_class",
    "session_id",
    "model_version",
    "model_sha256",
    "reasons",
)
_MFA = ("verified", "enrollment_id", "verification_confidence", "log_likelihood_ratio", "channel_match")


@dataclass(frozen=True)
class Judging:
    """How recordings are judged.

    Attributes
    ----------
    policies
        Type of an event to the policy that routes it, where it is not that of :data:`EVENT_POLICIES`.
    store
        Folder of voiceprints; None verifies no voice.
    model, profile
        As of a batch.
    sar_drafts
        Folder of drafts of reports, made for events that ask for one; None makes none, whatever events ask for.
    """

    policies: Mapping[str, str] = field(default_factory=dict)
    store: Path | None = None
    model: ModelLike = None
    profile: str = "telephone"
    sar_drafts: Path | None = None


class VoiceHandler:
    """Makes results of events; leave it as a context manager, which ends its processes.

    Parameters
    ----------
    recordings
        Where recordings are taken from.
    judging
        How they are judged.
    workers
        Processes, started when they are needed.

    Raises
    ------
    AudioUsageError
        If an option of it is not allowed.
    """

    def __init__(self, recordings: Recordings, judging: Judging | None = None, *, workers: int = 1) -> None:
        self._recordings = recordings
        self._judging = judging or Judging()
        self._policies = {**EVENT_POLICIES, **_check_policies(self._judging.policies)}
        settings = make_settings(
            store=self._judging.store, policy=None, checkpoint_dir=None, channel_roles=None,
            model=self._judging.model, profile=self._judging.profile, with_features=False,
        )  # fmt: skip
        self._workers = [Worker(settings) for _ in range(workers)]
        self._idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._stopped = threading.Event()

    def __enter__(self) -> VoiceHandler:
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for worker in self._workers:
            worker.stop()

    def __call__(self, event: Event) -> bytes:
        """Return the result of an event as JSON.

        Raises
        ------
        EventError
            If there is no recording, or its analysis was cut off.
        """
        return json.dumps(to_plain(self.judge(event)), allow_nan=False).encode()

    def judge(self, event: Event) -> dict[str, Any]:
        """Return the result of an event as a document."""
        if event.enrollment_id is not None and self._judging.store is None:
            message = f"The event names the enrollment {event.enrollment_id!r}, and there is no folder of voiceprints."
            hint = "Start the consumer with --enrollments DIR."
            raise EventError(message, reason="no_enrollments", permanent=True, hint=hint)
        with self._recordings.open(event) as path:
            row, segments = self._analyse(event, path)
            result = _compose(event, row, self._draft(event, path, row, segments))
        return result

    def _analyse(self, event: Event, path: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        policy = self._policies[event.type]
        task = Task(str(path), path.name, path.stat().st_size, dict(event.context), policy=policy)
        with self._borrow() as worker:
            found = worker.analyse(task, self._stopped, lambda share: None)
        row = found["recording"]
        if row.get("error_code") in _PASSING:
            raise EventError(row["error_message"], reason=row["error_code"], permanent=False)
        return row, found["segments"]

    def _draft(
        self, event: Event, path: Path, row: Mapping[str, Any], segments: list[dict[str, Any]]
    ) -> dict[str, Any] | None:
        folder = self._judging.sar_drafts
        if not event.wants_sar or folder is None or row.get("score") is None:
            return None
        return draft_report(folder, path, row, segments, event.context, self._policies[event.type])

    @contextmanager
    def _borrow(self) -> Iterator[Worker]:
        worker = self._idle.get()
        try:
            yield worker
        finally:
            self._idle.put(worker)


def _check_policies(policies: Mapping[str, str]) -> Mapping[str, str]:
    for kind, policy in policies.items():
        if kind not in EVENT_POLICIES:
            message = f"There is no type of event {kind!r}; allowed: {', '.join(EVENT_POLICIES)}."
            raise AudioUsageError(message, hint=suggest(kind, EVENT_POLICIES), value=kind)
        load_policy(policy)
    return policies


def _compose(event: Event, row: Mapping[str, Any], report: dict[str, Any] | None) -> dict[str, Any]:
    """Return the result; ``status`` says whether the recording could be judged, ``decision`` what to do in any case."""
    failure = {name: row.get(f"error_{name}") for name in ("code", "stage", "message")}
    decision = row.get("decision") or {}
    # Silence has a label, ``uncertain``, and no score.
    judged = row.get("label") is not None
    return {
        "event_id": event.id,
        "event_type": event.type,
        "customer_id": event.customer_id,
        "status": "processed" if judged else "unreadable",
        "deepfake": {name: row.get(name) for name in _DEEPFAKE} if judged else None,
        "mfa": _describe_voice(event, row, failure),
        "validation": {"is_valid": row.get("is_valid"), "issues": row.get("issue_codes") or []},
        "decision": decision,
        "recording": {name: row.get(name) for name in ("sha256", "file_size", "duration")},
        "sar": report,
        "error": failure if failure["code"] else None,
        "event": event.document,
        "timestamp": datetime.now(UTC),
        "format": FORMAT,
    }


def _describe_voice(event: Event, row: Mapping[str, Any], failure: Mapping[str, Any]) -> dict[str, Any] | None:
    if event.enrollment_id is None:
        return None
    found = {name.removeprefix("verification_"): row.get(name) for name in _MFA}
    # A voice that could not be compared is not verified; null would be taken for "not asked".
    found |= {"verified": bool(row.get("verified")), "enrollment_id": event.enrollment_id}
    return found | {"reasons": row.get("verification_reasons") or [str(failure["message"])]}
