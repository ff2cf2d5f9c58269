"""Channels: each named one changes what it says and nothing else; random ones are repeatable and described."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_batch.errors import AudioUsageError
from audio_batch.spoof import impairments
from audio_batch.spoof.channel import PRESETS, apply_channel, draw_channel, simulate_channel
from audio_batch.spoof.coding import apply_codec, list_codecs

Signal = NDArray[np.float32]
RATE = 16000
NARROW = ("g711_mulaw", "g711_alaw", "gsm", "amr_nb")
CODED = (*NARROW, "opus12", "mp3")


@pytest.fixture(scope="module")
def voice() -> Signal:
    """Three seconds of a sawtooth voice with syllables, formant-like tilt and energy up to 7 kHz."""
    rng = np.random.default_rng(3)
    time = np.arange(3 * RATE) / RATE
    pitch = 120 + 15 * np.sin(2 * np.pi * 0.8 * time)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 50))
    hiss = np.diff(rng.standard_normal(time.size + 1))
    syllables = 0.1 + np.abs(np.sin(2 * np.pi * (2.0 + 0.7 * time) * time)) ** 3
    return (0.08 * syllables * (tone + 0.3 * hiss)).astype(np.float32)


def level_db(signal: Signal) -> float:
    return float(10 * np.log10(np.mean(signal.astype(np.float64) ** 2)))


def band_db(signal: Signal, rate: int, low: float, high: float) -> float:
    power = np.abs(np.fft.rfft(signal)) ** 2
    frequencies = np.fft.rfftfreq(signal.size, 1 / rate)
    return float(10 * np.log10(power[(frequencies >= low) & (frequencies < high)].sum() + 1e-12))


def find_lag(late: Signal, early: Signal) -> int:
    """Delay of one level contour (10 ms mean of the magnitude) behind another, in samples at 8 kHz."""
    contours = [np.convolve(np.abs(signal), np.ones(80) / 80, "same") for signal in (late, early)]
    centred = [contour - contour.mean() for contour in contours]
    size = 2 * late.size
    correlation = np.fft.irfft(np.fft.rfft(centred[0], size) * np.conj(np.fft.rfft(centred[1], size)))
    lag = int(correlation.argmax())
    return lag if lag < size // 2 else lag - size


def run(signal: Signal, preset: str, target_rate: int = RATE, seed: int = 1) -> Signal:
    if preset == "amr_nb" and "amr_nb" not in list_codecs():
        pytest.skip("no AMR-NB encoder here")
    return apply_channel(signal, RATE, preset, target_rate=target_rate, rng=np.random.default_rng(seed))


@pytest.mark.parametrize("preset", sorted(PRESETS))
@pytest.mark.parametrize("target_rate", [8000, 16000])
def test_a_named_channel_keeps_length_and_type(voice: Signal, preset: str, target_rate: int) -> None:
    result = run(voice, preset, target_rate)
    assert result.shape == (3 * target_rate,)
    assert result.dtype == np.float32
    assert np.abs(result).max() <= 1.0


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_a_named_channel_repeats_under_the_same_seed(voice: Signal, preset: str) -> None:
    np.testing.assert_array_equal(run(voice, preset), run(voice, preset))


@pytest.mark.parametrize("preset", ["noisy", "packet_loss"])
def test_a_random_channel_differs_under_another_seed(voice: Signal, preset: str) -> None:
    assert np.abs(run(voice, preset, seed=1) - run(voice, preset, seed=2)).max() > 0.001


def test_clean_at_the_same_rate_changes_nothing(voice: Signal) -> None:
    np.testing.assert_array_equal(run(voice, "clean"), voice)


@pytest.mark.parametrize("preset", CODED)
def test_a_codec_keeps_the_level_and_the_timing(voice: Signal, preset: str) -> None:
    narrow = run(voice, "clean", 8000)
    coded = run(voice, preset, 8000)
    assert abs(level_db(coded) - level_db(narrow)) < 1.5
    assert abs(find_lag(coded, narrow)) <= 16
    assert np.abs(coded - narrow).max() > 1e-4


@pytest.mark.parametrize("preset", NARROW)
def test_a_telephone_codec_leaves_nothing_above_4_khz(voice: Signal, preset: str) -> None:
    result = run(voice, preset)
    assert band_db(result, RATE, 4200, 8000) < band_db(result, RATE, 300, 3400) - 45
    assert band_db(voice, RATE, 4200, 8000) > band_db(voice, RATE, 300, 3400) - 30


def test_opus_and_mp3_keep_the_wide_band(voice: Signal) -> None:
    for preset in ("opus12", "mp3"):
        assert band_db(run(voice, preset), RATE, 4200, 6500) > band_db(voice, RATE, 4200, 6500) - 12


def test_noise_has_the_ratio_that_is_promised(voice: Signal) -> None:
    for kind in impairments.NOISES:
        noisy = impairments.add_noise(voice, RATE, kind, 15.0, rng=np.random.default_rng(0))
        assert level_db(voice) - level_db(noisy - voice) == pytest.approx(15.0, abs=0.05)


def test_kinds_of_noise_have_their_spectra() -> None:
    rng = np.random.default_rng(0)
    made = {kind: impairments.make_noise(kind, 4 * RATE, RATE, rng=rng) for kind in impairments.NOISES}
    tilt = {kind: band_db(noise, RATE, 200, 400) - band_db(noise, RATE, 3200, 6400) for kind, noise in made.items()}
    assert tilt["white"] == pytest.approx(-12.0, abs=1.0)
    assert tilt["pink"] == pytest.approx(0.0, abs=1.0)
    assert tilt["babble"] > 6.0
    assert band_db(made["hum"], RATE, 0, 450) - band_db(made["hum"], RATE, 450, 8000) > 40


def test_lost_packets_are_silent_or_repeated_and_the_rest_is_untouched(voice: Signal) -> None:
    size = RATE // 50
    for conceal in ("zero", "repeat"):
        lossy = impairments.lose_packets(
            voice, RATE, share=0.1, burst=2.0, conceal=conceal, rng=np.random.default_rng(5)
        ).reshape(-1, size)
        packets = voice.reshape(-1, size)
        changed = np.flatnonzero((lossy != packets).any(axis=1))
        assert 3 <= changed.size <= 40
        silent = [not lossy[index].any() for index in changed]
        assert all(silent) if conceal == "zero" else not any(silent)


def test_loss_share_is_met_on_the_average() -> None:
    ones = np.ones(RATE * 200, np.float32)
    lossy = impairments.lose_packets(ones, RATE, share=0.08, burst=1.5, conceal="zero", rng=np.random.default_rng(0))
    assert float((lossy == 0).mean()) == pytest.approx(0.08, abs=0.015)


def test_reverb_and_filter_keep_length_and_level(voice: Signal) -> None:
    wet = impairments.add_reverb(voice, RATE, seconds=0.4, ratio_db=3.0, rng=np.random.default_rng(0))
    narrow = impairments.filter_band(voice, RATE, 300.0, 3400.0)
    for changed in (wet, narrow):
        assert changed.shape == voice.shape
        assert level_db(changed) == pytest.approx(level_db(voice), abs=0.01)
    assert band_db(narrow, RATE, 6000, 8000) < band_db(voice, RATE, 6000, 8000) - 20
    assert impairments.filter_band(voice, RATE, None, None) is voice


def test_level_is_set_unless_speech_would_clip(voice: Signal) -> None:
    assert level_db(impairments.set_level(voice, -30.0)) == pytest.approx(-30.0, abs=0.01)
    loud = impairments.set_level(voice, 0.0)
    assert float((np.abs(loud) >= 1.0).mean()) <= 0.0011
    silence = np.zeros(100, np.float32)
    assert not impairments.set_level(silence, -20.0).any()


def test_trim_leaves_the_asked_silence() -> None:
    signal = np.zeros(3 * RATE, np.float32)
    signal[RATE : 2 * RATE] = 0.1
    trimmed = impairments.trim_silence(signal, RATE, lead=0.1, trail=0.2)
    assert trimmed.size == pytest.approx(1.3 * RATE, abs=0.01 * RATE)
    assert trimmed[round(0.12 * RATE)] == np.float32(0.1)


def test_simulation_is_repeatable_and_says_what_it_did(voice: Signal) -> None:
    keys = set(draw_channel(np.random.default_rng(0), narrowband=True))
    for seed in range(12):
        first, said = simulate_channel(voice, RATE, rng=np.random.default_rng(seed), target_rate=RATE)
        second, again = simulate_channel(voice, RATE, rng=np.random.default_rng(seed), target_rate=RATE)
        np.testing.assert_array_equal(first, second)
        assert said == again
        assert set(said) == keys
        assert first.dtype == np.float32
        assert np.isfinite(first).all()
        assert first.size <= voice.size + 1


def test_narrowband_draws_have_no_wide_band(voice: Signal) -> None:
    seen = set()
    for seed in range(20):
        result, said = simulate_channel(voice, RATE, rng=np.random.default_rng(seed), target_rate=RATE)
        seen.add(said["narrowband"])
        if said["narrowband"]:
            assert band_db(result, RATE, 4300, 8000) < band_db(result, RATE, 0, 4000) - 30
    assert seen == {True, False}


def test_draws_stay_in_their_ranges() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_channel(rng, narrowband=bool(index % 2)) for index in range(300)]
    assert all(-35 <= one["level_dbfs"] <= -10 for one in drawn)
    assert all(5 <= one["snr_db"] <= 40 for one in drawn if one["noise"])
    assert all(one["snr_db"] is None for one in drawn if one["noise"] is None)
    assert {codec for one in drawn for codec in one["codecs"]} == set(list_codecs())
    assert all(not set(one["codecs"]) & set(NARROW) for one in drawn if not one["narrowband"])


def test_unknown_names_and_rates_are_refused(voice: Signal) -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(AudioUsageError, match="channel 'fax' is not known") as refused:
        apply_channel(voice, RATE, "fax", target_rate=8000, rng=rng)
    assert "g711_mulaw" in refused.value.hint
    with pytest.raises(AudioUsageError, match="target_rate is 44100 Hz"):
        simulate_channel(voice, RATE, rng=rng, target_rate=44100)
    with pytest.raises(AudioUsageError, match=r"shape \(0,\)"):
        apply_channel(voice[:0], RATE, "clean", target_rate=8000, rng=rng)
    with pytest.raises(AudioUsageError, match="gsm at 16000 Hz is not possible"):
        apply_codec(voice, RATE, "gsm")
    with pytest.raises(AudioUsageError, match="codec 'fax' is not known"):
        apply_codec(voice, RATE, "fax")
    with pytest.raises(AudioUsageError, match="noise 'rain' is not known"):
        impairments.add_noise(voice, RATE, "rain", 10.0, rng=rng)


def test_an_agent_is_heard_only_where_one_is_given(voice: Signal) -> None:
    other = np.roll(voice, 7000)[::-1].copy()
    heard = 0
    for seed in range(40):
        plain, said = simulate_channel(voice, RATE, rng=np.random.default_rng(seed), target_rate=8000)
        mixed, also = simulate_channel(voice, RATE, rng=np.random.default_rng(seed), target_rate=8000, agent=other)
        assert said["agent"] is None
        if also["agent"] is None:
            np.testing.assert_array_equal(plain, mixed)
        else:
            heard += 1
            begin, end, below = also["agent"]
            assert 0 <= begin < end <= 1
            assert 3 <= below <= 40
    assert 4 < heard < 25
