"""The encoder of OpenAI's Whisper as a frozen listener, in numpy: means and spreads of its layers over a segment.

The weights are no part of this project. They come with two packages (the extra ``encoder``; MIT), one part each, as a
file of CTranslate2, which is read here as data: names, shapes and 16-bit numbers, nothing that could run.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from audio_batch.errors import ModelError

Array = NDArray[np.float32]

RATE = 16_000
FFT, HOP, MELS = 400, 160, 80
LONGEST_SECONDS = 30.0
KINDS: dict[int, type[np.generic]] = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
LARGEST_NAME, LARGEST_RANK = 200, 4


@dataclass(frozen=True)
class Whisper:
    """The encoder's weights.

    Attributes
    ----------
    sha256
        Of the file that they were read from.
    heads
        Attention heads of each layer.
    weights
        By CTranslate2's names, without the leading ``encoder/``; matrices are stored as they are multiplied.
    """

    sha256: str
    heads: int
    layers: int
    weights: Mapping[str, Array]

    def describe(self, signal: Array) -> Array:
        """Return means and spreads over time of what enters the first layer and of what leaves each.

        Parameters
        ----------
        signal
            Mono at 16 kHz, shape (samples,), at most 30 s; any level.

        Returns
        -------
        numpy.ndarray
            float32, shape (layers + 1, 2, width).
        """
        states = self._run(draw_mels(signal[: int(LONGEST_SECONDS * RATE)]))
        return np.stack([np.stack([state.mean(axis=0), state.std(axis=0)]) for state in states])

    def _run(self, mels: Array) -> list[Array]:
        hidden = _gelu(_convolve(mels, self.weights["conv1/weight"], 1) + self.weights["conv1/bias"])
        hidden = _gelu(_convolve(hidden, self.weights["conv2/weight"], 2) + self.weights["conv2/bias"])
        hidden = hidden + self.weights["position_encodings/encodings"][: len(hidden)]
        states = [hidden]
        for layer in range(self.layers):
            hidden = hidden + self._attend(hidden, f"layer_{layer}/self_attention")
            hidden = hidden + self._feed(hidden, f"layer_{layer}/ffn")
            states.append(hidden)
        return states

    def _attend(self, hidden: Array, name: str) -> Array:
        joined = self._project(self._norm(hidden, name), f"{name}/linear_0")
        frames, width = hidden.shape
        query, key, value = joined.reshape(frames, 3, self.heads, width // self.heads).transpose(1, 2, 0, 3)
        weights = query @ key.transpose(0, 2, 1) / np.float32(np.sqrt(width / self.heads))
        weights = np.exp(weights - weights.max(axis=2, keepdims=True))
        heard = (weights / weights.sum(axis=2, keepdims=True)) @ value
        return self._project(heard.transpose(1, 0, 2).reshape(frames, width), f"{name}/linear_1")

    def _feed(self, hidden: Array, name: str) -> Array:
        return self._project(_gelu(self._project(self._norm(hidden, name), f"{name}/linear_0")), f"{name}/linear_1")

    def _project(self, hidden: Array, name: str) -> Array:
        return np.asarray(hidden @ self.weights[f"{name}/weight"] + self.weights[f"{name}/bias"], dtype=np.float32)

    def _norm(self, hidden: Array, name: str) -> Array:
        centred = hidden - hidden.mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt((centred * centred).mean(axis=1, keepdims=True) + np.float32(1e-5))
        gamma, beta = self.weights[f"{name}/layer_norm/gamma"], self.weights[f"{name}/layer_norm/beta"]
        return np.asarray(scaled * gamma + beta, dtype=np.float32)


def draw_mels(signal: Array) -> Array:
    """Return the log mel spectrum as Whisper was trained on it, shape (frames, 80)."""
    padded = np.pad(np.asarray(signal, dtype=np.float32), FFT // 2, mode="reflect" if len(signal) > FFT else "constant")
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT)[::HOP][:-1]
    spectrum = np.fft.rfft(frames * _window(), axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    logarithm = np.log10(np.maximum(power @ _filters(), 1e-10))
    return np.asarray((np.maximum(logarithm, logarithm.max() - 8.0) + 4.0) / 4.0, dtype=np.float32)


@cache
def _window() -> Array:
    return np.hanning(FFT + 1)[:-1].astype(np.float32)


@cache
def _filters() -> Array:
    """Triangles of equal area on Slaney's mel scale (Auditory Toolbox, 1998), shape (bins, 80)."""
    step = np.log(6.4) / 27.0
    top = 15.0 + np.log(RATE / 2 / 1000.0) / step
    mels = np.linspace(0.0, top, MELS + 2)
    edges = np.where(mels < 15.0, mels * 200.0 / 3.0, 1000.0 * np.exp(step * (mels - 15.0)))
    hertz = np.linspace(0.0, RATE / 2, FFT // 2 + 1)[:, None]
    rising = (hertz - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - hertz) / np.diff(edges)[1:]
    triangles = np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (edges[2:] - edges[:-2])
    return np.asarray(triangles, dtype=np.float32)


def _convolve(signal: Array, kernel: Array, stride: int) -> Array:
    """Convolve over time with kernels of three frames; `kernel` is (3 * inputs, outputs)."""
    padded = np.pad(signal, ((1, 1), (0, 0)))
    taps = [padded[tap : tap + len(signal) : 1][::stride] for tap in range(3)]
    return np.asarray(np.concatenate(taps, axis=1) @ kernel, dtype=np.float32)


def _gelu(values: Array) -> Array:
    # The usual approximation by tanh; what reads the layers was trained on it.
    inner = np.float32(0.7978845608) * (values + np.float32(0.044715) * values * values * values)
    return np.asarray(np.float32(0.5) * values * (1 + np.tanh(inner)), dtype=np.float32)


def load_whisper(*parts: Path, sha256: str | None = None, layers: int | None = None) -> Whisper:
    """Read the encoder of a Whisper model in CTranslate2's form.

    Parameters
    ----------
    parts
        The file ``model.bin``, or what it was cut into, in order.
    sha256
        What the hash of the whole must be; None takes any.
    layers
        How many layers are read and run, from the first on; None for all.

    Raises
    ------
    ModelError
        A file is missing or damaged, or it is another model than was asked for.
    """
    for part in parts:
        if not part.is_file():
            raise ModelError(f"No encoder at {str(part)!r}", hint="Install it: pip install 'sentinel-batch[encoder]'.")
    return _read(tuple(part.resolve() for part in parts), sha256, layers)


@lru_cache(maxsize=2)
def _read(parts: tuple[Path, ...], sha256: str | None, layers: int | None) -> Whisper:
    document = b"".join(part.read_bytes() for part in parts)
    found = hashlib.sha256(document).hexdigest()
    if sha256 is not None and found != sha256:
        raise ModelError(
            f"The encoder {str(parts[0])!r} has the hash {found[:16]}…, the model was trained with {sha256[:16]}…",
            hint="Install the version that constraints.txt names, or name its file.",
        )
    try:
        stored = _parse(document)
        width = len(stored["conv1/bias"])
        numbers = [int(name.split("/")[0][6:]) for name in stored if name.startswith("layer_") and name[6].isdigit()]
        count = min(layers or max(numbers) + 1, max(numbers) + 1)
        weights = {name: _arrange(name, array) for name, array in stored.items() if array.ndim and _is_run(name, count)}
        return Whisper(found, width // 64, count, weights)
    except (IndexError, KeyError, ValueError, struct.error) as error:
        raise ModelError(
            f"{str(parts[0])!r} is no Whisper model of CTranslate2: {error}",
            hint="Name the file model.bin of such a model.",
        ) from error


def _is_run(name: str, layers: int) -> bool:
    """Tell whether weights belong to what is run: layers behind the last one that is looked at need no memory."""
    part = name.split("/")[0]
    return not (part.startswith("layer_") and part[6:].isdigit()) or int(part[6:]) < layers


def _parse(document: bytes) -> dict[str, NDArray[np.generic]]:
    """Return the encoder's arrays: CTranslate2's binary form, version 6."""
    place, found = 0, {}

    def take(form: str) -> int:
        nonlocal place
        (value,) = struct.unpack_from("<" + form, document, place)
        place += struct.calcsize("<" + form)
        return int(value)

    def word() -> str:
        nonlocal place
        size = take("H")
        if size > LARGEST_NAME:
            raise ValueError(f"a name of {size} bytes")
        text = document[place : place + size].rstrip(b"\0").decode("ascii")
        place += size
        return text

    version, kind, _ = take("I"), word(), take("I")
    if version != 6 or kind != "WhisperSpec":
        raise ValueError(f"version {version} of {kind[:40]!r}, not 6 of 'WhisperSpec'")
    for _ in range(take("I")):
        name, rank = word(), take("B")
        if rank > LARGEST_RANK:
            raise ValueError(f"{name!r} has {rank} dimensions")
        shape = [take("I") for _ in range(rank)]
        number, size = take("B"), take("I")
        if name.startswith("encoder/"):
            found[name[8:]] = np.frombuffer(document, KINDS[number], offset=place, count=int(np.prod(shape))).reshape(
                shape
            )
        place += size
    return found


def _arrange(name: str, array: NDArray[np.generic]) -> Array:
    """Return weights as they are multiplied from the right, in 32 bits."""
    plain = array.astype(np.float32)
    if plain.ndim == 3:
        return np.ascontiguousarray(plain.transpose(2, 1, 0).reshape(-1, plain.shape[0]))
    return np.ascontiguousarray(plain.T) if name.endswith("/weight") else plain
