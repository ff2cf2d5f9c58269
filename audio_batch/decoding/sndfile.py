"""Sequential reading through libsndfile, which is handed what it would misread in a form that it reads to the end."""

from __future__ import annotations

import os
from contextlib import ExitStack
from os import PathLike
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
import soundfile

from audio_batch.decoding.chunks import find_audio, find_layout
from audio_batch.decoding.composed_file import ComposedFile
from audio_batch.decoding.files import open_file, refuse_file
from audio_batch.decoding.g726 import AU_ENCODINGS, compose_au
from audio_batch.decoding.mpeg import MpegSurvey, make_index, survey_mpeg
from audio_batch.decoding.open_lengths import compose_closed, find_open_length
from audio_batch.decoding.raw_formats import SNDFILE_RAW, RawFormat
from audio_batch.errors import UnreadableAudioError

# Of a WAV codec that it does not know, libsndfile says that the format chunk is malformed.
_UNKNOWN = ("not implemented", "unsupported encoding", "format not recognised", "unknown format", "malformed 'fmt '")
_UNKNOWN_LENGTH = 1 << 62


class _ForwardFile(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is only read forward.

    soundfile seeks after every read, which throws away an MP3 decoder's bit reservoir: reading by blocks would then
    give other samples than reading at once, with damaged frames at every joint (measured with 0.14).
    """

    def seekable(self) -> bool:
        return False


class SndfileReader:
    """Sequential reader of whatever libsndfile decodes.

    Parameters
    ----------
    path
        The recording.
    raw
        What it holds if it has no header.
    """

    format: str
    codec: str
    sampling_rate: int
    channels: int
    frames: int | None

    def __init__(self, path: str | PathLike[str], raw: RawFormat | None = None) -> None:
        self._path, self._files = path, ExitStack()
        self._handle = self._files.enter_context(open_file(path))
        size = os.fstat(self._handle.fileno()).st_size
        try:
            self._file: Any = self._open(_mend(self._handle, size, raw), raw)
            self._describe()
            if raw is None and self.codec == "mpeg_layer_iii":
                self._count_mpeg(size)
        except UnreadableAudioError:
            self._files.close()
            raise
        if raw is not None:
            self.format = "raw"

    def _open(self, composed: ComposedFile | None, raw: RawFormat | None) -> _ForwardFile:
        try:
            if composed is not None:
                return _ForwardFile(composed)
            # By a handle, since libsndfile takes a suffix for a format; of its own, since it moves the place in it.
            handle = self._files.enter_context(open_file(self._path))
            return _ForwardFile(handle.fileno(), closefd=False, **_describe_raw(raw))
        except (soundfile.LibsndfileError, ValueError, TypeError) as error:
            raise self._explain(error) from error

    def _describe(self) -> None:
        self.format = self._file.format.lower()
        self.codec = self._file.subtype.lower()
        self.sampling_rate = int(self._file.samplerate)
        self.channels = int(self._file.channels)
        self.frames = self._file.frames if self._file.frames < _UNKNOWN_LENGTH else None

    def _count_mpeg(self, size: int) -> None:
        """Replace libsndfile's estimate by what is there; where it would stop too early, give it an index."""
        start, end = _find_mpeg(self._handle, size)
        survey = survey_mpeg(self._handle, start, end)
        if not _is_misjudged(survey, self.frames or 0):
            self.frames = survey.samples if survey.declared is None and survey.frames else self.frames
            return
        container = self.format
        self._file.close()
        first = survey.first + survey.index_bytes
        self._file = self._open(ComposedFile(make_index(survey), self._handle, first, survey.end), None)
        self._describe()
        self.format = container

    def _explain(self, error: Exception) -> UnreadableAudioError:
        why = getattr(error, "error_string", None) or str(error)
        reason = "codec" if any(words in why.lower() for words in _UNKNOWN) else "corrupt"
        hint = "Ask for the recording again, or declare the format if the file has no header."
        return refuse_file(self._path, reason, f"cannot be decoded: {why}", hint)

    def read(self, frames: int) -> npt.NDArray[np.float32]:
        """Return the next frames, shape (frames, channels); fewer at the end, none after it."""
        try:
            block: npt.NDArray[np.float32] = self._file.read(frames, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, ValueError) as error:
            raise self._explain(error) from error
        return block

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        self._files.close()


def is_read_by_sndfile(raw: RawFormat) -> bool:
    """Say whether libsndfile reads samples of this format that have no header."""
    return raw.encoding in SNDFILE_RAW or raw.encoding in AU_ENCODINGS


def _mend(file: BinaryIO, size: int, raw: RawFormat | None) -> ComposedFile | None:
    """Return what libsndfile is to read instead of the file; None if it reads the file itself."""
    if raw is not None:
        return compose_au(file, size, raw) if raw.encoding in AU_ENCODINGS else None
    found = find_open_length(file, size)
    return None if found is None or found.is_understood else compose_closed(file, found)


def _find_mpeg(file: BinaryIO, size: int) -> tuple[int, int]:
    """Return the stretch of the file that holds the stream: all of it, or the chunk of a WAV file."""
    file.seek(0)
    layout = find_layout(file.read(12))
    audio = find_audio(file, size, layout) if layout is not None else None
    if audio is None:
        return 0, size
    return audio.start, min(size, audio.start + audio.length) if audio.length > 0 else size


def _is_misjudged(survey: MpegSurvey, expected: int) -> bool:
    """Say whether libsndfile would stop before the end: some encoders count the index, as the frame that it is."""
    if survey.declared is not None:
        return survey.frames > survey.declared + 1
    return expected < survey.samples


def _describe_raw(raw: RawFormat | None) -> dict[str, Any]:
    if raw is None:
        return {}
    return {
        "format": "RAW",
        "subtype": SNDFILE_RAW[raw.encoding],
        "samplerate": raw.sampling_rate,
        "channels": raw.channels,
        "endian": "BIG" if raw.encoding.endswith("be") else "LITTLE",
    }
