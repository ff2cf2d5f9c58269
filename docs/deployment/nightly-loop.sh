#!/bin/sh
# Runs the night every day at NIGHT_AT (02:00 unless it is set) by the clock of TZ, for containers, which have no cron.
set -u

at=${NIGHT_AT:-02:00}
date -d "$at" >/dev/null || { echo "NIGHT_AT=$at is no time of day; expected one such as 02:00." >&2; exit 2; }

stop() {
    # Who asks twice, as Ctrl-C does, must not end the wait for the night.
    trap '' TERM INT
    # A night that is ended here is taken up by the next one. Told again until it has ended: between its fork and its
    # exec it is still this shell, whose trap would swallow the signal.
    child=${!-}
    [ -z "$child" ] || { (while kill "$child"; do sleep 0.2; done) 2>/dev/null & wait "$child"; }
    exit 0
}
trap stop TERM INT

while :; do
    now=$(date +%s)
    next=$(date -d "$at" +%s)
    [ "$next" -gt "$now" ] || next=$(date -d "tomorrow $at" +%s)
    echo "The next night begins at $(date -d "@$next" '+%Y-%m-%d %H:%M %Z')." >&2
    sleep $((next - now)) &
    wait $!
    sentinel-batch nightly "$@" &
    wait $!
    echo "The night ended with exit code $?." >&2
done
