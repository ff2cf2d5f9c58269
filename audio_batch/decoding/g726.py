"""G.726 without a header: as a file that libsndfile reads, and at the bit rate that it really has.

Asterisk has one G.726, at 32 kbit/s; what it writes under ``.g726-16`` is that all the same.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from typing import BinaryIO

import numpy as np

from audio_batch.decoding.composed_file import ComposedFile
from audio_batch.decoding.raw_formats import G726_KBITS, RawFormat
from audio_batch.decoding.readers import Reader
from audio_batch.errors import UnreadableAudioError

AU_ENCODINGS = {"g726_24": 25, "g726_32": 23, "g726_40": 26}
"""Encodings of AU files (Sun, audio(5)): G.721 and G.723, which are parts of G.726 today. 16 kbit/s has none."""
_COMMON = "g726_32"
_PROBED_FRAMES = 40_000


def compose_au(file: BinaryIO, size: int, raw: RawFormat) -> ComposedFile:
    """Return a file of one of `AU_ENCODINGS` with the header of an AU file before it."""
    encoding = AU_ENCODINGS[raw.encoding]
    head = struct.pack(">4sIIIII", b".snd", 24, min(size, 0xFFFFFFFF), encoding, raw.sampling_rate, raw.channels)
    return ComposedFile(head, file, 0, size)


def settle_rate(claimed: RawFormat, open_as: Callable[[RawFormat], Reader]) -> RawFormat:
    """Find out whether a file whose suffix claims another bit rate holds 32 kbit/s.

    The predictor of ADPCM runs away when it is fed bits that were cut at other places: what is decoded at the wrong
    rate is much louder than what is decoded at the right one, whether it holds speech, tones or noise.

    Parameters
    ----------
    claimed
        The format that the suffix stands for; anything but G.726 is returned as it is.
    open_as
        Opens the file as if it held the format given.

    Returns
    -------
    RawFormat
        The claimed one, or the same at 32 kbit/s.
    """
    if claimed.encoding not in G726_KBITS or claimed.encoding == _COMMON:
        return claimed
    common = replace(claimed, encoding=_COMMON)
    try:
        return common if _measure_power(open_as(common)) < _measure_power(open_as(claimed)) else claimed
    except UnreadableAudioError:
        return claimed


def _measure_power(reader: Reader) -> float:
    """Return the mean square of the first samples."""
    try:
        samples = reader.read(_PROBED_FRAMES)
    finally:
        reader.close()
    return float(np.square(samples).mean()) if len(samples) else 0.0
