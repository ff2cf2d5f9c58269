from .building import ProfileBuild as ProfileBuild
from .building import build_profiles as build_profiles
from .reading import ProfileDays as ProfileDays
from .reading import load_days as load_days
from .reading import load_overlapping as load_overlapping
from .reading import read_profiles as read_profiles
from .reading import scan_days as scan_days
from .reading import scan_profiles as scan_profiles
