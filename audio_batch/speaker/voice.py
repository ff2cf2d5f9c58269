"""From a recording to the voice in it: one channel, its speech, its class of channel, its embeddings."""

from __future__ import annotations

from dataclasses import dataclass, field
from os import PathLike, fspath
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from audio_batch.decoding import RawFormat, hash_file, open_reader, read_blocks, resample
from audio_batch.errors import AudioUsageError
from audio_batch.segmentation import detect_speech
from audio_batch.speaker.encoder import ENCODER_RATE, Encoder, load_encoder

ChannelClass = Literal["narrowband", "wideband"]
CHANNEL_CLASSES: tuple[ChannelClass, ...] = ("narrowband", "wideband")
NARROWBAND_RATE = 8_000
MAX_SPEECH_SECONDS = 180.0
"""Speech that is heard of one recording: the embedding hardly moves after one minute, the cost grows on."""
HIGH_BAND_SHARE = 1e-4
"""Power above 4.2 kHz by that of 0.3-3.4 kHz (-40 dB) below which no wideband microphone was at work: the highest
share left by resampling G.711 is about -60 dB, the lowest of studio speech about -35 dB."""


@dataclass(frozen=True)
class Voice:
    """The speech of one channel of one recording.

    Attributes
    ----------
    path, sha256
        The recording and the hash of its bytes.
    channel_class
        ``narrowband`` (up to 4 kHz of bandwidth) or ``wideband``.
    speech_seconds
        Net speech that was heard, at most `MAX_SPEECH_SECONDS`.
    embeddings
        Per class of channel one unit vector. A wideband recording has both: the narrowband one is made from its
        passage through G.711, so that it can be compared with a telephone call. Never printed.
    """

    path: str
    sha256: str
    channel_class: ChannelClass
    speech_seconds: float
    embeddings: dict[ChannelClass, NDArray[np.float32]] = field(repr=False)


def read_voice(
    path: str | PathLike[str],
    *,
    channel: int | None = None,
    raw: RawFormat | None = None,
    channel_class: ChannelClass | None = None,
    encoder: Encoder | None = None,
) -> Voice:
    """Read the voice of one channel of a recording.

    Parameters
    ----------
    path
        The recording.
    channel
        Index of the channel, from 0; may be left out if only one channel carries speech.
    raw
        What the file holds if it has no header.
    channel_class
        Taken instead of the measured class.
    encoder
        Taken instead of the shipped encoder.

    Returns
    -------
    Voice
        Without embeddings if there is less than half a second of speech.

    Raises
    ------
    AudioUsageError
        The channel does not exist, or several carry speech and none is named.
    UnreadableAudioError
        The file cannot be decoded.
    """
    speech, sampling_rate = _read_speech(path, channel, raw)
    found = channel_class or classify_channel(speech, sampling_rate)
    seconds = len(speech) / sampling_rate
    embeddings = embed_classes(speech, sampling_rate, found, encoder or load_encoder()) if seconds >= 0.5 else {}
    return Voice(fspath(path), hash_file(path)[0], found, seconds, embeddings)


def embed(
    signal: NDArray[np.float32],
    sampling_rate: int,
    *,
    channel_class: ChannelClass | None = None,
    encoder: Encoder | None = None,
) -> NDArray[np.float32]:
    """Return the embedding of the speech in a signal.

    Parameters
    ----------
    signal
        float32, shape (samples,), full scale +-1.
    sampling_rate
        In Hz.
    channel_class
        Class in which the embedding will be compared; None takes the signal's own. ``narrowband`` sends a wideband
        signal through G.711 first.
    encoder
        Taken instead of the shipped encoder.

    Returns
    -------
    ndarray
        float32 of length 1, shape (dimensions,). Embeddings are comparable within one class and one encoder only.

    Raises
    ------
    AudioUsageError
        There is less than half a second of speech in the signal, or the class does not exist.
    """
    check_class(channel_class)
    speech = keep_speech(np.asarray(signal, dtype=np.float32), sampling_rate)
    if len(speech) < 0.5 * sampling_rate:
        raise AudioUsageError(
            f"{len(speech) / sampling_rate:.2f} s of speech make no embedding: at least 0.5 s are needed",
            hint="Give a longer recording, or one with less silence.",
        )
    own = classify_channel(speech, sampling_rate)
    embeddings = embed_classes(speech, sampling_rate, own, encoder or load_encoder())
    return embeddings[channel_class if channel_class in embeddings else own]


def check_class(channel_class: str | None) -> None:
    """Refuse a class of channel that does not exist."""
    if channel_class is not None and channel_class not in CHANNEL_CLASSES:
        raise AudioUsageError(
            f"Channel class {channel_class!r} does not exist; allowed: {', '.join(CHANNEL_CLASSES)}",
            hint="Leave it out: it is measured.",
            value=channel_class,
        )


