"""Random telephone and file channels, the same for human and synthetic speech, and named ones for evaluation.

The point of `simulate_channel` is that nothing but the voice tells the classes apart: it evens out what recordings
bring with them (silence at the edges, DC, level, noise floor, bandwidth) and then sends them through rooms, noise,
codecs and packet loss as a call would.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_batch.decoding import resample
from audio_batch.errors import AudioUsageError
from audio_batch.spoof import call_centre, impairments
from audio_batch.spoof.coding import AMR_KBPS, apply_codec, list_codecs

Signal = NDArray[np.float32]
Description = dict[str, Any]

TARGET_RATES = (8000, 16000)
LEVEL_DBFS = (-35.0, -10.0)
SNR_DB = (5.0, 40.0)
FLOOR_DBFS = (-85.0, -50.0)
OPUS_KBPS = (8.0, 18.0)
LEAK_DB, DOUBLE_TALK_DB, MUSIC_DB = (15.0, 40.0), (3.0, 15.0), (12.0, 35.0)
"""How far the agent's echo, an agent who talks at the same time, and hold music lie below the voice, dB."""


def simulate_channel(
    signal: Signal,
    sampling_rate: int,
    *,
    rng: np.random.Generator,
    target_rate: int,
    agent: Signal | None = None,
) -> tuple[Signal, Description]:
    """Send a signal through a randomly drawn channel.

    In order: silence at the edges trimmed to 0 to 0.4 s, DC removed, level; then each by chance: room, band-pass,
    noise, noise floor, the agent's side, hold music, automatic gain; then one codec (sometimes two, sometimes none),
    packet loss, fades of 0 to 50 ms. Half of the channels are narrowband (8 kHz), also where the result has 16 kHz.

    Parameters
    ----------
    signal
        Mono float32, full scale +-1, shape (samples,).
    sampling_rate
        Hz.
    rng
        The only source of chance: the same generator state gives the same result on the same installation
        (AMR-NB is drawn only where PyAV has its encoder).
    target_rate
        8000 or 16000, Hz.
    agent
        Another voice at `sampling_rate`, for the agent's side; without one, that step is left out. Take it from the
        same pool for both classes.

    Returns
    -------
    (signal, description)
        The result at `target_rate`, and what was done: keys ``narrowband, lead, trail, level_dbfs, reverb_seconds,
        band, noise, snr_db, floor_dbfs, codecs, bit_rate, loss_share, conceal, fade, agent, music, gain``; None or an
        empty tuple where a step was left out. ``agent`` and ``music`` are (begin, end, dB below the voice).

    Raises
    ------
    AudioUsageError
        A target rate other than 8000 or 16000, or a signal that is empty or not mono.
    """
    _check_input(signal, target_rate)
    drawn = draw_channel(rng, narrowband=target_rate == 8000 or bool(rng.random() < 0.5))
    drawn["agent"] = drawn["agent"] if agent is not None else None
    rate = 8000 if drawn["narrowband"] else 16000
    changed = resample(signal, sampling_rate, rate)
    changed = _even_out(changed, rate, drawn)
    changed = _degrade(changed, rate, drawn, rng)
    changed = _pass_call_centre(
        changed, rate, drawn, rng, None if agent is None else resample(agent, sampling_rate, rate)
    )
    changed = _transmit(changed, rate, drawn, rng)
    return resample(changed, rate, target_rate), drawn


def draw_channel(rng: np.random.Generator, *, narrowband: bool) -> Description:
    """Draw the parameters of a channel; the keys are those of `simulate_channel`."""
    codecs = _draw_codecs(rng, 8000 if narrowband else 16000)
    noisy, lossy = rng.random() < 0.5, rng.random() < 0.15
    drawn = {
        "narrowband": narrowband,
        "lead": _draw(rng, 0.0, 0.4),
        "trail": _draw(rng, 0.0, 0.4),
        "level_dbfs": _draw(rng, *LEVEL_DBFS),
        "reverb_seconds": _draw(rng, 0.1, 0.7) if rng.random() < 0.25 else None,
        "reverb_ratio_db": _draw(rng, 0.0, 15.0),
        "band": _draw_band(rng, narrowband),
        "noise": str(rng.choice(impairments.NOISES)) if noisy else None,
        "snr_db": _draw(rng, *SNR_DB) if noisy else None,
        "floor_dbfs": _draw(rng, *FLOOR_DBFS) if rng.random() < 0.7 else None,
        "codecs": codecs,
        "bit_rate": _draw_bit_rate(rng, codecs),
        "loss_share": _draw(rng, 0.01, 0.1) if lossy else None,
        "conceal": str(rng.choice(("zero", "repeat"))) if lossy else None,
        "fade": _draw(rng, 0.0, 0.05),
    }
    return drawn | _draw_call_centre(rng)


