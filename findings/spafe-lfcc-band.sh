#!/usr/bin/env bash
# spafe: the band that is asked for in LFCC has no effect, and the returned centre frequencies say that it has.
#
# Guess:   lfcc(signal, low_freq=300, high_freq=3400) measures the telephone band, as mfcc() with these arguments does.
# Instead: The coefficients are the same to the last bit as for 0 to 4000 Hz. linear_filter_banks() returns centres from
#          424 to 3276 Hz, but its filters reach from 16 to 3984 Hz whatever the arguments. mfcc() and gfcc() obey.
# Bites:   LFCC are the usual front end of detectors of synthetic speech. What was meant to leave out mains hum and the
#          band above the telephone's, so that the line is not learnt instead of the voice, leaves out nothing.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -qq --no-compile spafe==0.3.3 numpy==2.4.6 scipy==1.17.1

"$work/venv/bin/python" - <<'PY'
from importlib.metadata import version

import numpy as np
from spafe.fbanks.linear_fbanks import linear_filter_banks
from spafe.features.gfcc import gfcc
from spafe.features.lfcc import lfcc
from spafe.features.mfcc import mfcc

RATE = 8000
print("spafe", version("spafe"))
signal = np.random.default_rng(0).standard_normal(RATE)
changed = {}
for name, measure in (("lfcc", lfcc), ("mfcc", mfcc), ("gfcc", gfcc)):
    full = measure(signal, fs=RATE, low_freq=0, high_freq=RATE / 2)
    band = measure(signal, fs=RATE, low_freq=300, high_freq=3400)
    changed[name] = float(np.abs(full - band).max())
print("largest change from 0-4000 Hz to 300-3400 Hz:", changed)
assert changed["lfcc"] == 0.0 and changed["mfcc"] > 1 and changed["gfcc"] > 1, changed

filters, centres = linear_filter_banks(nfilts=24, nfft=512, fs=RATE, low_freq=300, high_freq=3400)
passed = np.flatnonzero(filters.sum(axis=0)) * RATE / 512
print(f"centres {centres[0]:.0f} to {centres[-1]:.0f} Hz; filters pass {passed[0]:.0f} to {passed[-1]:.0f} Hz")
assert (round(centres[0]), round(centres[-1])) == (424, 3276)
assert (round(passed[0]), round(passed[-1])) == (16, 3984)
PY
