"""The agent's side, hold music and automatic gain do what they say, where they say it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from audio_batch.errors import AudioUsageError
from audio_batch.spoof.call_centre import AGC_TARGET_DBFS, add_agent, add_music, control_gain, make_music

Signal = NDArray[np.float32]
RATE = 8000


def level_db(signal: Signal) -> float:
    return float(10 * np.log10(np.mean(signal.astype(np.float64) ** 2) + 1e-12))


def make_noise(seconds: float, level: float = 0.1, seed: int = 0) -> Signal:
    noise = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return (level * noise).astype(np.float32)


def test_an_agent_is_heard_in_its_stretch_at_its_level() -> None:
    caller, agent = make_noise(4), make_noise(1.5, 0.3, seed=1)
    mixed = add_agent(caller, agent, share=(0.25, 0.75), below_db=10.0, rng=np.random.default_rng(0))
    added = mixed - caller
    assert not added[:RATE].any()
    assert not added[3 * RATE :].any()
    middle = added[round(1.5 * RATE) : round(2.5 * RATE)]
    assert level_db(caller) - level_db(middle) == pytest.approx(10.0, abs=0.5)


def test_music_is_tonal_repeatable_and_has_no_clicks() -> None:
    music = make_music(4 * RATE, RATE, rng=np.random.default_rng(0))
    np.testing.assert_array_equal(music, make_music(4 * RATE, RATE, rng=np.random.default_rng(0)))
    assert level_db(music) == pytest.approx(-20.0, abs=0.1)
    power = np.sort(np.abs(np.fft.rfft(music)) ** 2)[::-1]
    assert power[: len(power) // 20].sum() > 0.9 * power.sum()
    added = add_music(
        np.full(2 * RATE, 0.1, np.float32), RATE, share=(0.0, 1.0), below_db=20.0, rng=np.random.default_rng(1)
    ) - np.float32(0.1)
    assert level_db(added) == pytest.approx(-40.0, abs=1.0)


def test_gain_brings_loud_and_quiet_callers_to_one_level_and_leaves_pauses_alone() -> None:
    options = {"attack_seconds": 0.02, "release_seconds": 0.3, "most_db": 24.0}
    for level in (0.01, 0.05, 0.4):
        levelled = control_gain(make_noise(4, level), RATE, **options)
        assert level_db(levelled[2 * RATE :]) == pytest.approx(AGC_TARGET_DBFS, abs=1.5)
    call = np.concatenate([make_noise(2, 0.1), make_noise(2, 1e-4), make_noise(2, 0.1)])
    levelled = control_gain(call, RATE, **options)
    pause = slice(round(2.2 * RATE), round(3.8 * RATE))
    assert level_db(levelled[pause]) == pytest.approx(level_db(call[pause]), abs=2.0)


def test_an_empty_agent_is_refused() -> None:
    with pytest.raises(AudioUsageError, match="holds no samples"):
        add_agent(make_noise(1), np.zeros(0, np.float32), share=(0, 1), below_db=10, rng=np.random.default_rng(0))
