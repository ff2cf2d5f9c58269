"""Why a recording got its score: the features that moved it most, with their usual range, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from audio_batch.spoof.texture import word_texture
from audio_batch.verdict import Reason

if TYPE_CHECKING:
    from audio_batch.spoof.model import ChannelModel

SHOWN = 5
KERNEL_FEATURE, HEARING_FEATURE = "likeness", "speech_embedding"
LISTENER_FEATURE, NETWORK_FEATURE = "speech_encoder", "spectrogram_network"

WORDS = {
    "cepstrum_spread": "how much the spectral envelope varies",
    "cepstrum_skewness": "asymmetry of the spectral envelope's movement",
    "cepstrum_kurtosis": "extremes of the spectral envelope",
    "cepstrum_speed": "speed of the spectral envelope against its range",
    "cepstrum_speed_kurtosis": "how abruptly the spectral envelope moves",
    "cepstrum_roughness": "roughness of the spectral envelope's movement",
    "band_range_up": "how far loud moments rise in a band",
    "band_range_down": "how far quiet moments fall in a band",
    "band_skewness": "asymmetry of a band's level",
    "band_kurtosis": "extremes of a band's level",
    "band_memory": "how smoothly a band's level changes",
    "band_correlation": "how two bands move together",
    "band_motion_correlation": "how the changes of two bands go together",
    "modulation": "rhythm of a band's level",
    "flatness_mean": "noisiness of a band",
    "flatness_spread": "how much the noisiness of a band varies",
    "flux": "change of the spectrum from frame to frame",
    "voiced_share": "share of voiced speech",
    "pitch_range": "range of the pitch",
    "pitch_step": "small irregularities of the pitch",
    "band_periodicity": "regularity of the voice in a band",
    "phase_prediction": "predictability of the phase",
    "group_delay": "spread of the group delay",
    "delay_bend": "bending of the group delay",
    "residual_skewness": "asymmetry of the glottal pulses",
    "residual_kurtosis": "sharpness of the glottal pulses",
    "residual_peak": "peaks of the glottal pulses",
    "prediction_gain": "predictability of the waveform",
    "reflection_spread": "how much the vocal-tract filter varies",
    "reflection_speed": "how fast the vocal-tract filter moves",
    "wave_asymmetry": "asymmetry of the waveform",
    "wave_tails": "extremes of the waveform",
}


def explain_segments(
    channel: ChannelModel, values: NDArray[np.float32], parts: NDArray[np.float64], *, shown: int = SHOWN
) -> tuple[Reason, ...]:
    """Return the strongest reasons of some segments, strongest first.

    Parameters
    ----------
    channel
        The scorer that scored them.
    values
        Their statistics, shape (rows, features).
    parts
        Log-odds of the classifiers before calibration, shape (rows, classifiers).
    shown
        Number of reasons.

    Returns
    -------
    tuple of Reason
        Means over the rows. Contributions are TreeSHAP parts times the calibration's slope; that of a classifier that
        judges the segment as a whole is its output times its slope.
    """
    slopes = channel.calibration.slopes
    contributions = channel.trees.explain(values).mean(axis=0) * slopes[0]
    mean = np.nan_to_num(np.nanmean(np.where(np.isnan(values).all(axis=0), 0.0, values), axis=0))
    # Words are found for the strongest only: there are hundreds of statistics.
    reasons = [
        _make_reason(channel.names[i], float(mean[i]), channel.human[i], float(contributions[i]))
        for i in np.argsort(-np.abs(contributions), kind="stable")[:shown]
    ]
    for index, (feature, what) in enumerate(_name_wholes(channel), start=1):
        output = float(parts[:, index].mean())
        reasons.append(_explain_whole(feature, what, output, output * slopes[index]))
    return tuple(sorted(reasons, key=lambda reason: -abs(reason.contribution))[:shown])


def _name_wholes(channel: ChannelModel) -> list[tuple[str, str]]:
    """Return name and words of the classifiers that judge a segment as a whole, in the order of their outputs."""
    kernel = (KERNEL_FEATURE, "All statistics together, compared with those of training")
    hearing = (HEARING_FEATURE, "Fine detail of the spectrogram, heard by the first layers of a speech network")
    listener = (LISTENER_FEATURE, "The speech as a whole, heard by a frozen speech encoder")
    network = (NETWORK_FEATURE, "The pattern of the spectrogram as a whole, read by a neural network")
    others = ((hearing, channel.hearing), (listener, channel.listener), (network, channel.network))
    return [kernel, *(words for words, classifier in others if classifier is not None)]


def _make_reason(name: str, value: float, human: NDArray[np.float64], contribution: float) -> Reason:
    low, high = (float(bound) for bound in np.nan_to_num(human))
    side = "below" if value < low else "above" if value > high else "inside"
    text = (
        f"{_word(name)} ({name}) is {value:.3g}, {side} the range of 90 % of human speech ({low:.3g} to {high:.3g}); "
        f"speaks for {'synthetic' if contribution > 0 else 'human'}"
    )
    return Reason(name, value, low, high, contribution, text[:1].upper() + text[1:])


def _word(name: str) -> str:
    stem = name.rsplit("_", 1)[0]
    return WORDS.get(name) or WORDS.get(stem) or word_texture(stem) or name


def _explain_whole(feature: str, what: str, output: float, contribution: float) -> Reason:
    side = "synthetic" if contribution > 0 else "human"
    text = f"{what} (output {output:.2f}): {side}"
    return Reason(feature, output, -20.0, 0.0, contribution, text)
