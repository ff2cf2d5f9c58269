"""Repairs that leave the evidence as it is: a new file, the old one's hash beside it, no denoising, no trimming.

What may be done: take out a constant offset, give each channel a file of its own, change the sampling rate. What is
never done, since it changes what a verdict rests on: denoise, trim, normalise loudness, mix the two parties.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from audio_batch.decoding import (
    MAX_SAMPLING_RATE,
    Properties,
    RawFormat,
    hash_file,
    printable,
    probe,
    read_blocks,
    refuse_file,
    show_path,
)
from audio_batch.errors import AudioUsageError

DC_LIMIT = 0.01
"""Offset from which it is removed: the limit of the telephone profile."""
_BLOCK_SECONDS = 30.0


@dataclass(frozen=True)
class RepairedFile:
    """A file that `repair` wrote; `channel` is the index in the original, None for all of them."""

    path: str
    sha256: str
    channel: int | None


@dataclass(frozen=True)
class Repair:
    """The result of `repair`.

    Attributes
    ----------
    path, sha256
        The original, which is untouched.
    steps
        What was done, in order, with figures; empty if nothing was to do, and then no file is written.
    files
        What was written.
    sidecar
        JSON file with all of this, or None.
    """

    path: str
    sha256: str
    steps: tuple[dict[str, Any], ...]
    files: tuple[RepairedFile, ...]
    sidecar: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain types, ready for JSON."""
        return asdict(self) | {"path": printable(self.path)}


def repair(
    path: str | PathLike[str],
    out_dir: str | PathLike[str] | None = None,
    *,
    remove_dc: bool = True,
    split_channels: bool = True,
    sampling_rate: int | None = None,
    raw: RawFormat | None = None,
) -> Repair:
    """Write a repaired copy of a recording, and a sidecar with the original's hash and every step.

    Parameters
    ----------
    path
        The original; only read.
    out_dir
        Folder for the copies; made if there is none. None writes them beside the original, as ``NAME-fixed``. Nothing
        is written elsewhere and nothing is overwritten.
    remove_dc
        Subtract each channel's mean if one of them lies beyond `DC_LIMIT`.
    split_channels
        Write each channel of a file with several to a file of its own.
    sampling_rate
        Resample to this rate in Hz (SoX resampler, high quality), or None to leave it.
    raw
        What the original holds if it has no header.

    Returns
    -------
    Repair
        The copies are 24-bit FLAC, or 32-bit float WAV where samples exceed full scale, so that nothing is cut off.

    Raises
    ------
    AudioUsageError
        If the rate is not allowed, a file of that name is there already, or the folder cannot be written.
    UnreadableAudioError
        If the original cannot be decoded to its end, or holds NaN or infinite samples.
    """
    if sampling_rate is not None and not 8000 <= sampling_rate <= MAX_SAMPLING_RATE:
        raise AudioUsageError(
            f"sampling rate {sampling_rate!r} is not allowed; allowed: 8000 to {MAX_SAMPLING_RATE} Hz",
            hint="Telephone recordings have 8000 Hz.",
            value=sampling_rate,
        )
    properties = probe(path, raw=raw)
    means, peak = _survey(path, raw, properties.channels)
    offsets = means if remove_dc and np.abs(means).max() > DC_LIMIT else np.zeros_like(means)
    rate = sampling_rate or properties.sampling_rate
    steps = _list_steps(properties, offsets, split_channels, rate)
    if not steps:
        return Repair(os.fspath(path), properties.sha256, (), (), None)
    folder = Path(path).parent if out_dir is None else Path(out_dir)
    writer = _Writer(
        folder, _name_copy(path, None if out_dir is None else properties.sha256), peak + float(np.abs(offsets).max())
    )
    blocks = partial(_transform, path, raw, offsets=offsets, from_rate=properties.sampling_rate, to_rate=rate)
    splits = range(properties.channels) if split_channels and properties.channels > 1 else [None]
    try:
        files = [writer.write(blocks(channel=channel), rate, channel) for channel in splits]
        return writer.finish(Repair(os.fspath(path), properties.sha256, steps, tuple(files), None))
    except (OSError, soundfile.SoundFileError) as error:
        writer.discard()
        raise _refuse_folder(folder, error) from error
    except BaseException:
        writer.discard()
        raise


