#!/usr/bin/env bash
# Asterisk: two files of one switch, both called Master.csv, tell the same call an hour apart; TZ changes neither.
#
# Guess:   cdr-csv/Master.csv and cdr-custom/Master.csv of one server are in the same time zone, local time; a container
#          gets its zone from the environment variable TZ, like every program that uses the C library.
# Instead: With the configuration that Debian ships (usegmtime=yes in cdr.conf) the first is in UTC and the second in
#          local time. Neither carries an offset, and nothing else in the files differs. And local is what
#          /etc/localtime says: Asterisk has time functions of its own that do not read TZ, so with TZ=Africa/Lagos in a
#          container whose /etc/localtime is UTC the "local" file is in UTC. The epoch in uniqueid is the only clock to
#          trust.
# Bites:   Whoever loads both kinds, or moves a switch into a container: night-time rules are off by the zone, and a
#          call read from both files is two calls.
set -euo pipefail

work=$(mktemp -d)
trap 'stop_asterisk; rm -rf "$work"' EXIT
source "$(dirname "$0")/asterisk.bash"
unshare --map-root-user --mount true 2>/dev/null ||
    skip "needs unshare --map-root-user, to give Asterisk a zone of its own"
unpack_asterisk
configure_asterisk cdr_csv cdr_custom func_cdr func_strings
cp "$unpacked/etc/asterisk/cdr.conf" "$work/etc"
grep -n '^usegmtime' "$work/etc/cdr.conf"
cat >"$work/etc/cdr_custom.conf" <<'CONFIGURATION'
[mappings]
Master.csv => ${CSV_QUOTE(${CDR(start)})},${CSV_QUOTE(${CDR(uniqueid)})}
CONFIGURATION
cat >"$work/etc/extensions.conf" <<'CONFIGURATION'
[calls]
exten => 600,1,Answer()
 same => n,Wait(1)
CONFIGURATION

call_in_zone() { # call_in_zone LOCALTIME [TZ]: hours by which each file is ahead of the epoch in uniqueid
    rm -f "$work"/var/log/cdr-*/Master.csv
    start_asterisk env ${2:+TZ="$2"} unshare --map-root-user --mount \
        sh -c 'mount --bind "/usr/share/zoneinfo/$0" /etc/localtime && exec "$@"' "$1"
    tell_asterisk "channel originate Local/600@calls/n application Wait 2" >/dev/null
    sleep 4
    stop_asterisk
    python3 - "$work/var/log" <<'PY'
import csv
import sys
from datetime import datetime, timezone
from pathlib import Path

for folder, start, unique in (("cdr-csv", 9, 16), ("cdr-custom", 0, 1)):
    ahead = set()
    for row in csv.reader(Path(sys.argv[1], folder, "Master.csv").open()):
        written = datetime.fromisoformat(row[start]).replace(tzinfo=timezone.utc).timestamp()
        ahead.add(round((written - float(row[unique])) / 3600))
    print(folder, "+", *ahead, "h", end="; ")
PY
}

for case in "Africa/Lagos|" "Etc/UTC|Africa/Lagos"; do
    seen=$(call_in_zone "${case%|*}" "${case#*|}")
    echo "/etc/localtime ${case%|*}, TZ '${case#*|}': $seen"
    [ "$case" != "Africa/Lagos|" ] || [ "$seen" = "cdr-csv + 0 h; cdr-custom + 1 h; " ]
    [ "$case" = "Africa/Lagos|" ] || [ "$seen" = "cdr-csv + 0 h; cdr-custom + 0 h; " ]
done
