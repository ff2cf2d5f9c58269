"""Enrolment: several recordings of one person become one voiceprint, if they are good enough for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.decoding import RawFormat
from audio_batch.errors import AudioUsageError, EnrollmentError
from audio_batch.speaker.encoder import Encoder, load_encoder, unit
from audio_batch.speaker.keys import StoreKey, read_key
from audio_batch.speaker.normalisation import Backend, load_backend
from audio_batch.speaker.store import (
    Clip,
    Voiceprint,
    check_id,
    read_voiceprints,
    remove_voiceprint,
    write_voiceprint,
)
from audio_batch.speaker.verification import ask_scorer, doubt_spoof
from audio_batch.speaker.voice import ChannelClass, Voice, check_class, read_voice

MIN_CLIPS = 3
"""Clips that the documented error rates rest on, see ``docs/voiceprints.md``."""
MIN_CLIP_SECONDS = 1.0
"""Net speech below which one clip's embedding is mostly noise."""
MIN_SPEECH_SECONDS = 8.0
"""Net speech of all clips together."""
MIN_CONSISTENCY_LLR = -1.0
"""Log-likelihood ratio of each clip with the others together, below which it is taken for another voice."""


@dataclass(frozen=True)
class Enrollment:
    """What is known of an enrolled voice, without the voice.

    Attributes
    ----------
    channel_class
        ``narrowband`` or ``wideband``: what the clips were recorded over.
    clips
        Number of clips.
    speech_seconds
        Their net speech together.
    consistency
        Lowest log-likelihood ratio of one clip with the others; infinite for one clip alone.
    encrypted
        Whether the store keeps it encrypted.
    """

    enrollment_id: str
    channel_class: str
    clips: int
    speech_seconds: float
    consistency: float
    encoder: str
    created_at: str
    encrypted: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON; an infinite consistency becomes None."""
        plain = asdict(self)
        plain["consistency"] = self.consistency if np.isfinite(self.consistency) else None
        return plain


def enroll(
    enrollment_id: str,
    paths: Sequence[str | PathLike[str]],
    *,
    store: str | PathLike[str],
    channel_class: ChannelClass | None = None,
    replace: bool = False,
    force: bool = False,
    key: StoreKey | None = None,
    channel: int | None = None,
    raw: RawFormat | None = None,
    encoder: str | Path | None = None,
    backend: str | Path | None = None,
) -> Enrollment:
    """Make a voiceprint of several recordings of one person and keep it in a store.

    Parameters
    ----------
    enrollment_id
        Name of the account or customer: 1 to 128 printable characters.
    paths
        Three or more recordings of the person, with 8 s of speech together, over the channel on which the person will
        call.
    store
        Folder of the store; made with mode 0700.
    channel_class
        ``narrowband`` or ``wideband`` instead of what is measured.
    replace
        Whether an existing voiceprint of this id may be replaced.
    force
        Enrol although there are too few recordings, too little speech, or the spoof check speaks against one.
    key
        Encrypts the voiceprint; None takes the key that the environment names, if any.
    channel
        Index of the person's channel in recordings of several channels.
    raw
        What the recordings hold if they have no header.
    encoder, backend
        Another ONNX encoder and its cohort (see `load_encoder` and `load_backend`).

    Returns
    -------
    Enrollment
        What was enrolled, without the embedding.

    Raises
    ------
    AudioUsageError
        The id, the class or the channel is not allowed.
    UnreadableAudioError
        A recording cannot be decoded.
    EnrollmentError
        Too few recordings, too little speech, a recording that the spoof check labels ``likely_synthetic``, clips of
        different voices or channels, or an id that is taken; nothing is written.
    """
    check_id(enrollment_id)
    check_class(channel_class)
    if isinstance(paths, (str, bytes, PathLike)) or not paths:
        raise AudioUsageError("Enrolment takes a list of one or more recordings", hint="enroll(id, [path, …], store=…)")
    engine = load_encoder(encoder)
    ruler = load_backend(engine, backend)
    voices = [read_voice(path, channel=channel, raw=raw, channel_class=channel_class, encoder=engine) for path in paths]
    _check_clips(enrollment_id, voices)
    _check_channels(enrollment_id, voices)
    if not force:
        _check_amount(enrollment_id, voices)
        _check_spoof(enrollment_id, voices, raw)
    consistency = _check_consistency(enrollment_id, voices, ruler)
    voiceprint = _build_voiceprint(enrollment_id, voices, engine, consistency)
    secret = key or read_key()
    write_voiceprint(store, voiceprint, key=secret, replace=replace)
    return _describe(voiceprint, secret)


def forget(enrollment_id: str, *, store: str | PathLike[str]) -> None:
    """Delete a voiceprint for good.

    The file is unlinked; copies in backups and freed blocks of the disk are the operator's to clear. An encrypted
    store is forgotten as a whole by destroying its key.

    Parameters
    ----------
    enrollment_id
        Name of the account or customer.
    store
        Folder of the store.

    Raises
    ------
    EnrollmentError
        Nobody is enrolled under this id.
    """
    remove_voiceprint(store, enrollment_id)


def list_enrollments(store: str | PathLike[str], *, key: StoreKey | None = None) -> tuple[Enrollment, ...]:
    """Return what is enrolled in a store, in the order of the ids.

    Parameters
    ----------
    store
        Folder of the store.
    key
        Of an encrypted store; None takes the key that the environment names, if any.

    Raises
    ------
    EnrollmentError
        There is no such store, or a voiceprint in it cannot be read.
    """
    secret = key or read_key()
    return tuple(_describe(voiceprint, secret) for voiceprint in read_voiceprints(store, key=secret))


def _describe(voiceprint: Voiceprint, key: StoreKey | None) -> Enrollment:
    return Enrollment(
        enrollment_id=voiceprint.enrollment_id,
        channel_class=voiceprint.channel_class,
        clips=len(voiceprint.clips),
        speech_seconds=round(sum(clip.speech_seconds for clip in voiceprint.clips), 3),
        consistency=voiceprint.consistency,
        encoder=voiceprint.encoder,
        created_at=voiceprint.created_at,
        encrypted=key is not None,
    )


def _build_voiceprint(enrollment_id: str, voices: list[Voice], encoder: Encoder, consistency: float) -> Voiceprint:
    return Voiceprint(
        enrollment_id=enrollment_id,
        encoder=encoder.version,
        channel_class=voices[0].channel_class,
        consistency=consistency,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        clips=tuple(Clip(voice.sha256, round(voice.speech_seconds, 3)) for voice in voices),
        embeddings={name: average(voices, name) for name in voices[0].embeddings},
    )


def average(voices: Sequence[Voice], channel_class: ChannelClass) -> NDArray[np.float32]:
    """Return the unit mean of the clips' embeddings, each weighing as its net speech."""
    weights = np.array([voice.speech_seconds for voice in voices], dtype=np.float32)
    return unit(weights @ np.stack([voice.embeddings[channel_class] for voice in voices]))


