"""Values as text that a terminal may be given."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime

_DIRECTION_CONTROLS = {chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C)}


def to_printable(text: str) -> str:
    """Return text that cannot steer a terminal: control and direction characters are written as escapes."""
    if text.isprintable():
        return text
    return "".join(c if c in "\n\t" or not _steers(c) else c.encode("unicode_escape").decode() for c in text)


def format_moment(moment: datetime | None) -> str:
    """Write an instant for a table, to the second, without the zone (headings say UTC)."""
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def wrap(text: str, width: int, label: str = "", indent: str = "") -> str:
    """Break text between words; its paragraphs stay apart, further lines are indented, no word is cut."""
    filled = (
        textwrap.fill(
            " ".join(paragraph.split()),
            max(width, 20),
            initial_indent=label,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
        for paragraph in re.split(r"\n\s*\n", text)
    )
    return "\n\n".join(filled)


def count_of(count: int, noun: str, plural: str = "") -> str:
    """Write a number of things: ``1 rule``, ``2 rules``; ``plural`` is the noun's where it does not end in s."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def show_reasons(speaking: Sequence[str], against: Sequence[str]) -> str:
    """Write what speaks for a suspicion, and then, apart from it, what speaks against it."""
    return "; ".join(speaking) + (f"{'. ' if speaking else ''}Against: {'; '.join(against)}" if against else "")


def name_reasons(speaking: Sequence[str], against: Sequence[str]) -> str:
    """Write the rules that speak for a suspicion by name, and the first of the other reasons, for and against."""
    rules = dict.fromkeys(name for reason in speaking if (name := _name_rule(reason)))
    others = [reason for reason in speaking if not _name_rule(reason)]
    return show_reasons([*([", ".join(rules)] if rules else []), *others[:1]], against[:1])


def _name_rule(reason: str) -> str:
    """Return the rule that says a reason, or nothing."""
    rule, colon, _ = reason.partition(": ")
    return rule if colon and rule.isupper() else ""


def _steers(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cs"} or character in _DIRECTION_CONTROLS


def show_share(value: float | None) -> str | None:
    """Write a share with three digits."""
    return None if value is None else f"{value:.3f}"


def show_answer(answer: bool) -> str:
    """Write yes or no."""
    return "yes" if answer else "no"
