#!/usr/bin/env bash
# Asterisk, libsndfile, FFmpeg: a finished .au recording is empty for two readers and three seconds long for a third.
#
# Guess:   When Asterisk has finished a recording, the length in the header is filled in, as in its .wav files.
# Instead: In .au it stays 0 for good. libsndfile takes 0 for the truth and reads no sample, FFmpeg refuses the file as
#          "Invalid data", sox ignores the field and reads all of it. (The format's way to say "unknown" would be
#          0xFFFFFFFF.)
# Bites:   Whoever takes in voice mail or recordings in .au: they are rejected as empty or corrupt, and the speech is
#          there.
set -euo pipefail

work=$(mktemp -d)
trap 'stop_asterisk; rm -rf "$work"' EXIT
source "$(dirname "$0")/asterisk.bash"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile av==18.1.0 soundfile==0.14.0 numpy==2.4.6
unpack_asterisk
configure_asterisk app_record app_milliwatt codec_ulaw format_pcm format_wav
cat >"$work/etc/extensions.conf" <<CONFIGURATION
[calls]
exten => tone,1,Answer()
 same => n,Milliwatt()
exten => _X.,1,Answer()
 same => n,Record($work/call.\${EXTEN:1},0,3,qk)
CONFIGURATION
start_asterisk
for suffix in au wav; do
    tell_asterisk "channel originate Local/1$suffix@calls/n extension tone@calls" >/dev/null
done
sleep 5
stop_asterisk
unset LD_LIBRARY_PATH

"$work/venv/bin/python" - "$work" <<'PY'
import sys
from pathlib import Path

import av
import soundfile

recording = Path(sys.argv[1], "call.au")
content = recording.read_bytes()
start, length = int.from_bytes(content[4:8], "big"), int.from_bytes(content[8:12], "big")
held = (len(content) - start) / 8000
print("soundfile", soundfile.__version__, "libsndfile", soundfile.__libsndfile_version__, "av", av.__version__)
print(f"call.au: {len(content)} bytes, {held:.2f} s of mu-law; length in the header {length}")
seen, in_wav = soundfile.info(recording), soundfile.info(recording.with_suffix(".wav"))
print("libsndfile: frames", seen.frames, "in .au,", in_wav.frames, "in the .wav of an equal call")
assert held > 2.5 and length == 0 and seen.frames == 0 and in_wav.duration > 2.5
try:
    av.open(str(recording))
    raise SystemExit("changed: PyAV opens it")
except av.error.InvalidDataError as error:
    print("PyAV:", error.strerror)
PY
if command -v sox >/dev/null; then
    sox "$work/call.au" -n stat 2>&1 | grep Length
fi
