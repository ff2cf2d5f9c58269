"""The whole way of one call: detect, verify, route, draft a report; on bundled speech if no recording is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from os import PathLike, fspath
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, get_args

import numpy as np
import soundfile

from audio_batch import routing, speaker
from audio_batch.assessment import assess, require_verdict
from audio_batch.decoding import decode
from audio_batch.errors import AudioUsageError
from audio_batch.sar import draft_sar
from audio_batch.speaker.enrollment import MIN_CLIPS
from audio_batch.verdict import Verdict, Verification

ReportWish = Literal["auto", "always", "never"]

SAMPLES = Path(__file__).parent / "samples"
"""Bundled speech; who speaks, and under which licence, is in ``ATTRIBUTION.md`` beside it."""
CALLS = ("call-human", "call-synthetic")
CUSTOMER = "demo-customer"
CONTEXT: dict[str, Any] = {
    "amount": 75000, "currency": "USD", "new_beneficiary": True, "destination_country": "US", "customer_risk": 0.3
}  # fmt: skip
"""Circumstances of the bundled calls; invented."""
REPORTED = ("ESCALATE_TO_HUMAN", "BLOCK")
"""Actions after which a report is drafted unless told otherwise."""


def demonstrate(
    path: str | PathLike[str] | None = None,
    *,
    enrollment_id: str | None = None,
    session_id: str | None = None,
    sar: ReportWish = "auto",
    store: str | PathLike[str] | None = None,
    key: speaker.StoreKey | None = None,
    policy: str | Path = "wire_transfer",
    context: Mapping[str, Any] | None = None,
    out: str | Path | None = None,
) -> dict[str, Any]:
    """Take calls all the way from the sound to the draft of a report.

    Parameters
    ----------
    path
        A recording; None takes the two bundled calls (a person, and a synthetic voice that claims to be her) and
        compares both with the bundled customer, who is enrolled for the moment.
    enrollment_id
        Whose voice it should be; None verifies nothing, except for the bundled calls.
    session_id
        Name of the session; None derives it from the recording. The bundled calls append their own names.
    sar
        ``auto`` drafts a report if the action is ESCALATE_TO_HUMAN or BLOCK; ``always``; ``never``.
    store, key
        Folder and key of the voiceprints; needed with `path` and `enrollment_id`.
    policy
        Name or file of a routing policy.
    context
        Circumstances for routing; None takes `CONTEXT` for the bundled calls, and nothing for others.
    out
        Folder for the drafts; None writes none.

    Returns
    -------
    dict
        ``recordings``: one entry per call with ``path``, ``detection``, ``verification``, ``routing`` and ``sar``.

    Raises
    ------
    AudioUsageError
        An option is not allowed.
    UnreadableAudioError
        The recording cannot be decoded.
    EnrollmentError
        Nobody is enrolled under the id.
    """
    if sar not in get_args(ReportWish):
        allowed = ", ".join(get_args(ReportWish))
        raise AudioUsageError(f"sar is {sar!r}; allowed: {allowed}", hint="Leave it out for auto.", value=sar)
    options: dict[str, Any] = {"sar": sar, "policy": policy, "out": out}
    if path is None:
        return {"recordings": _follow_bundled(enrollment_id or CUSTOMER, session_id, context, options)}
    if enrollment_id is not None and store is None:
        raise AudioUsageError(
            f"There is no store to look {enrollment_id!r} up in", hint="Give the folder of the voiceprints as store."
        )
    voice = {"enrollment_id": enrollment_id, "store": store, "key": key}
    return {"recordings": [_follow(fspath(path), session_id, context or {}, voice, **options)]}


def _follow_bundled(
    customer: str, session_id: str | None, context: Mapping[str, Any] | None, options: Mapping[str, Any]
) -> list[dict[str, Any]]:
    with TemporaryDirectory(prefix="audio-demo-") as folder:
        store = Path(folder) / "voiceprints"
        voice = {"enrollment_id": customer, "store": store, "key": None}
        speaker.enroll(customer, cut_clips(SAMPLES / "customer-enrollment.wav", Path(folder)), store=store)
        return [
            _follow(
                str(SAMPLES / f"{call}.wav"),
                f"{session_id}-{call}" if session_id else None,
                CONTEXT if context is None else context,
                voice,
                **options,
            )
            for call in CALLS
        ]


def cut_clips(path: Path, folder: Path) -> list[Path]:
    """Cut a recording into as many clips as an enrolment needs."""
    signal, sampling_rate = decode(path)
    clips = []
    for number, part in enumerate(np.array_split(signal, MIN_CLIPS), start=1):
        clips.append(folder / f"clip-{number}.wav")
        soundfile.write(clips[-1], part, sampling_rate, subtype="PCM_16")
    return clips


def _follow(
    path: str,
    session_id: str | None,
    context: Mapping[str, Any],
    voice: Mapping[str, Any],
    *,
    sar: ReportWish,
    policy: str | Path,
    out: str | Path | None,
) -> dict[str, Any]:
    verdict = require_verdict(assess(path, session_id=session_id))
    verification = _verify(path, verdict, **voice)
    decision = routing.route(verdict, verification, context, policy)
    report = None
    if sar == "always" or (sar == "auto" and decision.action in REPORTED):
        report = _draft(decision, verdict, verification, context, out)
    return {
        "path": path,
        "detection": verdict.to_dict(),
        "verification": verification.to_dict() if verification else None,
        "routing": decision.to_dict(),
        "sar": report,
    }


def _verify(
    path: str,
    verdict: Verdict,
    *,
    enrollment_id: str | None,
    store: str | PathLike[str] | None,
    key: speaker.StoreKey | None,
) -> Verification | None:
    if enrollment_id is None or store is None:
        return None
    return speaker.verify(path, enrollment_id, store=store, verdict=verdict, key=key, session_id=verdict.session_id)


def _draft(
    decision: routing.Decision,
    verdict: Verdict,
    verification: Verification | None,
    context: Mapping[str, Any],
    out: str | Path | None,
) -> dict[str, Any]:
    draft = draft_sar(decision, verdict, verification=verification, context=context, now=datetime.now(UTC))
    return {
        "status": draft.status,
        "case_id": draft.case_id,
        "session_id": draft.session_id,
        "decision": draft.decision,
        "key_terms": list(draft.key_terms),
        "narrative": draft.narrative,
        "missing_fields": [asdict(item) for item in draft.missing_fields],
        "folder": None if out is None else str(draft.write(out)),
    }