def apply_channel(
    signal: Signal, sampling_rate: int, preset: str, *, target_rate: int, rng: np.random.Generator
) -> Signal:
    """Send a signal through a named evaluation channel, which does what its name says and nothing else.

    Parameters
    ----------
    signal
        Mono float32, full scale +-1, shape (samples,).
    sampling_rate
        Hz.
    preset
        ``clean`` (resampled only), ``g711_mulaw``, ``g711_alaw``, ``gsm``, ``amr_nb`` (12.2 kbit/s; these four pass
        8 kHz), ``opus12`` (12 kbit/s), ``mp3`` (quality 0.8 of libsndfile's scale, 0 best), ``noisy``
        (one kind of noise, 15 dB), ``packet_loss`` (8 % of 20 ms packets in bursts, silence or repetition).
    target_rate
        8000 or 16000, Hz.
    rng
        Used by ``noisy`` and ``packet_loss``.

    Returns
    -------
    numpy.ndarray
        float32 at `target_rate`, as long in time as the input.

    Raises
    ------
    AudioUsageError
        Unknown preset or target rate, an empty signal, or AMR-NB without PyAV.
    """
    _check_input(signal, target_rate)
    if preset not in PRESETS:
        raise AudioUsageError(f"channel {preset!r} is not known", hint=f"Choose one of {', '.join(PRESETS)}.")
    rate, change = PRESETS[preset]
    changed = change(resample(signal, sampling_rate, rate or target_rate), rate or target_rate, rng)
    changed = resample(np.clip(changed, -1.0, 1.0), rate or target_rate, target_rate)
    samples = round(signal.size * target_rate / sampling_rate)
    return np.pad(changed[:samples], (0, max(0, samples - changed.size)))


def _even_out(signal: Signal, rate: int, drawn: Description) -> Signal:
    trimmed = impairments.trim_silence(signal, rate, lead=drawn["lead"], trail=drawn["trail"])
    return impairments.set_level(trimmed - trimmed.mean(), drawn["level_dbfs"])


def _degrade(signal: Signal, rate: int, drawn: Description, rng: np.random.Generator) -> Signal:
    if drawn["reverb_seconds"] is not None:
        signal = impairments.add_reverb(
            signal, rate, seconds=drawn["reverb_seconds"], ratio_db=drawn["reverb_ratio_db"], rng=rng
        )
    signal = impairments.filter_band(signal, rate, *drawn["band"])
    if drawn["noise"] is not None:
        signal = impairments.add_noise(signal, rate, drawn["noise"], drawn["snr_db"], rng=rng)
    if drawn["floor_dbfs"] is not None:
        floor = np.float32(10.0 ** (drawn["floor_dbfs"] / 20.0))
        signal = signal + floor * rng.standard_normal(signal.size, dtype=np.float32)
    return np.clip(signal, -1.0, 1.0)


def _pass_call_centre(
    signal: Signal, rate: int, drawn: Description, rng: np.random.Generator, agent: Signal | None
) -> Signal:
    if drawn["agent"] is not None and agent is not None:
        *share, below = drawn["agent"]
        signal = call_centre.add_agent(signal, agent, share=(share[0], share[1]), below_db=below, rng=rng)
    if drawn["music"] is not None:
        *share, below = drawn["music"]
        signal = call_centre.add_music(signal, rate, share=(share[0], share[1]), below_db=below, rng=rng)
    if drawn["gain"] is not None:
        attack, release, most = drawn["gain"]
        signal = call_centre.control_gain(signal, rate, attack_seconds=attack, release_seconds=release, most_db=most)
    return signal


def _transmit(signal: Signal, rate: int, drawn: Description, rng: np.random.Generator) -> Signal:
    for codec in drawn["codecs"]:
        signal = apply_codec(signal, rate, codec, bit_rate=drawn["bit_rate"])
    if drawn["loss_share"] is not None:
        signal = impairments.lose_packets(
            signal, rate, share=drawn["loss_share"], burst=1.5, conceal=drawn["conceal"], rng=rng
        )
    return impairments.fade_edges(signal, rate, seconds=drawn["fade"])


