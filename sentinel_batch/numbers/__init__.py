"""Telephone numbers in one form: E.164 where it can be known, as typed where it cannot.

Everything that reads numbers reads them here: :func:`normalise_number` one, :class:`NumberBook` columns of them.
"""

from .book import Normalised, NumberBook
from .kinds import (
    ALPHANUMERIC,
    AMBIGUOUS,
    ANONYMOUS,
    AS_TYPED,
    AUTO,
    BARE_FIRST,
    BARE_INTERNATIONAL,
    CALLERS,
    E164,
    EXIT_CODE,
    FORMER,
    HOME_CODE,
    HOME_ONLY,
    IMPOSSIBLE,
    INTERNATIONAL,
    KINDS,
    MISSING,
    MODES,
    NATIONAL,
    NATIONAL_OR_FOREIGN,
    NOTHING,
    POSSIBLE,
    READINGS,
    ROUNDED,
    SHORT_CODE,
    UNKNOWN,
)
from .overlaps import Overlap, find_overlaps
from .plan import code_of_region, is_region, list_regions, plan_edition
from .reading import normalise_number
from .tally import Tally
from .typed import MISSING_TOKENS

__all__ = [
    "ALPHANUMERIC",
    "AMBIGUOUS",
    "ANONYMOUS",
    "AS_TYPED",
    "AUTO",
    "BARE_FIRST",
    "BARE_INTERNATIONAL",
    "CALLERS",
    "E164",
    "EXIT_CODE",
    "FORMER",
    "HOME_CODE",
    "HOME_ONLY",
    "IMPOSSIBLE",
    "INTERNATIONAL",
    "KINDS",
    "MISSING",
    "MISSING_TOKENS",
    "MODES",
    "NATIONAL",
    "NATIONAL_OR_FOREIGN",
    "NOTHING",
    "POSSIBLE",
    "READINGS",
    "ROUNDED",
    "SHORT_CODE",
    "UNKNOWN",
    "Normalised",
    "NumberBook",
    "Overlap",
    "Tally",
    "code_of_region",
    "find_overlaps",
    "is_region",
    "list_regions",
    "normalise_number",
    "plan_edition",
]
