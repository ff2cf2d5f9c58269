#!/usr/bin/env bash
# asn1tools: a record type that is newer than the specification decodes as (None, None).
#
# Guess:   A record whose alternative of the CHOICE the compiled specification does not know raises DecodeError, or its
#          tag and bytes are kept, so that it can be counted and put aside.
# Instead: If the CHOICE is extensible ("..."), the whole record is (None, None), and an unknown value of an extensible
#          ENUMERATED is None: not even the tag is left. This holds for BER, DER, PER, UPER and OER. Without "..." the
#          same bytes raise DecodeError: the marker that makes a specification last makes the loss silent.
# Bites:   The night after a switch got new software: its new kind of call is neither counted nor rejected by a reader
#          that filters by type, and nobody can tell afterwards which kind it was.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile asn1tools==0.169.0

"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

import asn1tools

print("asn1tools", version("asn1tools"))
NEWER = """
    Records DEFINITIONS AUTOMATIC TAGS ::= BEGIN
    Cause ::= ENUMERATED { normal, busy, ..., blockedAsSpam }
    Call ::= SEQUENCE { caller IA5String, cause Cause }
    Record ::= CHOICE { moCall Call, mtCall Call, ..., volteCall Call }
    END
"""
OLDER = NEWER.replace(", blockedAsSpam", "").replace(", volteCall Call", "")
CLOSED = OLDER.replace(", ...", "")
new_kind = ("volteCall", {"caller": "2348031234567", "cause": "busy"})
new_cause = ("moCall", {"caller": "2348031234567", "cause": "blockedAsSpam"})

for codec in ("ber", "der", "per", "uper", "oer"):
    newer, older = asn1tools.compile_string(NEWER, codec), asn1tools.compile_string(OLDER, codec)
    seen = [older.decode("Record", newer.encode("Record", record)) for record in (new_kind, new_cause)]
    print(f"{codec:4}", *seen)
    assert seen == [(None, None), ("moCall", {"caller": "2348031234567", "cause": None})], seen

record = asn1tools.compile_string(NEWER, "ber").encode("Record", new_kind)
try:
    asn1tools.compile_string(CLOSED, "ber").decode("Record", record)
except asn1tools.DecodeError as error:
    print("without '...', ber: DecodeError:", error)
else:
    raise SystemExit("changed: a closed CHOICE was decoded too")
PY
