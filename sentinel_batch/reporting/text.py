"""Text from outside, made fit to be shown."""

from __future__ import annotations

import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def visible(text: str) -> str:
    """Write control and direction characters as escapes, so that they cannot hide or reorder anything."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in _HIDDEN else c for c in text)


def clip(text: str, length: int) -> str:
    """Shorten a text to at most ``length`` characters, with an ellipsis in the middle where something is missing."""
    if len(text) <= length:
        return text
    head = (length - 1) * 2 // 3
    return text[:head] + "…" + text[len(text) - (length - 1 - head) :]
