"""Analysis segments of a recording of any length, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from os import PathLike

import numpy as np
import numpy.typing as npt

from audio_batch.decoding import RawFormat, probe, read_blocks
from audio_batch.errors import AudioUsageError
from audio_batch.segmentation.activity import select_detector
from audio_batch.segmentation.grid import Block, Detector, Frames, count_hop

SHORTEST_TAIL = 0.1
"""Share of a segment that must be left over at the end for one more segment, which then ends with the recording."""


@dataclass(frozen=True)
class Segment:
    """One stretch of one channel, to be analysed on its own.

    Attributes
    ----------
    index
        Place on the segment grid of the recording, from 0; the same on every channel. Segments without enough speech
        leave gaps.
    channel, role
        Index of the channel, and whose voice it carries, or None.
    start, end
        Seconds from the beginning of the recording.
    speech_seconds
        Seconds of speech between them.
    signal
        float32, shape (samples,).
    sampling_rate
        Hz, as in the file.
    """

    index: int
    channel: int
    role: str | None
    start: float
    end: float
    speech_seconds: float
    signal: npt.NDArray[np.float32] = field(repr=False, compare=False)
    sampling_rate: int


def cut_segments(
    path: str | PathLike[str],
    *,
    segment_seconds: float = 4.0,
    hop_seconds: float = 2.0,
    channel_roles: Mapping[int, str] | None = None,
    chunk_duration: float = 60.0,
    raw: RawFormat | None = None,
    minimum_speech_seconds: float = 1.0,
    detector: str = "energy",
) -> Iterator[Segment]:
    """Cut a recording into overlapping segments with enough speech, channel by channel.

    The segments start at multiples of `hop_seconds`; what is left at the end becomes one more segment of full length
    that ends with the recording. A recording shorter than a segment is one segment. Memory is bounded by
    `chunk_duration` plus a minute of sound, whatever the length of the recording, and `chunk_duration` never
    changes the result.

    Parameters
    ----------
    path
        Recording in any format that `audio_batch.decoding` reads.
    segment_seconds, hop_seconds
        Length of a segment and distance between two starts.
    channel_roles
        Role by channel index, as from `parse_channel_roles`.
    chunk_duration
        Seconds that are decoded at a time.
    raw
        Format of a file without header.
    minimum_speech_seconds
        Segments with less speech are left out; for a recording shorter than a segment the limit shrinks in proportion.
        0 keeps everything.
    detector
        ``energy``, or ``silero`` (the extra ``vad``).

    Yields
    ------
    Segment
        In order of index, then channel.

    Raises
    ------
    AudioUsageError
        If a length is not positive, or the detector unknown.
    UnreadableAudioError
        If the file cannot be decoded.
    """
    _check_lengths(segment_seconds=segment_seconds, hop_seconds=hop_seconds, chunk_duration=chunk_duration)
    detect = select_detector(detector)
    return _read_segments(
        path, chunk_duration, raw, _Grid(segment_seconds, hop_seconds, minimum_speech_seconds), channel_roles, detect
    )


def _check_lengths(**lengths: float) -> None:
    for name, value in lengths.items():
        if not 0 < value < float("inf"):
            raise AudioUsageError(
                f"{name} is {value}; allowed: a positive number of seconds.",
                hint="The defaults are segments of 4 s every 2 s, decoded 60 s at a time.",
                **{name: value},
            )


@dataclass(frozen=True)
class _Grid:
    segment_seconds: float
    hop_seconds: float
    minimum_speech_seconds: float


def _read_segments(
    path: str | PathLike[str],
    chunk_duration: float,
    raw: RawFormat | None,
    grid: _Grid,
    roles: Mapping[int, str] | None,
    detect: Detector,
) -> Iterator[Segment]:
    rate = probe(path, raw=raw).sampling_rate
    cutter = _Cutter(grid, rate, dict(roles or {}), detect)
    blocks = read_blocks(path, block_seconds=chunk_duration, raw=raw)
    yield from cut_blocks(blocks, cutter)


def cut_blocks(blocks: Iterator[npt.NDArray[np.float32]], cutter: _Cutter) -> Iterator[Segment]:
    """Feed blocks of shape (frames, channels) to a cutter and yield what it cuts."""
    yield from chain.from_iterable(map(cutter.push, blocks))
    yield from cutter.finish()


class _Cutter:
    """Rolling buffer of samples and speech decisions; the segments that are complete come out."""

    def __init__(self, grid: _Grid, sampling_rate: int, roles: dict[int, str], detect: Detector) -> None:
        self.grid, self.rate, self.roles, self.detect = grid, sampling_rate, roles, detect
        self.hop = count_hop(sampling_rate)
        self.length = max(1, round(grid.segment_seconds * sampling_rate))
        self.samples = np.zeros((0, 0), dtype=np.float32)
        self.origin = 0
        self.frames: list[Frames] = []
        self.frame_origin = 0
        self.blocks_decided = 0
        self.next_index = 0

    def push(self, block: npt.NDArray[np.float32]) -> Iterator[Segment]:
        """Take the next samples, shape (frames, channels); yield the segments that they complete."""
        self.samples = np.concatenate((self.samples, block)) if len(self.samples) else block
        while (part := Block.number(self.blocks_decided, self.hop)).stop <= self.end:
            self._decide(part)
            yield from self._cut(self.decided_end)
            self._forget()

    def finish(self) -> Iterator[Segment]:
        """Yield the remaining segments of the recording."""
        while (part := Block.number(self.blocks_decided, self.hop)).first * self.hop < self.end:
            self._decide(part)
        yield from self._cut(self.end)
        if self._is_tail_left():
            yield from self._make(self.next_index, max(0, self.end - self.length))

    @property
    def end(self) -> int:
        return self.origin + len(self.samples)

    @property
    def decided_end(self) -> int:
        return (self.frame_origin + len(self.frames[0])) * self.hop

    def _is_tail_left(self) -> bool:
        if self.next_index == 0:
            return self.end > 0
        return self.end - self._start(self.next_index - 1) - self.length >= SHORTEST_TAIL * self.length

    def _start(self, index: int) -> int:
        return round(index * self.grid.hop_seconds * self.rate)

    def _slice(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        return self.samples[max(0, start - self.origin) : stop - self.origin]

    def _decide(self, part: Block) -> None:
        columns = np.ascontiguousarray(self._slice(part.start, part.stop).T)
        decided = [part.decide(column, self.rate, self.detect) for column in columns]
        known = self.frames or [np.zeros(0, dtype=np.bool_)] * len(decided)
        self.frames = [np.concatenate(pair) for pair in zip(known, decided, strict=True)]
        self.blocks_decided += 1

    def _cut(self, end: int) -> Iterator[Segment]:
        while (start := self._start(self.next_index)) + self.length <= end:
            yield from self._make(self.next_index, start)
            self.next_index += 1

    def _make(self, index: int, start: int) -> Iterator[Segment]:
        stop = min(start + self.length, self.end)
        needed = self.grid.minimum_speech_seconds * (stop - start) / self.length
        for channel in range(len(self.frames)):
            speech = self._measure_speech(channel, start, stop)
            if speech >= needed - 1e-9:
                signal = np.ascontiguousarray(self._slice(start, stop)[:, channel])
                role = self.roles.get(channel)
                yield Segment(index, channel, role, start / self.rate, stop / self.rate, speech, signal, self.rate)

    def _measure_speech(self, channel: int, start: int, stop: int) -> float:
        first, last = -(-start // self.hop) - self.frame_origin, -(-stop // self.hop) - self.frame_origin
        return round(int(self.frames[channel][first:last].sum()) * self.hop / self.rate, 6)

    def _forget(self) -> None:
        """Drop the samples and decisions that nothing will ask for again."""
        kept = min(self._start(self.next_index), self.decided_end - self.length - self.hop)
        kept = max(self.origin, min(kept, Block.number(self.blocks_decided, self.hop).start))
        self.samples = self.samples[kept - self.origin :]
        self.origin = kept
        frame = max(self.frame_origin, kept // self.hop)
        self.frames = [frames[frame - self.frame_origin :] for frames in self.frames]
        self.frame_origin = frame
