"""Voiceprints: enrolment, verification, and the same voice across accounts."""

from audio_batch.speaker.duplicates import Duplicate, find_duplicates
from audio_batch.speaker.enrollment import Enrollment, enroll, forget, list_enrollments
from audio_batch.speaker.keys import StoreKey, create_key, read_key
from audio_batch.speaker.verification import verify
from audio_batch.speaker.voice import embed

__all__ = [
    "Duplicate",
    "Enrollment",
    "StoreKey",
    "create_key",
    "embed",
    "enroll",
    "find_duplicates",
    "forget",
    "list_enrollments",
    "read_key",
    "verify",
]
