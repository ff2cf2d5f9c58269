"""What a recording is, whether it can be trusted, and what may be repaired."""

from audio_batch.validation.checking import validate
from audio_batch.validation.limits import Limit, Profile, list_profiles, load_profile
from audio_batch.validation.outcome import Issue, Validation
from audio_batch.validation.quality import Quality, measure_quality
from audio_batch.validation.repairing import Repair, repair

__all__ = [
    "Issue",
    "Limit",
    "Profile",
    "Quality",
    "Repair",
    "Validation",
    "list_profiles",
    "load_profile",
    "measure_quality",
    "repair",
    "validate",
]
