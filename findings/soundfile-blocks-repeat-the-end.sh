#!/usr/bin/env bash
# soundfile: blocks() repeats the last words of a call until the length that was announced is reached.
#
# Guess:   soundfile.blocks() is read() in pieces: together they have the same samples, and where the file ends sooner
#          than announced, the last block is shorter.
# Instead: blocks() does not look at how much read() delivered. Where the length is an overestimate (MP3 without an
#          index header: 40 s of silence, then 20 s of speech, variable bit rate, encoded into a pipe) it goes on to the
#          announced 76.5 s and yields its old buffer again: 16.3 s that are not in the file, the end of the speech 33
#          times over, at full level. read() of the same file returns the 60.2 s that there are.
# Bites:   Whoever reads long recordings in blocks to save memory: durations, speech shares and scores include speech
#          that nobody spoke; speaker and replay checks see a perfect loop.
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

RATE, BLOCK = 8000, 4000


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
with open("call.mp3", "wb") as file:
    file.write(encode(np.concatenate([np.zeros(RATE * 40), speech])))

whole, _ = soundfile.read("call.mp3")
blocks = list(soundfile.blocks("call.mp3", blocksize=BLOCK))
pieces = np.concatenate(blocks)
invented = pieces[len(whole) :]
loudness = np.sqrt(np.mean(invented**2)) / np.sqrt(np.mean(whole[-RATE * 10 :] ** 2))
repeats = sum(np.array_equal(block, blocks[-2]) for block in blocks)
print(f"read(): {len(whole) / RATE:.1f} s, blocks(): {len(pieces) / RATE:.1f} s")
print(f"beyond the end: {len(invented) / RATE:.1f} s, {loudness:.2f} times as loud as the speech; {repeats} equal blocks")
assert [round(len(part) / RATE, 1) for part in (whole, pieces, invented)] == [60.2, 76.5, 16.3]
assert repeats == 33 and 0.8 < loudness < 1.2, (repeats, loudness)
PY
