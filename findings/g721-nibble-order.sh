#!/usr/bin/env bash
# libsndfile, FFmpeg: the same 32 kbit/s ADPCM in a WAV file has its half-bytes the other way round.
#
# Guess:   A WAV file of G.721 (G.726 at 32 kbit/s; format tag 0x40) that one of the two big libraries wrote is decoded
#          by the other; both announce the codec and the right length.
# Instead: libsndfile packs the two samples of a byte low half first, FFmpeg reads WAV high half first. So every pair of
#          samples is swapped before it reaches the adaptive predictor, and out comes noise (correlation with the
#          original 0.33 instead of 0.99). No error, and the right length. The same bytes through FFmpeg's demuxer
#          "g726le" are right, and so is an AU file. Nor does it go the other way: FFmpeg writes tag 0x45 into WAV, of
#          which libsndfile says "Malformed 'fmt ' chunk".
# Bites:   Archives of PBX voice mail that one tool wrote and another scores; a scorer for synthetic speech takes the
#          damage for an artefact of the voice.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile soundfile==0.14.0 av==18.1.0 numpy==2.4.6
cd "$work"

"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

import av
import numpy as np
import soundfile

RATE = 8000
time = np.arange(RATE * 5) / RATE
pitch = np.cumsum(2 * np.pi * (150 + 40 * np.sin(2 * np.pi * 0.7 * time)) / RATE)
voice = sum(np.sin(k * pitch) / k for k in range(1, 20))
signal = 0.2 * voice * np.sin(2 * np.pi * 1.5 * time) ** 2


def decode(path, **demuxer):
    with av.open(path, **demuxer) as container:
        pieces = [frame.to_ndarray().ravel() for frame in container.decode(audio=0)]
        return container.streams[0].codec_context.name, np.concatenate(pieces) / 32768


def likeness(decoded):
    return round(float(np.corrcoef(signal, decoded[: len(signal)])[0, 1]), 2)


print(*(f"{name} {version(name)}" for name in ("soundfile", "av")), "libsndfile", soundfile.__libsndfile_version__)
seen = {}
for path in ("call.wav", "call.au"):
    soundfile.write(path, signal, RATE, subtype="G721_32")
    codec, foreign = decode(path)
    seen[path] = likeness(soundfile.read(path)[0]), likeness(foreign)
    print(f"{path}: correlation with the original: libsndfile {seen[path][0]}, FFmpeg ({codec}) {seen[path][1]}")
with open("call.wav", "rb") as file:
    content = file.read()
with open("call.g726", "wb") as file:
    file.write(content[content.index(b"data") + 8 :])
codec, foreign = decode("call.g726", format="g726le", options={"code_size": "4", "sample_rate": str(RATE)})
print(f"bytes of call.wav as {codec}: {likeness(foreign)}")
assert min(*seen["call.au"], seen["call.wav"][0], likeness(foreign)) > 0.95, (seen, likeness(foreign))
assert seen["call.wav"][1] < 0.5, seen

frame = av.AudioFrame.from_ndarray((signal * 32767).astype("int16").reshape(1, -1), format="s16", layout="mono")
frame.sample_rate, frame.pts = RATE, 0
with av.open("ffmpeg.wav", "w") as container:
    stream = container.add_stream("g726", rate=RATE, layout="mono")
    stream.bit_rate = 32000
    for piece in (frame, None):
        container.mux(stream.encode(piece))
try:
    soundfile.info("ffmpeg.wav")
    raise SystemExit("changed: libsndfile opens it")
except soundfile.LibsndfileError as error:
    print("FFmpeg's WAV in libsndfile:", error)
PY
