"""A small convolutional network over the spectrogram and its phase: it sees what no statistic of a segment names.

Stored as ONNX, run by onnxruntime on one thread; `network_training` made it, with torch, which scoring never loads.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_batch.errors import ModelError
from audio_batch.spoof.representation import Spectra

Picture = NDArray[np.int8]

DYNAMIC_RANGE = 1e-6
"""Power below the segment's loudest point at which the picture goes black: -60 dB."""
FRAMES = 397
"""Frames of a picture: 4 s in steps of 10 ms. Shorter segments are repeated."""
LEVELS_PER_UNIT = 28
"""Pictures are whole numbers of eight bits, at this many steps for one unit of three nepers or of phase agreement."""


def draw_picture(spectra: Spectra) -> Picture:
    """Return the network's input for one segment, shape (3, bins, frames).

    Three layers over the analysed band, in steps of 1 / `LEVELS_PER_UNIT`: the log power of each bin relative to its
    own mean over time, so that the channel's frequency response and the level drop out; how well the two frames before
    predict the phase (cosine of its second difference over time, Bello et al. 2004); how evenly the group delay
    runs over frequency (cosine of the phase's second difference over bins, Yegnanarayana and Murthy 1992).
    """
    spectrum = spectra.short[:, spectra.band]
    power = spectra.power[:, spectra.band]
    logarithm = np.log(power + np.float32(DYNAMIC_RANGE * power.max() + 1e-9))
    unit = spectrum / (np.abs(spectrum) + np.float32(1e-10))
    turn, delay = unit[1:] * unit[:-1].conj(), unit[:, 1:] * unit[:, :-1].conj()
    layers = np.zeros((3, *power.shape), dtype=np.float32)
    layers[0] = (logarithm - logarithm.mean(axis=0)) / 3
    layers[1, 2:] = (turn[1:] * turn[:-1].conj()).real
    layers[2, :, 1:-1] = (delay[:, 1:] * delay[:, :-1].conj()).real
    steps = np.clip(np.rint(layers * LEVELS_PER_UNIT), -127, 127).astype(np.int8)
    return np.ascontiguousarray(steps[:, np.arange(FRAMES) % len(power)].transpose(0, 2, 1))


class Network:
    """A trained network.

    Parameters
    ----------
    document
        ONNX; input ``picture``, float32 of shape (1, 3, bins, frames), output log-odds of shape (1,).
    """

    def __init__(self, document: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._document = document
        self._session = onnxruntime.InferenceSession(document, options, providers=["CPUExecutionProvider"])

    @property
    def inputs(self) -> list[str]:
        """Names of what it takes."""
        return [item.name for item in self._session.get_inputs()]

    def score(self, pictures: Iterable[Picture]) -> NDArray[np.float64]:
        """Return log-odds of synthetic for pictures of `draw_picture`, one by one: none depends on its neighbours."""
        scores = [self._session.run(None, {"picture": picture[None].astype(np.float32)})[0][0] for picture in pictures]
        return np.array(scores, dtype=np.float64)

    def save(self, path: Path) -> None:
        """Write the network as ONNX."""
        path.write_bytes(self._document)


def load_network(path: Path) -> Network:
    """Read a network in ONNX form.

    Raises
    ------
    ModelError
        The file is missing, or is not such a network.
    """
    if not path.is_file():
        raise ModelError(f"No network at {str(path)!r}", hint="A model is a folder; copy it as a whole.")
    try:
        network = Network(path.read_bytes())
    except Exception as error:  # onnxruntime's exceptions have no common base but Exception
        raise ModelError(f"{str(path)!r} is not a network in ONNX form", hint="Train the model again.") from error
    if network.inputs != ["picture"]:
        raise ModelError(
            f"{str(path)!r} takes {', '.join(network.inputs)[:80]!r}, not the picture of a segment",
            hint="Networks are made by python -m audio_batch.spoof.training --network.",
        )
    return network
