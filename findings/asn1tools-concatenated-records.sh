#!/usr/bin/env bash
# asn1tools: a file of a thousand call records decodes as one, without a word about the rest.
#
# Guess:   Billing files of switches are BER records one behind the other; decode() of the whole file fails, because it
#          is not one value, or says how much was left, as pyasn1's decode() does.
# Instead: decode() returns the first record and drops the other 999. decode_with_length() tells where it stopped, but
#          nothing points there.
# Bites:   Whoever tries a decoder on a file and sees a plausible record: everything else is lost, and totals that are
#          compared with nothing look fine. Loop with decode_with_length() until the bytes are used up.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile asn1tools==0.169.0 pyasn1==0.6.1

"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

import asn1tools
from pyasn1.codec.ber import decoder

print("asn1tools", version("asn1tools"), "pyasn1", version("pyasn1"))
specification = asn1tools.compile_string(
    """
    Records DEFINITIONS ::= BEGIN
    Record ::= SEQUENCE { caller IA5String, callee IA5String, duration INTEGER }
    END
    """,
    "ber",
)
calls = [{"caller": "2348031234567", "callee": f"23480512{n:05d}", "duration": n} for n in range(1000)]
file = b"".join(specification.encode("Record", call) for call in calls)

decoded = specification.decode("Record", file)
print("file of", len(file), "bytes, 1000 records; decode() ->", decoded)
_, used = specification.decode_with_length("Record", file)
print("decode_with_length() used", used, "bytes")
_, rest = decoder.decode(file)
print("pyasn1 returned", len(rest), "bytes of rest")
assert decoded == calls[0], decoded
assert used == len(file) - len(rest) == len(specification.encode("Record", calls[0])), used

position, found = 0, []
while position < len(file):
    record, used = specification.decode_with_length("Record", file[position:])
    found.append(record)
    position += used
assert found == calls
PY
