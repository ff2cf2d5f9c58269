#!/usr/bin/env bash
# soundfile: a valid FLAC recording that was encoded through a pipe cannot be read.
#
# Guess:   FLAC may leave the number of samples in its header at 0, "unknown"; encoders do so when they cannot seek
#          back. soundfile.read() then reads until the end, as it does for WAV files with such headers.
# Instead: soundfile takes 2**63 - 1 frames for the length and raises "ValueError: array is too big" before it has read
#          a sample. In pieces all but the last can be had; the last raises "Internal psf_fseek() failed". mutagen says
#          0.0 seconds, PyAV knows no duration but decodes all of it. (Known as issues 361 and 450 of python-soundfile
#          and 1038 of libsndfile.)
# Bites:   Recordings that ffmpeg, sox or a recorder streamed into FLAC: refused as broken, though nothing is missing,
#          or passed over as empty.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile soundfile==0.14.0 av==18.1.0 mutagen==1.48.1 numpy==2.4.6
cd "$work"

"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

import av
import mutagen
import numpy as np
import soundfile

RATE, SECONDS = 8000, 60


class Pipe:
    """What is written goes on to the next program: there is no seek()."""

    def __init__(self):
        self.content = b""

    def write(self, piece):
        self.content += bytes(piece)
        return len(piece)


def encode():
    noise = np.random.default_rng(0).normal(0, 1000, (1, RATE * SECONDS)).astype("int16")
    frame = av.AudioFrame.from_ndarray(noise, format="s16", layout="mono")
    frame.sample_rate, frame.pts = RATE, 0
    pipe = Pipe()
    with av.open(pipe, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=RATE, layout="mono")
        for piece in (frame, None):
            container.mux(stream.encode(piece))
    return pipe.content


print(*(f"{name} {version(name)}" for name in ("soundfile", "av", "mutagen")), soundfile.__libsndfile_version__)
with open("call.flac", "wb") as file:
    file.write(encode())

info = soundfile.info("call.flac")
print("soundfile: frames in the header", info.frames)
try:
    soundfile.read("call.flac")
    raise SystemExit("changed: soundfile reads it")
except ValueError as error:
    print("soundfile.read: ValueError:", error)
in_pieces = 0
try:
    for piece in soundfile.blocks("call.flac", blocksize=7000):
        in_pieces += len(piece)
except soundfile.LibsndfileError as error:
    print(f"soundfile.blocks: {in_pieces} frames, then LibsndfileError: {error}")
with av.open("call.flac") as container:
    duration = container.duration
    decoded = sum(frame.samples for frame in container.decode(audio=0))
length = mutagen.File("call.flac").info.length
print(f"PyAV: duration {duration}, {decoded} frames; mutagen: {length} s")
assert info.frames == 2**63 - 1
assert (in_pieces, duration, decoded, length) == (476_000, None, RATE * SECONDS, 0.0), in_pieces
PY
