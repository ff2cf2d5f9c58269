#!/usr/bin/env bash
# phonenumbers: a sender's name in the callee's column becomes a subscriber.
#
# Guess:   A column of call records may hold names of senders or of services instead of numbers ("FirstBank"); parse()
#          raises NumberParseException for text with letters, and that sorts them out.
# Instead: Letters behind a digit are read as the keys of a telephone. "0803CALLNOW" is the *valid* mobile
#          +2348032255669, "0700MTNDATA" a valid number too, "080FirstBank" a possible one. Letters before the first
#          digit are dropped ("MTN234Promo" is read from 234 on). Only text without any digit is refused.
# Bites:   Whoever normalises messages, value-added services or user parts of SIP addresses with it: a short name points
#          at an innocent subscriber, who collects other people's calls.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile phonenumbers==9.0.43

"$work/venv/bin/python" - <<'PY'
import phonenumbers as p

print("phonenumbers", p.__version__)


def read(text):
    try:
        number = p.parse(text, "NG")
    except p.NumberParseException:
        return "refused"
    grade = "valid" if p.is_valid_number(number) else "possible" if p.is_possible_number(number) else "impossible"
    return f"{p.format_number(number, p.PhoneNumberFormat.E164)} {grade}"


seen = {text: read(text) for text in ("0803CALLNOW", "0700MTNDATA", "080FirstBank", "MTN234Promo", "FirstBank")}
for text, reading in seen.items():
    print(f"  {text:12} -> {reading}")
assert seen == {
    "0803CALLNOW": "+2348032255669 valid",
    "0700MTNDATA": "+2347006863282 valid",
    "080FirstBank": "+23480347782265 possible",
    "MTN234Promo": "+23423477666 impossible",
    "FirstBank": "refused",
}, seen
PY
