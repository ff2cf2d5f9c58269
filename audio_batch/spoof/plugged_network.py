"""The network of a plugged-in model: held against its contract, tried, and asked about one segment at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.errors import AudioUsageError, ModelError
from audio_batch.spoof.contract import TWO_CLASSES, Card, Contract
from audio_batch.spoof.onnx_session import OnnxFile, open_session, read_onnx

Signal = NDArray[np.float32]
_TOLERANCE = 1e-3
_LEAST = 1e-9
"""Probabilities of exactly 0 or 1 have no finite log-odds."""


@dataclass(frozen=True)
class PluggedNetwork:
    """A network that was looked at, tried, and keeps its contract.

    Attributes
    ----------
    file
        What was read.
    card
        Of the model, with the contract and the file's hash.
    """

    file: OnnxFile = field(repr=False)
    card: Card
    session: Any = field(repr=False)
    input: str
    output: str
    rank: int

    def ask(self, signal: Signal) -> float:
        """Return the log-odds of synthetic that the network gives a segment at its rate, shape (samples,).

        Raises
        ------
        ModelError
            It fails, or answers something else than its contract says; never a score instead.
        """
        segment = prepare(signal, self.card.contract).reshape((1,) * (self.rank - 1) + (-1,))
        try:
            answer = self.session.run([self.output], {self.input: segment})[0]
        except Exception as error:  # onnxruntime's exceptions have no common base but Exception
            found = str(error).strip().splitlines() or [type(error).__name__]
            raise self.refuse(f"fails on a segment: {found[0][:300]}", "Try it in Python first.") from error
        return self._read(np.asarray(answer, dtype=np.float64))

    def _read(self, answer: NDArray[np.float64]) -> float:
        kind, index = self.card.contract.output, self.card.contract.synthetic_index
        classes = 2 if kind in TWO_CLASSES else 1
        if answer.size != classes or (classes == 2 and answer.shape[-1] != 2):
            allowed = "(1, 2)" if classes == 2 else "(1,) or (1, 1)"
            problem = f"answers with the shape {answer.shape}; output = {kind!r} means {allowed}"
            raise self.refuse(problem, "Set output to what it gives: logit, probability, logits or softmax.")
        values = answer.ravel()
        if not np.isfinite(values).all():
            raise self.refuse(f"answers {values.tolist()}, which is no finite number", "Try it in Python first.")
        if kind in ("probability", "softmax") and not self._are_shares(values):
            wrong = "is not from 0 to 1" if classes == 1 else "are no two shares that add up to 1"
            hint = 'Set output = "logit".' if classes == 1 else 'Set output = "logits".'
            raise self.refuse(f"answers {values.tolist()}, which {wrong}", hint)
        return _to_log_odds(values, kind, index)

    @staticmethod
    def _are_shares(values: NDArray[np.float64]) -> bool:
        inside = bool(((values >= -_TOLERANCE) & (values <= 1 + _TOLERANCE)).all())
        return inside and (values.size == 1 or abs(values.sum() - 1) <= _TOLERANCE)

    def refuse(self, problem: str, hint: str) -> ModelError:
        """Return the error of a network that does not do what its contract says."""
        return ModelError(f"The model {str(self.file.path)!r} {problem}", hint=hint, path=str(self.file.path))


def prepare(signal: Signal, contract: Contract) -> Signal:
    """Return a segment as a network gets it: normalised, then brought to the window's length; float32."""
    values = np.asarray(signal, dtype=np.float32)[: contract.samples]
    if values.size == 0:
        raise AudioUsageError("A segment without samples cannot be scored", hint="Pass at least one sample.")
    if contract.normalisation == "peak":
        values = values / max(float(np.abs(values).max()), 1e-9)
    elif contract.normalisation == "zscore":
        values = (values - values.mean()) / np.sqrt(values.var() + 1e-7)
    if len(values) < contract.samples:
        missing = contract.samples - len(values)
        # At the window's end: what a network has learnt of beginnings stays where it is.
        values = np.pad(values, (0, missing)) if contract.padding == "zero" else np.resize(values, contract.samples)
    return np.ascontiguousarray(values, dtype=np.float32)


def _to_log_odds(values: NDArray[np.float64], kind: str, index: int) -> float:
    if kind == "logits":
        return float(values[index] - values[1 - index])
    if kind == "softmax":
        shares = np.clip(values, _LEAST, 1.0)
        return math.log(shares[index]) - math.log(shares[1 - index])
    value = float(values[0])
    if kind == "probability":
        inside = min(max(value, _LEAST), 1 - _LEAST)
        value = math.log(inside) - math.log1p(-inside)
    return value if index == 1 else -value


