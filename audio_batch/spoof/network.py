"""A small convolutional network over log spectra: the part of the scorer that sees what no statistic names.

Stored as ONNX, run by onnxruntime on one thread. The shipped model has none: docs/detection-quality.md says why.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audio_batch.errors import ModelError
from audio_batch.spoof.representation import Spectra

if TYPE_CHECKING:
    import onnxruntime

DYNAMIC_RANGE = 1e-6
"""Power below the segment's loudest point at which the picture goes black: -60 dB."""


def draw_picture(spectra: Spectra) -> NDArray[np.float32]:
    """Return the network's input for one segment, shape (bins, frames).

    Log power inside the analysed band, each bin relative to its own mean over time: the channel's frequency response
    drops out, as does the level.
    """
    power = spectra.power[:, spectra.band].T
    logarithm = np.log(power + DYNAMIC_RANGE * power.max() + 1e-9)
    return np.asarray((logarithm - logarithm.mean(axis=1, keepdims=True)) / 3, dtype=np.float32)


class Network:
    """A trained network.

    Parameters
    ----------
    session
        Of onnxruntime; input ``picture`` of shape (rows, 1, bins, frames), output of shape (rows,).
    """

    def __init__(self, session: onnxruntime.InferenceSession) -> None:
        self._session = session

    def score(self, pictures: Sequence[NDArray[np.float32]]) -> NDArray[np.float64]:
        """Return log-odds of synthetic for pictures, which may differ in length."""
        by_length = defaultdict(list)
        for row, picture in enumerate(pictures):
            by_length[picture.shape[1]].append(row)
        scores = np.zeros(len(pictures))
        for rows in by_length.values():
            batch = np.stack([pictures[row] for row in rows])[:, None]
            scores[rows] = self._session.run(None, {"picture": batch})[0]
        return scores


def load_network(path: Path) -> Network:
    """Read a network in ONNX form.

    Raises
    ------
    ModelError
        The file is missing, or is not such a network.
    """
    import onnxruntime

    if not path.is_file():
        raise ModelError(f"No network at {str(path)!r}", hint="A model is a folder; copy it as a whole.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return Network(onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"]))
    except Exception as error:  # onnxruntime's exceptions have no common base but Exception
        raise ModelError(f"{str(path)!r} is not a network in ONNX form", hint="Train the model again.") from error
