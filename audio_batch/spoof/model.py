"""The scorer's model: classifiers, calibration and reference of each channel class, in one folder of plain files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.errors import AudioUsageError, ModelError
from audio_batch.spoof.calibration import Calibration, Thresholds
from audio_batch.spoof.domain import Domain, load_domain
from audio_batch.spoof.ear import Hearing, read_hearing
from audio_batch.spoof.kernel import Kernel, load_kernel
from audio_batch.spoof.listening import Listener
from audio_batch.spoof.network import Network, frame_picture, load_network
from audio_batch.spoof.plugged import ONNX, PluggedScorer, hash_edition, plug_file, read_plugged
from audio_batch.spoof.pooling import Pooling
from audio_batch.spoof.reasons import explain_segments
from audio_batch.spoof.representation import REPRESENTATION_VERSION, Spectra, list_names, measure_values
from audio_batch.spoof.segment_scorer import HOP_SECONDS, SEGMENT_SECONDS, Outputs, Refit, SegmentScorer
from audio_batch.spoof.trees import Trees, load_trees
from audio_batch.verdict import Reason
from batch_base.hashing import hash_value, write_canonical_json
from batch_base.shell import quote_word

DEFAULT_MODEL = "telephone-5"
MODEL_FORMAT = 2
STATISTICS = "statistics"
"""Kind of a scorer that rests on the statistics of segments."""
RATES = {"narrowband": 8000, "wideband": 16000}


@dataclass(frozen=True)
class ChannelModel:
    """The scorer of one channel class.

    Attributes
    ----------
    name
        ``narrowband`` or ``wideband``.
    sampling_rate
        Rate that segments are brought to, in Hz.
    kernel
        A kernel machine over the same statistics as the trees.
    hearing
        The first layers of a speech network and what reads them, if it has them.
    listener
        A frozen encoder and what reads it, if there is one.
    network
        A network over the segment's picture, if there is one.
    calibration
        Slopes for trees, kernel machine, hearing, listener and network, in this order; what there is not has none.
    human
        5 % and 95 % quantiles of human training segments, shape (features, 2).
    domain
        Where training lies; a segment far from it is scored, and counts for nothing.
    spread
        Standard deviation of the log-odds of segments inside one human recording: how far the highest of many
        segments lies above the mean by chance.
    """

    name: str
    sampling_rate: int
    names: tuple[str, ...]
    trees: Trees = field(repr=False)
    kernel: Kernel = field(repr=False)
    hearing: Hearing | None = field(repr=False)
    listener: Listener | None = field(repr=False)
    network: Network | None = field(repr=False)
    calibration: Calibration
    human: NDArray[np.float64] = field(repr=False)
    domain: Domain
    spread: float

    def score(self, signals: Sequence[NDArray[np.float32]]) -> Outputs:
        """Score segments at the model's sampling rate, each of shape (samples,)."""
        spectra = list(Spectra.over(signals, self.sampling_rate))
        values = measure_values(spectra)
        located = self.kernel.locate(values)
        parts = [self.trees.score(values), self.kernel.judge(located)]
        if self.hearing is not None:
            parts.append(self.hearing.score(signals))
        if self.listener is not None:
            parts.append(self.listener.score(signals, self.sampling_rate))
        if self.network is not None:
            parts.append(self.network.score(frame_picture(s.picture) for s in spectra))
        stacked = np.column_stack(parts)
        outside = self.domain.measure(located) / self.domain.limit
        return Outputs(values, stacked, self.calibration.apply(stacked), outside)

    def explain(self, values: NDArray[np.float32], parts: NDArray[np.float64]) -> tuple[Reason, ...]:
        """Return the features that moved the score of some segments most, strongest first."""
        return explain_segments(self, values, parts)

    @property
    def calibrated(self) -> bool:
        """True: training calibrates."""
        return True

    def recalibrate(self, refit: Refit) -> ChannelModel:
        """Return the same classifiers with other log-odds."""
        spread = self.spread * abs(refit.slope) if refit.spread is None else refit.spread
        return replace(self, calibration=refit.apply(self.calibration), spread=spread)

    def store(self, folder: Path) -> dict[str, Any]:
        """Write classifiers and domain into a folder, and return the rest."""
        self.trees.save(folder / f"{self.name}_trees.json")
        self.kernel.save(folder / f"{self.name}_kernel.npz")
        self.domain.save(folder / f"{self.name}_domain.npz")
        if self.hearing is not None:
            self.hearing.save(folder, self.name)
        if self.listener is not None:
            self.listener.kernel.save(folder / f"{self.name}_listener.npz")
        if self.network is not None:
            self.network.save(folder / f"{self.name}_network.onnx")
        return {
            "kind": STATISTICS,
            "names": list(self.names),
            "hearing": self.hearing is not None,
            "listener": self.listener.to_dict() if self.listener is not None else None,
            "network": self.network is not None,
            "calibration": self.calibration.to_dict(),
            "spread": self.spread,
            "human": np.round(self.human, 5).tolist(),
        }


