"""Acoustic features of speech: versioned sets of named figures, and the frame-level functions they are made from.

`extract(signal, sampling_rate)` gives one figure per feature; the frame-level functions (`lfcc`, `mfcc`,
`track_pitch` …) give arrays over time. All spectral families read one shared short-time Fourier transform, `Spectrum`.
Definitions, units, sources and measured agreement: ``docs/audio-features.md``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
