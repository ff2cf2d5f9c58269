"""The whole way of one recording: scored, verified, decided on by a policy, and reported only if that is asked for."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any, Literal, get_args

import requests

from audio_batch.remote.client import SonotheiaClient
from audio_batch.remote.verdicts import to_verdict, to_verification
from batch_base.plain import to_plain

Answer = dict[str, Any]
SarChoice = Literal["auto", "never", "always"]
REPORTED_ACTIONS = ("ESCALATE_TO_HUMAN", "BLOCK")
"""Actions that ``auto`` reports; and every score above `REPORTED_SCORE`."""
REPORTED_SCORE = 0.8


def follow_golden_path(
    client: SonotheiaClient,
    audio_path: str | PathLike[str],
    *,
    enrollment_id: str | None = None,
    session_id: str | None = None,
    sar: SarChoice = "never",
    policy: str = "voice_only",
    context: dict[str, Any] | None = None,
) -> Answer:
    """Score, verify, decide, and report if asked.

    Parameters
    ----------
    client
        Who is asked.
    audio_path
        The recording.
    enrollment_id
        Voice to compare with; None compares none.
    session_id
        None makes one up.
    sar
        ``auto`` reports what is escalated, blocked or scored above 0.8; ``always`` and ``never`` say themselves.
    policy
        Name or file of a routing policy.
    context
        Of the call, for the policy.

    Returns
    -------
    dict
        ``session_id``, ``timestamp``, ``inputs``, ``results`` (``deepfake``, ``mfa``, ``sar``; null what was not asked
        or did not come about), ``decision`` (``route``, ``reasons``, ``explainability.human_summary``, and the
        policy's whole decision as ``policy``), ``diagnostics`` (``errors``).

    Raises
    ------
    requests.RequestException
        The recording could not be scored. A verification or report that failed is in ``diagnostics``; without the
        verification that was asked for, no call is allowed.
    audio_batch.AudioError
        The policy, or the recording, cannot be used.
    """
    from audio_batch.decoding import hash_file
    from audio_batch.routing import load_policy, route

    if sar not in get_args(SarChoice):
        raise ValueError(f"sar is {sar!r}; allowed: {', '.join(get_args(SarChoice))}")
    rules = load_policy(policy)
    inputs = describe_input(audio_path)
    sha256, _ = hash_file(audio_path)
    session_id = session_id or f"session-{uuid.uuid4().hex[:12]}"
    errors: list[Answer] = []
    deepfake = client.detect_deepfake(audio_path, {"session_id": session_id, "channel": "web"})
    mfa = _verify(client, audio_path, enrollment_id, session_id, errors)
    verdict = to_verdict(deepfake, str(audio_path), sha256=sha256, duration=inputs["audio_seconds"] or 0.0)
    verification = to_verification(mfa, str(audio_path), spoof_score=verdict.score) if mfa is not None else None
    unanswered = next((error["message"] for error in errors), None)
    decision = route(verdict, verification, context, rules, unanswered=unanswered)
    reported = sar == "always" or (
        sar == "auto" and (decision.action in REPORTED_ACTIONS or deepfake["score"] > REPORTED_SCORE)
    )
    words = " ".join(dict.fromkeys((*(rule.reason for rule in decision.rules_fired), *decision.notices)))
    report = _report(client, session_id, decision.action, words, errors) if reported else None
    return {
        "session_id": session_id,
        "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
        "inputs": inputs,
        "results": {"deepfake": deepfake, "mfa": mfa, "sar": report},
        "decision": {
            "route": decision.action,
            "reasons": [rule.id for rule in decision.rules_fired] + (["sar_required"] if reported else []),
            "explainability": {"human_summary": words or "Nothing speaks against the call."},
            "policy": to_plain(decision.to_dict()),
        },
        "diagnostics": {"errors": errors},
    }


def describe_input(audio_path: str | PathLike[str]) -> Answer:
    """Return ``audio_filename``, ``audio_seconds`` (null if the file does not say) and ``samplerate_hz``."""
    from audio_batch.decoding import open_reader

    reader = open_reader(audio_path)
    try:
        seconds = None if reader.frames is None else round(reader.frames / reader.sampling_rate, 3)
        return {
            "audio_filename": Path(audio_path).name,
            "audio_seconds": seconds,
            "samplerate_hz": reader.sampling_rate,
        }
    finally:
        reader.close()


def _verify(
    client: SonotheiaClient,
    audio_path: str | PathLike[str],
    enrollment_id: str | None,
    session_id: str,
    errors: list[Answer],
) -> Answer | None:
    if enrollment_id is None:
        return None
    try:
        return client.verify_mfa(audio_path, enrollment_id, {"session_id": session_id, "channel": "ivr"})
    except requests.RequestException as error:
        errors.append({"step": "mfa", "type": type(error).__name__, "message": str(error)})
        return None


def _report(client: SonotheiaClient, session_id: str, action: str, reason: str, errors: list[Answer]) -> Answer | None:
    decision = "allow" if action == "ALLOW" else "deny" if action == "BLOCK" else "review"
    try:
        metadata = {"source": "golden_path", "route": action}
        return client.submit_sar(session_id, decision, reason or action, metadata)
    except requests.RequestException as error:
        errors.append({"step": "sar", "type": type(error).__name__, "message": str(error)})
        return None
