"""Agreement and speed of the voice features: ``python -m benchmarks.audio_features [FOLDER] [--clips 100]``.

FOLDER holds recordings, in sub-folders by source; clips are taken evenly from the sources, the longest 10 s of each,
at 16 kHz (only recordings made at 16 kHz or more) and lowered to 8 kHz. Without FOLDER the synthetic voices of the
tests stand in. References: Praat (``praat-parselmouth``), openSMILE eGeMAPS (``opensmile``) and ``spafe``.
Everything runs on one thread; engines take turns on each file; processor time counts.
Writes ``benchmarks/results/audio_features.md`` and prints it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audio_batch.decoding import decode, resample
from audio_batch.features import extract, lfcc, list_families
from audio_batch.features.formants import FORMANTS
from audio_batch.features.spectrum import Spectrum

RESULTS = Path(__file__).parent / "results" / "audio_features.md"
LONGEST, SHORTEST = 10.0, 2.0
Signal = npt.NDArray[np.float32]
Figures = dict[str, float]
DECIBELS = {"hnr_mean", "cpp_mean"}
FORMANT_NAMES = [f"{letter}{i + 1}_median" for letter in "fb" for i in range(FORMANTS)]
PERTURBATIONS = ("jitter_local", "jitter_rap", "jitter_ppq5")
AMPLITUDES = ("shimmer_local", "shimmer_apq3", "shimmer_apq5", "shimmer_apq11")


def read_clips(folder: Path | None, count: int, sampling_rate: int) -> list[Signal]:
    """Return up to `count` clips, taken evenly from the sub-folders, each 2 to 10 s."""
    if folder is None:
        sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
        from speech_samples import speak

        return [speak(8.0, sampling_rate, seed) for seed in range(count)]
    sources = [sorted(path for path in sub.iterdir() if path.is_file()) for sub in sorted(folder.iterdir())]
    clips: list[Signal] = []
    order = np.random.default_rng(0)
    for source in sources:
        found = (clip for path in order.permutation(np.array(source, dtype=object)) for clip in _read_clip(path))
        clips += [clip for clip, _ in zip(found, range(-(-count // len(sources))), strict=False)]
    return [resample(clip, 16_000, sampling_rate) for clip in clips[:count]]


def _read_clip(path: Path) -> Iterator[Signal]:
    signal, rate = decode(path)
    if rate >= 16_000 and len(signal) >= SHORTEST * rate:
        yield resample(np.ascontiguousarray(signal[: int(LONGEST * rate), 0]), rate, 16_000)


def measure_ours(signal: Signal, sampling_rate: int) -> Figures:
    return extract(signal, sampling_rate, families=["voice"]).values


def measure_praat(signal: Signal, sampling_rate: int) -> Figures:
    """Measure with Praat's own defaults, formants at the voiced frames, ceiling as ours."""
    import parselmouth
    from parselmouth.praat import call

    sound = parselmouth.Sound(signal.astype(np.float64), sampling_rate)
    pitch = sound.to_pitch()
    frequency = pitch.selected_array["frequency"]
    times, voiced = pitch.xs()[frequency > 0], frequency[frequency > 0]
    harmonicity = sound.to_harmonicity().values[0]
    pulses = call(sound, "To PointProcess (periodic, cc)", 75, 600)
    limits = (0, 0, 0.0001, 0.02, 1.3)
    figures = {name: call(pulses, f"Get jitter ({name[7:]})", *limits) for name in PERTURBATIONS}
    figures |= {name: call([sound, pulses], f"Get shimmer ({name[8:]})", *limits, 1.6) for name in AMPLITUDES}
    ceiling, formants = (5500.0, 5.0) if sampling_rate > 11_000 else (sampling_rate / 2, round(sampling_rate / 2200))
    track = sound.to_formant_burg(None, formants, ceiling, 0.025, 50)
    values = [[track.get_value_at_time(i + 1, t) for i in range(FORMANTS)] for t in times]
    widths = [[track.get_bandwidth_at_time(i + 1, t) for i in range(FORMANTS)] for t in times]
    figures |= dict(zip(FORMANT_NAMES, _take_medians(values) + _take_medians(widths), strict=True))
    return figures | {
        "f0_mean": _average(voiced),
        "f0_median": float(np.median(voiced)) if len(voiced) else np.nan,
        "voiced_ratio": float((frequency > 0).mean()),
        "hnr_mean": _average(harmonicity[harmonicity > -190]),
    }


