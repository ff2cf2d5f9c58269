"""Formats that libsndfile does not read (AMR, G.722, G.729, AAC, Speex), through the optional PyAV.

A container is only ever opened under the one name that its first bytes stand for: FFmpeg's own guessing would also
follow play lists, which name other files and network addresses.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt

from audio_batch.decoding.amr import FRAMES_PER_SECOND, survey_amr
from audio_batch.decoding.files import open_file, refuse_file
from audio_batch.errors import UnreadableAudioError

DEMUXERS = {
    **{name: name for name in ("wav", "amr", "aac", "ogg", "voc", "g722", "g729")},
    **{"m4a": "mov", "webm": "matroska", "g726_16": "g726le"},
}
"""FFmpeg's names of the formats that it is asked to open."""
_OPTIONS = {"g726_16": {"code_size": "2", "sample_rate": "8000"}}
# FFmpeg's own decoders know no compressed pauses: they stop there, or leave them out.
_DECODERS = {"amrnb": "libopencore_amrnb", "amrwb": "libopencore_amrwb"}


def is_available() -> bool:
    """Say whether PyAV is installed."""
    return find_spec("av") is not None


class ExtraFormatReader:
    """Sequential reader of the first audio stream of a file that only FFmpeg can decode.

    Parameters
    ----------
    path
        The recording.
    demuxer
        A key of `DEMUXERS`.
    """

    def __init__(self, path: str | PathLike[str], demuxer: str) -> None:
        import av

        self._path, self._file = path, open_file(path)
        try:
            self._container: Any = av.open(self._file, format=DEMUXERS[demuxer], options=_OPTIONS.get(demuxer, {}))
            self._stream: Any = self._container.streams.audio[0]
            self._describe(demuxer)
        except (av.error.FFmpegError, IndexError, ValueError) as error:
            self._file.close()
            raise _explain(path, str(error) or "no audio stream") from error
        self._pieces = self._decode()
        self._failure: UnreadableAudioError | None = None
        self._rest: npt.NDArray[np.float32] = np.empty((0, self.channels), np.float32)

    def _describe(self, demuxer: str) -> None:
        context = self._stream.codec_context
        self.format = demuxer
        self.codec = str(context.name)
        self.sampling_rate = int(context.sample_rate)
        self.channels = int(context.layout.nb_channels)
        self.frames = self._count_frames(demuxer)
        self._decoder = _choose_decoder(context)

    def _count_frames(self, demuxer: str) -> int | None:
        if demuxer == "amr":
            with open_file(self._path) as file:
                survey = survey_amr(file, os.fstat(file.fileno()).st_size)
            return None if survey is None else survey.frames * self.sampling_rate // FRAMES_PER_SECOND
        length, base = self._stream.duration, self._stream.time_base
        # Without a container FFmpeg guesses the length from the first frames' bit rate.
        is_known = length and base and demuxer != "aac"
        return round(float(length * base) * self.sampling_rate) if is_known else None

    def _decode(self) -> Iterator[npt.NDArray[np.float32]]:
        import av

        resampler = av.AudioResampler(format="flt")
        try:
            for packet in self._container.demux(self._stream):
                for frame in self._decoder.decode(packet if packet.size else None):
                    for converted in resampler.resample(frame):
                        yield np.asarray(converted.to_ndarray(), np.float32).reshape(-1, self.channels)
        except (av.error.FFmpegError, ValueError) as error:
            raise _explain(self._path, str(error)) from error

    def read(self, frames: int) -> npt.NDArray[np.float32]:
        """Return the next frames, shape (frames, channels); fewer at the end, none after it."""
        parts, held = [self._rest], len(self._rest)
        try:
            while held < frames and (piece := next(self._pieces, None)) is not None:
                parts.append(piece)
                held += len(piece)
        except UnreadableAudioError as error:
            self._failure = error
        if held == 0 and self._failure is not None:
            raise self._failure
        joined = np.concatenate(parts)
        self._rest = joined[frames:]
        return joined[:frames]

    def close(self) -> None:
        """Close the container and the file."""
        self._container.close()
        self._file.close()


def _choose_decoder(context: Any) -> Any:
    """Return the decoder of a stream; where FFmpeg's choice lacks a part of the codec, another one if it has it."""
    import av

    name = _DECODERS.get(context.name)
    if name not in av.codecs_available:
        return context
    decoder: Any = av.CodecContext.create(name, "r")
    decoder.sample_rate, decoder.layout = context.sample_rate, context.layout
    return decoder


def _explain(path: str | PathLike[str], why: str) -> UnreadableAudioError:
    return refuse_file(path, "corrupt", f"cannot be decoded: {why}", "Ask for the recording again.")
