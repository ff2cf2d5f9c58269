"""Text from outside, made fit to be shown; numbers and times as a reader expects them."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

WHOLE_LENGTH = 1_000
"""Characters of a sentence that the page shows; no rule says that much of its own accord."""

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_MOMENT = re.compile(r"\b(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d)(:\d\d)?(?:\.\d+)?(?: UTC\b|Z\b|\+00:00)")


def visible(text: str) -> str:
    """Write control and direction characters as escapes, so that they cannot hide or reorder anything."""
    if text.isprintable():  # None of these kinds is printable to Python.
        return text
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in _HIDDEN else c for c in text)


def clip(text: str, length: int) -> str:
    """Shorten a text to at most ``length`` characters, with an ellipsis in the middle where something is missing."""
    if len(text) <= length:
        return text
    head = (length - 1) * 2 // 3
    return text[:head] + "…" + text[len(text) - (length - 1 - head) :]


def tell(text: str, timezone: str) -> str:
    """Return a sentence whole, fit to be shown, its times in a zone; what is endless ends with a note that it does.

    A sentence that lost its middle can say the opposite, so unlike names and notes it is never clipped.
    """
    told = localise(visible(text), timezone)
    return told if len(told) <= WHOLE_LENGTH else f"{told[:WHOLE_LENGTH]} … (cut here; whole in report.json)"


def localise(text: str, timezone: str) -> str:
    """Write the UTC times of a text, ``2026-01-22 23:30 UTC`` or RFC 3339, in a zone, which is not named again."""

    def replace(found: re.Match[str]) -> str:
        day, minutes, seconds = found.groups(default="")
        moment = f"{day}T{minutes}{seconds or ':00'}+00:00"
        return tell_time(moment, timezone, "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M")

    return _MOMENT.sub(replace, text)


def tell_time(text: str | None, timezone: str, form: str) -> str:
    """Return an RFC 3339 time in a zone and a form; a dash for None, and as it is what is no time after all."""
    if text is None:
        return "–"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return moment.astimezone(UTC if timezone == "UTC" else ZoneInfo(timezone)).strftime(form)


def tell_number(value: float | None) -> str:
    """Return a number with thousands separated and no more decimals than matter; a dash for None."""
    if value is None:
        return "–"
    if isinstance(value, int) or float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.2f}" if abs(value) >= 0.1 else f"{value:.2g}"
