"""What an ONNX file refers to, told from its bytes before anything runs it.

onnxruntime opens what a file names: weights in other files, operators in other libraries. So the file, which is a
message of protocol buffers, is walked first, without unpacking its weights. Field numbers are those of ``onnx.proto``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAX_DEPTH = 100
"""Messages in messages; what protocol buffers take themselves."""

BUILT_IN = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})
"""Domains of operators that onnxruntime brings."""

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5

_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}
"""Kind of message to the fields that hold further messages, and of which kind those are."""


class NotOnnxError(ValueError):
    """The bytes are no model in ONNX form."""


@dataclass(frozen=True)
class References:
    """What a model needs beside its own bytes.

    Attributes
    ----------
    operators
        Operators of domains that onnxruntime does not bring and the file does not define, as ``domain::name``; sorted.
    locations
        Files that hold weights, as the file writes their paths; sorted.
    """

    operators: tuple[str, ...]
    locations: tuple[str, ...]


def find_references(document: bytes) -> References:
    """Walk an ONNX file.

    Raises
    ------
    NotOnnxError
        The bytes are no message of protocol buffers, or hold no graph.
    """
    seen = list(_walk(memoryview(document), "model", 0))
    if not any(kind == "model" and number == 7 for kind, number, _ in seen):
        raise NotOnnxError("there is no graph in it")
    own = {_text(value) for kind, number, value in seen if kind == "function" and number == 10}
    named = {_name_operator(value) for kind, number, value in seen if _INSIDE.get(kind, {}).get(number) == "node"}
    foreign = sorted(f"{domain}::{name}" for domain, name in named if domain not in BUILT_IN | own)
    entries = (value for kind, number, value in seen if kind == "tensor" and number == 13)
    pairs = [_read_entry(entry) for entry in entries]
    return References(tuple(foreign), tuple(sorted({value for key, value in pairs if key == "location"})))


Field = tuple[str, int, memoryview]


def _walk(message: memoryview, kind: str, depth: int) -> Iterator[Field]:
    """Yield kind of message, number and bytes of every field of bytes, of this message and those inside."""
    if depth > MAX_DEPTH:
        raise NotOnnxError(f"messages lie more than {MAX_DEPTH} deep in each other")
    inside = _INSIDE.get(kind, {})
    for number, value in _read_fields(message):
        yield kind, number, value
        if number in inside:
            yield from _walk(value, inside[number], depth + 1)


def _read_fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield the fields of bytes of one message; numbers are passed over."""
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            _, at = _read_varint(message, at)
            continue
        size, at = (8, at) if wire == _FIXED64 else (4, at) if wire == _FIXED32 else _read_size(message, at, wire)
        if number == 0 or at + size > len(message):
            raise NotOnnxError("it ends in the middle of a field, or is no message of protocol buffers")
        if wire == _BYTES:
            yield number, message[at : at + size]
        at += size


def _read_size(message: memoryview, at: int, wire: int) -> tuple[int, int]:
    if wire != _BYTES:
        raise NotOnnxError("it is no message of protocol buffers")
    return _read_varint(message, at)


def _read_varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for place, byte in enumerate(message[at : at + 10]):
        value |= (byte & 127) << (7 * place)
        if byte < 128:
            return value, at + place + 1
    raise NotOnnxError("it ends in the middle of a number, or is no message of protocol buffers")


def _name_operator(node: memoryview) -> tuple[str, str]:
    fields = dict(_read_fields(node))  # of repeated fields, protocol buffers take the last as well
    return _text(fields.get(7, memoryview(b""))), _text(fields.get(4, memoryview(b"")))


def _read_entry(entry: memoryview) -> tuple[str, str]:
    fields = dict(_read_fields(entry))
    return _text(fields.get(1, memoryview(b""))), _text(fields.get(2, memoryview(b"")))


def _text(value: memoryview) -> str:
    return bytes(value).decode("utf-8", "replace")
