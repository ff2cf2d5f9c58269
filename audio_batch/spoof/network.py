"""A small convolutional network over the spectrogram and its phase, for what the statistics of a segment miss.

Stored as ONNX, run by onnxruntime on one thread. What trains it (`NetworkTrainer`) is brought by the caller: the
repository has a trainer on torch, which is not part of the package.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_batch.errors import ModelError
from audio_batch.spoof.onnx_session import OnnxFile, open_session, read_onnx
from audio_batch.spoof.picture import Picture

FRAMES = 397
"""Frames that a network sees: 4 s in steps of 10 ms. Shorter segments are repeated."""


def frame_picture(picture: Picture) -> Picture:
    """Return a picture with exactly `FRAMES` frames, repeated or cut."""
    return np.ascontiguousarray(picture[:, :, np.arange(FRAMES) % picture.shape[2]])


class Network:
    """A trained network.

    Parameters
    ----------
    file
        ONNX; input ``picture``, float32 of shape (1, 3, bins, frames), output log-odds of shape (1,).
    """

    def __init__(self, file: OnnxFile) -> None:
        self._document = file.document
        self._session = open_session(file)

    @property
    def inputs(self) -> list[str]:
        """Names of what it takes."""
        return [item.name for item in self._session.get_inputs()]

    def score(self, pictures: Iterable[Picture]) -> NDArray[np.float64]:
        """Return log-odds of synthetic for pictures of `frame_picture`, one by one: none depends on its neighbours."""
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
        network = Network(read_onnx(path))
    except ModelError as error:
        problem = f"{str(path)!r} is not a network in ONNX form that can be run: {error.message}"
        raise ModelError(problem, hint="Train the model again.") from error
    if network.inputs != ["picture"]:
        raise ModelError(
            f"{str(path)!r} takes {', '.join(network.inputs)[:80]!r}, not the picture of a segment",
            hint="Take the network of a model that audio scorer train wrote.",
        )
    return network
