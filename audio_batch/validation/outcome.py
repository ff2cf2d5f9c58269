"""What validation says of one file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from audio_batch.decoding import Properties, printable, show_path

if TYPE_CHECKING:
    from audio_batch.validation.quality import Quality  # measuring is not needed to read a profile, or a result

Level = Literal["error", "warning", "info"]


@dataclass(frozen=True)
class Issue:
    """One thing that is wrong, or worth knowing, about a file.

    Attributes
    ----------
    level
        ``error``: no verdict should rest on this file; ``warning``: one may, with less confidence; ``info``.
    code
        Stable name for programs, such as ``truncated``.
    field
        What was measured, such as ``data_size`` or ``channels[1].clipping_ratio``.
    actual, expected
        The value that was found and what it should have been, in words or numbers.
    message
        One sentence with both.
    hint
        What to do about it.
    """

    level: Level
    code: str
    field: str
    actual: Any
    expected: Any
    message: str
    hint: str = ""


@dataclass(frozen=True)
class Validation:
    """The result of `validate`.

    Attributes
    ----------
    is_valid
        True if no issue is an error.
    issues
        Errors first, then warnings, then information.
    properties
        What the header says, or None if nothing could be opened.
    quality
        Measures of the channel with most speech, or None if nothing could be decoded.
    channels
        The same for every channel.
    profile
        Name of the limits that were applied.
    """

    path: str
    is_valid: bool
    issues: tuple[Issue, ...]
    properties: Properties | None
    quality: Quality | None
    channels: tuple[Quality, ...]
    profile: str

    @property
    def codes(self) -> tuple[str, ...]:
        """Codes of the issues, in their order, each once."""
        return tuple(dict.fromkeys(issue.code for issue in self.issues))

    @property
    def summary(self) -> str:
        """One line: the file, valid or not, and the codes."""
        found = ", ".join(f"{issue.level}: {issue.code}" for issue in self.issues) or "no issues"
        return f"{show_path(self.path)}: {'valid' if self.is_valid else 'not valid'} ({found})"

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON."""
        document = asdict(self)
        document["path"] = printable(self.path)
        if document["properties"]:
            document["properties"]["path"] = document["path"]
        return document


_ORDER: tuple[Level, ...] = ("error", "warning", "info")


def sort_issues(issues: list[Issue], *, strict: bool) -> tuple[Issue, ...]:
    """Put errors first; in strict mode, make warnings errors."""
    if strict:
        issues = [replace(issue, level="error") if issue.level == "warning" else issue for issue in issues]
    return tuple(sorted(dict.fromkeys(issues), key=lambda issue: _ORDER.index(issue.level)))
