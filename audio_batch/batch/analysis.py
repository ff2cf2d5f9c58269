"""One recording through the whole chain: validate, score, verify, route, measure features.

Every step that fails becomes columns of the row; nothing is raised. What comes back is plain JSON types, so that a
result is the same whether it was computed here, in a worker, or read from a checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from audio_batch.assessment import describe_failure, withhold_label
from audio_batch.batch.checkpoint import read_result, write_result
from audio_batch.batch.rows import describe_decision, describe_validation, describe_verdict, describe_verification
from audio_batch.decoding import hash_file, keep_samples
from audio_batch.errors import AudioError
from batch_base.hashing import hash_value

if TYPE_CHECKING:
    from audio_batch.validation import Validation
    from audio_batch.verdict import Verdict, Verification

T = TypeVar("T")

LEAST_BYTES_PER_SECOND = 500
"""Of a recording of unknown length: AMR at 4.75 kbit/s, the leanest telephone codec, with some silence."""


@dataclass(frozen=True)
class Settings:
    """What is the same for all recordings of a batch; plain types, because it travels to workers as JSON.

    Attributes
    ----------
    fingerprint
        Hash of the model, the code and the feature set.
    seconds_per_minute
        Wall time that a worker may take per minute of audio.
    """

    model: str | None
    profile: str
    policy: str | None
    policy_sha256: str | None
    store: str | None
    roles: tuple[tuple[int, str], ...]
    with_features: bool
    checkpoint_dir: str | None
    fingerprint: str
    seconds_per_minute: float = 30.0


@dataclass(frozen=True)
class Task:
    """One recording to analyse."""

    path: str
    name: str
    size: int
    context: dict[str, Any]
    problem: str | None = None


def analyse(
    task: Task, settings: Settings, begin: Callable[[dict[str, Any]], None] = lambda facts: None
) -> dict[str, Any]:
    """Return ``{"recording": {…}, "segments": […], "features": […]}`` for one recording.

    Only a result without error is kept as a checkpoint: what failed may succeed on the next run. ``begin`` is called
    before the hard work with ``row``, what is known of the recording, and ``seconds``, how long it says that it is.
    """
    started = time.monotonic()
    chain = _Chain(task, settings)
    key = chain.attempt("read", chain.identify)
    kept = read_result(settings.checkpoint_dir, key) if settings.checkpoint_dir and key else None
    if kept is not None:
        kept["recording"] |= {"resumed": True}
        return kept | {"key": key}
    if key:
        begin({"row": chain.row, "seconds": estimate_seconds(task)})
    result = chain.complete() if key else chain.fail()
    result["recording"] |= {"processing_seconds": time.monotonic() - started, "resumed": False}
    if settings.checkpoint_dir and key and not result["recording"].get("error_code"):
        write_result(settings.checkpoint_dir, key, result)
    return result | {"key": key}


def estimate_seconds(task: Task) -> float:
    """Return the length that the header declares, or the longest that the file's size allows."""
    from audio_batch.decoding import MAX_SECONDS, open_reader

    seconds = task.size / LEAST_BYTES_PER_SECOND
    with suppress(Exception):
        reader = open_reader(task.path)
        reader.close()
        seconds = seconds if reader.frames is None else reader.frames / reader.sampling_rate
    return min(seconds, MAX_SECONDS)


