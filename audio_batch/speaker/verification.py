"""Verification: does a recording carry an enrolled voice, and does the spoof check object to it?"""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np

from audio_batch import spoof
from audio_batch.decoding import RawFormat
from audio_batch.errors import AudioUsageError, ModelError
from audio_batch.speaker.encoder import load_encoder
from audio_batch.speaker.keys import StoreKey, read_key
from audio_batch.speaker.normalisation import (
    Backend,
    common_class,
    load_backend,
    name_comparison,
    refuse_other_encoder,
    to_probability,
)
from audio_batch.speaker.store import Voiceprint, read_voiceprint
from audio_batch.speaker.voice import Voice, read_voice
from audio_batch.spoof.metrics import log_odds
from audio_batch.verdict import Verdict, Verification

MIN_PROBE_SECONDS = 1.0
"""Net speech below which no voice is verified."""
CLONES = 0.5
"""Share of attackers who bring a clone of the voice; the others bring their own."""
ACCEPT_TOGETHER = 0.0
"""Log-likelihood ratio of voice and spoof check together from which a voice is verified; what it costs on voices from
elsewhere stands in ``docs/voiceprints.md``."""


def verify(
    path: str | PathLike[str],
    enrollment_id: str,
    *,
    store: str | PathLike[str],
    verdict: Verdict | None = None,
    key: StoreKey | None = None,
    session_id: str | None = None,
    channel: int | None = None,
    raw: RawFormat | None = None,
    check_spoof: bool = True,
    encoder: str | Path | None = None,
    backend: str | Path | None = None,
) -> Verification:
    """Compare the voice in a recording with an enrolled one.

    Parameters
    ----------
    path
        The recording.
    enrollment_id
        Whose voice it should be.
    store
        Folder of the store.
    verdict
        The spoof scorer's verdict on this recording; None asks the scorer.
    key
        Key of an encrypted store; None takes the one that the environment names, if any.
    session_id
        Name for other steps to refer to; derived from the recording's hash if not given.
    channel
        Index of the customer's channel in a recording of several.
    raw
        What the recording holds if it has no header.
    check_spoof
        Whether the scorer is asked if no verdict is given. Without a spoof check nothing is ever verified.
    encoder, backend
        Another ONNX encoder and its cohort, as at enrolment.

    Returns
    -------
    Verification
        `verified` only if the voice matches and the spoof check is not against it; `reasons` says which of the two
        failed.

    Raises
    ------
    AudioUsageError
        The id or channel is not allowed, or the verdict belongs to another recording.
    UnreadableAudioError
        The recording cannot be decoded.
    EnrollmentError
        Nobody is enrolled under this id, or the voiceprint cannot be read.
    """
    engine = load_encoder(encoder)
    ruler = load_backend(engine, backend)
    voiceprint = read_voiceprint(store, enrollment_id, key=key or read_key())
    refuse_other_encoder(voiceprint.encoder, engine, enrollment_id)
    voice = read_voice(path, channel=channel, raw=raw, encoder=engine)
    _check_verdict(verdict, voice)
    if verdict is None and check_spoof:
        verdict = ask_scorer(path, raw)
    return _conclude(voice, voiceprint, verdict, ruler, session_id)


def _conclude(
    voice: Voice, voiceprint: Voiceprint, verdict: Verdict | None, backend: Backend, session_id: str | None
) -> Verification:
    similarity, ratio = compare_voice(voice, voiceprint, backend)
    against = [*_doubt_voice(voice, voiceprint, ratio, backend), *doubt_recording(verdict, ratio)]
    notes = _note_channel(voice, voiceprint)
    return Verification(
        path=voice.path,
        verified=not against,
        enrollment_id=voiceprint.enrollment_id,
        confidence=to_probability(ratio),
        session_id=session_id or (verdict.session_id if verdict else voice.sha256[:16]),
        log_likelihood_ratio=ratio,
        similarity=similarity,
        channel_match=voice.channel_class == voiceprint.channel_class,
        spoof_score=verdict.score if verdict else None,
        reasons=(*(against or ["voice_match: the voice matches and the spoof check is not against it"]), *notes),
    )