@dataclass(frozen=True)
class Model:
    """All channel classes of one model, with the thresholds of its labels.

    Attributes
    ----------
    version
        Name and number under which verdicts cite it.
    channels
        By channel class; ``narrowband`` is always there.
    pooling
        How a call is judged by its segments; a model that learned no other way takes their mean.
    segment_seconds, hop_seconds
        Length of the segments that it scores, and distance between two starts.
    sha256
        Of its files, as they were read; of a network that was plugged in, that of its file. Empty for a model that was
        not read from files.
    edition
        Part of a hash of a plugged-in network with its contract and calibration, empty for other models.
    """

    version: str
    channels: Mapping[str, SegmentScorer]
    thresholds: Thresholds
    segment_seconds: float = SEGMENT_SECONDS
    hop_seconds: float = HOP_SECONDS
    sha256: str = ""
    pooling: Pooling = field(default_factory=Pooling)
    edition: str = ""

    @property
    def cited(self) -> str:
        """Version as verdicts cite it: two calibrations of one plugged-in network are told apart."""
        return f"{self.version}@{self.edition}" if self.edition else self.version

    def select_channel(self, channel_class: str) -> SegmentScorer:
        """Return the scorer of a channel class; the narrowband one where the class was not trained."""
        return self.channels.get(channel_class) or self.channels["narrowband"]


ModelLike = str | PathLike[str] | Mapping[str, Any] | Model | None
"""A name, a folder, a specification of a network in ONNX form, a model that was read, or None for the default."""


def load_model(model: ModelLike = None) -> Model:
    """Read a model.

    Parameters
    ----------
    model
        Name of a shipped model, a folder (that `train_model`, `calibrate_model` or `add_model` wrote), or a
        specification of a network in ONNX form: a mapping with ``path`` and its contract (``docs/voice-models.md``).
        None is the default model; one that was read already is returned.

    Raises
    ------
    AudioUsageError
        A specification is not whole.
    ModelError
        There is no such model, a file of it is damaged, or it was made for another version of the statistics.
    """
    if isinstance(model, Model):
        return model
    if isinstance(model, Mapping):
        texts = {key: fspath(value) if isinstance(value, PathLike) else value for key, value in model.items()}
        return _plug(write_canonical_json(texts), *_look_at(texts))
    return _read_folder(find_folder(model).resolve())


def find_folder(model: str | PathLike[str] | None) -> Path:
    """Return the folder of a model that goes by a name or a path.

    Raises
    ------
    ModelError
        There is none.
    """
    name = fspath(model or DEFAULT_MODEL)
    shipped = Path(__file__).parent / "models"
    folder = Path(name) if Path(name).is_dir() else shipped / name
    if ("/" in name and not Path(name).is_dir()) or not (folder / "model.json").is_file():
        known = ", ".join(list_shipped())
        hint = f"Shipped: {known}; or give a folder with a model.json."
        if name.endswith(".onnx") and Path(name).is_file():
            hint = f"Add it first: sentinel-batch audio models add {quote_word(name[:200])} --card card.toml"
        raise ModelError(f"No model {name[:200]!r}", hint=hint)
    return folder


def is_plugged(model: str | PathLike[str]) -> bool:
    """Tell whether a name or a path is the folder of a network that was plugged in, without opening it."""
    place = Path(model) / "model.json"
    try:
        channels = json.loads(place.read_text(encoding="utf-8"))["channels"].values()
        return any(stored.get("kind") == ONNX for stored in channels)
    except (OSError, KeyError, TypeError, ValueError, AttributeError):
        return False


def list_shipped() -> list[str]:
    """Return the names of the models that come with the package."""
    return sorted(path.parent.name for path in (Path(__file__).parent / "models").glob("*/model.json"))


def forget_models() -> None:
    """Let go of all models that are kept in memory."""
    _plug.cache_clear()
    _read_folder.cache_clear()


def _look_at(specification: Mapping[str, Any]) -> tuple[int, int]:
    """Return what changes when the file of a network does; a file that is not there is its opener's to report."""
    try:
        status = Path(str(specification.get("path"))).stat()
    except (OSError, ValueError):
        return 0, 0
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=4)
def _plug(specification: str, changed: int, size: int) -> Model:
    scorer = plug_file(json.loads(specification))
    contract, name = scorer.network.card.contract, scorer.network.card.name
    return _cite(Model(name, {"narrowband": scorer}, Thresholds(), contract.window, contract.hop))


