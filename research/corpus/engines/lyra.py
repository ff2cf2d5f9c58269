"""Lyra v2: SoundStream encoder, residual quantiser and LyraGAN decoder as copies of human clips.

The TFLite weights are those of the repository ``google/lyra`` (Apache-2.0), run by ``ai-edge-litert``.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from audio_batch.errors import AudioUsageError
from research.corpus.catalogue import Clip, read_known_ids
from research.corpus.engines.pairs import choose_humans, copy_humans

MODELS = ("soundstream_encoder", "quantizer", "lyragan")
RATE, FRAME, MAX_QUANTIZERS = 16_000, 320, 46
PLAN = {"lyra_6000": (30, 600), "lyra_3200": (16, 150)}
"""Quantisers of four bits each and number of copies per bit rate (bit/s)."""


def generate(work: Path, mirror: Path | None) -> Iterator[Clip]:
    """Yield copies of the human clips in ``<work>/human.csv`` at two bit rates.

    Raises
    ------
    AudioUsageError
        No clone of ``google/lyra`` was given.
    """
    known = read_known_ids(work)
    for attack, (quantizers, count) in PLAN.items():
        vocode = open_codec(work, mirror, quantizers=quantizers)
        version = _unpack(work, mirror)[0]
        yield from copy_humans(
            choose_humans(work, count), vocode, "lyra", "google/lyra", version, attack, "neural_codec", known=known
        )


def open_codec(work: Path, mirror: Path | None, *, quantizers: int) -> Callable[[np.ndarray, int], np.ndarray]:
    """Return a function from a signal and its rate in Hz to what the codec leaves of it.

    Parameters
    ----------
    work, mirror
        Folder to unpack the weights in, and that of the bare clones.
    quantizers
        How many quantisers of four bits code a frame of 20 ms.
    """
    from ai_edge_litert.interpreter import Interpreter

    folder = _unpack(work, mirror)[1]
    models = {name: Interpreter(str(folder / f"{name}.tflite"), num_threads=1) for name in MODELS}
    return partial(_vocode, models=models, quantizers=quantizers)


def _unpack(work: Path, mirror: Path | None) -> tuple[str, Path]:
    store = mirror / "google+lyra" / "repo" if mirror else None
    if store is None or not store.is_dir():
        raise AudioUsageError("there is no clone of google/lyra", hint="give --mirror DIR with google+lyra/repo in it")
    git = ["git", f"--git-dir={store}"]
    folder = work / "dl" / "lyra"
    folder.mkdir(parents=True, exist_ok=True)
    for name in MODELS:
        blob = subprocess.run([*git, "show", f"HEAD:lyra/model_coeffs/{name}.tflite"], capture_output=True, check=True)
        (folder / f"{name}.tflite").write_bytes(blob.stdout)
    head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
    return head.stdout.strip(), folder


def _vocode(signal: np.ndarray, sampling_rate: int, *, models: dict[str, Any], quantizers: int) -> np.ndarray:
    import soxr

    narrow = soxr.resample(signal, sampling_rate, RATE) if sampling_rate != RATE else signal
    blocks = np.pad(narrow, (0, -len(narrow) % FRAME)).astype(np.float32).reshape(-1, 1, FRAME)
    encoder, decoder = models["soundstream_encoder"], models["lyragan"]
    encode, decode = (models["quantizer"].get_signature_runner(name) for name in ("encode", "decode"))
    for model in (encoder, decoder):
        model.allocate_tensors()
        model.reset_all_variables()
    spoken = []
    for block in blocks:
        coded = encode(input_frames=_run(encoder, block), num_quantizers=np.int32(quantizers))["output_0"]
        indices = np.full((MAX_QUANTIZERS, 1, 1), -1, dtype=np.int32)
        indices[:quantizers] = np.asarray(coded).reshape(-1, 1, 1)[:quantizers]
        spoken.append(_run(decoder, decode(encoding_indices=indices)["output_0"]).ravel())
    copy = np.concatenate(spoken)
    copy = soxr.resample(copy, RATE, sampling_rate) if sampling_rate != RATE else copy
    return np.pad(copy, (0, max(0, len(signal) - len(copy))))[: len(signal)].astype(np.float32)


def _run(model: Any, value: np.ndarray) -> np.ndarray:
    model.set_tensor(model.get_input_details()[0]["index"], value)
    model.invoke()
    return np.array(model.get_tensor(model.get_output_details()[0]["index"]))
