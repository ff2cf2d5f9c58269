"""Text that a report may hold: no control characters, no line breaks, no spaces at the ends, and not too long."""

from __future__ import annotations

import textwrap
import unicodedata
from typing import Any

# Controls, surrogates and unassigned code points are not allowed in XML 1.0 or mean nothing in a report.
_DROPPED_CATEGORIES = {"Cc", "Cs", "Cn", "Co"}
# Marks that reorder the text that surrounds them, and so can make a report read differently than it is stored.
_BIDIRECTIONAL_MARKS = {*"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"}


def clean_text(value: Any) -> str:
    """Return a value as one line of text: white space becomes single spaces, characters without a shape are dropped."""
    spaced = " ".join(str(value).split())
    kept = (c for c in spaced if unicodedata.category(c) not in _DROPPED_CATEGORIES and c not in _BIDIRECTIONAL_MARKS)
    return " ".join("".join(kept).split())


def cut_text(text: str, limit: int) -> str:
    """Return a cleaned text of at most `limit` characters, cut without leaving a space at the end."""
    return clean_text(text)[:limit].rstrip()


def split_blocks(text: str, *, limit: int = 4000, most: int = 5, total: int = 17000) -> list[str]:
    """Split a narrative into the blocks of a FinCEN SAR.

    The limits are those of the schema (EFL_SARXBatchSchema 1.2): five blocks of 4,000 characters, the fifth of which
    ends at character 17,000.

    Parameters
    ----------
    text
        The narrative; line breaks become spaces.
    limit
        Longest block, in characters.
    most
        Most blocks.
    total
        Longest narrative, in characters.

    Returns
    -------
    list of str
        Blocks without spaces at the ends, broken between words; joined by spaces they give the cleaned text (a word
        longer than a block is broken), up to the limits.
    """
    blocks = textwrap.wrap(cut_text(text, total), limit, break_on_hyphens=False, expand_tabs=False)
    return blocks[:most]
