"""The scorer's model: classifiers, calibration and reference of each channel class, in one folder of plain files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.errors import AudioUsageError, ModelError
from audio_batch.spoof.calibration import Calibration, Thresholds
from audio_batch.spoof.network import Network, frame_picture, load_network
from audio_batch.spoof.representation import REPRESENTATION_VERSION, Spectra, list_names, measure_values
from audio_batch.spoof.trees import Trees, load_trees

DEFAULT_MODEL = "telephone-2"
MODEL_FORMAT = 1
RATES = {"narrowband": 8000, "wideband": 16000}


@dataclass(frozen=True)
class Reference:
    """What training speech looked like, feature by feature.

    Attributes
    ----------
    human
        5 % and 95 % quantiles of human training segments, shape (features, 2).
    domain
        0.5 % and 99.5 % quantiles of all training segments, shape (features, 2).
    outside_limit
        Share of features outside `domain` from which a segment is unlike anything in training.
    """

    human: NDArray[np.float64]
    domain: NDArray[np.float64]
    outside_limit: float

    def measure_outside(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the share of features of each row that lie outside of the training range."""
        outside = (values < self.domain[:, 0]) | (values > self.domain[:, 1])
        return np.asarray(outside.mean(axis=1), dtype=np.float64)


@dataclass(frozen=True)
class Outputs:
    """What a channel model says of some segments: `values` are the statistics, `log_odds` is calibrated."""

    values: NDArray[np.float32]
    parts: NDArray[np.float64]
    log_odds: NDArray[np.float64]
    outside: NDArray[np.float64]


@dataclass(frozen=True)
class ChannelModel:
    """The scorer of one channel class.

    Attributes
    ----------
    name
        ``narrowband`` or ``wideband``.
    sampling_rate
        Rate that segments are brought to, in Hz.
    calibration
        Slopes for the trees and, if there is one, for the network.
    spread
        Standard deviation of the log-odds of segments inside one human recording: how far the highest of many
        segments lies above the mean by chance.
    """

    name: str
    sampling_rate: int
    names: tuple[str, ...]
    trees: Trees = field(repr=False)
    network: Network | None = field(repr=False)
    calibration: Calibration
    reference: Reference = field(repr=False)
    spread: float

    def score(self, signals: list[NDArray[np.float32]]) -> Outputs:
        """Score segments at the model's sampling rate, each of shape (samples,)."""
        spectra = list(Spectra.over(signals, self.sampling_rate))
        values = np.stack([measure_values(s) for s in spectra])
        parts = [self.trees.score(values)]
        if self.network is not None:
            parts.append(self.network.score(frame_picture(s.picture) for s in spectra))
        stacked = np.column_stack(parts)
        return Outputs(values, stacked, self.calibration.apply(stacked), self.reference.measure_outside(values))


@dataclass(frozen=True)
class Model:
    """All channel classes of one model, with the thresholds of its labels.

    Attributes
    ----------
    version
        Name and number under which verdicts cite it.
    """

    version: str
    channels: Mapping[str, ChannelModel]
    thresholds: Thresholds

    def select_channel(self, channel_class: str) -> ChannelModel:
        """Return the scorer of a channel class; the narrowband one where the class was not trained."""
        return self.channels.get(channel_class) or self.channels["narrowband"]


def load_model(name_or_path: str | Path | None = None) -> Model:
    """Read a model.

    Parameters
    ----------
    name_or_path
        Name of a shipped model or a folder that `train_model` wrote; None for the default one.

    Raises
    ------
    ModelError
        There is no such model, a file of it is damaged, or it was made for another version of the statistics.
    """
    name = str(name_or_path or DEFAULT_MODEL)
    shipped = Path(__file__).parent / "models"
    folder = Path(name) if Path(name).is_dir() else shipped / name
    if ("/" in name and not Path(name).is_dir()) or not (folder / "model.json").is_file():
        known = ", ".join(sorted(p.parent.name for p in shipped.glob("*/model.json")))
        raise ModelError(f"No model {name[:200]!r}", hint=f"Shipped: {known}; or give a folder with a model.json.")
    return _read_folder(folder.resolve())


@lru_cache(maxsize=4)
def _read_folder(folder: Path) -> Model:
    place = folder / "model.json"
    try:
        document = json.loads(place.read_text(encoding="utf-8"))
        if document["format"] != MODEL_FORMAT or document["representation"] != REPRESENTATION_VERSION:
            raise ModelError(
                f"{str(place)!r} has format {document['format']!r} and statistics {document['representation']!r}; "
                f"this version reads {MODEL_FORMAT!r} and {REPRESENTATION_VERSION!r}",
                hint="Train the model again with this version.",
            )
        channels = {name: _read_channel(folder, name, stored) for name, stored in document["channels"].items()}
        return Model(document["version"], channels, Thresholds(**document["thresholds"]))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{str(place)!r} is damaged: {error}", hint="Copy the folder again, or train again."
        ) from error


def _read_channel(folder: Path, name: str, stored: dict[str, Any]) -> ChannelModel:
    rate = RATES[name]
    if tuple(stored["names"]) != list_names(rate):
        raise ModelError(f"The {name} model names other statistics than this version measures", hint="Train it again.")
    reference = Reference(np.array(stored["human"]), np.array(stored["domain"]), float(stored["outside_limit"]))
    network = load_network(folder / f"{name}_network.onnx") if stored["network"] else None
    return ChannelModel(
        name=name,
        sampling_rate=rate,
        names=tuple(stored["names"]),
        trees=load_trees(folder / f"{name}_trees.json"),
        network=network,
        calibration=Calibration.from_dict(stored["calibration"]),
        reference=reference,
        spread=float(stored["spread"]),
    )


def write_model(folder: Path, model: Model) -> None:
    """Write a model as plain files; ``model.json`` comes last: where it is, the rest is complete.

    Raises
    ------
    AudioUsageError
        The folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_files(folder, model)
    except OSError as error:
        raise AudioUsageError(
            f"The model cannot be written to {str(folder)!r}: {error.strerror or error}.",
            hint="Name a new folder in one that can be written, on a disk with room.",
            value=str(folder),
        ) from error


def _write_files(folder: Path, model: Model) -> None:
    for name, channel in model.channels.items():
        channel.trees.save(folder / f"{name}_trees.json")
        if channel.network is not None:
            channel.network.save(folder / f"{name}_network.onnx")
    document = {
        "format": MODEL_FORMAT,
        "representation": REPRESENTATION_VERSION,
        "version": model.version,
        "polarity": "0 = human, 1 = synthetic",
        "thresholds": {"real": model.thresholds.real, "synthetic": model.thresholds.synthetic},
        "channels": {name: _describe_channel(channel) for name, channel in model.channels.items()},
    }
    (folder / "model.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _describe_channel(channel: ChannelModel) -> dict[str, Any]:
    return {
        "names": list(channel.names),
        "network": channel.network is not None,
        "calibration": channel.calibration.to_dict(),
        "spread": channel.spread,
        "outside_limit": channel.reference.outside_limit,
        "human": np.round(channel.reference.human, 5).tolist(),
        "domain": np.round(channel.reference.domain, 5).tolist(),
    }
