#!/usr/bin/env bash
# soundfile: of a valid MP3 recording it reads a third, and says that this is all of it.
#
# Guess:   The length of an MP3 file without an index header is an estimate; read() returns what there is, until the end
#          of the file.
# Instead: libsndfile estimates the length from the bit rate at the beginning and the size of the file, and reads no
#          further. Of a call with 20 s of speech and then 40 s of silence on hold, encoded with variable bit rate into a
#          pipe (where no Xing header can be written), 19.2 s are read; PyAV decodes 60.2 s. There is no error and no
#          warning, and reading in blocks stops at the same place. (The estimate is issue 1001 of libsndfile.)
# Bites:   Recorders that stream MP3 with variable bit rate: the end of the call is never scored, and a check that
#          compares what was read with the length of the file finds them equal.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile soundfile==0.14.0 av==18.1.0 numpy==2.4.6
cd "$work"

# libsndfile's MP3 library prints notes while it looks for the first frame; they are shown if anything else happens.
"$work/venv/bin/python" - 2>notes <<'PY' || { tail -20 notes; exit 1; }
from importlib.metadata import version

import av
import numpy as np
import soundfile

RATE = 8000


class Pipe:
    """What is written goes on to the next program: there is no seek()."""

    def __init__(self):
        self.content = b""

    def write(self, piece):
        self.content += bytes(piece)
        return len(piece)


def encode(signal):
    pipe = Pipe()
    samples = (signal * 32767).astype("int16").reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate, frame.pts = RATE, 0
    quality = {"flags": "+qscale", "global_quality": str(5 * 118)}  # lame -V 5; 118 is FFmpeg's FF_QP2LAMBDA
    with av.open(pipe, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=RATE, layout="mono", options=quality)
        planar = av.AudioResampler(format="s16p", layout="mono", rate=RATE).resample(frame)
        for piece in [*planar, None]:
            container.mux(stream.encode(piece))
    return pipe.content


print(*(f"{name} {version(name)}" for name in ("soundfile", "av")), "libsndfile", soundfile.__libsndfile_version__)
time = np.arange(RATE * 20) / RATE
noise = np.random.default_rng(0).standard_normal(len(time))
speech = 0.15 * np.sin(2 * np.pi * 180 * time) * (1 + np.sin(2 * np.pi * 4 * time)) + 0.05 * noise
content = encode(np.concatenate([speech, np.zeros(RATE * 40)]))
assert b"Xing" not in content and b"Info" not in content
with open("call.mp3", "wb") as file:
    file.write(content)

with av.open("call.mp3") as container:
    decoded = sum(frame.samples for frame in container.decode(audio=0))
frames = {
    "announced": soundfile.info("call.mp3").frames,
    "read": len(soundfile.read("call.mp3")[0]),
    "read in blocks": sum(len(block) for block in soundfile.blocks("call.mp3", blocksize=4000)),
    "decoded by PyAV": decoded,
}
seconds = {name: round(count / RATE, 1) for name, count in frames.items()}
print(seconds)
assert list(seconds.values()) == [19.2, 19.2, 19.2, 60.2], seconds
PY