def _check_clips(enrollment_id: str, voices: list[Voice]) -> None:
    short = [voice for voice in voices if voice.speech_seconds < MIN_CLIP_SECONDS]
    if short:
        listed = ", ".join(f"{voice.path!r} {voice.speech_seconds:.1f} s" for voice in short[:5])
        raise _refuse(
            enrollment_id,
            f"{len(short)} of {len(voices)} clips {'has' if len(short) == 1 else 'have'} less than "
            f"{MIN_CLIP_SECONDS:g} s of speech: {listed}",
            "Leave these clips out, or record longer ones.",
        )
    if len({voice.sha256 for voice in voices}) < len(voices):
        raise _refuse(enrollment_id, "the same recording is given twice", "Give different recordings.")


def _check_amount(enrollment_id: str, voices: list[Voice]) -> None:
    """Demand what the documented error rates rest on."""
    total = sum(voice.speech_seconds for voice in voices)
    spoken = "s of speech together"
    for have, least, one, what in (
        (len(voices), MIN_CLIPS, "clip", "clips"),
        (total, MIN_SPEECH_SECONDS, spoken, spoken),
    ):
        if have < least:
            raise _refuse(
                enrollment_id,
                f"there {f'is 1 {one}' if have == 1 else f'are {have:.3g} {what}'}; "
                f"the documented error rates rest on at least {least:g}",
                "Add recordings of the same person, or say --force; how often it errs is then not known.",
            )


def _check_spoof(enrollment_id: str, voices: list[Voice], raw: RawFormat | None) -> None:
    """Refuse a recording that sounds synthetic: whoever enrols it would be let in by the same machine ever after."""
    for voice in voices:
        verdict = ask_scorer(voice.path, raw)
        if verdict is None or verdict.label == "likely_synthetic":
            doubt = doubt_spoof(verdict)[0].partition(": ")[2]
            raise _refuse(
                enrollment_id,
                f"the spoof check speaks against {voice.path!r}: {doubt}",
                "Record it anew in the person's presence, or, if you were there when it was made, say --force.",
            )


def _check_channels(enrollment_id: str, voices: list[Voice]) -> None:
    classes = {voice.channel_class: voice.path for voice in reversed(voices)}
    if len(classes) > 1:
        listed = ", ".join(f"{path!r} is {name}" for name, path in sorted(classes.items()))
        raise _refuse(
            enrollment_id,
            f"the clips came over different classes of channel: {listed}",
            "Enrol telephone and wideband recordings under two ids, or say --channel-class narrowband.",
        )


def _check_consistency(enrollment_id: str, voices: list[Voice], backend: Backend) -> float:
    """Return the lowest log-likelihood ratio of one clip with the others together."""
    if len(voices) < 2:
        return float("inf")
    ratios = [_weigh_clip(number, voices, backend) for number in range(len(voices))]
    worst = int(np.argmin(ratios))
    if ratios[worst] < MIN_CONSISTENCY_LLR:
        raise _refuse(
            enrollment_id,
            f"{voices[worst].path!r} sounds like another person than the other clips "
            f"(log-likelihood ratio {ratios[worst]:.1f}; at least {MIN_CONSISTENCY_LLR:g} is needed)",
            "Check whose recording it is, and whether two people speak in it.",
        )
    return round(ratios[worst], 3)


def _weigh_clip(number: int, voices: list[Voice], backend: Backend) -> float:
    name = voices[number].channel_class
    others = average([voice for index, voice in enumerate(voices) if index != number], name)
    scores = backend.compare(others, voices[number].embeddings[name], name)
    return float(backend.weigh(scores, name)[0, 0])


def _refuse(enrollment_id: str, why: str, hint: str) -> EnrollmentError:
    return EnrollmentError(f"{enrollment_id!r} is not enrolled: {why}", hint=hint, enrollment_id=enrollment_id)
