"""What an ONNX file refers to, found without running it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, external_data_helper, helper, numpy_helper
from onnx_networks import make_network

from audio_batch.spoof.onnx_graph import NotOnnxError, References, find_references


def keep_outside(tensor: onnx.TensorProto, location: str) -> onnx.TensorProto:
    external_data_helper.set_external_data(tensor, location=location)
    tensor.ClearField("raw_data")
    return tensor


def make_tensor(name: str) -> onnx.TensorProto:
    return numpy_helper.from_array(np.ones(3, dtype=np.float32), name)


def make_graph(nodes: list[onnx.NodeProto], tensors: list[onnx.TensorProto] | None = None) -> onnx.GraphProto:
    wanted = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    return helper.make_graph(nodes, "g", [], wanted, tensors or [])


def find(graph: onnx.GraphProto, **options: object) -> References:
    return find_references(helper.make_model(graph, **options).SerializeToString())  # type: ignore[arg-type]


def test_a_plain_network_refers_to_nothing() -> None:
    assert find_references(make_network(output="softmax").SerializeToString()) == References((), ())


def test_weights_outside_are_found_wherever_they_hide() -> None:
    constant = helper.make_node("Constant", [], ["y"], value=keep_outside(make_tensor("c"), "in-attribute.bin"))
    sparse = helper.make_sparse_tensor(keep_outside(make_tensor("v"), "in-sparse.bin"), make_tensor("i"), [3])
    inner = helper.make_node("Constant", [], ["y"], sparse_value=sparse)
    branch = make_graph([inner], [keep_outside(make_tensor("w"), "in-branch.bin")])
    choice = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=make_graph([constant]))
    graph = make_graph([choice], [keep_outside(make_tensor("k"), "../in-graph.bin")])
    function = helper.make_function(
        "own.ops", "F", [], ["y"],
        [helper.make_node("Constant", [], ["y"], value=keep_outside(make_tensor("f"), "in-function.bin"))],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    found = find(graph, functions=[function])
    expected = ("../in-graph.bin", "in-attribute.bin", "in-branch.bin", "in-function.bin", "in-sparse.bin")
    assert found.locations == expected


def test_operators_of_other_libraries_are_named_but_not_those_that_the_file_defines() -> None:
    nodes = [
        helper.make_node("F", [], ["a"], domain="own.ops"),
        helper.make_node("Steal", ["a"], ["b"], domain="other.ops"),
        helper.make_node("Gelu", ["b"], ["y"], domain="com.microsoft"),
    ]
    body = [helper.make_node("Hidden", [], ["y"], domain="third.ops")]
    own = helper.make_function("own.ops", "F", [], ["y"], body, [helper.make_opsetid("third.ops", 1)])
    assert find(make_graph(nodes), functions=[own]).operators == ("other.ops::Steal", "third.ops::Hidden")


def test_every_beginning_of_a_file_is_told_from_a_whole_one_or_refers_to_nothing_worse() -> None:
    whole = make_network().SerializeToString()
    refused = 0
    for end in range(0, len(whole), 7):
        try:
            assert find_references(whole[:end]) == References((), ())
        except NotOnnxError:
            refused += 1
    assert refused > 0.9 * len(whole) / 7


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"", "no graph"),
        (b"not a network at all", "no message of protocol buffers"),
        (b"\x08" + b"\xff" * 20, "in the middle of a number"),
        (b"\x3a\xff\xff\xff\x7f", "in the middle of a field"),
        (b"PK\x03\x04" + bytes(40), "no message of protocol buffers"),
    ],
)
def test_what_is_no_network_is_said(document: bytes, message: str) -> None:
    with pytest.raises(NotOnnxError, match=message):
        find_references(document)


def wrap(number: int, value: bytes) -> bytes:
    size, length = len(value), b""
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + value


@pytest.mark.parametrize(("depth", "refused"), [(20, False), (60, True)])
def test_graphs_in_graphs_end_somewhere(depth: int, refused: bool) -> None:
    graph = b""
    for _ in range(depth):
        graph = wrap(1, wrap(5, wrap(6, graph)))  # a graph in an attribute of a node
    if not refused:
        assert find_references(wrap(7, graph)) == References((), ())
        return
    with pytest.raises(NotOnnxError, match="more than 100 deep"):
        find_references(wrap(7, graph))
