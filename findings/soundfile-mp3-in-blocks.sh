#!/usr/bin/env bash
# soundfile: an MP3 recording read in blocks has other samples than the same recording read at once.
#
# Guess:   Reading in blocks is a matter of memory; the samples are those of read(), as for WAV, FLAC and Opus.
# Instead: soundfile seeks to where it is after each piece, and the MP3 decoder starts anew there without the bits that
#          earlier frames hold for it (the bit reservoir). Of 20 s of speech-like sound at 16 kHz and 16 kbit/s, in a
#          seekable file with its header, blocks of 1,000 frames change 6,500 samples, blocks of 4,000 change 2,000, by
#          up to a third of full scale. At 64 kbit/s nothing changes. Read at once, it is what PyAV decodes. The only
#          sign are lines of libmpg123 on standard error ("part2_3_length too large").
# Bites:   Whoever streams long MP3 calls through soundfile: clicks at the borders of blocks, and features and scores
#          that depend on the size of the blocks.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile soundfile==0.14.0 av==18.1.0 numpy==2.4.6
cd "$work"

"$work/venv/bin/python" - 2>notes <<'PY' || { tail -20 notes; exit 1; }
from importlib.metadata import version

import av
import numpy as np
import soundfile

RATE = 16000


def encode(path, signal, bit_rate):
    samples = (signal * 32767).astype("int16").reshape(1, -1)
    frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
    frame.sample_rate, frame.pts = RATE, 0
    with av.open(path, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=RATE, layout="mono")
        stream.bit_rate = bit_rate
        for piece in [*av.AudioResampler(format="s16p", layout="mono", rate=RATE).resample(frame), None]:
            container.mux(stream.encode(piece))


def compare(path):
    """Return how far PyAV, and blocks of several sizes, are from the whole file read at once."""
    whole, _ = soundfile.read(path)
    with av.open(path) as container:
        decoded = np.concatenate([frame.to_ndarray().ravel() for frame in container.decode(audio=0)])
    furthest = {"PyAV": float(np.abs(decoded - whole).max())}
    changed = {}
    for size in (1000, 4000, 16000):
        pieces = np.concatenate(list(soundfile.blocks(path, blocksize=size)))
        deviation = np.abs(pieces - whole)
        furthest[size], changed[size] = round(float(deviation.max()), 2), int((deviation > 1e-3).sum())
    return furthest, changed


print(*(f"{name} {version(name)}" for name in ("soundfile", "av")), "libsndfile", soundfile.__libsndfile_version__)
time = np.arange(RATE * 20) / RATE
noise = np.random.default_rng(0).standard_normal(len(time))
pitch = 150 + 40 * np.sin(2 * np.pi * 0.7 * time)
voice = sum(np.sin(k * np.cumsum(2 * np.pi * pitch / RATE)) / k for k in range(1, 20))
signal = 0.2 * voice * np.sin(2 * np.pi * 1.5 * time) ** 2 + 0.003 * noise
for bit_rate in (16_000, 64_000):
    encode("call.mp3", signal, bit_rate)
    furthest, changed = compare("call.mp3")
    print(f"{bit_rate // 1000} kbit/s: furthest sample by block size {furthest}, changed samples {changed}")
    assert furthest["PyAV"] < 1e-5, furthest
    if bit_rate == 16_000:
        assert furthest[1000] > 0.1 and changed[1000] > 1000 and changed[1000] != changed[4000], (furthest, changed)
    else:
        assert set(changed.values()) == {0}, changed
PY
