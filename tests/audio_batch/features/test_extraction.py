"""Feature extraction: names, versions, what is undefined, what is refused."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from speech_samples import speak

from audio_batch.errors import AudioError, AudioUsageError
from audio_batch.features import FEATURE_SET_VERSION, Spectrum, extract, list_families, list_features

RATES = (8000, 11_025, 16_000, 44_100)


def test_every_family_gives_its_features_under_one_version():
    features = extract(speak(2.0, 8000, seed=1), 8000)
    assert features.version == FEATURE_SET_VERSION
    assert features.sampling_rate == 8000
    assert tuple(features.values) == list_features()
    assert len(list_features()) == sum(len(list_features([family])) for family in list_families())
    assert set(list_families()) == {"spectral", "energy", "cepstral", "lpc", "phase", "modulation", "voice"}


@pytest.mark.parametrize("rate", RATES)
def test_speech_gives_figures_at_every_rate(rate):
    values = extract(speak(3.0, rate, seed=2), rate).values
    missing = {name for name, value in values.items() if math.isnan(value)}
    above = {f"band_{low}_{high}_{kind}" for low, high in ((4000, 6000), (6000, 8000)) for kind in ("mean", "std")}
    assert missing == {name for name in above if int(name.split("_")[1]) >= rate / 2}


def test_values_are_float32():
    features = extract(speak(1.5, 8000, seed=3), 8000)
    assert all(isinstance(value, float) for value in features.values.values())
    assert all(math.isnan(v) or float(np.float32(v)) == v for v in features.values.values())
    assert features.to_array().dtype == np.float32
    assert Spectrum(speak(1.0, 8000, seed=3).astype(np.float64), 8000).transform.dtype == np.complex64


def test_frame_is_one_row_of_float32():
    import polars as pl

    frame = extract(speak(1.5, 8000, seed=3), 8000, families=["energy", "voice"]).to_frame()
    assert frame.shape == (1, 2 + len(list_features(["energy", "voice"])))
    assert frame["feature_set_version"].item() == FEATURE_SET_VERSION
    assert frame["sampling_rate"].item() == 8000
    assert frame.schema["f0_mean"] == pl.Float32


def test_families_are_chosen_by_name_and_keep_their_order():
    signal = speak(1.5, 8000, seed=4)
    chosen = extract(signal, 8000, families=["voice", "energy"]).values
    whole = extract(signal, 8000).values
    assert list(chosen) == [name for name in whole if name in chosen]
    assert chosen == {name: whole[name] for name in chosen}


def test_extraction_is_deterministic():
    signal = speak(2.0, 16_000, seed=5)
    assert np.array_equal(extract(signal, 16_000).to_array(), extract(signal.copy(), 16_000).to_array())


NASTY = {
    "empty": np.zeros(0),
    "one sample": np.ones(1),
    "shorter than a frame": np.ones(100),
    "one frame": np.sin(np.arange(240.0)),
    "two frames": np.sin(np.arange(360.0)),
    "digital silence": np.zeros(16_000),
    "constant": np.full(16_000, 0.5),
    "full-scale square": np.sign(np.sin(2 * np.pi * 200 * np.arange(16_000) / 8000 + 0.1)),
    "one impulse": np.eye(1, 16_000, 8000)[0],
    "tone": np.sin(2 * np.pi * 440 * np.arange(16_000) / 8000),
    "far too loud": 1e12 * np.sin(np.arange(16_000)),
    "denormal": np.full(16_000, 1e-42),
    "below 16 bits": 1e-6 * np.sin(np.arange(16_000)),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", NASTY)
def test_no_signal_gives_inf_or_another_set_of_names(kind):
    values = extract(NASTY[kind].astype(np.float32), 8000).values
    assert tuple(values) == list_features()
    assert not any(math.isinf(value) for value in values.values())


@pytest.mark.parametrize("kind", ["empty", "shorter than a frame", "digital silence", "denormal"])
def test_what_holds_no_sound_is_undefined_not_zero(kind):
    values = extract(NASTY[kind], 8000).values
    defined = {name for name, value in values.items() if not math.isnan(value)}
    assert defined <= {"active_share", "clipping_rate", "dc_offset", "voiced_ratio", "crest_factor"}


def test_noise_has_no_voice_but_a_spectrum():
    values = extract(np.random.default_rng(0).normal(0, 0.1, 16_000), 8000).values
    assert values["voiced_ratio"] < 0.05
    assert math.isnan(extract(np.full(16_000, 0.1), 8000).values["f0_mean"])
    assert values["spectral_flatness_mean"] > 0.4


def test_silence_around_speech_changes_nothing_but_the_shares():
    speech = speak(2.0, 8000, seed=6)
    hop = Spectrum(speech, 8000).hop
    quiet = np.zeros(hop * 40, dtype=np.float32)
    plain = extract(speech, 8000, families=["spectral", "cepstral", "energy"]).values
    padded = extract(np.concatenate([quiet, speech, quiet]), 8000, families=["spectral", "cepstral", "energy"]).values
    assert padded["active_share"] < 0.8 * plain["active_share"]
    for name in ("spectral_centroid_mean", "mfcc_01_mean", "lfcc_01_mean"):
        assert padded[name] == pytest.approx(plain[name], rel=0.1)


def test_level_moves_only_level():
    speech = speak(2.0, 8000, seed=7)
    loud, soft = extract(speech, 8000).values, extract(speech / 4, 8000).values
    assert soft["rms_db_mean"] == pytest.approx(loud["rms_db_mean"] - 12.04, abs=0.01)
    for name in (
        "spectral_centroid_mean",
        "f0_mean",
        "hnr_mean",
        "jitter_local",
        "f1_median",
        "modulation_4_8",
        "cpp_mean",
    ):
        assert soft[name] == pytest.approx(loud[name], rel=1e-3)


def test_unknown_family_is_named_with_the_known_ones():
    with pytest.raises(AudioUsageError, match=r"'timbre' is unknown; allowed: spectral, .*voice") as caught:
        extract(np.zeros(100), 8000, families=["timbre"])
    assert caught.value.details["family"] == "timbre"


def test_two_channels_are_refused():
    with pytest.raises(AudioUsageError, match=r"shape \(100, 2\)(?s:.)*Never mix"):
        extract(np.zeros((100, 2)), 8000)


@pytest.mark.parametrize("rate", [0, -8000, 3999, 400_000])
def test_impossible_rates_are_refused(rate):
    with pytest.raises(AudioUsageError, match=rf"sampling_rate is {rate}; 4000 to 192000 Hz"):
        extract(np.zeros(100), rate)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(value):
    signal = np.zeros(1000)
    signal[123] = value
    with pytest.raises(AudioUsageError, match="NaN or Inf, first at sample 123"):
        extract(signal, 8000)


def test_every_feature_is_documented():
    text = (Path(__file__).parents[3] / "docs" / "audio-features.md").read_text(encoding="utf-8")
    ranges = {"lfcc_delta_00", "lfcc_delta2_00", "lfcc_19", "mfcc_12", "modulation_16_32"}
    assert all(f"`{name}`" in text for name in ranges)
    numbered = re.compile(r"_?\d+(_\d+)?")
    known = {numbered.sub("", name) for name in re.findall(r"`([a-z][a-z0-9_]+)`", text)}
    for name in list_features():
        figure = re.sub(r"_(mean|std)$", "", name)
        band = re.sub(r"_(low|high)$", "", figure)
        assert known & {numbered.sub("", spelling) for spelling in (name, figure, band)}, name


def test_features_import_nothing_heavy():
    heavy = ("scipy.signal", "scipy.stats", "librosa", "polars", "soxr", "soundfile")
    code = f"""import sys, audio_batch.features
audio_batch.features.list_features()
print([name for name in {heavy} if name in sys.modules])"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_librosa_without_a_place_for_compiled_functions_names_the_way_out(tmp_path, monkeypatch):
    message = "cannot cache function '__o_fold': no locator available for file 'notation.py'"
    (tmp_path / "librosa.py").write_text(f"raise RuntimeError({message!r})", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "librosa", raising=False)
    with pytest.raises(AudioError, match=r"librosa cannot be loaded: .*no locator(?s:.)*set NUMBA_CACHE_DIR"):
        extract(speak(1.0, 8000, seed=8), 8000, families=["cepstral"])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("peak", [1e17, 1e19, 1e30, 3e38])
def test_one_sample_that_overflows_leaves_nothing_infinite(peak):
    signal = speak(1.5, 8000, seed=9)
    signal[6000] = peak
    values = extract(signal, 8000).values
    assert tuple(values) == list_features()
    assert not any(math.isinf(value) for value in values.values())
