#!/usr/bin/env bash
# phonenumbers: an update makes true calls of the past impossible.
#
# Guess:   is_possible_number() looks at lengths only and is meant to be lenient; a number that was once in service
#          stays at least possible, so that old call records keep their numbers when the library is updated.
# Instead: When a country lengthens or shortens its numbers, the old form leaves the data some releases later. Benin's
#          old numbers of eight digits (ten since late 2024) and Mexican mobiles with the old 1 behind +52 are valid
#          with 8.13.30 and not even possible with 9.0.43; Ivory Coast's old eight digits (ten since 2021) are
#          impossible with both. The verdicts are TOO_SHORT and TOO_LONG, as if somebody had mistyped them.
# Bites:   Whoever reads an archive again after an update, or a switch that still writes the old form: these calls are
#          rejected as malformed, and one caller has different keys before and after.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

judge() { # judge VERSION EXPECTED: +number, possible, valid and verdict of each number, joined by "; "
    python3 -m venv "$work/$1"
    "$work/$1/bin/pip" install -qq --no-compile "phonenumbers==$1"
    "$work/$1/bin/python" - "$2" <<'PY'
import sys

import phonenumbers as p

VERDICTS = {value: name for name, value in vars(p.ValidationResult).items() if isinstance(value, int)}
print("phonenumbers", p.__version__)
seen = []
for text in ("+22997123456", "+5215512345678", "+22507123456"):
    number = p.parse(text)
    verdict = VERDICTS[p.is_possible_number_with_reason(number)]
    seen.append(f"{text} {'valid' if p.is_valid_number(number) else verdict}")
    print(" ", seen[-1])
assert "; ".join(seen) == sys.argv[1], seen
PY
}

judge 8.13.30 "+22997123456 valid; +5215512345678 valid; +22507123456 TOO_SHORT"
judge 9.0.43 "+22997123456 TOO_SHORT; +5215512345678 TOO_LONG; +22507123456 TOO_SHORT"
