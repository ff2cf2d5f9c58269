#!/usr/bin/env bash
# Asterisk, FFmpeg: a recording named .g726-16 holds 32 kbit/s, .g726-40 nothing, and FFmpeg's "g726" is not theirs.
#
# Guess:   Asterisk lists the file formats g726-16, g726-24, g726-32 and g726-40; the suffix says the bit rate, and
#          FFmpeg decodes them with "-f g726" and the code size that belongs to the rate.
# Instead: .g726-16 holds the same bytes as .g726-32, so a player that believes the suffix plays noise of twice the
#          length. .g726-24 and .g726-40 stay empty ("Invalid data length 80, should be multiple of 50": 80 bytes are 20
#          ms at 32 kbit/s). The half-bytes are in the order that FFmpeg calls g726le: with that the copy matches the
#          original, with g726 (likeness 0.4) it is noise. No reader complains.
# Bites:   Whoever scores or bills by recordings of small switches that store G.726.
set -euo pipefail

work=$(mktemp -d)
trap 'stop_asterisk; rm -rf "$work"' EXIT
source "$(dirname "$0")/asterisk.bash"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile av==18.1.0 numpy==2.4.6
unpack_asterisk
configure_asterisk app_record app_milliwatt codec_ulaw codec_g726 format_g726 format_sln
cat >"$work/etc/extensions.conf" <<CONFIGURATION
[calls]
exten => tone,1,Answer()
 same => n,Milliwatt()
exten => _X.,1,Answer()
 same => n,Record($work/call.\${EXTEN:1},0,3,qk)
CONFIGURATION
start_asterisk
for suffix in g726-16 g726-24 g726-32 g726-40 sln; do
    tell_asterisk "channel originate Local/1$suffix@calls/n extension tone@calls" >/dev/null
done
sleep 5
stop_asterisk
grep -ho "Invalid data length.*" "$work/var/log/messages" | sort | uniq -c
(cd "$work" && wc -c call.*)
cmp -n 8000 "$work/call.g726-16" "$work/call.g726-32"
[ ! -s "$work/call.g726-24" ] && [ ! -s "$work/call.g726-40" ]

env -u LD_LIBRARY_PATH "$work/venv/bin/python" - "$work" <<'PY'
import sys
from pathlib import Path

import av
import numpy as np

folder = Path(sys.argv[1])
original = np.fromfile(folder / "call.sln", "<i2").astype(float)


def decode(demuxer, code_size):
    options = {"code_size": str(code_size), "sample_rate": "8000"}
    with av.open(str(folder / "call.g726-16"), format=demuxer, options=options) as container:
        return np.concatenate([frame.to_ndarray().ravel() for frame in container.decode(audio=0)]).astype(float)


def likeness(decoded):
    """Return the highest correlation over shifts of one period of the tone."""
    window = original[1000:9000]
    return round(max(float(np.corrcoef(window, decoded[1000 + k : 9000 + k])[0, 1]) for k in range(-8, 8)), 2)


print("av", av.__version__, "decodes call.g726-16")
seen = {}
for demuxer, code_size in (("g726le", 2), ("g726", 4), ("g726le", 4)):
    decoded = decode(demuxer, code_size)
    like, longer = seen[demuxer, code_size] = likeness(decoded), round(len(decoded) / len(original), 2)
    print(f"  as {demuxer}, {code_size * 8} kbit/s: likeness {like}, length x{longer}")
assert seen["g726le", 4][0] > 0.98 and abs(seen["g726le", 4][1] - 1) < 0.05, seen
assert seen["g726", 4][0] < 0.7 and seen["g726le", 2][0] < 0.3 and seen["g726le", 2][1] > 1.9, seen
PY
