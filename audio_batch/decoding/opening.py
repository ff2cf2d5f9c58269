"""Which decoder reads a recording: libsndfile first; what it does not know goes through PyAV, if that is installed."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from audio_batch.decoding import extra_formats
from audio_batch.decoding.files import open_file, refuse_file
from audio_batch.decoding.formats import AUDIO_FORMATS, identify_format
from audio_batch.decoding.g726 import settle_rate
from audio_batch.decoding.kept_samples import open_kept
from audio_batch.decoding.raw_formats import (
    MAX_CHANNELS,
    MAX_SAMPLING_RATE,
    RAW_SUFFIXES,
    UNDECLARED_SUFFIXES,
    RawFormat,
)
from audio_batch.decoding.readers import Reader
from audio_batch.decoding.sndfile import SndfileReader, is_read_by_sndfile
from audio_batch.errors import UnreadableAudioError

_EXTRA_CONTAINERS = {"amr", "m4a", "aac", "webm", "voc"}
# wFormatTag of G.726, G.722, AMR, G.729 in WAV, from the registered codes of RFC 2361 and FFmpeg's riff.c.
# Not 0x40, G.721: libsndfile reads it, and FFmpeg takes its half-bytes in the other order.
_EXTRA_WAV_TAGS = {0x0045, 0x0057, 0x0064, 0x0065, 0x0083, 0x028F}

_SPEEX = b"Speex   "
"""First bytes of the first packet of an Ogg file with Speex (The Speex Manual, Ogg file format)."""


def open_reader(path: str | PathLike[str], *, raw: RawFormat | None = None) -> Reader:
    """Open a recording for sequential reading, by libsndfile or, where that cannot, by PyAV.

    Raises
    ------
    UnreadableAudioError
        If it is not audio, is not declared, needs PyAV and there is none, or breaks a safety limit.
    """
    with open_file(path) as file:
        head = file.read(4096)
    if not head:
        raise refuse_file(path, "empty", "is empty: 0 bytes", "Ask for the recording again.")
    suffix, found = Path(path).suffix.lower(), identify_format(head)
    # Companded silence looks like the sync bits of MPEG audio.
    is_weak = found is None or (found in {"mp3", "aac"} and head[:3] != b"ID3")
    declared = raw or (assume_raw(path) if is_weak else None)
    if declared is None and found not in AUDIO_FORMATS and suffix in UNDECLARED_SUFFIXES:
        hint = "Declare it, such as --raw ulaw,8000,1 or RawFormat('ulaw', 8000, 1)."
        raise refuse_file(path, "raw_undeclared", "has no header that says what it holds", hint)
    if declared is None and found is not None and found not in AUDIO_FORMATS:
        raise refuse_file(path, "not_audio", f"is not audio but {found}", "Remove the file or ask for the recording.")
    return open_kept(path, declared, lambda: _check_limits(path, _choose_reader(path, head, declared)))


def assume_raw(path: str | PathLike[str]) -> RawFormat | None:
    """Return what a file without a header holds by its suffix, and by a look at its content; None if that says nothing.

    Raises
    ------
    UnreadableAudioError
        If the file cannot be opened.
    """
    claimed = RAW_SUFFIXES.get(Path(path).suffix.lower())
    return claimed and settle_rate(claimed, lambda raw: _open_raw(path, raw))


def _open_raw(path: str | PathLike[str], raw: RawFormat) -> Reader:
    return SndfileReader(path, raw) if is_read_by_sndfile(raw) else _open_extra(path, raw.encoding, "")


def _choose_reader(path: str | PathLike[str], head: bytes, declared: RawFormat | None) -> Reader:
    if declared is not None:
        return _open_raw(path, declared)
    try:
        return SndfileReader(path)
    except UnreadableAudioError as error:
        found = identify_format(head)
        if found in _EXTRA_CONTAINERS or _read_wav_tag(head) in _EXTRA_WAV_TAGS or _SPEEX in head[:64]:
            return _open_extra(path, str(found), error.message)
        raise


def _read_wav_tag(head: bytes) -> int:
    at = head.find(b"fmt ", 12)
    return int.from_bytes(head[at + 8 : at + 10], "little") if head[:4] == b"RIFF" and at > 0 else 0


def _open_extra(path: str | PathLike[str], kind: str, why: str) -> Reader:
    if not extra_formats.is_available():
        hint = "Type: pip install 'sentinel-batch[formats]'"
        raise refuse_file(path, "codec_missing", f"holds {kind} audio, which needs PyAV{why and f' ({why})'}", hint)
    return extra_formats.ExtraFormatReader(path, kind)


def _check_limits(path: str | PathLike[str], reader: Reader) -> Reader:
    reason = ""
    if not 1 <= reader.channels <= MAX_CHANNELS:
        reason, what = "channels", f"has {reader.channels} channels; allowed: 1 to {MAX_CHANNELS}"
    elif not 1 <= reader.sampling_rate <= MAX_SAMPLING_RATE:
        reason, what = (
            "sampling_rate",
            f"has sampling rate {reader.sampling_rate}; allowed: 1 to {MAX_SAMPLING_RATE} Hz",
        )
    if not reason:
        return reader
    reader.close()
    raise refuse_file(path, reason, what, "Convert the recording, or ask for it again.")
