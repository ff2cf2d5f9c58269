"""Sequential reading through libsndfile."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile

from audio_batch.decoding.files import open_file, refuse_file
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

    def __init__(self, path: str | PathLike[str], raw: RawFormat | None = None) -> None:
        self._path = path
        # By handle: libsndfile takes a suffix for a format, and a name may change between two calls.
        self._handle = open_file(path)
        try:
            self._file: Any = _ForwardFile(self._handle.fileno(), closefd=False, **_describe_raw(raw))
        except (soundfile.LibsndfileError, ValueError, TypeError) as error:
            self._handle.close()
            raise self._explain(error) from error
        self.format = self._file.format.lower()
        self.codec = self._file.subtype.lower()
        self.sampling_rate = int(self._file.samplerate)
        self.channels = int(self._file.channels)
        self.frames: int | None = self._file.frames if self._file.frames < _UNKNOWN_LENGTH else None

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
        self._handle.close()


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
