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
from audio_batch.spoof.picture import Picture
from batch_base.extras import MissingExtraError, named_extra

FRAMES = 397
"""Frames that a network sees: 4 s in steps of 10 ms. Shorter segments are repeated."""


def frame_picture(picture: Picture) -> Picture:
    """Return a picture with exactly `FRAMES` frames, repeated or cut."""
    return np.ascontiguousarray(picture[:, :, np.arange(FRAMES) % picture.shape[2]])


class Network:
    """A trained network.

    Parameters
    ----------
    document
        ONNX; input ``picture``, float32 of shape (1, 3, bins, frames), output log-odds of shape (1,).
    """

    def __init__(self, document: bytes) -> None:
        with named_extra():
            import onnxruntime  # late: a model need not have a network, and the shipped one has none

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
        network = Network(path.read_bytes())
    except MissingExtraError:
        raise
    except Exception as error:  # onnxruntime's exceptions have no common base but Exception
        raise ModelError(f"{str(path)!r} is not a network in ONNX form", hint="Train the model again.") from error
    if network.inputs != ["picture"]:
        raise ModelError(
            f"{str(path)!r} takes {', '.join(network.inputs)[:80]!r}, not the picture of a segment",
            hint="Take the network of a model that audio scorer train wrote.",
        )
    return network
