"""What each number did on each local day, as figures: computed once, read by rules, models and notebooks."""

from sentinel_batch.profiles.building import ProfileBuild, build_profiles
from sentinel_batch.profiles.reading import (
    ProfileDays,
    load_days,
    read_profiles,
    relate_profiles,
    scan_days,
    scan_profiles,
)

__all__ = [
    "ProfileBuild",
    "ProfileDays",
    "build_profiles",
    "load_days",
    "read_profiles",
    "relate_profiles",
    "scan_days",
    "scan_profiles",
]
