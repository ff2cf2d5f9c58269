"""Small real networks in ONNX form: they hear how rough a segment is, and answer in every form of a contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RATE, WINDOW = 8000, 2.0
SAMPLES = int(RATE * WINDOW)


def make_network(
    *,
    output: str = "logit",
    shape: tuple[Any, ...] = ("batch", "samples"),
    gain: float = 12.0,
    bias: float = -6.0,
    reverse: bool = False,
    extra_nodes: tuple[onnx.NodeProto, ...] = (),
    final: str = "answer",
    opsets: tuple[tuple[str, int], ...] = (("", 17),),
) -> onnx.ModelProto:
    """Return a network: a convolution (differences of neighbours), its mean level against that of the samples, a line.

    Parameters
    ----------
    output
        ``logit``, ``probability``, ``logits`` or ``softmax``.
    shape
        Of the input ``waveform``.
    gain, bias
        The logit is ``gain * roughness + bias``; roughness is 0 for DC, about 1.1 for white noise.
    reverse
        Put the synthetic class first of two.
    """
    weights = {
        "kernel": np.array([[[1.0, -1.0]]], dtype=np.float32),
        "gain": np.array([[gain]], dtype=np.float32),
        "bias": np.array([bias], dtype=np.float32),
        "tiny": np.array(1e-6, dtype=np.float32),
        "flat": np.array([1, 1, -1], dtype=np.int64),
        "column": np.array([-1, 1], dtype=np.int64),
        "signs": np.array([[1.0, -1.0] if reverse else [-1.0, 1.0]], dtype=np.float32) / 2,
    }
    nodes = [
        helper.make_node("Reshape", ["waveform", "flat"], ["one"]),
        helper.make_node("Conv", ["one", "kernel"], ["steps"]),
        helper.make_node("Abs", ["steps"], ["rough"]),
        helper.make_node("Abs", ["one"], ["level"]),
        helper.make_node("GlobalAveragePool", ["rough"], ["rough_mean"]),
        helper.make_node("GlobalAveragePool", ["level"], ["level_mean"]),
        helper.make_node("Add", ["level_mean", "tiny"], ["level_sure"]),
        helper.make_node("Div", ["rough_mean", "level_sure"], ["ratio"]),
        helper.make_node("Reshape", ["ratio", "column"], ["ratio_column"]),
        helper.make_node("Gemm", ["ratio_column", "gain", "bias"], ["logit"]),
    ]
    last = {
        "logit": [helper.make_node("Identity", ["logit"], ["answer"])],
        "probability": [helper.make_node("Sigmoid", ["logit"], ["answer"])],
        "logits": [helper.make_node("MatMul", ["logit", "signs"], ["answer"])],
        "softmax": [
            helper.make_node("MatMul", ["logit", "signs"], ["two"]),
            helper.make_node("Softmax", ["two"], ["answer"], axis=-1),
        ],
    }[output]
    classes = 2 if output in ("logits", "softmax") else 1
    graph = helper.make_graph(
        [*nodes, *last, *extra_nodes],
        "roughness",
        [helper.make_tensor_value_info("waveform", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info(final, TensorProto.FLOAT, None if extra_nodes else ["batch", classes])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid(*one) for one in opsets], ir_version=9)


def write_network(path: Path, **options: Any) -> Path:
    """Write `make_network`'s network to a file."""
    path.write_bytes(make_network(**options).SerializeToString())
    return path


def roughness(signal: np.ndarray) -> float:
    """Return what the network hears in a segment, worked out in NumPy."""
    return float(np.abs(np.diff(signal)).mean() / (np.abs(signal).mean() + 1e-6))


def write_card(path: Path, network: Path, **changes: Any) -> Path:
    """Write a card for a network of this module; a change to None leaves a key out."""
    import hashlib

    card = {
        "name": "roughness",
        "licence": "MIT",
        "source": "made in the tests",
        "trained_on": "nothing: its weights were chosen",
        "sha256": hashlib.sha256(network.read_bytes()).hexdigest(),
        "sample_rate": RATE,
        "window": WINDOW,
        "output": "logit",
        **changes,
    }
    lines = [f"{key} = {value!r}".replace("'", '"') for key, value in card.items() if value is not None]
    path.write_text("\n".join(lines) + "\n")
    return path
