"""A model of voices that a user plugs in: a network in ONNX form that hears samples, and a contract with it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.errors import AudioUsageError
from audio_batch.spoof.calibration import Calibration
from audio_batch.spoof.contract import make_card, read_card
from audio_batch.spoof.plugged_network import PluggedNetwork, Signal, open_network
from audio_batch.spoof.segment_scorer import Outputs, Refit
from audio_batch.verdict import Reason
from batch_base.hashing import hash_value

ONNX = "onnx"
"""Kind of these scorers in ``model.json``."""
FILE = "model.onnx"
"""Name of the network in the folder of a model."""
RESERVED = frozenset({FILE, "model.json"})


@dataclass(frozen=True)
class PluggedScorer:
    """A plugged-in network as the engine knows models: `audio_batch.spoof.segment_scorer.SegmentScorer`.

    Attributes
    ----------
    calibration
        From its log-odds to log-likelihood ratios; None as long as nobody has measured them.
    fitted_on
        Recordings of each class that it was calibrated on.
    """

    network: PluggedNetwork
    calibration: Calibration | None = None
    spread: float = 1.0
    fitted_on: tuple[int, int] = (0, 0)
    name: str = "narrowband"

    @property
    def sampling_rate(self) -> int:
        """Rate of the network's input, in Hz."""
        return self.network.card.contract.sample_rate

    @property
    def calibrated(self) -> bool:
        """Whether it was calibrated on labelled recordings."""
        return self.calibration is not None

    def score(self, signals: Sequence[Signal]) -> Outputs:
        """Score segments, one by one: how many are scored together can change the last digits of a network."""
        raw = np.array([[self.network.ask(signal)] for signal in signals], dtype=np.float64).reshape(-1, 1)
        odds = raw[:, 0] if self.calibration is None else self.calibration.apply(raw)
        rows = len(raw)
        return Outputs(np.zeros((rows, 0), dtype=np.float32), raw, odds, np.zeros(rows))

    def explain(self, values: NDArray[np.float32], parts: NDArray[np.float64]) -> tuple[Reason, ...]:
        """Return no reasons: nothing is known of what moves a network from elsewhere."""
        return ()

    def recalibrate(self, refit: Refit) -> PluggedScorer:
        """Return the same network, calibrated."""
        old = self.calibration or Calibration((1.0,), 0.0)
        spread = self.spread * abs(refit.slope) if refit.spread is None else refit.spread
        return replace(self, calibration=refit.apply(old), spread=spread, fitted_on=(refit.humans, refit.synthetics))

    def store(self, folder: Path) -> dict[str, Any]:
        """Copy the network, and the files of its weights, into a folder."""
        file = self.network.file
        (folder / FILE).write_bytes(file.document)
        for name in file.weights:
            if name in RESERVED:
                raise self.network.refuse(f"keeps weights in a file called {name!r}", "Export it with another name.")
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file.path.parent / name, folder / name)
        return self.describe()

    def describe(self) -> dict[str, Any]:
        """Return what ``model.json`` says of it: card, hashes, calibration."""
        return {
            "kind": ONNX,
            "card": self.network.card.to_dict(),
            "weights": self.network.file.weights,
            "calibration": None if self.calibration is None else self.calibration.to_dict(),
            "fitted_on": list(self.fitted_on),
            "spread": self.spread,
        }


def read_plugged(folder: Path, name: str, stored: dict[str, Any]) -> PluggedScorer:
    """Read what `PluggedScorer.store` wrote.

    Raises
    ------
    ModelError
        A file is missing, or is another than the one that was stored.
    """
    place = folder / FILE
    network = open_network(place, make_card(stored["card"], str(folder / "model.json")))
    changed = sorted(key for key in {*stored["weights"], *network.file.weights}
                     if stored["weights"].get(key) != network.file.weights.get(key))  # fmt: skip
    if changed:
        problem = f"has other weights in {changed[0]!r} than when it was added"
        raise network.refuse(problem, "Add it again: sentinel-batch audio models add FILE.onnx --card card.toml.")
    known = stored["calibration"]
    calibration = None if known is None else Calibration.from_dict(known)
    humans, synthetics = stored["fitted_on"]
    return PluggedScorer(network, calibration, float(stored["spread"]), (int(humans), int(synthetics)), name)


def hash_edition(thresholds: Mapping[str, float], scorers: Sequence[Mapping[str, Any]]) -> str:
    """Return eight digits that tell models of one network apart: by its hash, contract, calibration and thresholds."""
    return hash_value({"thresholds": dict(thresholds), "scorers": [dict(one) for one in scorers]})[:8]


def plug_file(specification: Mapping[str, Any]) -> PluggedScorer:
    """Open a network by a specification: its path, and its contract.

    Parameters
    ----------
    specification
        ``path``, and either ``card``, the path of a card, or its keys: ``sample_rate``, ``window`` and ``output`` at
        the least. ``kind`` may stand there, as ``onnx``.

    Raises
    ------
    AudioUsageError
        The contract is not whole, or not allowed.
    ModelError
        The network does not keep it.
    """
    known = {key: value for key, value in specification.items() if key not in ("kind", "path")}
    path, place = _read_path(specification, "path"), "scorer"
    if "card" in known:
        if len(known) > 1:
            rest = ", ".join(key for key in known if key != "card")
            raise AudioUsageError(f"{place}: {rest} beside card.", hint="Write them into the card.", value=rest)
        return PluggedScorer(open_network(path, read_card(_read_path(specification, "card"))))
    name = re.sub("[^a-z0-9._-]+", "-", path.stem.lower()).strip("._-")[:64] or "model"
    return PluggedScorer(open_network(path, make_card({"name": name, **known}, place)))


def _read_path(specification: Mapping[str, Any], key: str) -> Path:
    value = specification.get(key)
    if not isinstance(value, str | Path) or not str(value) or "\0" in str(value):
        example = '{kind = "onnx", path = "model.onnx", sample_rate = 16000, window = 4.0, output = "logit"}'
        raise AudioUsageError(f"scorer: {key} = {value!r} is no path of a file.", hint=f"Such as {example}.", key=key)
    return Path(value)
