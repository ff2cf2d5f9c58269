"""Small spectrograms for the reviewer: 240 by 48 points, 16 shades, a few kilobytes."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

import audio_batch
from audio_batch.errors import AudioError

if TYPE_CHECKING:
    import polars as pl

COLUMNS, ROWS = 240, 48
"""Points along time and frequency: enough to see speech, small enough for a page with dozens of them."""

TOP_HZ = 8000.0
"""Nothing above is drawn; telephone speech ends at half of it."""

RANGE_DB = 60.0
"""From black to the brightest shade."""

PICTURES = 50
"""Recordings of a batch that get a picture, the worst ones."""

_WINDOW_SECONDS = 0.032
_WINDOWS_PER_COLUMN = 4
_SHADES = 16
_SILENCE = 1e-9  # power of a window; what is hardly above it stays black
# Anchors of a perceptual map from black over violet and orange to pale yellow; luminance grows evenly.
_ANCHORS = ((0, 0, 4), (40, 17, 89), (114, 31, 129), (183, 55, 121), (241, 96, 93), (254, 159, 109), (252, 253, 191))

Floats = npt.NDArray[np.float64]


def draw_pictures(directory: Path, recordings: pl.DataFrame, *, limit: int = PICTURES) -> dict[str, str]:
    """Draw the worst recordings; return recording id to picture, as table ``recordings`` keeps it.

    A recording that cannot be read any more, or whose name cannot be written as text, has none.
    """
    worst = recordings.filter(recordings["score"].is_not_null()).head(limit)
    pictures = {}
    for row in worst.iter_rows(named=True):
        picture = _draw(directory / row["path"], row["worst_channel"] or 0, row["sampling_rate"], row["duration"])
        if picture is not None:
            pictures[str(row["recording_id"])] = picture
    return pictures


def _draw(path: Path, channel: int, sampling_rate: int | None, seconds: float | None) -> str | None:
    if not sampling_rate or not seconds:
        return None
    try:
        image = measure_spectrogram(path, channel=channel, sampling_rate=sampling_rate, seconds=seconds)
    except (AudioError, OSError, ValueError, IndexError):
        return None
    top = min(TOP_HZ, sampling_rate / 2)
    facts = {"png": encode_png(image), "channel": channel, "seconds": round(seconds, 3), "top_hz": top}
    return json.dumps(facts)


def measure_spectrogram(path: Path, *, channel: int, sampling_rate: int, seconds: float) -> npt.NDArray[np.uint8]:
    """Measure the spectrogram of a whole recording, in bounded memory.

    Parameters
    ----------
    path
        The recording.
    channel
        Index of the channel, from 0.
    sampling_rate
        Hz.
    seconds
        Length of the recording.

    Returns
    -------
    numpy.ndarray
        Shape (48, 240): shades 0 … 15, lowest frequency in the last row. Each point is the mean power of at most four
        Hann windows of about 32 ms, in dB below the loudest points.
    """
    grid = _Grid(sampling_rate, seconds)
    power = np.zeros((COLUMNS, grid.window // 2 + 1))
    counts = np.zeros(COLUMNS)
    taper = np.hanning(grid.window)
    for start, signal in _read_overlapping(path, channel, grid.window):
        chosen = (grid.starts >= start) & (grid.starts <= start + len(signal) - grid.window)
        for begin, column in zip(grid.starts[chosen] - start, grid.columns[chosen], strict=True):
            power[column] += np.abs(np.fft.rfft(signal[begin : begin + grid.window] * taper)) ** 2
            counts[column] += 1
    return _shade(_merge_bins(power / np.maximum(counts, 1)[:, None], grid))


@dataclass(frozen=True)
class _Grid:
    """Which windows are measured, and the column that each belongs to."""

    sampling_rate: int
    seconds: float

    @property
    def window(self) -> int:
        return int(2 ** round(np.log2(_WINDOW_SECONDS * self.sampling_rate)))

    @property
    def starts(self) -> npt.NDArray[np.int64]:
        last = max(0.0, self.seconds * self.sampling_rate - self.window)
        return np.unique(np.linspace(0, last, COLUMNS * _WINDOWS_PER_COLUMN).astype(np.int64))

    @property
    def columns(self) -> npt.NDArray[np.int64]:
        middle = self.starts + self.window / 2
        column = (middle / (self.seconds * self.sampling_rate) * COLUMNS).astype(np.int64)
        return np.minimum(column, COLUMNS - 1)


def _read_overlapping(path: Path, channel: int, window: int) -> Any:
    """Yield (first sample, samples); each piece starts with the end of the one before."""
    tail, start = np.zeros(0, dtype=np.float32), 0
    for block in audio_batch.read_blocks(path):
        signal = np.concatenate([tail, np.nan_to_num(block[:, channel], posinf=0, neginf=0)])
        yield start, signal
        kept = min(len(signal), window - 1)
        start += len(signal) - kept
        tail = signal[len(signal) - kept :]


def _merge_bins(power: Floats, grid: _Grid) -> Floats:
    top = min(TOP_HZ, grid.sampling_rate / 2)
    bins = np.arange(power.shape[1]) * grid.sampling_rate / grid.window
    kept = bins < top
    row = np.minimum((bins[kept] / top * ROWS).astype(np.int64), ROWS - 1)
    merged = np.zeros((COLUMNS, ROWS))
    np.add.at(merged.T, row, power.T[kept])
    filled = merged / np.maximum(np.bincount(row, minlength=ROWS), 1)
    return _fill_gaps(filled)


def _fill_gaps(power: Floats) -> Floats:
    """A short recording has fewer windows than columns: repeat the column before."""
    measured = np.flatnonzero(power.sum(axis=1) > 0)
    if not len(measured):
        return power
    nearest = measured[np.clip(np.searchsorted(measured, np.arange(COLUMNS), side="right") - 1, 0, None)]
    return np.asarray(power[nearest])


def _shade(power: Floats) -> npt.NDArray[np.uint8]:
    level = 10 * np.log10(np.maximum(power, _SILENCE))
    top = max(np.percentile(level, 99.8), 10 * np.log10(_SILENCE) + RANGE_DB)
    shade = np.clip((level - top + RANGE_DB) / RANGE_DB, 0, 1) * (_SHADES - 1)
    return np.asarray(np.round(shade).T[::-1], dtype=np.uint8)


def encode_png(image: npt.NDArray[np.uint8]) -> str:
    """Return an image of 16 shades as PNG (ISO/IEC 15948: four bits a point, palette), in base64."""
    height, width = image.shape
    packed = (image[:, 0::2] << 4) | image[:, 1::2]
    lines = b"".join(b"\0" + line.tobytes() for line in packed)
    header = struct.pack(">IIBBBBB", width, height, 4, 3, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"PLTE", _palette()), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")]
    png = b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)
    return base64.b64encode(png).decode()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _palette() -> bytes:
    places = np.linspace(0, len(_ANCHORS) - 1, _SHADES)
    channels = [np.interp(places, range(len(_ANCHORS)), values) for values in zip(*_ANCHORS, strict=True)]
    return np.round(np.stack(channels, axis=1)).astype(np.uint8).tobytes()
