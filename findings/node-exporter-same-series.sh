#!/usr/bin/env bash
# Prometheus node exporter: of two textfiles with the same gauge one is dropped, and every health figure stays green.
#
# Guess:   Two nightly jobs on one host (two lakes, two operators) write a.prom and b.prom. If they clash, the scrape
#          fails, or node_textfile_scrape_error becomes 1 as it does for a file with timestamps; labels that tell them
#          apart are the cure.
# Instead: The scrape answers 200, node_textfile_scrape_error is 0, both files have a node_textfile_mtime_seconds, and
#          one of the two values is missing; only the exporter's own log says so. A label is not enough either: if the
#          HELP lines differ by a word (two releases of one program), the second file's series is dropped all the same.
# Bites:   Whoever alerts on "alerts of the night" or "last success" of several jobs: one of them is never seen, and an
#          alert that waits for a bad value waits for ever.
set -euo pipefail

work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
if ! apt-get -qq download prometheus-node-exporter 2>/dev/null; then
    echo "skipped: needs Debian's package prometheus-node-exporter (apt-get update as root, then again)"
    exit 0
fi
dpkg -x prometheus-node-exporter_*.deb exporter
exporter/usr/bin/prometheus-node-exporter --version 2>&1 | head -1
mkdir textfiles
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
exporter/usr/bin/prometheus-node-exporter --collector.disable-defaults --collector.textfile \
    --collector.textfile.directory=textfiles --web.listen-address="127.0.0.1:$port" 2>log &

python3 - "http://127.0.0.1:$port/metrics" <<'PY'
import sys
import time
import urllib.request
from pathlib import Path


def scrape():
    for _ in range(100):
        try:
            with urllib.request.urlopen(sys.argv[1]) as answer:
                return answer.status, answer.read().decode().splitlines()
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the exporter did not start")


def publish(**files):
    """Write one textfile per keyword, scrape, and return status, series and the collector's own verdict."""
    for name, (help_text, sample) in files.items():
        text = f"# HELP fraud_alerts {help_text}\n# TYPE fraud_alerts gauge\n{sample}\n"
        Path("textfiles", f"{name}.prom").write_text(text)
    status, lines = scrape()
    series = [line for line in lines if line.startswith("fraud_alerts")]
    error = next(line for line in lines if line.startswith("node_textfile_scrape_error"))
    read = sum(line.startswith("node_textfile_mtime_seconds") for line in lines)
    print(status, error, f"files read: {read}", series)
    return status, error.split()[1], read, series


one_text = "Alerts of the night."
same = publish(a=(one_text, "fraud_alerts 7"), b=(one_text, "fraud_alerts 3"))
labelled = publish(
    a=(one_text, 'fraud_alerts{lake="a"} 7'), b=("Alerts of this night.", 'fraud_alerts{lake="b"} 3')
)
cured = publish(a=(one_text, 'fraud_alerts{lake="a"} 7'), b=(one_text, 'fraud_alerts{lake="b"} 3'))
assert same == (200, "0", 2, ["fraud_alerts 7"]), same
assert labelled == (200, "0", 2, ['fraud_alerts{lake="a"} 7']), labelled
assert cured == (200, "0", 2, ['fraud_alerts{lake="a"} 7', 'fraud_alerts{lake="b"} 3']), cured
PY
grep -o "collected metric.*" log
