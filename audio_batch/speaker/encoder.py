"""From a voice to a vector of 256 numbers: the shipped LSTM in plain numpy, or any ONNX encoder given by path."""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from scipy.fft import rfft

from audio_batch.errors import ModelError
from audio_batch.spoof.onnx_session import open_session, read_onnx

Floats = npt.NDArray[np.float32]

ENCODER_RATE = 16_000
MODELS = Path(__file__).parent / "models"
SHIPPED_ENCODER = MODELS / "resemblyzer-f16.npz"
SPEECH_LEVEL_DBFS = -30.0
WINDOW_FRAMES = 160
HOP_FRAMES = 96
BATCH_WINDOWS = 64
DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)
"""What reading a damaged file of arrays raises."""


class Encoder(Protocol):
    """What turns a stretch of speech into an embedding."""

    @property
    def version(self) -> str:
        """Name and content hash: voiceprints of different versions are never compared."""

    def encode(self, speech: Floats) -> Floats:
        """Return the unit-length embedding of mono speech at 16 kHz, shape (dimensions,)."""


def load_encoder(path: str | Path | None = None) -> Encoder:
    """Load the shipped encoder, or another one from an ONNX file.

    Parameters
    ----------
    path
        None for the shipped encoder; otherwise an ``.onnx`` file whose input is a waveform ``(batch, samples)`` or
        mel energies ``(batch, frames, mels)`` at 16 kHz and whose first output is ``(batch, dimensions)``.
        A file of the same name ending in ``.json`` may say how the input is made (see `MelInput`).

    Returns
    -------
    Encoder
        Cached: the same path gives the same object as long as the file does not change.

    Raises
    ------
    ModelError
        The file is missing, damaged, or of another form.
    """
    chosen = Path(path) if path is not None else SHIPPED_ENCODER
    try:
        changed = chosen.stat().st_mtime_ns
    except OSError as error:
        raise ModelError(
            f"No speaker encoder at {str(chosen)!r}: {error.strerror}",
            hint="Give the path of an .onnx file, or nothing for the shipped encoder.",
            path=str(chosen),
        ) from error
    return _load_cached(chosen, changed)


@lru_cache(maxsize=4)
def _load_cached(path: Path, changed: int) -> Encoder:
    return OnnxEncoder.read(path) if path.suffix == ".onnx" else LstmEncoder.read(path)


@dataclass(frozen=True)
class MelInput:
    """How mel energies are computed from 16 kHz speech before they enter an encoder.

    Attributes
    ----------
    mels
        Number of mel bands (Slaney's scale and area normalisation, 0 to 8 kHz).
    fft
        Length of the Fourier transform in samples; the Hann window has the same length (400 = 25 ms).
    hop
        Samples between frames (160 = 10 ms).
    window, step
        Frames that enter the encoder at once, and frames between two such windows; 0 = the whole recording.
    log
        Whether the natural logarithm is taken.
    centred
        Whether each band's mean over the window is removed.
    """

    mels: int = 40
    fft: int = 400
    hop: int = 160
    window: int = WINDOW_FRAMES
    step: int = HOP_FRAMES
    log: bool = False
    centred: bool = False

    def cut(self, speech: Floats) -> Floats:
        """Return the windows of mel energies, shape (windows, frames, mels)."""
        energies = mel_energies(speech, self.mels, self.fft, self.hop)
        if self.log:
            energies = np.log(np.maximum(energies, np.float32(1e-10)))
        windows = cut_windows(energies, self.window or len(energies), self.step or len(energies))
        return windows - windows.mean(axis=1, keepdims=True) if self.centred else windows


def mel_energies(speech: Floats, mels: int = 40, fft: int = 400, hop: int = 160) -> Floats:
    """Return the power in mel bands of speech at 16 kHz, shape (frames, mels), frames centred on multiples of `hop`.

    The same figures as ``librosa.feature.melspectrogram(…, center=True, pad_mode="constant")``, in blocks.
    """
    padded = np.pad(np.ascontiguousarray(speech, dtype=np.float32), fft // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, fft)[::hop]
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(fft) / fft)).astype(np.float32)
    bands = mel_bands(mels, fft).T
    out = np.empty((len(frames), mels), dtype=np.float32)
    for start in range(0, len(frames), 1024):
        spectrum = rfft(frames[start : start + 1024] * window, axis=1)
        out[start : start + 1024] = (spectrum.real**2 + spectrum.imag**2).astype(np.float32) @ bands
    return out