def compare_voice(voice: Voice, voiceprint: Voiceprint, backend: Backend) -> tuple[float, float]:
    """Return the cosine similarity and the log-likelihood ratio; (0, 0) where there is no speech to compare."""
    if not voice.embeddings:
        return 0.0, 0.0
    name = common_class(voiceprint.embeddings, voice.embeddings)
    enrolled, probe = voiceprint.embeddings[name], voice.embeddings[name]
    comparison = name_comparison(voiceprint.channel_class, voice.channel_class)
    ratio = backend.weigh(backend.compare(enrolled, probe, name), comparison)[0, 0]
    return float(enrolled @ probe), float(ratio)


def _doubt_voice(voice: Voice, voiceprint: Voiceprint, ratio: float, backend: Backend) -> list[str]:
    doubts = []
    if voice.speech_seconds < MIN_PROBE_SECONDS:
        doubts.append(
            f"too_little_speech: {voice.speech_seconds:.1f} s of speech, at least {MIN_PROBE_SECONDS:g} s are needed"
        )
    elif ratio < backend.accept_llr:
        doubts.append(f"voice_mismatch: log-likelihood ratio {ratio:.2f}, accepted from {backend.accept_llr:.2f}")
    if voice.sha256 in {clip.sha256 for clip in voiceprint.clips}:
        doubts.append("replay: the recording is one of those that the voice was enrolled with")
    return doubts


def doubt_spoof(verdict: Verdict | None) -> list[str]:
    """Return what the spoof check alone has against a recording, one reason at most."""
    if verdict is None or verdict.score is None:
        return ["spoof_check_missing: no spoof score, so nothing is verified"]
    if verdict.label == "likely_synthetic":
        return [f"spoof_check_against: score {verdict.score:.2f}, label {verdict.label} (0 human … 1 synthetic)"]
    if verdict.abstention is not None:
        return [f"spoof_check_abstained: {verdict.abstention}, so nothing is verified"]
    return []


def doubt_recording(verdict: Verdict | None, ratio: float) -> list[str]:
    """Return what the spoof check, alone or weighed with the voice, has against a recording, one reason at most.

    Where one of the two doubts, the other must fit the better.
    """
    alone = doubt_spoof(verdict)
    if alone or verdict is None or verdict.score is None:
        return alone
    together = weigh_together(ratio, float(log_odds(verdict.score)))
    if together >= ACCEPT_TOGETHER:
        return []
    return [
        f"spoof_check_against: score {verdict.score:.2f}, label {verdict.label}; with the voice the "
        f"log-likelihood ratio is {together:.2f}, accepted from {ACCEPT_TOGETHER:.2f}"
    ]


def weigh_together(voice_ratio: float, spoof_ratio: float) -> float:
    """Return the log-likelihood ratio of the person, alive, against another person or a clone of the voice.

    Parameters
    ----------
    voice_ratio
        Natural logarithm of P(voice | same person) / P(voice | another person).
    spoof_ratio
        Natural logarithm of P(recording | synthetic) / P(recording | human).

    Returns
    -------
    float
        A clone has the right voice and a human impostor is no recording's fault, so each attacker is caught by one of
        the two checks: their likelihoods are added, not the evidence.
    """
    impostor, clone = np.log(1 - CLONES) - voice_ratio, np.log(CLONES) + spoof_ratio
    return -float(np.logaddexp(impostor, clone))


def _note_channel(voice: Voice, voiceprint: Voiceprint) -> list[str]:
    if voice.channel_class == voiceprint.channel_class:
        return []
    return [f"channel_mismatch: enrolled over {voiceprint.channel_class}, heard over {voice.channel_class}"]


def _check_verdict(verdict: Verdict | None, voice: Voice) -> None:
    if verdict is not None and verdict.sha256 != voice.sha256:
        raise AudioUsageError(
            f"The verdict is on {verdict.path!r}, not on {voice.path!r}: the hashes of the recordings differ",
            hint="Give the verdict of score() on the same file, or none.",
            path=voice.path,
        )


def ask_scorer(path: str | PathLike[str], raw: RawFormat | None) -> Verdict | None:
    """Return the shipped scorer's verdict, or None where its model cannot be read."""
    try:
        return spoof.score(path, raw=raw)
    except ModelError:
        return None
