"""Speed and memory of the voice engine: ``python -m benchmarks.audio_batch [FOLDER] [--seconds 900] [--hours 3]``.

Files of 8 kHz mu-law speech are made of the recordings in FOLDER, or of the synthetic voices of the tests. Measured,
each in a process of its own with one thread for the numerical libraries:

- the scoring chain (decode, segments, the scorer's features, score) and the whole chain of a batch, on one core;
- all feature families against openSMILE eGeMAPS and Praat (extra ``reference``), taking turns on the same segments;
- one worker against two over the same files, in turns;
- peak memory of scoring a file of 5 minutes and one of ``--hours``.

Writes ``benchmarks/results/audio_batch.md`` and prints it.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

RESULTS = Path(__file__).parent / "results" / "audio_batch.md"
RATE = 8000
FILES = 8
TURNS = 3
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")


def make_speech(folder: Path | None, seconds: float, seed: int = 0) -> npt.NDArray[np.float32]:
    """Return so many seconds of speech at 8 kHz, with pauses."""
    from audio_batch.decoding import decode, resample

    order = np.random.default_rng(seed)
    pieces, length = [], 0.0
    found = sorted(path for path in folder.rglob("*.flac")) if folder else []
    while length < seconds:
        if found:
            signal, rate = decode(found[int(order.integers(len(found)))])
            piece = resample(np.ascontiguousarray(signal[:, 0]), rate, RATE)
        else:
            sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
            from speech_samples import speak

            piece = speak(10.0, RATE, int(order.integers(1 << 30)))
        pause = 1e-4 * order.standard_normal(int(RATE * order.uniform(0.2, 0.8))).astype(np.float32)
        pieces += [piece, pause]
        length += (len(piece) + len(pause)) / RATE
    return np.concatenate(pieces)[: int(seconds * RATE)]


def write_file(path: Path, signal: npt.NDArray[np.float32], repeats: int = 1) -> Path:
    """Write mu-law WAV, the signal so many times over."""
    import soundfile

    with soundfile.SoundFile(path, "w", RATE, 1, subtype="ULAW") as file:
        for _ in range(repeats):
            file.write(signal)
    return path


def run_case(case: str, *arguments: str) -> dict[str, float]:
    """Run one case in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.audio_batch", "--case", case, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | _ONE_THREAD)
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def measure_score(path: str) -> dict[str, float]:
    import resource

    import audio_batch as ab

    warm = Path(path).with_name("warm.wav")
    ab.score(warm)
    started, clock = time.process_time(), time.perf_counter()
    verdict = ab.score(path)
    return {
        "seconds": time.perf_counter() - clock,
        "cpu": time.process_time() - started,
        "audio": verdict.duration,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def measure_batch(folder: str, workers: str) -> dict[str, float]:
    import audio_batch as ab

    clock = time.perf_counter()
    result = ab.run(folder, workers=int(workers))
    failed = result.recordings["error_code"].drop_nulls().to_list()
    assert not failed, failed
    return {"seconds": time.perf_counter() - clock, "audio": float(result.recordings["duration"].sum())}


def measure_engines(path: str) -> dict[str, float]:
    """Processor time of each engine over the same segments, in turns."""
    import audio_batch as ab
    from audio_batch.features import extract
    from benchmarks.audio_features import measure_praat

    segments = list(ab.cut_segments(path, hop_seconds=4.0))
    engines = {"all feature families": lambda s: extract(s, RATE)}
    try:
        import opensmile

        smile = opensmile.Smile(
            feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=opensmile.FeatureLevel.Functionals
        )
        engines["openSMILE eGeMAPS"] = lambda s: smile.process_signal(s, RATE)
    except ImportError:
        pass
    try:
        import parselmouth  # noqa: F401

        engines["Praat (parselmouth), voice only"] = lambda s: measure_praat(s, RATE)
    except ImportError:
        pass
    spent = dict.fromkeys(engines, 0.0)
    for engine in engines.values():
        engine(segments[0].signal)
    for segment in segments:
        for name, engine in engines.items():
            started = time.process_time()
            engine(segment.signal)
            spent[name] += time.process_time() - started
    audio = sum(len(segment.signal) for segment in segments) / RATE
    return {name: audio / seconds for name, seconds in spent.items()}


CASES = {"score": measure_score, "batch": measure_batch, "engines": measure_engines}


def describe(folder: Path | None, seconds: float, hours: float) -> str:
    """Measure everything and return the table."""
    lines = ["| what | figure | limit |", "|---|---:|---|"]
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        write_file(work / "warm.wav", make_speech(folder, 8.0))
        inbox = work / "inbox"
        inbox.mkdir()
        for index in range(FILES):
            write_file(inbox / f"{index}.wav", make_speech(folder, seconds, index))
        short = write_file(work / "short.wav", make_speech(folder, 300.0, 99))
        chain = [run_case("score", str(short)) for _ in range(TURNS)]
        speed = statistics.median(turn["audio"] / turn["cpu"] for turn in chain)
        lines.append(f"| scoring chain, one core, 8 kHz | {speed:.0f}× real time | at least 60× |")
        for engine, times in run_case("engines", str(short)).items():
            limit = "at least 30×" if engine.startswith("all") else "yardstick"
            lines.append(f"| {engine}, one core, 8 kHz | {times:.0f}× real time | {limit} |")
        turns = [[run_case("batch", str(inbox), workers) for workers in ("1", "2")] for _ in range(TURNS)]
        one, two = (statistics.median(turn[place]["seconds"] for turn in turns) for place in (0, 1))
        ratio = statistics.median(turn[0]["seconds"] / turn[1]["seconds"] for turn in turns)
        audio = turns[0][0]["audio"]
        lines.append(f"| whole batch, one worker | {audio / one:.0f}× real time | |")
        lines.append(f"| whole batch, two workers | {audio / two:.0f}× real time | |")
        lines.append(f"| two workers against one | {ratio:.2f}× | at least 1.8× |")
        long = write_file(work / "long.wav", make_speech(folder, 300.0, 98), round(hours * 12))
        peak = run_case("score", str(long))
        lines.append(f"| peak memory, 5 minutes | {chain[0]['peak_mib']:.0f} MiB | |")
        lines.append(f"| peak memory, {hours:g} hours | {peak['peak_mib']:.0f} MiB | flat |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--seconds", type=float, default=900.0, help="length of each file of the batch")
    parser.add_argument("--hours", type=float, default=3.0, help="length of the long file")
    parser.add_argument("--case", nargs="+", help=argparse.SUPPRESS)
    arguments, rest = parser.parse_known_args()
    if arguments.case:
        case, *values = [*arguments.case, *rest]
        print(json.dumps(CASES[case](*values)))
        return
    table = describe(arguments.folder, arguments.seconds, arguments.hours)
    RESULTS.write_text(table)
    print(table)


if __name__ == "__main__":
    main()