def open_network(path: Path, card: Card) -> PluggedNetwork:
    """Read a network, hold it against its card, and try it.

    Parameters
    ----------
    path
        File in ONNX form.
    card
        What it should be; its hash counts if it has one.

    Raises
    ------
    ModelError
        The file is no network in ONNX form, is another than the card's, refers to something outside of its folder, has
        another input or output than the contract says, or does not answer as it says.
    MissingExtraError
        onnxruntime is not installed.
    """
    file = read_onnx(path)
    if card.sha256 and file.sha256 != card.sha256:
        raise ModelError(
            f"The model {str(path)!r} has the SHA-256 {file.sha256}; its card says {card.sha256}",
            hint="Download it again; if it is the right one, correct sha256 in the card.",
            path=str(path),
        )
    session = open_session(file)
    draft = PluggedNetwork(file, replace(card, sha256=file.sha256), session, "", "", 0)
    inputs, outputs = _list_ends(draft)
    given = _choose(draft, "input", card.contract.input, inputs)
    output = _choose(draft, "output", card.contract.output_name, outputs)
    network = replace(draft, input=given.name, output=output.name, rank=len(given.shape))
    _check_input(network, given)
    _try(network)
    return network


def _list_ends(network: PluggedNetwork) -> tuple[list[Any], list[Any]]:
    try:
        inputs, outputs = network.session.get_inputs(), network.session.get_outputs()
        [(end.name, end.type, end.shape) for end in (*inputs, *outputs)]  # read once: a name may be no text
    except UnicodeDecodeError as error:
        raise network.refuse("has inputs or outputs whose names are no UTF-8", "Export it again.") from error
    return inputs, outputs


def _choose(network: PluggedNetwork, what: str, name: str | None, found: Sequence[Any]) -> Any:
    names = [item.name for item in found]
    shown = ", ".join(repr(one) for one in names[:8])[:200]
    key = "input" if what == "input" else "output_name"
    if what == "input" and len(found) != 1:
        problem = f"has {len(found)} inputs ({shown}); allowed: one, with the samples of a segment"
        raise network.refuse(problem, "Export it with masks, lengths and the like as constants.")
    if name is None and len(found) != 1:
        raise network.refuse(
            f"has {len(found)} outputs: {shown}", f"Say in the card which one counts: {key} = {shown}."
        )
    chosen = next((item for item in found if item.name == (name or names[0])), None)
    if chosen is None:
        raise network.refuse(f"has no {what} {name!r}; it has {shown}", f"Correct {key} in the card.")
    if chosen.type not in ("tensor(float)", *(["tensor(double)"] if what == "output" else [])):
        raise network.refuse(f"has the {what} {chosen.name!r} of type {chosen.type}; allowed: float32", "Export it so.")
    return chosen


def _check_input(network: PluggedNetwork, given: Any) -> None:
    contract, shape = network.card.contract, list(given.shape)
    expected = f"(1, {contract.samples}) or (1, 1, {contract.samples}), where batch and samples may be dynamic"
    if len(shape) not in (2, 3):
        problem = f"takes {given.name!r} of the shape {tuple(shape)}, rank {len(shape)}; allowed: {expected}"
        raise network.refuse(problem, "It must take samples, (batch, samples) or (batch, 1, samples), float32.")
    batch, *middle, samples = shape
    if isinstance(samples, int) and samples != contract.samples:
        problem = (
            f"takes {samples} samples; its card says {contract.samples} ({contract.window:g} s at "
            f"{contract.sample_rate} Hz)"
        )
        hint = f"Set window = {samples / contract.sample_rate:.6g}, if the sample rate is right."
        raise network.refuse(problem, hint)
    if middle not in ([], [1]) or not (isinstance(batch, str | None) or batch == 1):
        problem = f"takes {given.name!r} of the shape {tuple(shape)}; allowed: {expected}"
        raise network.refuse(problem, "Export it for one segment at a time, with one channel.")


def _try(network: PluggedNetwork) -> None:
    """Have a made-up voice scored, twice: what fails here would fail on every call."""
    contract = network.card.contract
    time = np.arange(contract.samples) / contract.sample_rate
    voice = sum(np.sin(2 * np.pi * 140 * k * time) / k for k in range(1, 12)) * (0.6 + 0.4 * np.sin(8 * time))
    noise = np.random.default_rng(20261121).normal(size=time.size)
    signal = (0.1 * voice + 0.002 * noise).astype(np.float32)
    first, second = network.ask(signal), network.ask(signal)
    if first != second:
        problem = f"gives two answers to the same segment: {first:.6g} and {second:.6g}"
        raise network.refuse(
            problem, "Export it in evaluation mode (model.eval()), without dropout and random numbers."
        )
