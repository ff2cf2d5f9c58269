"""Words for what a typed number is, and for how it was read."""

from __future__ import annotations

E164 = "e164"
POSSIBLE = "possible"
FORMER = "former"
IMPOSSIBLE = "impossible"
AMBIGUOUS = "ambiguous"
SHORT_CODE = "short_code"
ALPHANUMERIC = "alphanumeric"
ANONYMOUS = "anonymous"
ROUNDED = "rounded"
UNKNOWN = "unknown"
MISSING = "missing"
NOTHING = "nothing"

KINDS = {
    E164: "a valid number, in E.164",
    POSSIBLE: "in E.164; of a length that numbers of its country have, in no range that is known",
    FORMER: "in E.164; valid in an earlier numbering plan of its country, which has renumbered since",
    IMPOSSIBLE: "written as international, as no number of its country, or of any country, can be",
    AMBIGUOUS: "as typed: of no known range, and of a length that it could have at home and abroad",
    SHORT_CODE: "as typed: a short code, a service, an extension",
    ALPHANUMERIC: "as typed: a name",
    ANONYMOUS: "in lower case: withheld",
    ROUNDED: "as typed: a spreadsheet has rounded the number, its last digits are lost",
    UNKNOWN: "as typed: other digits",
    MISSING: "no value",
    NOTHING: "neither a letter nor a digit",
}
"""What a typed number can be, and how it is kept."""

CALLERS = (E164, POSSIBLE, FORMER, IMPOSSIBLE, AMBIGUOUS)
"""Kinds that a caller can be: a false number of a caller is no reason to lose the call, rules look for it."""

INTERNATIONAL = "international"
EXIT_CODE = "exit_code"
NATIONAL = "national"
NATIONAL_OR_FOREIGN = "national_or_foreign"
HOME_CODE = "home_code"
BARE_INTERNATIONAL = "bare_international"
AS_TYPED = "as_typed"

READINGS = {
    INTERNATIONAL: "with +",
    EXIT_CODE: "with 00, or the home region's own exit code",
    NATIONAL: "as it is dialled at home",
    NATIONAL_OR_FOREIGN: "as it is dialled at home, but the same digits are a valid number abroad, too",
    HOME_CODE: "home country code first, without + or exit code",
    BARE_INTERNATIONAL: "another country code first, without + or exit code",
    AS_TYPED: "not read as a number",
}
"""How a typed number was read."""

AUTO = "auto"
HOME_ONLY = "national"
BARE_FIRST = "international"

MODES = (AUTO, HOME_ONLY, BARE_FIRST)
"""How digits without ``+`` or exit code are read: at home where they are valid there, else as international; only at
home; as international where they are valid so, else at home."""
