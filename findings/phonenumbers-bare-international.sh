#!/usr/bin/env bash
# phonenumbers: a foreign number without "+" becomes a possible home number.
#
# Guess:   Many switches write 447911123456 for +44 7911 123456. parse() with the operator's region refuses it, or
#          recognises the country code; at the least is_possible_number() is false for a number that nobody has.
# Instead: Only the home country's own code is recognised. In region NG the British mobile is read as +234447911123456,
#          and is_possible_number() is True, because Nigeria's numbers may have up to 14 digits. Of the example mobiles
#          of 243 other regions, written bare, 231 became "possible" Nigerian numbers; 12 were refused.
# Bites:   Everybody who normalises call records: calls to revenue-share ranges abroad turn into domestic calls, and the
#          usual guard, is_possible_number(), lets them through.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile phonenumbers==9.0.43

"$work/venv/bin/python" - <<'PY'
from collections import Counter

import phonenumbers as p

print("phonenumbers", p.__version__)
HOME = "NG"


def read(bare):
    number = p.parse(bare, HOME)
    return p.format_number(number, p.PhoneNumberFormat.E164), p.is_possible_number(number), p.is_valid_number(number)


for bare in ("447911123456", "252611234567", "2348031234567"):
    print(bare, "in", HOME, "->", *read(bare))
assert read("447911123456") == ("+234447911123456", True, False)
assert read("252611234567") == ("+234252611234567", True, False)
assert read("2348031234567") == ("+2348031234567", True, True)

outcomes = Counter()
for region in sorted(p.SUPPORTED_REGIONS - {HOME}):
    example = p.example_number_for_type(region, p.PhoneNumberType.MOBILE)
    if example is None:
        continue
    true = p.format_number(example, p.PhoneNumberFormat.E164)
    e164, possible, valid = read(true.removeprefix("+"))
    assert e164 != true, true
    outcomes["valid" if valid else "only possible" if possible else "refused"] += 1
print("example mobiles of other regions, bare, read in", HOME, dict(outcomes))
assert outcomes == {"only possible": 231, "refused": 12}, outcomes
PY