def keep_speech(signal: NDArray[np.float32], sampling_rate: int) -> NDArray[np.float32]:
    """Return the stretches of speech in a mono signal, one after the other; NaN and Inf count as 0."""
    spans = np.rint(detect_speech(signal, sampling_rate) * sampling_rate).astype(int)
    speech = np.concatenate([signal[:0], *(signal[start:end] for start, end in spans)])
    return np.asarray(np.nan_to_num(speech, copy=False, nan=0, posinf=0, neginf=0), dtype=np.float32)


def classify_channel(speech: NDArray[np.float32], sampling_rate: int) -> ChannelClass:
    """Tell telephone speech from wideband speech by the power above 4.2 kHz (see `HIGH_BAND_SHARE`)."""
    if sampling_rate < 2 * 4_200 or len(speech) < 1024:
        return "narrowband"
    # About 2,000 frames are enough for an average, however long the recording is.
    frames = np.lib.stride_tricks.sliding_window_view(speech, 1024)[:: max(1024, len(speech) // 2000)]
    power = np.square(np.abs(rfft(frames * np.hanning(1024), axis=1))).sum(axis=0)
    hertz = np.fft.rfftfreq(1024, 1 / sampling_rate)
    voice = power[(hertz >= 300) & (hertz < 3_400)].sum()
    return "wideband" if power[(hertz >= 4_200) & (hertz < 8_000)].sum() > HIGH_BAND_SHARE * voice else "narrowband"


def embed_classes(
    speech: NDArray[np.float32], sampling_rate: int, channel_class: ChannelClass, encoder: Encoder
) -> dict[ChannelClass, NDArray[np.float32]]:
    """Embed speech as it is and, if it is wideband, as the telephone would have carried it."""
    narrow = resample(speech, sampling_rate, NARROWBAND_RATE)
    if channel_class == "narrowband":
        return {"narrowband": encoder.encode(resample(narrow, NARROWBAND_RATE, ENCODER_RATE))}
    # A telephone loses more than bandwidth: comparing with a call needs the quantisation noise, too.
    carried = resample(compand(narrow), NARROWBAND_RATE, ENCODER_RATE)
    wide = resample(speech, sampling_rate, ENCODER_RATE)
    return {"narrowband": encoder.encode(carried), "wideband": encoder.encode(wide)}


def compand(signal: NDArray[np.float32]) -> NDArray[np.float32]:
    """Quantise as G.711 does: 255-law companding to 8 bits and back (continuous form of ITU-T G.711)."""
    clipped = np.clip(signal, -1, 1)
    coded = np.rint(127 * np.sign(clipped) * np.log1p(255 * np.abs(clipped)) / np.log(256)) / 127
    return np.asarray(np.sign(coded) * np.expm1(np.abs(coded) * np.log(256)) / 255, dtype=np.float32)


def _read_speech(
    path: str | PathLike[str], channel: int | None, raw: RawFormat | None
) -> tuple[NDArray[np.float32], int]:
    reader = open_reader(path, raw=raw)
    sampling_rate, channels = reader.sampling_rate, reader.channels
    reader.close()
    if channel is not None and not 0 <= channel < channels:
        raise AudioUsageError(
            f"{fspath(path)!r} has no channel {channel}; allowed: 0 to {channels - 1}",
            hint="Channels are counted from 0.",
            path=fspath(path),
            value=channel,
        )
    wanted = range(channels) if channel is None else [channel]
    kept: dict[int, list[NDArray[np.float32]]] = {index: [] for index in wanted}
    for block in read_blocks(path, raw=raw):
        for index, pieces in kept.items():
            pieces.append(keep_speech(np.ascontiguousarray(block[:, index]), sampling_rate))
        if max(sum(map(len, pieces)) for pieces in kept.values()) >= MAX_SPEECH_SECONDS * sampling_rate:
            break
    speech = {index: np.concatenate([np.empty(0, np.float32), *pieces]) for index, pieces in kept.items()}
    return _choose_channel(path, speech, sampling_rate)[: round(MAX_SPEECH_SECONDS * sampling_rate)], sampling_rate


def _choose_channel(
    path: str | PathLike[str], speech: dict[int, NDArray[np.float32]], sampling_rate: int
) -> NDArray[np.float32]:
    """Return the only speech there is: two parties are never mixed, and none is guessed."""
    spoken = [signal for signal in speech.values() if len(signal) >= 0.5 * sampling_rate]
    # A mono call is often stored as two equal channels; that is one voice, not two parties.
    if len(spoken) > 1 and not all(np.array_equal(signal, spoken[0]) for signal in spoken):
        raise AudioUsageError(
            f"{fspath(path)!r} carries speech on {len(spoken)} channels; name one of 0 to {len(speech) - 1}",
            hint="Say which channel is the customer's, such as channel=1.",
            path=fspath(path),
        )
    return spoken[0] if spoken else next(iter(speech.values()))
