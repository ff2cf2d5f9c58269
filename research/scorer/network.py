"""Train the scorer's network with torch, which scoring never loads: residual blocks and attentive pooling.

Copies by vocoders sit in one batch with their human originals (Wang and Yamagishi 2023), so that only the copying
tells them apart; crops, masks and noise floors vary what a recording looks like.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.spoof.network import Network
from audio_batch.spoof.onnx_session import check_onnx
from audio_batch.spoof.picture import Picture

if TYPE_CHECKING:
    import torch

    from audio_batch.spoof.dataset import Dataset

Rows = NDArray[np.intp]

BATCH, CROP_FRAMES, STEPS = 48, 160, 3000
LEARNING_RATE, WEIGHT_DECAY, SMOOTHING = 3e-3, 0.02, 0.02
PAIRED_SHARE = 0.5
"""Share of copies whose human original sits in the same batch."""


def build_network(bins: int) -> torch.nn.Module:
    """Return an untrained network for pictures of that many bins: about 150,000 parameters."""
    import torch
    from torch import nn

    def unit(a: int, b: int, stride: int | tuple[int, int], size: int = 3) -> list[Any]:
        return [nn.Conv2d(a, b, size, stride, size // 2, bias=False), nn.BatchNorm2d(b)]

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self, a: int, b: int, stride: int | tuple[int, int]) -> None:
            super().__init__()
            self.main = nn.Sequential(*unit(a, b, stride), nn.ReLU(), *unit(b, b, 1))
            self.past = nn.Sequential(*unit(a, b, stride, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.main(x) + self.past(x))

    class Pooled(nn.Module):  # type: ignore[misc]
        """Reads each moment over all bins, then weighs the moments."""

        def __init__(self, height: int, width: int = 96) -> None:
            super().__init__()
            self.read = nn.Sequential(nn.Conv1d(height, width, 1, bias=False), nn.BatchNorm1d(width), nn.ReLU())
            self.weigh = nn.Sequential(nn.Conv1d(width, 32, 1), nn.Tanh(), nn.Conv1d(32, width, 1))
            self.out = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * width, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            moments = self.read(x.flatten(1, 2))
            share = torch.softmax(self.weigh(moments), dim=2)
            mean = (moments * share).sum(2)
            spread = ((moments * moments * share).sum(2) - mean * mean).clamp(min=1e-4).sqrt()
            result: torch.Tensor = self.out(torch.cat([mean, spread], 1))[:, 0]
            return result

    height = 64 * -(-bins // 16)
    stem = [*unit(3, 16, 2), nn.ReLU(), *unit(16, 32, 2), nn.ReLU()]
    return nn.Sequential(*stem, Block(32, 48, 2), Block(48, 64, (2, 1)), Pooled(height))


def fit_network(
    pictures: Picture,
    dataset: Dataset,
    weights: NDArray[np.float64],
    *,
    steps: int = STEPS,
    seed: int = 0,
    fast: bool = False,
    report: Callable[[str], None] | None = None,
) -> Network:
    """Train a network.

    Parameters
    ----------
    pictures
        Of `dataset.draw_pictures`, shape (rows, 3, bins, frames); may be memory-mapped.
    dataset
        Labels and pairs of the same rows.
    weights
        How often each row is drawn, shape (rows,); 0 where it is held out.
    steps
        Batches of 48 crops.
    fast
        Compile the network (needs a C++ compiler) and calculate in bfloat16: three times as fast on a CPU that has it.
    report
        Called with one line of progress at a time.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    torch.manual_seed(seed)
    net = build_network(pictures.shape[2]).to(memory_format=torch.channels_last)
    run = torch.compile(net) if fast else net
    optimiser = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps, pct_start=0.2)
    batches = draw_batches(pictures, dataset, weights, steps, np.random.default_rng(seed))
    losses = []
    for step, (crops, labels) in enumerate(batches, start=1):
        inputs = torch.from_numpy(crops).float().contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=fast):
            outputs = run(inputs)
        targets = torch.from_numpy(labels) * (1 - 2 * SMOOTHING) + SMOOTHING
        loss = binary_cross_entropy_with_logits(outputs.float(), targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses.append(loss.item())
        if report and step % 200 == 0:
            report(f"step {step} of {steps}: loss {np.mean(losses[-200:]):.3f}")
    return Network(check_onnx(Path("network.onnx"), _export(net, pictures.shape[1:])))


def draw_batches(
    pictures: Picture, dataset: Dataset, weights: NDArray[np.float64], steps: int, rng: np.random.Generator
) -> Iterator[tuple[Picture, NDArray[np.float32]]]:
    """Yield batches of as many synthetic as human crops, in this order, with their labels."""
    synthetic, human = _Chooser(dataset.labels == 1, weights), _Chooser(dataset.labels == 0, weights)
    originals = _find_originals(dataset, weights > 0)
    labels = np.repeat(np.array([1, 0], dtype=np.float32), BATCH // 2)
    for _ in range(steps):
        rows = synthetic.choose(rng), human.choose(rng)
        for place, pair in enumerate(dataset.pairs[rows[0]]):
            if pair in originals and rng.random() < PAIRED_SHARE:
                rows[1][place] = rng.choice(originals[pair])
        yield np.stack([crop_picture(pictures[row], rng) for row in np.concatenate(rows)]), labels


def _find_originals(dataset: Dataset, used: NDArray[np.bool_]) -> dict[str, Rows]:
    rows = np.flatnonzero(used & (dataset.labels == 0) & (dataset.pairs != ""))
    names, first = np.unique(dataset.pairs[rows], return_inverse=True)
    ordered = rows[np.argsort(first, kind="stable")]
    groups = np.split(ordered, np.cumsum(np.bincount(first))[:-1]) if rows.size else []
    return dict(zip(names.tolist(), groups, strict=True))


class _Chooser:
    def __init__(self, of_class: NDArray[np.bool_], weights: NDArray[np.float64]) -> None:
        self._rows = np.flatnonzero(of_class & (weights > 0))
        self._sums = np.cumsum(weights[self._rows])

    def choose(self, rng: np.random.Generator) -> Rows:
        chosen: Rows = self._rows[np.searchsorted(self._sums, rng.random(BATCH // 2) * self._sums[-1])]
        return chosen


def crop_picture(picture: Picture, rng: np.random.Generator) -> Picture:
    """Return a stretch of a picture, often with a masked band, a masked moment, or a raised noise floor."""
    start = int(rng.integers(picture.shape[2] - CROP_FRAMES + 1))
    part = np.array(picture[:, :, start : start + CROP_FRAMES])
    if rng.random() < 0.3:
        np.maximum(part[0], rng.integers(-60, 0), out=part[0])
    if rng.random() < 0.5:
        width = int(rng.integers(4, 24))
        first = int(rng.integers(part.shape[1] - width))
        part[:, first : first + width] = 0
    if rng.random() < 0.5:
        width = int(rng.integers(5, 40))
        first = int(rng.integers(CROP_FRAMES - width))
        part[:, :, first : first + width] = 0
    return part


def _export(net: torch.nn.Module, picture_shape: tuple[int, ...]) -> bytes:
    import torch

    plain = net.to(memory_format=torch.contiguous_format).eval()
    file, example = io.BytesIO(), torch.zeros((1, *picture_shape))
    torch.onnx.export(
        plain, (example,), file, input_names=["picture"], output_names=["log_odds"], dynamo=False, opset_version=17
    )
    return file.getvalue()
