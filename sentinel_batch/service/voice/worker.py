"""The process that listens to recordings for the service: one JSON line in, one out, until its parent is gone.

Run as ``python -m sentinel_batch.service.voice.worker``. It loads the engine before it says that it is ready, and goes
through the stages of a batch, so that a recording has the score that ``audio run`` gives it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import audio_batch
from audio_batch import speaker
from audio_batch.assessment import describe_failure
from audio_batch.batch.processes import answer_parent, write_answer
from audio_batch.batch.settings import Settings, make_settings
from audio_batch.batch.stages import Findings, identify, run_stages
from audio_batch.batch.tasks import Task
from audio_batch.decoding import decode, keep_samples
from audio_batch.errors import AudioError, EnrollmentError

Answer = dict[str, Any]

NOT_ENROLLED = "not_enrolled"
STORE_UNUSABLE = "store_unusable"
_SAMPLE = Path(audio_batch.__file__).parent / "samples" / "call-human.wav"


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more; the first line says with which options."""
    options = json.loads(requests.readline())
    try:
        engine = Engine(**options)
        engine.warm_up()
    except Exception as error:
        write_answer(answers, {"failure": describe_failure(error)})
        return
    write_answer(answers, {"ready": True})
    for line in requests:
        order = json.loads(line)
        write_answer(answers, _attempt(lambda order=order: engine.do(order)))  # type: ignore[misc]


class Engine:
    """What a worker can be asked for.

    Parameters
    ----------
    store
        Folder of the voiceprints.
    model
        Of the scorer: a folder, or a specification of a network; None is the shipped one.
    """

    def __init__(self, store: str, model: str | dict[str, Any] | None = None) -> None:
        self.store = store
        self.settings: Settings = make_settings(
            store=store, policy=None, checkpoint_dir=None, channel_roles=None, model=model, profile="telephone",
            with_features=False,
        )  # fmt: skip

    def warm_up(self) -> None:
        """Load models and libraries, and let what is compiled on its first use be compiled."""
        self.analyse(str(_SAMPLE))
        signal, sampling_rate = decode(_SAMPLE)
        speaker.embed(signal[:, 0], sampling_rate)

    def do(self, order: dict[str, Any]) -> Answer:
        """Do what an order says."""
        kinds: dict[str, Callable[..., Answer]] = {
            "analyse": self.analyse, "enroll": self.enroll, "look_up": self.look_up
        }  # fmt: skip
        return kinds[order.pop("kind")](**order)

    def analyse(self, path: str, enrollment_id: str | None = None, features: bool = False) -> Answer:
        """Validate and score a recording; compare its voice if an id is given, measure its worst segments if asked."""
        if enrollment_id is not None:
            self._require_enrollment(enrollment_id)
        task = Task(path, Path(path).name, Path(path).stat().st_size, {"enrollment_id": enrollment_id})
        settings = replace(self.settings, with_features=features)
        identity = identify(task, settings)
        if identity.value is None:
            return {"failure": _describe(identity.failure)}
        with keep_samples(path):
            findings = run_stages(task, settings, identity.value.sha256)
        return _compose(findings, identity.value.sha256)

    def enroll(self, enrollment_id: str, paths: list[str]) -> Answer:
        """Make a voiceprint of recordings."""
        with _store_told_apart():
            return {"enrollment": speaker.enroll(enrollment_id, paths, store=self.store).to_dict()}

    def look_up(self, enrollment_id: str) -> Answer:
        """Tell whether a voice is enrolled."""
        try:
            self._require_enrollment(enrollment_id)
        except EnrollmentError as error:
            if error.details.get("reason") != NOT_ENROLLED:
                raise
            return {"enrolled": False}
        return {"enrolled": True}

    def _require_enrollment(self, enrollment_id: str) -> None:
        try:
            speaker.read_voiceprint(self.store, enrollment_id, key=speaker.read_key())
        except EnrollmentError as error:
            # Nobody of that name, or nobody at all: what cannot be read is another matter.
            if "enrollment_id" in error.details or not Path(self.store).exists():
                raise EnrollmentError(
                    f"Nobody is enrolled as {enrollment_id!r}.",
                    hint="Enrol the voice first: POST /v1/enrollment",
                    reason=NOT_ENROLLED,
                ) from error
            raise _tell_store(error) from error


@contextmanager
def _store_told_apart() -> Iterator[None]:
    """A voice that is not good enough is the sender's to mend, a store that cannot be used is not."""
    try:
        yield
    except EnrollmentError as error:
        if "enrollment_id" in error.details:
            raise
        raise _tell_store(error) from error


def _tell_store(error: EnrollmentError) -> EnrollmentError:
    return EnrollmentError(error.message, hint=error.hint, reason=STORE_UNUSABLE)


def _compose(findings: Findings, sha256: str) -> Answer:
    verdict, checked = findings.verdict.value, findings.validation.value
    failure = findings.validation.failure or findings.verdict.failure or findings.verification.failure
    return {
        "sha256": sha256,
        "verdict": verdict.to_dict() if verdict else None,
        "verification": findings.verification.value.to_dict() if findings.verification.value else None,
        "features": findings.features.value or [],
        "is_valid": checked.is_valid if checked else None,
        "issues": list(checked.codes) if checked else [],
        "failure": _describe(failure) if failure else None,
    }


def _describe(failure: Any) -> dict[str, str]:
    return {"code": failure.code, "message": failure.message, "hint": ""}


def _attempt(step: Callable[[], Answer]) -> Answer:
    try:
        return step()
    except AudioError as error:
        return {"failure": describe_failure(error)}


if __name__ == "__main__":
    answer_parent(serve)
