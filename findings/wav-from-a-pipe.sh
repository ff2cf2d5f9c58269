#!/usr/bin/env bash
# wave, mutagen, tinytag: five seconds of speech that came through a pipe last three days.
#
# Guess:   A program that writes WAV into a pipe cannot know the length, so it puts a placeholder into the header; every
#          reader knows that and looks at the size of the file.
# Instead: The decoders do (soundfile, PyAV: 5.0 s, without a word); what people use to ask for the duration does not.
#          Python's own wave, mutagen and tinytag all answer 268,435.5 s for FFmpeg's placeholder 0xFFFFFFFF. Others
#          write other numbers, which are no less believable as lengths: espeak-ng 1.51 --stdout 0x7FFFF000 (48,695.7 s
#          at 22,050 Hz), lame 3.100 --decode to standard output 0x7FFFFFFF; so a test for one constant finds only one
#          of them.
# Bites:   Billing or quality checks that compare a recording's duration with its call record: the recording is "too
#          long", or, compared with what was decoded, "truncated".
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile soundfile==0.14.0 av==18.1.0 mutagen==1.48.1 tinytag==2.3.2 numpy==2.4.6
cd "$work"

"$work/venv/bin/python" - <<'PY'
import platform
import wave
from importlib.metadata import version

import av
import mutagen
import numpy as np
import soundfile
from tinytag import TinyTag

RATE, SECONDS = 8000, 5


class Pipe:
    """What is written goes on to the next program: there is no seek()."""

    def __init__(self):
        self.content = b""

    def write(self, piece):
        self.content += bytes(piece)
        return len(piece)


frame = av.AudioFrame.from_ndarray(np.ones((1, RATE * SECONDS), "int16"), format="s16", layout="mono")
frame.sample_rate, frame.pts = RATE, 0
pipe = Pipe()
with av.open(pipe, "w", format="wav") as container:
    stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
    for piece in (frame, None):
        container.mux(stream.encode(piece))
with open("call.wav", "wb") as file:
    file.write(pipe.content)

packages = ("mutagen", "tinytag", "soundfile", "av")
print("python", platform.python_version(), *(f"{name} {version(name)}" for name in packages))
start = pipe.content.index(b"data")
print(len(pipe.content), "bytes; length of the data chunk:", pipe.content[start + 4 : start + 8].hex())
with wave.open("call.wav") as sound, av.open("call.wav") as container:
    seen = {
        "wave": sound.getnframes() / sound.getframerate(),
        "mutagen": mutagen.File("call.wav").info.length,
        "tinytag": TinyTag.get("call.wav").duration,
        "soundfile": soundfile.info("call.wav").duration,
        "PyAV": container.duration / 1e6,
    }
for reader, seconds in seen.items():
    print(f"  {reader:10} {seconds:10.1f} s")
assert [round(seconds, 1) for seconds in seen.values()] == [268435.5, 268435.5, 268435.5, 5.0, 5.0], seen
PY
