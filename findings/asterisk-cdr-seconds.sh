#!/usr/bin/env bash
# Asterisk: end - start of a call record is often not its duration.
#
# Guess:   In one row of Master.csv end - start equals duration and end - answer equals billsec; where they differ, the
#          row is damaged or the columns were mixed up.
# Instead: The three clocks are cut to whole seconds one by one; the durations are computed from microseconds and cut
#          afterwards. Of 24 rows of calls of 1.5 s that began at different moments about half have duration 1 and are 2
#          s apart, never the other way round. And all rows have duration = billsec although the phone rang first.
# Bites:   Whoever checks rows, finds the unit or the columns of an unknown file by end - start, or recomputes talk time
#          from the clocks: an equality test rejects good files, and sums come out longer than what was billed.
set -euo pipefail

work=$(mktemp -d)
trap 'stop_asterisk; rm -rf "$work"' EXIT
source "$(dirname "$0")/asterisk.bash"
unpack_asterisk
configure_asterisk cdr_csv
cp "$unpacked/etc/asterisk/cdr.conf" "$work/etc"
cat >"$work/etc/extensions.conf" <<'CONFIGURATION'
[calls]
exten => 600,1,Wait(0.2)
 same => n,Answer()
 same => n,Wait(0.8)
CONFIGURATION
start_asterisk
for _ in $(seq 12); do
    tell_asterisk "channel originate Local/600@calls/n application Wait 5" >/dev/null
    sleep 0.37
done
sleep 4
stop_asterisk

python3 - "$work/var/log/cdr-csv/Master.csv" <<'PY'
import csv
import sys
from collections import Counter
from datetime import datetime

longer, ringing = Counter(), 0
for row in csv.reader(open(sys.argv[1])):
    start, answer, end = map(datetime.fromisoformat, row[9:12])
    duration, talk = int(row[12]), int(row[13])
    longer[int((end - start).total_seconds()) - duration] += 1
    ringing += duration == talk
    last = ",".join(row[9:15])
print(last)
print("seconds by which end - start is longer than duration:", dict(longer), "; duration = billsec in", ringing, "rows")
assert longer.total() == 24 and set(longer) <= {0, 1} and longer[1] >= 4, longer
assert ringing >= 20, ringing
PY