def _draw(rng: np.random.Generator, low: float, high: float) -> float:
    return round(float(rng.uniform(low, high)), 3)


def _draw_call_centre(rng: np.random.Generator) -> Description:
    """Draw what a call centre adds: the agent through the whole call, or at the same time; music; automatic gain."""
    kind = rng.choice(("none", "leak", "double talk"), p=(0.7, 0.15, 0.15))
    begin, length = _draw(rng, 0.0, 0.7), _draw(rng, 0.1, 0.3)
    leak, double = _draw(rng, *LEAK_DB), _draw(rng, *DOUBLE_TALK_DB)
    agents = {"none": None, "leak": (0.0, 1.0, leak), "double talk": (begin, begin + length, double)}
    music = (_draw(rng, 0.0, 0.5), _draw(rng, 0.6, 1.0), _draw(rng, *MUSIC_DB))
    gain = (_draw(rng, 0.005, 0.1), _draw(rng, 0.2, 2.0), _draw(rng, 6.0, 24.0))
    return {
        "agent": agents[str(kind)],
        "music": music if rng.random() < 0.08 else None,
        "gain": gain if rng.random() < 0.2 else None,
    }


def _draw_codecs(rng: np.random.Generator, rate: int) -> tuple[str, ...]:
    count = int(rng.choice((0, 1, 2), p=(0.25, 0.6, 0.15)))
    return tuple(str(name) for name in rng.choice(list_codecs(rate), size=count))


def _draw_bit_rate(rng: np.random.Generator, codecs: tuple[str, ...]) -> float | None:
    if "opus" in codecs:
        return _draw(rng, *OPUS_KBPS)
    return float(rng.choice(AMR_KBPS)) if "amr_nb" in codecs else None


def _draw_band(rng: np.random.Generator, narrowband: bool) -> tuple[float | None, float | None]:
    """Telephone, muffled, a random upper edge, or nothing; edges in steps of 100 Hz."""
    kind = rng.choice(("open", "telephone", "muffled", "edge"), p=(0.45, 0.2, 0.1, 0.25))
    highest = 3800.0 if narrowband else 7800.0
    bands: dict[str, tuple[float | None, float | None]] = {
        "open": (None, None),
        "telephone": (300.0, 3400.0),
        "muffled": (None, round(float(rng.uniform(1500, 3000)), -2)),
        "edge": (None, round(float(rng.uniform(3000, highest)), -2)),
    }
    return bands[str(kind)]


def _check_input(signal: Signal, target_rate: int) -> None:
    if target_rate not in TARGET_RATES:
        raise AudioUsageError(f"target_rate is {target_rate} Hz", hint="Channels give 8000 or 16000 Hz.")
    if signal.ndim != 1 or signal.size == 0:
        raise AudioUsageError(f"signal has shape {signal.shape}", hint="Give one channel with at least one sample.")


def _keep(signal: Signal, rate: int, rng: np.random.Generator) -> Signal:
    return signal


def _code(codec: str, bit_rate: float | None = None) -> Callable[[Signal, int, np.random.Generator], Signal]:
    return lambda signal, rate, rng: apply_codec(signal, rate, codec, bit_rate=bit_rate)


def _disturb(signal: Signal, rate: int, rng: np.random.Generator) -> Signal:
    return impairments.add_noise(signal, rate, str(rng.choice(impairments.NOISES)), 15.0, rng=rng)


def _lose(signal: Signal, rate: int, rng: np.random.Generator) -> Signal:
    conceal = str(rng.choice(("zero", "repeat")))
    return impairments.lose_packets(signal, rate, share=0.08, burst=1.5, conceal=conceal, rng=rng)


PRESETS: dict[str, tuple[int | None, Callable[[Signal, int, np.random.Generator], Signal]]] = {
    "clean": (None, _keep),
    "g711_mulaw": (8000, _code("g711_mulaw")),
    "g711_alaw": (8000, _code("g711_alaw")),
    "gsm": (8000, _code("gsm")),
    "opus12": (None, _code("opus", 12.0)),
    "mp3": (None, _code("mp3")),
    "amr_nb": (8000, _code("amr_nb", 12.2)),
    "noisy": (None, _disturb),
    "packet_loss": (None, _lose),
}
"""Named evaluation channels: the rate that the channel works at (None: the target rate) and what it does."""
