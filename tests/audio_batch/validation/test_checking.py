"""Validation: every kind of damage gets its code, sound files get none, measures agree with known truth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soxr
from damaged_audio import ENCODINGS, encode, make_damaged_audio
from scipy.signal import butter, lfilter
from speech_samples import speak

from audio_batch.decoding import RawFormat
from audio_batch.errors import AudioUsageError
from audio_batch.segmentation import detect_speech
from audio_batch.validation import list_profiles, load_profile, measure_quality, validate

RATE = 8000


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("damaged")
    return folder, make_damaged_audio(folder)


def test_every_damaged_file_gets_its_code(damaged: tuple[Path, dict[str, str]]) -> None:
    folder, expected = damaged
    assert len(expected) >= 60
    found = {name: validate(folder / name) for name in expected}
    wrong = {ascii(name): (code, found[name].codes) for name, code in expected.items() if code not in found[name].codes}
    assert not wrong
    for result in found.values():
        assert result.issues and all(issue.message and issue.field for issue in result.issues)
        json.dumps(result.to_dict(), allow_nan=False).encode()
        assert "\n" not in result.summary and "\x1b" not in result.summary
        assert result.is_valid == all(issue.level != "error" for issue in result.issues)


def test_damage_is_never_a_mere_remark(damaged: tuple[Path, dict[str, str]]) -> None:
    folder, expected = damaged
    damage = {
        "truncated",
        "corrupt",
        "not_audio",
        "silent",
        "nonfinite_samples",
        "no_audio",
        "bad_header",
        "zero_filled",
    }
    for name, code in expected.items():
        if code in damage:
            assert not validate(folder / name).is_valid, name


@pytest.mark.parametrize("suffix", ENCODINGS)
def test_a_sound_file_has_no_issues(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(encode(speak(5, RATE, seed=2), *ENCODINGS[suffix]))
    result = validate(path, strict=True)
    assert result.is_valid and result.issues == ()
    assert result.quality is not None and result.quality.speech_seconds > 3
    assert result.properties is not None and result.properties.duration == pytest.approx(5, abs=0.1)


def test_strict_makes_warnings_errors(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(encode(speak(5, RATE, seed=2) * 0.5 + np.float32(0.02)))
    loose, strict = validate(path), validate(path, strict=True)
    assert loose.is_valid and not strict.is_valid
    assert [issue.level for issue in loose.issues] == ["warning"]
    assert [issue.level for issue in strict.issues] == ["error"]
    assert "valid (warning: dc_offset)" in loose.summary


def test_a_declared_raw_file_is_validated_as_declared(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(encode(speak(5, RATE, seed=2), "RAW", "ULAW"))
    assert validate(tmp_path / "a.raw", raw=RawFormat("ulaw")).issues == ()
    (tmp_path / "b.raw").write_text("Not found\n" * 500)
    assert validate(tmp_path / "b.raw", raw=RawFormat("ulaw")).codes == ("not_audio",)


def test_both_parties_are_measured_apart(tmp_path: Path) -> None:
    quiet, loud = speak(5, RATE, seed=2), np.clip(speak(5, RATE, seed=3) * 8, -1, 1)
    (tmp_path / "a.wav").write_bytes(encode(np.stack([quiet, loud], axis=1)))
    result = validate(tmp_path / "a.wav")
    assert len(result.channels) == 2
    assert {issue.field for issue in result.issues if issue.code == "clipping"} == {"channels[1].clipping_ratio"}


def test_a_remote_service_wants_short_small_files(tmp_path: Path) -> None:
    (tmp_path / "a.aiff").write_bytes(encode(speak(12, RATE, seed=2), "AIFF"))
    assert validate(tmp_path / "a.aiff").codes == ()
    assert validate(tmp_path / "a.aiff", profile="remote_service").codes == (
        "format_not_accepted",
        "longer_than_advised",
    )


def test_every_limit_has_a_reason() -> None:
    assert {"telephone", "remote_service"} <= set(list_profiles())
    for name in list_profiles():
        for limit in load_profile(name).limits:
            assert len(limit.reason) > 20 and limit.hint, limit.code


_LIMIT = '[[limits]]\ncode = "x"\nmeasure = "peak"\ndirection = "above"\nerror = 1\nreason = "r"\nhint = "h"\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("max_seconds = 0", "max_seconds 0 is not allowed; allowed: a number of seconds above 0"),
        ("max_seconds = [", "is not TOML"),
        ("extends = 'nobody'", "profile 'nobody' is not known; allowed: .*telephone"),
        ("max_seconds = 9\n" + _LIMIT.replace('"peak"', '"taste"'), "limit 1: measure 'taste' is not allowed"),
        ("max_seconds = 9\n" + _LIMIT.replace('"above"', '"beside"'), "direction 'beside' is not allowed"),
        ("max_seconds = 9\n" + _LIMIT.replace("error = 1", 'error = "high"'), "threshold .* with a number"),
        ("max_seconds = 9\n" + _LIMIT.replace('reason = "r"', ""), "reason None is not allowed"),
        ("max_seconds = 9\n" + _LIMIT + "colour = 3\n", "key 'colour' is not allowed"),
    ],
)
def test_a_wrong_profile_is_explained(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "own.toml").write_text(text)
    with pytest.raises(AudioUsageError, match=message):
        validate("a.wav", profile=str(tmp_path / "own.toml"))


def test_an_unknown_profile_is_named() -> None:
    with pytest.raises(AudioUsageError, match="profile 'studio' is not known; allowed: remote_service, telephone"):
        validate("a.wav", profile="studio")
    with pytest.raises(AudioUsageError, match="cannot be read"):
        load_profile("nowhere.toml")


def test_a_profile_of_ones_own_replaces_limits(tmp_path: Path) -> None:
    own = 'extends = "telephone"\n' + _LIMIT.replace('"x"', '"over_full_scale"').replace("error = 1", "info = 0.1")
    (tmp_path / "own.toml").write_text(own)
    (tmp_path / "a.wav").write_bytes(encode(speak(5, RATE, seed=2)))
    result = validate(tmp_path / "a.wav", profile=str(tmp_path / "own.toml"))
    assert [(issue.level, issue.code) for issue in result.issues] == [("info", "over_full_scale")]


def _color(noise: np.ndarray, color: str, rate: int) -> np.ndarray:
    if color == "low":
        return lfilter([1.0], [1.0, -0.9], noise)
    return lfilter(*butter(4, [300, 3300], "band", fs=rate), noise) if color == "band" else noise


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("color", ["white", "low", "band"])
@pytest.mark.parametrize("snr_db", [5, 10, 20, 30])
def test_snr_of_known_mixtures(rate: int, color: str, snr_db: float) -> None:
    speech = speak(8, rate, seed=snr_db).astype(np.float64)
    spoken = np.concatenate(
        [speech[int(start * rate) : int(end * rate)] for start, end in detect_speech(speech.astype(np.float32), rate)]
    )
    noise = _color(np.random.default_rng(9).standard_normal(len(speech)), color, rate)
    noise *= np.sqrt(np.mean(spoken**2) / 10 ** (snr_db / 10) / np.mean(noise**2))
    measured = measure_quality(((speech + noise) * 0.3).astype(np.float32), rate).snr_db
    assert measured == pytest.approx(snr_db, abs=2)


def test_noise_without_speech_has_no_snr_to_speak_of() -> None:
    noise = np.random.default_rng(1).standard_normal(5 * RATE).astype(np.float32) * np.float32(0.05)
    measured = measure_quality(noise, RATE)
    assert measured.snr_db is not None and measured.snr_db < 0
    assert measured.speech_seconds < 0.5


def test_level_and_offset_of_a_sine() -> None:
    sine = np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE) * 0.5 + 0.01
    measured = measure_quality(sine.astype(np.float32), RATE)
    assert measured.level_dbfs == pytest.approx(20 * np.log10(0.5) - 3.01, abs=0.02)
    assert measured.dc_offset == pytest.approx(0.01, abs=1e-4)
    assert measured.peak == pytest.approx(0.51, abs=0.01)
    assert measured.clipping_ratio == 0


@pytest.mark.parametrize("gain", [1.0, 0.5])
@pytest.mark.parametrize("subtype", ["PCM_16", "ULAW", "ALAW"])
def test_clipping_is_counted_also_after_an_attenuation(tmp_path: Path, gain: float, subtype: str) -> None:
    clipped = np.clip(speak(5, RATE, seed=4) * 8, -1, 1)
    share = float(np.mean(np.abs(clipped) >= 1))
    (tmp_path / "a.wav").write_bytes(encode(clipped * np.float32(gain), subtype=subtype))
    quality = validate(tmp_path / "a.wav").quality
    assert quality is not None and quality.clipping_ratio == pytest.approx(share, rel=0.1)


@pytest.mark.parametrize(
    ("low", "high", "container"),
    [(8000, 16000, "WAV"), (8000, 48000, "FLAC"), (16000, 48000, "WAV"), (8000, 16000, "OPUS")],
)
def test_bandwidth_is_that_of_the_source(tmp_path: Path, low: int, high: int, container: str) -> None:
    wide = np.asarray(soxr.resample(speak(5, low, seed=5), low, high), np.float32)
    data = encode(wide, "OGG", "OPUS", high) if container == "OPUS" else encode(wide, container, rate=high)
    (tmp_path / "a").write_bytes(data)
    quality = validate(tmp_path / "a").quality
    assert quality is not None and quality.bandwidth_hz == pytest.approx(low / 2, rel=0.08)


def test_full_bandwidth_is_seen_through_codecs(tmp_path: Path) -> None:
    for container, subtype in (("WAV", "PCM_16"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")):
        (tmp_path / "a").write_bytes(encode(speak(5, 16000, seed=6), container, subtype, 16000))
        quality = validate(tmp_path / "a").quality
        assert quality is not None and quality.bandwidth_hz is not None and quality.bandwidth_hz > 7000


def test_holes_are_counted() -> None:
    speech = speak(5, RATE, seed=7)
    assert measure_quality(speech, RATE).dropouts == 0
    for start in (4000, 12000, 20000):
        speech[start : start + 400] = 0
        speech[[start - 1, start + 400]] = 0.2
    measured = measure_quality(speech, RATE)
    assert measured.dropouts == 3
    assert measured.longest_zero_run == pytest.approx(0.05)
    assert measured.zero_run_share == pytest.approx(1200 / len(speech))


def test_measuring_needs_one_channel_and_a_rate() -> None:
    with pytest.raises(AudioUsageError, match=r"shape \(10, 2\) has more than one axis"):
        measure_quality(np.zeros((10, 2), np.float32), RATE)
    with pytest.raises(AudioUsageError, match="2000 Hz is too low to measure; allowed: 4000 Hz or more"):
        measure_quality(np.zeros(10, np.float32), 2000)