def _refuse_folder(folder: str | PathLike[str], error: Exception) -> AudioUsageError:
    return AudioUsageError(
        f"The copies cannot be written to {show_path(folder)}: {getattr(error, 'strerror', None) or error}.",
        hint="Name a folder that can be written, on a disk with room.",
        value=os.fspath(folder),
    )


def _survey(path: str | PathLike[str], raw: RawFormat | None, channels: int) -> tuple[NDArray[np.float64], float]:
    """Return the mean of each channel and the largest magnitude."""
    total, count, peak = np.zeros(channels), 0, 0.0
    for block in read_blocks(path, block_seconds=_BLOCK_SECONDS, raw=raw):
        if not np.isfinite(block).all():
            raise refuse_file(
                path, "nonfinite", "holds samples that are NaN or infinite", "Ask for the recording again."
            )
        total += block.sum(axis=0, dtype=np.float64)
        count, peak = count + len(block), max(peak, float(np.abs(block).max()))
    if count == 0:
        raise refuse_file(path, "no_audio", "holds no audio", "Ask for the recording again.")
    return total / count, peak


def _list_steps(
    properties: Properties, offsets: NDArray[np.float64], split_channels: bool, rate: int
) -> tuple[dict[str, Any], ...]:
    steps: list[dict[str, Any]] = []
    if offsets.any():
        steps.append({"step": "remove_dc", "offsets": [float(offset) for offset in offsets]})
    if split_channels and properties.channels > 1:
        steps.append({"step": "split_channels", "channels": properties.channels})
    if rate != properties.sampling_rate:
        steps.append({"step": "resample", "from": properties.sampling_rate, "to": rate, "method": "soxr HQ"})
    return tuple(steps)


def _transform(
    path: str | PathLike[str],
    raw: RawFormat | None,
    channel: int | None,
    offsets: NDArray[np.float64],
    from_rate: int,
    to_rate: int,
) -> Iterator[NDArray[np.float32]]:
    chosen = slice(None) if channel is None else slice(channel, channel + 1)
    shift = offsets[chosen].astype(np.float32)
    blocks = (block[:, chosen] - shift for block in read_blocks(path, block_seconds=_BLOCK_SECONDS, raw=raw))
    if from_rate == to_rate:
        yield from blocks
        return
    stream = soxr.ResampleStream(from_rate, to_rate, len(shift), dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(np.ascontiguousarray(block))
    yield stream.resample_chunk(np.empty((0, len(shift)), np.float32), last=True)


def _name_copy(path: str | PathLike[str], sha256: str | None) -> str:
    """Make a name from the original's: plain characters, and, in another folder, its hash: two may share a name."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", Path(path).stem).strip("_-")[:80]
    return f"{stem or 'recording'}-{'fixed' if sha256 is None else sha256[:12]}"


class _Writer:
    """Writes new files into one folder; knows which, to take them back if a step fails."""

    def __init__(self, folder: Path, name: str, peak: float) -> None:
        self._folder, self._name, self._made = folder, name, list[Path]()
        # Resampling may overshoot a little.
        self._kind = ("FLAC", "PCM_24", "flac") if peak < 0.95 else ("WAV", "FLOAT", "wav")
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _refuse_folder(folder, error) from error

    def write(self, blocks: Iterator[NDArray[np.float32]], rate: int, channel: int | None) -> RepairedFile:
        container, subtype, suffix = self._kind
        path = self._create(f"{self._name}{'' if channel is None else f'-channel{channel}'}.{suffix}")
        first = next(blocks)
        with soundfile.SoundFile(
            path, "w", samplerate=rate, channels=first.shape[1], format=container, subtype=subtype
        ) as file:
            file.write(first)
            for block in blocks:
                file.write(block)
        return RepairedFile(str(path), hash_file(path)[0], channel)

    def _create(self, name: str) -> Path:
        path = self._folder / name
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        except FileExistsError as error:
            raise AudioUsageError(
                f"{str(path)!r} is there already and is not overwritten",
                hint="Remove it, or name another folder.",
                value=str(path),
            ) from error
        self._made.append(path)
        return path

    def finish(self, result: Repair) -> Repair:
        sidecar = self._create(f"{self._name}.repair.json")
        done = Repair(result.path, result.sha256, result.steps, result.files, str(sidecar))
        sidecar.write_text(json.dumps(done.to_dict(), indent=2, ensure_ascii=False) + "\n", "utf-8")
        return done

    def discard(self) -> None:
        for path in self._made:
            path.unlink(missing_ok=True)
