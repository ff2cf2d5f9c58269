"""Outcomes as numbers: SIP status codes (RFC 3261) and causes of ITU-T Q.850, alone or before their text."""

from __future__ import annotations

import re
from collections.abc import Iterable

CODES = ("sip", "q850")
"""What numbers of an outcome can be."""

_CODED = re.compile(r"(sip)?[\s:/_.-]*(\d{1,3})(?![\d.])[\s:/_.-]*(.*)", re.IGNORECASE | re.DOTALL)
_UNANSWERED = frozenset(
    {1, 2, 3, 5, *range(17, 24), 25, 26, 28, 34, 42, 43, 44, 46, 47, 49, 50, *range(52, 56), 57, 58, 62, 63}
    | {65, 66, 69, 70, 79, 81, 83, *range(85, 89), 91}
)
"""Causes of calls that were never connected. Of the others, such as 16 (normal clearing), 31, 38 or 41, calls end that
were answered or not."""
_KNOWN_CAUSES = range(128)
_LEAST_CAUSE = 16
"""Smaller numbers alone may number anything."""
_SIP_STATUS = range(100, 700)
_OTHER_CAUSES = re.compile(r"for_?term")
"""3GPP's cause for termination is another list of numbers."""


def split_code(text: str) -> tuple[bool, int, str] | None:
    """Return whether ``SIP`` stands before a code, the code, and the text behind it; None where there is no code."""
    match = _CODED.fullmatch(text.strip().strip("'\"").strip())
    return None if match is None else (match[1] is not None, int(match[2]), match[3])


def find_codes(column: str, values: Iterable[str]) -> str | None:
    """Return what the numbers of a column are, one of :data:`CODES`; None where they are none, or may be anything."""
    codes = [code for code in map(split_code, values) if code is not None]
    numbers = {number for _, number, _ in codes}
    if not numbers or _OTHER_CAUSES.search(column):
        return None
    if all(number in _SIP_STATUS for number in numbers) and (len(numbers) > 1 or "sip" in column or 200 in numbers):
        return "sip"
    inside = all(number in _KNOWN_CAUSES for number in numbers)
    named = re.search(r"cause|q_?850|isdn", column) and max(numbers) >= _LEAST_CAUSE
    return "q850" if inside and (named or _LEAST_CAUSE in numbers) else None


def read_code(text: str, codes: str | None) -> bool | None:
    """Tell whether a code says that a call was answered; None if it says neither."""
    code = split_code(text)
    if code is None or (codes is None and not code[0]):
        return None
    number = code[1]
    if code[0] or codes == "sip":
        return None if number not in _SIP_STATUS or number < 200 else number < 300
    return False if number in _UNANSWERED else None
