"""Speed and memory of the scoring chain on 8 kHz telephone audio, one core: decode, segments, features, score.

``python benchmarks/audio_scorer.py [FILE] [--minutes 10] [--json OUT]``: without a file it makes a call of pulses and
pauses, coded as G.711. Prints times real time (seconds of audio per second of work) for each step and for the chain.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np  # noqa: E402  (after the number of threads is set)

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

RATE = 8000


def make_call(path: Path, minutes: float, seed: int = 1) -> None:
    """Write a mono G.711 call: voiced bursts with pauses, a third of the time silent."""
    import soundfile

    rng = np.random.default_rng(seed)
    with soundfile.SoundFile(path, "w", RATE, 1, subtype="ULAW") as file:
        for _ in range(round(minutes * 6)):
            file.write(_make_stretch(rng, 10 * RATE))


def _make_stretch(rng: np.random.Generator, size: int) -> np.ndarray:
    steps = RATE / rng.uniform(90, 220) * (1 + 0.03 * rng.normal(size=size // 30))
    pulses = np.zeros(size)
    pulses[_inside(np.cumsum(steps), size)] = 1
    voice = np.convolve(pulses, np.exp(-np.arange(80) / 12) * np.sin(np.arange(80) * 0.6))[:size]
    bursts = np.convolve((rng.random(size // 1600 + 1) > 0.33).repeat(1600)[:size], np.hanning(800) / 400, "same")
    return (0.3 * voice * bursts + 1e-3 * rng.normal(size=size)).astype(np.float32)


def _inside(at: np.ndarray, size: int) -> np.ndarray:
    return at[at < size].astype(int)


def time_steps(path: Path, seconds: float) -> dict[str, float]:
    """Return times real time of the steps, each the best of three."""
    from audio_batch.decoding import read_blocks
    from audio_batch.segmentation import cut_segments
    from audio_batch.spoof.model import load_model
    from audio_batch.spoof.representation import Spectra, describe_spectra
    from audio_batch.spoof.scorer import score

    channel = load_model().select_channel("narrowband")
    segments = [segment.signal for segment in cut_segments(path)]
    spectra = [Spectra.of(signal, RATE) for signal in segments]
    values = np.array([list(describe_spectra(s).values()) for s in spectra], dtype=np.float32)
    score(path)
    steps: dict[str, Callable[[], object]] = {
        "decode": lambda: sum(1 for _ in read_blocks(path)),
        "decode and segments": lambda: sum(1 for _ in cut_segments(path)),
        "features": lambda: [describe_spectra(Spectra.of(signal, RATE)) for signal in segments],
        "trees": lambda: channel.trees.score(values),
        "whole chain": lambda: score(path),
    }
    return {name: round(seconds / min(_time(step) for _ in range(3)), 1) for name, step in steps.items()}


def _time(step: Callable[[], object]) -> float:
    started = time.process_time()
    step()
    return time.process_time() - started


def measure_memory(path: Path) -> int:
    """Return the peak memory of scoring a file, in MiB, over that of the process before."""
    from audio_batch.spoof.scorer import score

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    score(path)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--long-minutes", type=float, default=180.0, help="length of the file for memory; 0 skips it")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.file or Path(folder) / "call.wav"
        if options.file is None:
            make_call(path, options.minutes)
        from audio_batch.decoding import probe

        result: dict[str, object] = dict(time_steps(path, probe(path).duration or 0.0))
        if options.long_minutes:
            make_call(Path(folder) / "long.wav", options.long_minutes)
            result[f"memory of {options.long_minutes:g} minutes over {options.minutes:g}, MiB"] = measure_memory(
                Path(folder) / "long.wav"
            )
    for name, value in result.items():
        print(f"{name:45s} {value}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