@lru_cache(maxsize=8)
def mel_bands(mels: int, fft: int, sampling_rate: int = ENCODER_RATE) -> Floats:
    """Return triangular mel filters of equal area, shape (mels, fft // 2 + 1).

    Slaney, M. (1998), Auditory Toolbox: linear below 1 kHz (200/3 Hz a mel), logarithmic above (6.4 in 27 steps).
    """
    top = 15 + np.log(sampling_rate / 2 / 1000) / np.log(6.4) * 27
    points = np.linspace(0, top, mels + 2)
    # 15 mels are 1 kHz: below it the scale is linear, above it logarithmic.
    edges = np.where(points < 15, points * 200 / 3, 1000 * np.exp((points - 15) * np.log(6.4) / 27))
    ramps = edges[:, None] - np.fft.rfftfreq(fft, 1 / sampling_rate)[None, :]
    widths = np.diff(edges)[:, None]
    triangles = np.maximum(0, np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]))
    return np.asarray(triangles * (2 / (edges[2:] - edges[:-2]))[:, None], dtype=np.float32)


def cut_windows(frames: Floats, length: int, step: int) -> Floats:
    """Return overlapping windows that cover all frames, shape (windows, length, bands); the last one ends at the end.

    Too few frames are repeated, because silence would pull the embedding towards that of silence.
    """
    if len(frames) < length:
        frames = np.tile(frames, (-(-length // len(frames)), 1))[:length]
    last = len(frames) - length
    starts = sorted({*range(0, last + 1, step), last})
    return np.stack([frames[start : start + length] for start in starts])


def set_level(speech: Floats, level_dbfs: float = SPEECH_LEVEL_DBFS) -> Floats:
    """Scale to a root-mean-square level, because the shipped encoder reads energies without a logarithm."""
    rms = float(np.sqrt(np.mean(np.square(speech, dtype=np.float64))))
    gain = 10 ** (level_dbfs / 20) / rms if rms > 0 else 1.0
    return np.asarray(speech * np.float32(gain), dtype=np.float32)


def unit(vector: Floats) -> Floats:
    """Return the vector, or each row of a matrix, with length 1 (a zero vector stays)."""
    length = np.linalg.norm(vector, axis=-1, keepdims=True)
    return np.asarray(vector / np.maximum(length, 1e-12), dtype=np.float32)


@dataclass(frozen=True, repr=False)
class LstmEncoder:
    """Three LSTM layers of 256 cells and one linear layer over windows of 1.6 s, averaged (GE2E, Wan et al. 2018).

    Attributes
    ----------
    layers
        Per layer: input weights (inputs, 1024), recurrent weights (256, 1024), bias (1024,).
    output
        Weights (256, 256) and bias (256,) of the last layer.
    """

    version: str
    mel: MelInput
    layers: tuple[tuple[Floats, Floats, Floats], ...]
    output: tuple[Floats, Floats]

    @classmethod
    def read(cls, path: Path) -> LstmEncoder:
        """Read the weights as `research.voice_encoder` writes them (PyTorch's names and gate order)."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                weights = {name: stored[name].astype(np.float32) for name in stored.files}
            layers = tuple(_read_layer(weights, number) for number in range(3))
            output = (np.ascontiguousarray(weights["linear.weight"].T), weights["linear.bias"])
        except DAMAGE as error:
            raise ModelError(
                f"The speaker encoder {str(path)!r} cannot be read: {type(error).__name__}",
                hint="Install the package again.",
                path=str(path),
            ) from error
        return cls(_version(path), MelInput(), layers, output)

    def __repr__(self) -> str:
        """Name the encoder, not its weights."""
        return f"LstmEncoder({self.version!r})"

    def encode(self, speech: Floats) -> Floats:
        """Return the unit-length mean of the windows' embeddings, shape (256,)."""
        windows = self.mel.cut(set_level(speech))
        parts = [self.embed_windows(windows[i : i + BATCH_WINDOWS]) for i in range(0, len(windows), BATCH_WINDOWS)]
        return unit(np.concatenate(parts).mean(axis=0))

    def embed_windows(self, windows: Floats) -> Floats:
        """Return one unit-length embedding a window, shape (windows, 256), for windows (windows, frames, 40)."""
        states = np.ascontiguousarray(windows.transpose(1, 0, 2))
        for layer in self.layers:
            states = _run_layer(states, *layer)
        weights, bias = self.output
        return unit(np.maximum(states[-1] @ weights + bias, 0))


def _read_layer(weights: dict[str, Floats], number: int) -> tuple[Floats, Floats, Floats]:
    """Scale the three sigmoid gates by 1/2, so that one tanh serves all four gates: σ(x) = (1 + tanh(x / 2)) / 2."""
    inputs = weights[f"lstm.weight_ih_l{number}"]
    scale = np.full(len(inputs), 0.5, dtype=np.float32)
    cells = len(inputs) // 4
    scale[2 * cells : 3 * cells] = 1
    recurrent = weights[f"lstm.weight_hh_l{number}"] * scale[:, None]
    bias = (weights[f"lstm.bias_ih_l{number}"] + weights[f"lstm.bias_hh_l{number}"]) * scale
    return np.ascontiguousarray((inputs * scale[:, None]).T), np.ascontiguousarray(recurrent.T), bias


def _run_layer(inputs: Floats, weights: Floats, recurrent: Floats, bias: Floats) -> Floats:
    """Run one LSTM layer over (frames, windows, inputs) and return its outputs (frames, windows, cells)."""
    frames, batch, _ = inputs.shape
    cells = len(recurrent)
    driven = (inputs.reshape(frames * batch, -1) @ weights + bias).reshape(frames, batch, 4 * cells)
    outputs = np.empty((frames, batch, cells), dtype=np.float32)
    hidden = memory = np.zeros((batch, cells), dtype=np.float32)
    for frame in range(frames):
        # The input's part was multiplied for all frames at once, which is fast; only the recurrent part must go frame
        # by frame.
        gates = np.tanh(driven[frame] + hidden @ recurrent)
        enter, keep, fresh, leave = (gates[:, i * cells : (i + 1) * cells] for i in range(4))
        # Half of 1 + tanh is the sigmoid of the unscaled gate, see `_read_layer`.
        memory = 0.5 * ((1 + keep) * memory + (1 + enter) * fresh)
        hidden = outputs[frame] = 0.5 * (1 + leave) * np.tanh(memory)
    return outputs


@dataclass(frozen=True, repr=False)
class OnnxEncoder:
    """Any encoder as an ONNX graph; its input is a waveform, or mel energies as a JSON file beside it says."""

    version: str
    mel: MelInput | None
    session: Any

    @classmethod
    def read(cls, path: Path) -> OnnxEncoder:
        """Open the graph on one core; it can reach nothing but its own folder."""
        try:
            session = open_session(read_onnx(path))
        except ModelError as error:
            raise ModelError(
                f"The speaker encoder {str(path)!r} is not an ONNX graph that can be run: {error.message}",
                hint="Export it for onnxruntime on the CPU, with a dynamic batch dimension.",
                path=str(path),
            ) from error
        return cls(_version(path), _read_mel_input(path, session.get_inputs()[0].shape), session)

    def __repr__(self) -> str:
        """Name the encoder, not its weights."""
        return f"OnnxEncoder({self.version!r})"

    def encode(self, speech: Floats) -> Floats:
        """Return the unit-length mean of the windows' embeddings, shape (dimensions,)."""
        levelled = set_level(speech)
        batch = self.mel.cut(levelled) if self.mel else levelled[None, :]
        name = self.session.get_inputs()[0].name
        embeddings = np.asarray(self.session.run(None, {name: batch})[0], dtype=np.float32)
        return unit(unit(embeddings.reshape(len(batch), -1)).mean(axis=0))


def _read_mel_input(path: Path, shape: list[Any]) -> MelInput | None:
    beside = path.with_suffix(".json")
    if not beside.exists():
        mels = shape[-1] if isinstance(shape[-1], int) else 80
        return None if len(shape) == 2 else MelInput(mels=mels, fft=400, window=0, step=0, log=True, centred=True)
    try:
        return MelInput(**json.loads(beside.read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"{str(beside)!r} does not describe the input of an encoder: {error}",
            hint=f"Allowed keys: {', '.join(MelInput.__dataclass_fields__)}.",
            path=str(beside),
        ) from error


def _version(path: Path) -> str:
    with path.open("rb") as file:
        return f"{path.stem}-{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"