def report_loss(
    task: Task, settings: Settings, code: str, message: str, known: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the result of a recording whose worker did not survive it, with what is known of the recording."""
    chain = _Chain(task, settings)
    chain.row |= known or {}
    chain.note("worker", code, message)
    result = chain.fail()
    result["recording"] |= {"processing_seconds": None, "resumed": False}
    return result


class _Chain:
    """The steps for one recording, and the row that they fill."""

    def __init__(self, task: Task, settings: Settings) -> None:
        self.task, self.settings = task, settings
        self.row: dict[str, Any] = {
            "path": task.name,
            "file_size": task.size,
            "call_id": _as_text(task.context.get("call_id")),
            "context": task.context or None,
        }

    def attempt(self, stage: str, step: Callable[[], T]) -> T | None:
        """Run a step; note what it raises."""
        try:
            return step()
        except Exception as error:
            failure = describe_failure(error)
            self.note(stage, failure["code"], failure["message"])
        return None

    def note(self, stage: str, code: str, message: str) -> None:
        """Keep the first error."""
        if "error_code" not in self.row:
            self.row |= {"error_code": code, "error_stage": stage, "error_message": message}

    def identify(self) -> str | None:
        """Hash the recording; return the key of its result."""
        if self.task.problem is not None:
            self.note("read", "not_opened", f"{self.task.name!r} {self.task.problem}")
            return None
        self.row["sha256"], self.row["file_size"] = hash_file(self.task.path)
        facts = {"sha256": self.row["sha256"], "name": self.task.name, "context": self.task.context}
        asked = asdict(replace(self.settings, checkpoint_dir=None, seconds_per_minute=0))
        return hash_value(facts | asked | {"voice": self._hash_voice()})

    def complete(self) -> dict[str, Any]:
        """Run the whole chain, over samples that are decoded once."""
        with keep_samples(self.task.path):
            return self._complete()

    def _complete(self) -> dict[str, Any]:
        validation = self.attempt("validate", self._validate)
        verdict = self.attempt("score", self._score) if _is_decodable(validation) else None
        if verdict is not None:
            verdict = withhold_label(verdict, validation)
        verification = self.attempt("verify", lambda: self._verify(verdict)) if verdict else None
        self.row |= describe_verdict(verdict) | describe_verification(verification)
        self._route(verdict, verification)
        features = self.attempt("features", lambda: self._measure(verdict, validation)) or []
        segments = [asdict(segment) for segment in verdict.segments] if verdict else []
        return {"recording": self.row, "segments": segments, "features": features}

    def fail(self) -> dict[str, Any]:
        """Return the row of a recording that could not be analysed; it is routed all the same."""
        self.row |= describe_verdict(None)
        self._route(None, None)
        return {"recording": self.row, "segments": [], "features": []}

    def _hash_voice(self) -> str | None:
        """Hash the voiceprint that the recording is compared with; None if there is none."""
        enrollment_id = self._enrollment_id()
        if enrollment_id is None or self.settings.store is None:
            return None
        from audio_batch.speaker.keys import read_key
        from audio_batch.speaker.store import read_voiceprint

        try:
            voiceprint = read_voiceprint(self.settings.store, enrollment_id, key=read_key())
        except AudioError:
            return None
        return hash_value({"voiceprint": voiceprint.to_json().decode()})

    def _enrollment_id(self) -> str | None:
        return _as_text(self.task.context.get("enrollment_id"))

    def _validate(self) -> Validation:
        from audio_batch.validation import validate

        validation = validate(self.task.path, profile=self.settings.profile)
        self.row |= describe_validation(validation)
        if not _is_decodable(validation):
            code, message = next(((i.code, i.message) for i in validation.issues), ("no_audio", "It holds no sound."))
            self.note("validate", code, message)
        return validation

    def _score(self) -> Verdict:
        from audio_batch.spoof import score

        settings = self.settings
        roles = dict(settings.roles) or None
        verdict: Verdict = score(self.task.path, model=settings.model, channel_roles=roles, profile=settings.profile)
        if verdict.sha256 != self.row["sha256"]:
            raise AudioError("The recording changed while it was read.", hint="Run again.", reason="file_changed")
        return verdict

    def _verify(self, verdict: Verdict | None) -> Verification | None:
        enrollment_id = self._enrollment_id()
        if enrollment_id is None or self.settings.store is None:
            return None
        from audio_batch.speaker import verify

        self.row["enrollment_id"] = enrollment_id
        store, channel = self.settings.store, self._find_customer()
        return verify(self.task.path, enrollment_id, store=store, verdict=verdict, channel=channel, check_spoof=False)

    def _find_customer(self) -> int | None:
        if self.row.get("channels") == 1:
            return None
        return next((channel for channel, role in self.settings.roles if role == "customer"), None)

    def _route(self, verdict: Verdict | None, verification: Verification | None) -> None:
        if self.settings.policy is None:
            return
        from audio_batch.routing import route

        policy, context = self.settings.policy, self.task.context
        decision = self.attempt("route", lambda: route(verdict, verification, context, policy))
        self.row |= describe_decision(decision)

    def _measure(self, verdict: Verdict | None, validation: Validation | None) -> list[dict[str, Any]]:
        if verdict is None or validation is None or validation.properties is None or not self.settings.with_features:
            return []
        from audio_batch.batch.measurement import measure_worst

        return measure_worst(self.task.path, verdict, validation.properties.sampling_rate)


def _is_decodable(validation: Validation | None) -> bool:
    return validation is not None and validation.properties is not None and bool(validation.channels)


def _as_text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)
