"""Limits as data: profiles of measures, each with its threshold and the reason for it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from audio_batch.errors import AudioUsageError
from audio_batch.validation.outcome import Issue, Level

FILE_MEASURES = {"sampling_rate", "duration", "file_size", "channels", "format"}
"""What a limit of scope ``file`` may look at."""
CHANNEL_MEASURES = {
    *("clipping_ratio", "dc_offset", "level_dbfs", "speech_level_dbfs", "snr_db", "silence_share", "speech_seconds"),
    *("bandwidth_share", "zero_run_share", "dropouts_per_minute", "nonfinite_share", "peak"),
}
"""What a limit of scope ``channel`` may look at."""


@dataclass(frozen=True)
class Limit:
    """One limit of a profile.

    Attributes
    ----------
    code
        Code of the issue that it raises.
    measure
        What is compared; see `FILE_MEASURES` and `CHANNEL_MEASURES`.
    direction
        ``below`` or ``above``: on which side of the threshold the trouble lies; ``not_in`` for a list of names.
    thresholds
        Level and value, the gravest first.
    unit, reason, hint
        For the message; the reason says where the number comes from.
    """

    code: str
    measure: str
    direction: Literal["below", "above", "not_in"]
    thresholds: tuple[tuple[Level, Any], ...]
    unit: str
    reason: str
    hint: str

    def check(self, value: Any, field: str) -> Issue | None:
        """Return the issue that the value raises, or None; an unknown value (None) raises none."""
        if value is None:
            return None
        for level, threshold in self.thresholds:
            if self._is_broken(value, threshold):
                return self._make_issue(level, value, threshold, field)
        return None

    def _is_broken(self, value: Any, threshold: Any) -> bool:
        if self.direction == "not_in":
            return value not in threshold
        return bool(value < threshold if self.direction == "below" else value > threshold)

    def _make_issue(self, level: Level, value: Any, threshold: Any, field: str) -> Issue:
        if self.direction == "not_in":
            actual, expected = value, f"one of {', '.join(threshold)}"
        else:
            actual = round(value, 6)
            expected = f"{'at least' if self.direction == 'below' else 'at most'} {threshold:g}"
        shown = actual if isinstance(actual, str) else f"{actual:.4g}"
        message = f"{field.replace('_', ' ')} is {shown}; {expected}{self.unit and ' ' + self.unit} is expected."
        return Issue(level, self.code, field, actual, expected, message, self.hint)


@dataclass(frozen=True)
class Profile:
    """A named set of limits.

    Attributes
    ----------
    max_seconds
        Recordings that are longer, or say that they are, are not decoded.
    """

    name: str
    title: str
    max_seconds: float
    limits: tuple[Limit, ...]

    def check(self, measures: Mapping[str, Any], prefix: str = "") -> list[Issue]:
        """Compare measures with every limit that looks at one of them."""
        found = [
            limit.check(measures[limit.measure], prefix + limit.measure)
            for limit in self.limits
            if limit.measure in measures
        ]
        return [issue for issue in found if issue is not None]

    def get_limit(self, code: str) -> Limit | None:
        """Return the limit of that code, or None."""
        return next((limit for limit in self.limits if limit.code == code), None)


def list_profiles() -> list[str]:
    """Return the names of the profiles that come with the package."""
    folder = resources.files("audio_batch.validation") / "profiles"
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_profile(name_or_path: str) -> Profile:
    """Load a profile by name, or from your own TOML file.

    Parameters
    ----------
    name_or_path
        One of `list_profiles`, or a path that ends in ``.toml``. A profile may name another that it `extends`; its
        limits replace those of the same code.

    Returns
    -------
    Profile

    Raises
    ------
    AudioUsageError
        If there is none, or it holds a key or value that is not allowed.
    """
    known = list_profiles()
    if name_or_path in known:
        return _load_shipped(name_or_path)
    if not name_or_path.endswith(".toml"):
        raise AudioUsageError(
            f"profile {name_or_path!r} is not known; allowed: {', '.join(known)}, or a path that ends in .toml",
            hint="Choose one of the names, or write a profile of your own.",
            value=name_or_path,
            allowed=known,
        )
    try:
        text = Path(name_or_path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AudioUsageError(f"profile {name_or_path!r} cannot be read: {error}", hint="Check the path.") from error
    return _build_profile(Path(name_or_path).stem, _parse(text, name_or_path))


@cache
def _load_shipped(name: str) -> Profile:
    text = (resources.files("audio_batch.validation") / "profiles" / f"{name}.toml").read_text("utf-8")
    return _build_profile(name, _parse(text, name))


def _parse(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise AudioUsageError(f"profile {source!r} is not TOML: {error}", hint="Correct that line.") from error


def _build_profile(name: str, document: dict[str, Any]) -> Profile:
    base = load_profile(str(document["extends"])) if "extends" in document else None
    limits = {limit.code: limit for limit in base.limits} if base else {}
    for number, entry in enumerate(document.get("limits", []), start=1):
        limit = _build_limit(entry, f"profile {name!r}, limit {number}")
        limits[limit.code] = limit
    max_seconds = document.get("max_seconds", base.max_seconds if base else None)
    if not isinstance(max_seconds, int | float) or not max_seconds > 0:
        raise _refuse(f"profile {name!r}", "max_seconds", max_seconds, "a number of seconds above 0")
    return Profile(name, str(document.get("title", name)), float(max_seconds), tuple(limits.values()))


def _build_limit(entry: dict[str, Any], place: str) -> Limit:
    allowed = {"code", "measure", "direction", "error", "warning", "info", "unit", "reason", "hint"}
    for key in entry.keys() - allowed:
        raise _refuse(place, "key", key, ", ".join(sorted(allowed)))
    for key in ("code", "reason", "hint"):
        if not isinstance(entry.get(key), str) or not entry[key]:
            raise _refuse(place, key, entry.get(key), "a text")
    if entry.get("measure") not in FILE_MEASURES | CHANNEL_MEASURES:
        raise _refuse(place, "measure", entry.get("measure"), ", ".join(sorted(FILE_MEASURES | CHANNEL_MEASURES)))
    if entry.get("direction") not in ("below", "above", "not_in"):
        raise _refuse(place, "direction", entry.get("direction"), "below, above, not_in")
    levels: tuple[Level, ...] = ("error", "warning", "info")
    thresholds = tuple((level, entry[level]) for level in levels if level in entry)
    kind = list if entry["direction"] == "not_in" else (int, float)
    if not thresholds or not all(isinstance(value, kind) for _, value in thresholds):
        raise _refuse(place, "threshold", thresholds, "error, warning or info with a number (a list for not_in)")
    texts = {key: entry.get(key, "") for key in ("code", "measure", "direction", "unit", "reason", "hint")}
    return Limit(thresholds=thresholds, **texts)


def _refuse(place: str, what: str, value: object, allowed: str) -> AudioUsageError:
    return AudioUsageError(
        f"{place}: {what} {value!r} is not allowed; allowed: {allowed}",
        hint="Compare with the profile 'telephone' that comes with the package.",
        value=value,
    )
