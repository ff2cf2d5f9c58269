#!/usr/bin/env bash
# pyworld: at telephone rates the WORLD vocoder turns every voice into a whisper, without a warning.
#
# Guess:   wav2world() and synthesize() take the sampling rate, so speech of 8 kHz can be analysed and put together
#          again: a little muffled, but voiced. If a rate is too low, they say so.
# Instead: The pitch is found as usual, but at 8 kHz the aperiodicity is 1.0 (all noise) in every band of every frame,
#          and the copy has no pitch any more; nor has it at 12 kHz. The cause is D4C, which needs a band of 6 kHz
#          (issues 49 and 154 of mmorise/World); d4c() returns its matrix of ones as if it had measured it. At 16 kHz
#          all is well.
# Bites:   Whoever makes vocoded copies of telephone speech to train or test a detector of synthetic speech: the
#          detector learns "whisper = fake" and looks brilliant. Resample to 16 kHz, copy, resample back.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile pyworld==0.3.5 numpy==2.4.6 "setuptools<81"

"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
import pyworld

print(*(f"{name} {version(name)}" for name in ("pyworld", "numpy")))


def vowel(rate, seconds=2.0, pitch=120.0):
    """Return harmonics of a voice under three resonances."""
    time = np.arange(int(rate * seconds)) / rate
    frequencies = np.arange(pitch, rate / 2 - pitch, pitch)
    levels = sum(1 / (1 + ((frequencies - resonance) / 100) ** 2) for resonance in (600, 1200, 2500)) + 0.01
    return 0.02 * sum(level * np.sin(2 * np.pi * f * time + f) for level, f in zip(levels, frequencies))


def copy(rate):
    """Return the shares of voiced frames before and after a copy, and the least and the median aperiodicity."""
    signal = vowel(rate)
    pitch, envelope, aperiodicity = pyworld.wav2world(signal, rate)
    again = pyworld.synthesize(pitch, envelope, aperiodicity, rate)
    pitch_again, _ = pyworld.harvest(again, rate)
    return (pitch > 0).mean(), (pitch_again > 0).mean(), aperiodicity[pitch > 0].min(), np.median(aperiodicity)


seen = {rate: copy(rate) for rate in (16000, 12000, 8000)}
for rate, (before, after, least, median) in seen.items():
    print(f"{rate} Hz: voiced {before:.0%}, of the copy {after:.0%}; aperiodicity from {least:.3f}, median {median:.3f}")
assert seen[16000][0] > 0.9 and seen[16000][1] > 0.9, seen
for rate in (12000, 8000):
    assert seen[rate][0] > 0.9 and seen[rate][1] < 0.1, seen
assert seen[8000][2] > 0.999, seen
PY
