#!/usr/bin/env bash
# soundfile: of one valid MP3 recording it reads a third, of another it repeats the end 33 times.
#
# Guess:   The length of an MP3 file without an index header (none can be written into a pipe) is an estimate; read()
#          returns what there is, and blocks() the same in pieces, the last one shorter.
# Instead: The estimate, from the bit rate at the beginning and the size of the file, is the law. Of a call with 20 s of
#          speech and then 40 s of silence on hold, at variable bit rate, 19.2 s are read, in blocks too; PyAV decodes
#          60.2 s. With the silence first 76.5 s are announced: read() returns 60.2 s, but blocks() goes on to 76.5 s
#          and yields its old buffer again, the end of the speech 33 times over at full level. There is no error and no
#          warning. (The estimate is issue 1001 of libsndfile.)
# Bites:   Recorders that stream MP3 with variable bit rate: the end of a call is never scored, and a check that
#          compares what was read with the length of the file finds them equal; or durations, speech shares and scores
#          include speech that nobody spoke.
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
hold = np.zeros(RATE * 40)


def measure(signal):
    """Return the seconds announced, read, read in blocks, and decoded by PyAV, and how often the last block occurs."""
    content = encode(signal)
    assert b"Xing" not in content and b"Info" not in content
    with open("call.mp3", "wb") as file:
        file.write(content)
    blocks = list(soundfile.blocks("call.mp3", blocksize=4000))
    with av.open("call.mp3") as container:
        decoded = sum(frame.samples for frame in container.decode(audio=0))
    announced = soundfile.info("call.mp3").frames
    frames = announced, len(soundfile.read("call.mp3")[0]), sum(map(len, blocks)), decoded
    repeats = sum(np.array_equal(block, blocks[-2]) for block in blocks if block.any())
    return *(round(count / RATE, 1) for count in frames), repeats


columns = ("announced", "read", "in blocks", "by PyAV", "equal blocks")
for name, signal, recorded in (
    ("speech, then hold", np.concatenate([speech, hold]), (19.2, 19.2, 19.2, 60.2, 1)),
    ("hold, then speech", np.concatenate([hold, speech]), (76.5, 60.2, 76.5, 60.2, 33)),
):
    seen = measure(signal)
    print(f"{name}: {dict(zip(columns, seen))}")
    assert seen == recorded, seen
PY
