"""The stages of one recording: validate, score, verify, route, measure features. Each returns its part.

A stage that fails is a part too. What the parts are put together to stands in `composition`. The stages call each other
package by its name, so that it is loaded when it is used: by workers, and not by the process that waits for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from audio_batch import routing, speaker, spoof, validation
from audio_batch.assessment import describe_failure, withhold_label
from audio_batch.batch.measurement import measure_worst
from audio_batch.batch.settings import Settings
from audio_batch.batch.tasks import Task
from audio_batch.decoding import hash_file
from audio_batch.errors import AudioError
from audio_batch.remote import scoring
from audio_batch.remote.scoring import Scored
from audio_batch.verdict import Verdict, Verification
from batch_base.hashing import hash_value

if TYPE_CHECKING:
    from audio_batch.routing import Decision
    from audio_batch.validation import Validation

T = TypeVar("T")


@dataclass(frozen=True)
class Failure:
    """What went wrong, in which stage."""

    stage: str
    code: str
    message: str


@dataclass(frozen=True)
class Part(Generic[T]):
    """What one stage found: a value, what went wrong, both (a file that cannot be decoded), or neither (not asked)."""

    value: T | None = None
    failure: Failure | None = None


@dataclass(frozen=True)
class Identity:
    """Which bytes are analysed.

    Attributes
    ----------
    key
        Hash of everything that the result depends on.
    """

    sha256: str
    size: int
    key: str


@dataclass(frozen=True)
class Findings:
    """The parts of all stages.

    Attributes
    ----------
    enrollment_id
        The voice that was asked for, or None.
    features
        One row per measured segment.
    scorer, scorer_fallback
        Who scored, and why it was not who should have.
    """

    validation: Part[Validation] = Part()
    verdict: Part[Verdict] = Part()
    enrollment_id: str | None = None
    verification: Part[Verification] = Part()
    decision: Part[Decision] = Part()
    features: Part[list[dict[str, Any]]] = Part()
    scorer: str | None = None
    scorer_fallback: str | None = None


def attempt(stage: str, step: Callable[[], T]) -> Part[T]:
    """Run a stage; whatever it raises becomes its failure."""
    try:
        return Part(step())
    except Exception as error:
        failure = describe_failure(error)
        return Part(failure=Failure(stage, failure["code"], failure["message"]))


def identify(task: Task, settings: Settings) -> Part[Identity]:
    """Hash the recording, and with it everything that its result depends on."""
    if task.problem is not None:
        return Part(failure=Failure("read", "not_opened", f"{task.name!r} {task.problem}"))
    return attempt("read", lambda: _identify(task, settings))


def run_stages(task: Task, settings: Settings, sha256: str) -> Findings:
    """Run each stage that still makes sense after the ones before it."""
    checked = _validate(task, settings)
    decodable = _is_decodable(checked.value)
    scored = _score(task, settings, sha256, checked.value) if decodable else Part[Scored]()
    verdict = Part(scored.value.verdict if scored.value else None, scored.failure)
    claimed = task.enrollment_id if settings.store is not None and verdict.value is not None else None
    verification = _verify(task, settings, checked.value, verdict.value) if claimed else Part[Verification]()
    return Findings(
        validation=checked,
        verdict=verdict,
        enrollment_id=claimed,
        verification=verification,
        decision=decide(task, settings, verdict.value, verification),
        features=_measure(task, settings, checked.value, verdict.value),
        scorer=scored.value.scorer if scored.value else None,
        scorer_fallback=scored.value.fallback if scored.value else None,
    )


def decide(
    task: Task, settings: Settings, verdict: Verdict | None = None, verification: Part[Verification] | None = None
) -> Part[Decision]:
    """Route the call; one whose recording could not be analysed is routed all the same, and never let through because a
    verification that was asked for has failed.
    """
    asked = verification or Part[Verification]()
    policy = task.policy or settings.policy
    if policy is None:
        return Part()
    unanswered = asked.failure.message if asked.failure is not None else None
    return attempt("route", lambda: routing.route(verdict, asked.value, task.context, policy, unanswered=unanswered))


def _identify(task: Task, settings: Settings) -> Identity:
    sha256, size = hash_file(task.path)
    facts = {"sha256": sha256, "name": task.name, "context": task.context, "voice": _hash_voice(task, settings)}
    asked = asdict(replace(settings, checkpoint_dir=None, seconds_per_minute=0))
    return Identity(sha256, size, hash_value(facts | asked))


def _hash_voice(task: Task, settings: Settings) -> str | None:
    """Hash the voiceprint that the recording is compared with; None if there is none."""
    if task.enrollment_id is None or settings.store is None:
        return None
    try:
        voiceprint = speaker.read_voiceprint(settings.store, task.enrollment_id, key=speaker.read_key())
    except AudioError:
        return None
    return hash_value({"voiceprint": voiceprint.to_json().decode()})


def _validate(task: Task, settings: Settings) -> Part[Validation]:
    checked = attempt("validate", lambda: validation.validate(task.path, profile=settings.profile))
    if checked.value is None or _is_decodable(checked.value):
        return checked
    code, message = next(((i.code, i.message) for i in checked.value.issues), ("no_audio", "It holds no sound."))
    return Part(checked.value, Failure("validate", code, message))


def _is_decodable(checked: Validation | None) -> bool:
    return checked is not None and checked.properties is not None and bool(checked.channels)


def _score(task: Task, settings: Settings, sha256: str, checked: Validation | None) -> Part[Scored]:
    def score_here() -> Verdict:
        roles = dict(settings.roles) or None
        verdict = spoof.score(task.path, model=settings.model, channel_roles=roles, profile=settings.profile)
        if verdict.sha256 != sha256:
            raise AudioError("The recording changed while it was read.", hint="Run again.", reason="file_changed")
        return verdict

    def score() -> Scored:
        if settings.scorer == "local":
            scored = Scored(score_here(), "local")
        else:
            seconds = checked.properties.duration if checked is not None and checked.properties is not None else None
            about = {"call_id": task.call_id} if task.call_id else {}
            facts: dict[str, Any] = {"metadata": about, "sha256": sha256, "duration": seconds or 0.0}
            facts |= {"url": settings.scorer_url}
            scored = scoring.score_remotely(task.path, otherwise=score_here if settings.falls_back else None, **facts)
        return replace(scored, verdict=withhold_label(scored.verdict, checked))

    return attempt("score", score)


def _verify(task: Task, settings: Settings, checked: Validation | None, verdict: Verdict | None) -> Part[Verification]:
    mono = checked is not None and checked.properties is not None and checked.properties.channels == 1
    channel = None if mono else settings.find_channel("customer")
    options: dict[str, Any] = {"store": settings.store, "verdict": verdict, "channel": channel, "check_spoof": False}
    return attempt("verify", lambda: speaker.verify(task.path, str(task.enrollment_id), **options))


def _measure(
    task: Task, settings: Settings, checked: Validation | None, verdict: Verdict | None
) -> Part[list[dict[str, Any]]]:
    if verdict is None or checked is None or checked.properties is None or not settings.with_features:
        return Part()
    rate = checked.properties.sampling_rate
    return attempt("features", lambda: measure_worst(task.path, verdict, rate))
