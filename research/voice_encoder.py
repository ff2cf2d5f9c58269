"""Make the shipped encoder's weights from Resemblyzer's checkpoint: python -m research.voice_encoder IN OUT.

A build step, not needed at run time; reading the checkpoint takes PyTorch.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def convert(checkpoint: Path, out: Path) -> None:
    """Write the LSTM and linear weights as float16 arrays under PyTorch's names, without pickle.

    Parameters
    ----------
    checkpoint
        ``resemblyzer/pretrained.pt`` of PyPI's Resemblyzer 0.1.4 (Apache-2.0).
    out
        The ``.npz`` file to write.
    """
    import torch  # type: ignore[import-not-found, unused-ignore]

    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["model_state"]
    kept = {name: value for name, value in state.items() if name.startswith(("lstm.", "linear."))}
    np.savez_compressed(out, **{name: value.numpy().astype(np.float16) for name, value in kept.items()})


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