def measure_praat_prominence(signal: Signal, sampling_rate: int, times: npt.NDArray[np.float64]) -> float:
    """Return Praat's mean peak prominence of single 50 ms Hann frames over a straight least-squares line."""
    import parselmouth
    from parselmouth.praat import call

    sound = parselmouth.Sound(signal.astype(np.float64), sampling_rate)
    values = []
    for moment in times[::5]:
        part = sound.extract_part(moment - 0.025, moment + 0.025, parselmouth.WindowShape.HANNING, 1.0, False)
        cepstrum = call(part.to_spectrum(True), "To PowerCepstrum")
        values.append(
            call(cepstrum, "Get peak prominence", 60, 333.3, "none", 0.001, 0.05, "Straight", "Least squares")
        )
    return _average(np.array(values))


def measure_praatfan(signal: Signal, sampling_rate: int) -> Figures:
    """Measure F0, HNR and formants with praatfan-rust."""
    import praatfan_rust as praatfan

    sound = praatfan.Sound(signal.astype(np.float64), float(sampling_rate))
    pitch = sound.to_pitch_ac(0.0, 75.0, 600.0)
    frequency = np.asarray(pitch.values() if callable(pitch.values) else pitch.values)
    times = np.asarray(pitch.xs() if callable(pitch.xs) else pitch.xs)
    harmonicity = np.asarray(sound.to_harmonicity_cc(0.01, 75.0, 0.1, 1.0).values())
    ceiling, formants = (5500.0, 5) if sampling_rate > 11_000 else (sampling_rate / 2, round(sampling_rate / 2200))
    track = sound.to_formant_burg(0.0, formants, ceiling, 0.025, 50.0)
    voiced = np.nan_to_num(frequency) > 0
    values = [[track.get_value_at_time(i + 1, t) for i in range(FORMANTS)] for t in times[voiced]]
    values = [[np.nan if v is None else v for v in row] for row in values]
    names = FORMANT_NAMES[:FORMANTS]
    return dict(zip(names, _take_medians(values), strict=True)) | {
        "f0_mean": _average(frequency[voiced]),
        "hnr_mean": _average(harmonicity[np.nan_to_num(harmonicity, nan=-200.0) > -190]),
    }


def make_opensmile() -> Callable[[Signal, int], Figures]:
    """Return a function that measures eGeMAPS functionals in our units."""
    import opensmile

    smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)

    def measure(signal: Signal, sampling_rate: int) -> Figures:
        row = smile.process_signal(signal, sampling_rate).iloc[0]
        figures = {f"f{i}_median": float(row[f"F{i}frequency_sma3nz_amean"]) for i in (1, 2, 3)}
        return figures | {
            "f0_mean": 27.5 * 2 ** (float(row["F0semitoneFrom27.5Hz_sma3nz_amean"]) / 12),
            "hnr_mean": float(row["HNRdBACF_sma3nz_amean"]),
            "jitter_local": float(row["jitterLocal_sma3nz_amean"]),
        }

    return measure


def compare_cepstra(signal: Signal, sampling_rate: int) -> float:
    """Return the largest deviation of LFCC 1 to 19 from those of spafe in a clip, relative to their deviation."""
    from spafe.features.lfcc import lfcc as measure_lfcc
    from spafe.utils.preprocessing import SlidingWindow

    spectrum = Spectrum(signal, sampling_rate)
    window = SlidingWindow(0.030, 0.015, "hamming")
    bank = {"num_ceps": 20, "nfilts": 70, "nfft": spectrum.fft_length, "low_freq": 0}
    theirs = measure_lfcc(signal.astype(np.float64), sampling_rate, pre_emph=0, window=window, **bank)
    ours = lfcc(signal, sampling_rate, deltas=0, high_frequency=None)  # spafe 0.3.3 ignores an upper edge below Nyquist
    return _compare_arrays(ours[:, 1:], theirs[:, 1:], spectrum.active)


def _compare_arrays(mine: Signal, other: Signal, active: npt.NDArray[np.bool_]) -> float:
    count = min(len(mine), len(other))
    kept = active[:count]
    return float(np.abs(mine[:count][kept] - other[:count][kept]).max() / np.abs(other[:count][kept]).std())