def _cite(model: Model, folder: Path | None = None) -> Model:
    """Give a model its hash; one with a plugged-in network the network's, and an edition."""
    plugged = [channel for channel in model.channels.values() if isinstance(channel, PluggedScorer)]
    if not plugged:
        return model if folder is None else replace(model, sha256=_hash_files(folder))
    edition = hash_edition(asdict(model.thresholds), [scorer.describe() for scorer in plugged])
    return replace(model, sha256=plugged[0].network.file.sha256, edition=edition)


@lru_cache(maxsize=4)
def _read_folder(folder: Path) -> Model:
    place = folder / "model.json"
    try:
        document = json.loads(place.read_text(encoding="utf-8"))
        kinds = {stored.get("kind", STATISTICS) for stored in document["channels"].values()}
        other = document["representation"] != REPRESENTATION_VERSION and STATISTICS in kinds
        if document["format"] != MODEL_FORMAT or other:
            raise ModelError(
                f"{str(place)!r} has format {document['format']!r} and statistics {document['representation']!r}; "
                f"this version reads {MODEL_FORMAT!r} and {REPRESENTATION_VERSION!r}",
                hint="Train the model again with this version.",
            )
        channels = {name: _read_channel(folder, name, stored) for name, stored in document["channels"].items()}
        cut = document.get("segments", {"seconds": SEGMENT_SECONDS, "hop": HOP_SECONDS})
        seconds, hop = float(cut["seconds"]), float(cut["hop"])
        thresholds = Thresholds(**document["thresholds"])
        pooling = Pooling.from_dict(document["pooling"])
        model = Model(
            document["version"], channels, thresholds, segment_seconds=seconds, hop_seconds=hop, pooling=pooling
        )
        return _cite(model, folder)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{str(place)!r} is damaged: {error}", hint="Copy the folder again, or train again."
        ) from error


def _read_channel(folder: Path, name: str, stored: dict[str, Any]) -> SegmentScorer:
    kind = stored.get("kind", STATISTICS)
    if kind not in _READERS:
        raise ModelError(
            f"{str(folder)!r}: the {name} model is of the kind {kind!r}; this version reads {', '.join(_READERS)}",
            hint="Install the version that wrote it.",
        )
    return _READERS[kind](folder, name, stored)


def _read_statistics(folder: Path, name: str, stored: dict[str, Any]) -> SegmentScorer:
    rate = RATES[name]
    if tuple(stored["names"]) != list_names(rate):
        raise ModelError(f"The {name} model names other statistics than this version measures", hint="Train it again.")
    network = load_network(folder / f"{name}_network.onnx") if stored["network"] else None
    calibration = Calibration.from_dict(stored["calibration"])
    parts = 2 + sum(bool(stored.get(part)) for part in ("hearing", "listener", "network"))
    if len(calibration.slopes) != parts:
        problem = f"The {name} model in {str(folder)!r} has {parts} classifiers and {len(calibration.slopes)} slopes"
        raise ModelError(problem, hint="Train the model again.")
    return ChannelModel(
        name=name,
        sampling_rate=rate,
        names=tuple(stored["names"]),
        trees=load_trees(folder / f"{name}_trees.json"),
        kernel=load_kernel(folder / f"{name}_kernel.npz"),
        hearing=read_hearing(folder, name) if stored.get("hearing") else None,
        listener=_read_listener(folder / f"{name}_listener.npz", stored["listener"]),
        network=network,
        calibration=calibration,
        human=np.array(stored["human"]),
        domain=load_domain(folder / f"{name}_domain.npz"),
        spread=float(stored["spread"]),
    )


def _read_listener(place: Path, stored: dict[str, Any] | None) -> Listener | None:
    if stored is None:
        return None
    layers = tuple(int(layer) for layer in stored["layers"])
    return Listener(str(stored["sha256"]), layers, load_kernel(place))


_READERS: dict[str, Callable[[Path, str, dict[str, Any]], SegmentScorer]] = {
    STATISTICS: _read_statistics,
    ONNX: read_plugged,
}
"""Kind of a channel's scorer to what reads it from the model's folder."""


def _hash_files(folder: Path) -> str:
    """Hash what the files of a model hold, whatever its folder is called."""
    inside = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix in (".json", ".npz", ".onnx"))
    return hash_value({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in inside})


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
    document = {
        "format": MODEL_FORMAT,
        "representation": REPRESENTATION_VERSION,
        "version": model.version,
        "polarity": "0 = human, 1 = synthetic",
        "thresholds": {"real": model.thresholds.real, "synthetic": model.thresholds.synthetic},
        "pooling": model.pooling.to_dict(),
        "segments": {"seconds": model.segment_seconds, "hop": model.hop_seconds},
        "channels": {name: channel.store(folder) for name, channel in model.channels.items()},
    }
    (folder / "model.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
