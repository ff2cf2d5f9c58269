#!/usr/bin/env bash
# mutagen: a minute of GSM speech in a WAV file lasts a fifth of a second.
#
# Guess:   mutagen.File(path).info.length of a WAV file is right whatever the codec, or the codec is refused: the header
#          holds bytes per second and, for these codecs, the number of samples.
# Instead: The length is computed from the bits per sample in the header, which mean nothing for codecs that work on
#          blocks: 0.19 s instead of 60 s for GSM 6.10 (Asterisk's .WAV), 0.12 s for both ADPCM codecs, and 30 s for
#          G.722. For G.711 it is right. tinytag gives 60 s for all of them.
# Bites:   Inventories of recordings and checks against the call record: telephone codecs look like empty recordings.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile mutagen==1.48.1 tinytag==2.3.2 soundfile==0.14.0 av==18.1.0 numpy==2.4.6
cd "$work"

"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

import av
import mutagen
import numpy as np
import soundfile
from tinytag import TinyTag

SECONDS = 60
noise = np.random.default_rng(0).normal(0, 0.1, 8000 * SECONDS)
for codec in ("ULAW", "ALAW", "GSM610", "IMA_ADPCM", "MS_ADPCM"):
    soundfile.write(f"{codec}.wav", noise, 8000, subtype=codec)
wide = (np.repeat(noise, 2) * 32767).astype("int16").reshape(1, -1)
frame = av.AudioFrame.from_ndarray(wide, format="s16", layout="mono")
frame.sample_rate, frame.pts = 16000, 0
with av.open("G722.wav", "w") as container:
    stream = container.add_stream("g722", rate=16000, layout="mono")
    for piece in (frame, None):
        container.mux(stream.encode(piece))

print(*(f"{name} {version(name)}" for name in ("mutagen", "tinytag", "soundfile", "av")))
seen = {}
for codec in ("ULAW", "ALAW", "GSM610", "IMA_ADPCM", "MS_ADPCM", "G722"):
    with av.open(f"{codec}.wav") as container:
        decoded = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    by_tinytag = TinyTag.get(f"{codec}.wav").duration
    seen[codec] = round(mutagen.File(f"{codec}.wav").info.length, 2)
    print(f"{codec:9} mutagen {seen[codec]:5.2f} s, tinytag {by_tinytag:.2f} s, decoded by PyAV {decoded:.2f} s")
    assert abs(by_tinytag - SECONDS) < 0.1 and abs(decoded - SECONDS) < 0.1
assert seen == {"ULAW": 60, "ALAW": 60, "GSM610": 0.19, "IMA_ADPCM": 0.12, "MS_ADPCM": 0.12, "G722": 30}, seen
PY