def tabulate_agreement(title: str, names: list[str], ours: list[Figures], theirs: list[Figures]) -> list[str]:
    """Return a Markdown table of the deviation of `ours` from `theirs` over the clips that both can measure."""
    lines = [
        f"### {title}",
        "",
        "| feature | clips | median | 90 % | bias | rank correlation |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name in names:
        pairs = np.array([(a.get(name, np.nan), b.get(name, np.nan)) for a, b in zip(ours, theirs, strict=True)])
        pairs = pairs[~np.isnan(pairs).any(axis=1)]
        if not len(pairs):
            continue
        mine, other = pairs.T
        decibel = name in DECIBELS
        deviation = mine - other if decibel else 100 * (mine - other) / other
        unit = "dB" if decibel else "%"
        middle, high = np.percentile(np.abs(deviation), [50, 90])
        ranks = np.corrcoef(mine.argsort().argsort(), other.argsort().argsort())[0, 1]
        lines.append(
            f"| `{name}` | {len(pairs)} | {middle:.2f} {unit} | {high:.2f} {unit} "
            f"| {np.median(deviation):+.2f} {unit} | {ranks:.3f} |"
        )
    return [*lines, ""]


def tabulate_cepstra(title: str, clips: list[Signal], sampling_rate: int) -> list[str]:
    """Return a Markdown table of the largest deviation in any frame, as a share of the feature's own deviation."""
    middle, high = np.percentile([compare_cepstra(clip, sampling_rate) for clip in clips], [50, 90])
    lines = [f"### {title}", "", "| feature | clips | median of the largest | 90 % |", "|---|---:|---:|---:|"]
    return [*lines, f"| lfcc 1-19 | {len(clips)} | {middle:.1e} | {high:.1e} |", ""]


def measure_speed(clips: list[Signal], sampling_rate: int, engines: dict[str, Callable[[Signal, int], Any]]) -> Figures:
    """Return seconds of audio per second of processor, engines taking turns on each clip after one warm-up."""
    spent = dict.fromkeys(engines, 0.0)
    for engine in engines.values():
        engine(clips[0], sampling_rate)
    for clip in clips:
        for name, engine in engines.items():
            begin = time.process_time()
            engine(clip, sampling_rate)
            spent[name] += time.process_time() - begin
    seconds = sum(map(len, clips)) / sampling_rate
    return {name: seconds / used for name, used in spent.items()}


def list_engines() -> dict[str, Callable[[Signal, int], Any]]:
    engines: dict[str, Callable[[Signal, int], Any]] = {"all families": extract}
    for family in list_families():
        engines[f"family {family}"] = lambda signal, rate, family=family: extract(signal, rate, families=[family])
    return engines | {
        "openSMILE eGeMAPSv02 (88 functionals)": make_opensmile(),
        "parselmouth (pitch, HNR, pulses, jitter, shimmer, formants)": measure_praat,
        "praatfan-rust (pitch, HNR, formants only)": measure_praatfan,
    }


def tabulate_speed(clips: dict[int, list[Signal]]) -> list[str]:
    speeds = {rate: measure_speed(signals, rate, list_engines()) for rate, signals in clips.items()}
    head = " | ".join(f"{rate // 1000} kHz" for rate in speeds)
    lines = ["### Speed, times real time on one core", "", f"| engine | {head} |", "|---|" + "---:|" * len(speeds)]
    for name in next(iter(speeds.values())):
        lines.append(f"| {name} | " + " | ".join(f"{speed[name]:.0f} ×" for speed in speeds.values()) + " |")
    return [*lines, ""]


def _take_medians(rows: list[list[float]]) -> list[float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmedian(np.array(rows, dtype=float).reshape(-1, FORMANTS), axis=0).tolist()


def _average(values: npt.NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def limit_threads() -> None:
    """Start again with one thread for every numeric library, which they only heed before they are loaded."""
    limits = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    if any(os.environ.get(name) != value for name, value in limits.items()):
        command = [sys.executable, "-m", "benchmarks.audio_features", *sys.argv[1:]]
        os.execve(sys.executable, command, os.environ | limits)


def main() -> None:
    limit_threads()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", help="folder of recordings, in sub-folders by source")
    parser.add_argument("--clips", type=int, default=100, help="how many clips (default 100)")
    options = parser.parse_args()
    from audio_batch.features.pitch import track_pitch

    lines: list[str] = []
    clips = {rate: read_clips(options.folder, options.clips, rate) for rate in (16_000, 8_000)}
    opensmile = make_opensmile()
    for rate, signals in clips.items():
        ours = [measure_ours(signal, rate) for signal in signals]
        praat = [measure_praat(signal, rate) for signal in signals]
        for signal, figures in zip(signals, praat, strict=True):
            pitch = track_pitch(signal, rate)
            figures["cpp_mean"] = measure_praat_prominence(signal, rate, pitch.times[pitch.voiced])
        names = [name for name in ours[0] if name in praat[0]]
        label = f"{rate // 1000} kHz"
        lines += tabulate_agreement(f"Ours against Praat, {label}", names, ours, praat)
        fan = [measure_praatfan(signal, rate) for signal in signals]
        lines += tabulate_agreement(f"praatfan-rust against Praat, {label}", names, fan, praat)
        smile = [opensmile(signal, rate) for signal in signals]
        lines += tabulate_agreement(f"Ours against openSMILE eGeMAPS, {label}", names, ours, smile)
        lines += tabulate_agreement(f"Praat against openSMILE eGeMAPS, {label}", names, praat, smile)
        lines += tabulate_cepstra(f"Ours against spafe, {label}", signals, rate)
    lines += tabulate_speed(clips)
    text = "\n".join(lines)
    RESULTS.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
