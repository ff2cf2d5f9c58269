#!/usr/bin/env bash
# phonenumbers: the list of regions leaves out satellites and international premium rate.
#
# Guess:   SUPPORTED_REGIONS is everything that the library knows; a table of destinations (prefix, country, price band)
#          is made by a loop over it and country_code_for_region().
# Instead: Nine country codes belong to no region and are missing: 800, 808, 870 (Inmarsat), 878, 881 (satellite), 882
#          and 883 (international networks), 888, 979 (international premium rate). The four numbers tried here are
#          valid; their region is the string "001", which SUPPORTED_REGIONS does not hold, and whose country code is 0.
# Bites:   Tables of tariffs and watch lists built from the regions: calls to satellites and international premium
#          numbers find no row, and a join drops them.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile phonenumbers==9.0.43

"$work/venv/bin/python" - <<'PY'
import phonenumbers as p

print("phonenumbers", p.__version__)
table = {p.country_code_for_region(region) for region in p.SUPPORTED_REGIONS}
missing = sorted(set(p.COUNTRY_CODE_TO_REGION_CODE) - table)
print("country codes without a region:", missing)
assert missing == [800, 808, 870, 878, 881, 882, 883, 888, 979], missing

for text in ("+870773111632", "+881631234567", "+883510012345678", "+979123456789"):
    number = p.parse(text)
    region = p.region_code_for_number(number)
    print(f"  {text} valid={p.is_valid_number(number)} region={region!r}")
    assert p.is_valid_number(number) and region == "001" and region not in p.SUPPORTED_REGIONS
print("country_code_for_region('001') =", p.country_code_for_region("001"))
assert p.country_code_for_region("001") == 0
PY
