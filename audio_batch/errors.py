"""Errors of the voice engine: each says what happened, where, what is allowed, and what to do about it."""

from __future__ import annotations

from batch_base.errors import ReportedError


class AudioError(ReportedError):
    """Base of every error that `audio_batch` raises on purpose."""


class AudioUsageError(AudioError):
    """An argument, a policy, a profile or a manifest has a value that is not allowed."""


class UnreadableAudioError(AudioError):
    """The file cannot be decoded as audio at all."""


class ModelError(AudioError):
    """A model file is missing, damaged, or not of the form that this version reads."""


class RemoteScorerError(AudioError):
    """A scorer on another machine gave an error, or no answer that can be used."""


class EnrollmentError(AudioError):
    """A voiceprint cannot be made, found, read or written."""
