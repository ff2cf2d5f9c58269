"""From Resemblyzer's checkpoint to the file that the package ships."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from research.voice_encoder import convert


class Tensor:
    def __init__(self, value: float) -> None:
        self.value = np.full((2, 3), value, dtype=np.float32)

    def numpy(self) -> np.ndarray:
        return self.value


def test_only_the_networks_own_weights_are_kept_at_half_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = {"lstm.weight_ih_l0": Tensor(0.1), "linear.bias": Tensor(0.2), "similarity_weight": Tensor(0.3)}

    def load(path: Path, **options: Any) -> dict[str, Any]:
        assert path == tmp_path / "pretrained.pt" and options == {"map_location": "cpu", "weights_only": True}
        return {"model_state": state, "optimizer_state": {}}

    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(load=load))
    convert(tmp_path / "pretrained.pt", tmp_path / "encoder.npz")
    with np.load(tmp_path / "encoder.npz", allow_pickle=False) as stored:
        assert set(stored.files) == {"lstm.weight_ih_l0", "linear.bias"}
        assert stored["linear.bias"].dtype == np.float16 and stored["linear.bias"][0, 0] == np.float16(0.2)
