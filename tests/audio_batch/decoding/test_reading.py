"""Decoding: the same samples by blocks and at once, bounded, refused with a reason."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from damaged_audio import ENCODINGS, encode
from speech_samples import speak

from audio_batch.decoding import RawFormat, decode, extra_formats, hash_file, probe, read_blocks, resample
from audio_batch.errors import AudioUsageError, UnreadableAudioError

RATE = 8000


@pytest.mark.parametrize("suffix", ENCODINGS)
def test_blocks_give_the_same_samples_as_the_whole(tmp_path: Path, suffix: str) -> None:
    speech = speak(3, RATE, seed=1)
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(encode(speech, *ENCODINGS[suffix]))
    whole, rate = decode(path)
    blocks = list(read_blocks(path, block_seconds=0.37))
    assert rate == RATE and whole.dtype == np.float32 and whole.shape[1] == 1
    assert all(len(block) == round(0.37 * RATE) for block in blocks[:-1])
    np.testing.assert_array_equal(np.concatenate(blocks), whole)
    reference, _ = sf.read(path, dtype="float32", always_2d=True)
    np.testing.assert_allclose(whole, reference, atol=1e-6)


def test_probe_tells_what_the_header_says(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    stereo = np.stack([speak(2, RATE, seed=1), speak(2, RATE, seed=2)], axis=1)
    path.write_bytes(encode(stereo, subtype="ALAW"))
    found = probe(path)
    assert (found.format, found.codec, found.sampling_rate, found.channels) == ("wav", "alaw", RATE, 2)
    assert (found.frames, found.duration, found.file_size) == (2 * RATE, 2.0, path.stat().st_size)
    assert found.bit_rate == pytest.approx(128_000, rel=0.01)
    assert (found.sha256, found.file_size) == hash_file(path)


@pytest.mark.parametrize(
    ("encoding", "subtype"), [("ulaw", "ULAW"), ("alaw", "ALAW"), ("gsm", "GSM610"), ("pcm_s16le", "PCM_16")]
)
def test_declared_raw_files_decode_as_their_wav_twins(tmp_path: Path, encoding: str, subtype: str) -> None:
    speech = speak(2, RATE, seed=3)
    (tmp_path / "a.raw").write_bytes(encode(speech, "RAW", subtype))
    raw, _ = decode(tmp_path / "a.raw", raw=RawFormat(encoding, RATE))
    assert np.corrcoef(raw[: len(speech), 0], speech)[0, 1] > 0.95
    (tmp_path / f"a.{encoding}").write_bytes((tmp_path / "a.raw").read_bytes())
    if encoding != "pcm_s16le":
        np.testing.assert_array_equal(decode(tmp_path / f"a.{encoding}")[0], raw)


def test_big_endian_raw(tmp_path: Path) -> None:
    values = np.array([0, 16384, -32768], dtype=">i2")
    (tmp_path / "a.raw").write_bytes(values.tobytes())
    signal, _ = decode(tmp_path / "a.raw", raw=RawFormat("pcm_s16be"))
    assert signal[:, 0].tolist() == [0.0, 0.5, -1.0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("opus,8000", r"encoding 'opus' .* allowed: .*ulaw"),
        ("ulaw,0", "sampling rate 0 .* allowed: 1000 to 192000 Hz"),
        ("ulaw,8000,9", "number of channels 9 .* allowed: 1 to 8"),
        ("ulaw,fast", "format 'ulaw,fast' .* allowed: encoding,sampling_rate,channels"),
    ],
)
def test_a_wrong_declaration_is_named(text: str, message: str) -> None:
    with pytest.raises(AudioUsageError, match=message):
        RawFormat.parse(text)


def test_a_declaration_is_parsed() -> None:
    assert RawFormat.parse("uLaw, 16000, 2") == RawFormat("ulaw", 16000, 2)
    assert RawFormat.parse("gsm") == RawFormat("gsm", 8000, 1)


def _make_refused(folder: Path) -> dict[str, Path]:
    (folder / "empty.wav").touch()
    (folder / "page.wav").write_text("<!doctype html><p>gone</p>")
    (folder / "plain.raw").write_bytes(bytes(range(1, 200)))
    (folder / "junk.wav").write_bytes(b"\x01\x02\x03" * 100)
    (folder / "many.wav").write_bytes(encode(np.zeros((100, 9), np.float32)))
    os.mkfifo(folder / "pipe.wav")
    (folder / "loop.wav").symlink_to("loop.wav")
    names = {"empty": "empty", "page": "not_audio", "junk": "codec", "many": "channels", "pipe": "not_a_file"}
    paths = {reason: folder / f"{name}.wav" for name, reason in names.items()}
    return paths | {
        "raw_undeclared": folder / "plain.raw",
        "missing": folder / "line\nbreak.wav",
        "unreadable": folder / "loop.wav",
    }


def test_what_cannot_be_decoded_is_refused_with_a_reason(tmp_path: Path) -> None:
    for reason, path in _make_refused(tmp_path).items():
        with pytest.raises(UnreadableAudioError) as caught:
            decode(path)
        assert caught.value.details["reason"] == reason
        assert path.name.replace("\n", "\\n") in caught.value.message and "\n" not in caught.value.message
        assert caught.value.hint


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableAudioError, match="not a regular file"):
        probe(tmp_path)


def test_damage_costs_only_what_lies_behind_it(tmp_path: Path) -> None:
    data = encode(speak(6, RATE, seed=4), "FLAC")
    (tmp_path / "a.flac").write_bytes(data[: len(data) // 2])
    delivered = []
    with pytest.raises(UnreadableAudioError, match="lost sync"):
        for block in read_blocks(tmp_path / "a.flac"):
            delivered.append(len(block))
    assert sum(delivered) > 2 * RATE


def test_a_bomb_is_stopped_by_what_it_delivers(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    sf.write(path, np.zeros(600 * RATE, np.int16), RATE)
    assert path.stat().st_size < 100_000
    with pytest.raises(UnreadableAudioError, match="more than 60 s of audio") as caught:
        decode(path, max_seconds=60)
    assert caught.value.details["reason"] == "too_long"
    assert sum(map(len, read_blocks(path, max_seconds=600))) == 600 * RATE


_MEMORY = """
import resource, sys
from audio_batch.decoding import read_blocks
held = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
blocks = read_blocks(sys.argv[1], block_seconds=10)
next(blocks)
first, count = held(), sum(map(len, blocks))
print(count, held() - first)
"""


def test_memory_is_bounded_by_the_block(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    sf.write(path, np.zeros(3600 * RATE, np.int16), RATE)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", _MEMORY, str(path)], capture_output=True, text=True, check=True, env=environment
    )
    count, grown_kib = map(int, done.stdout.split())
    assert count == 3590 * RATE
    assert grown_kib < 20_000  # the whole would be 115 MB


@pytest.mark.parametrize("arguments", [{"block_seconds": 0}, {"max_seconds": -1}, {"block_seconds": float("nan")}])
def test_lengths_must_be_positive(arguments: dict[str, float]) -> None:
    with pytest.raises(AudioUsageError, match="must be positive"):
        read_blocks("a.wav", **arguments)


def test_resampling_keeps_the_tone_and_the_axes() -> None:
    time = np.arange(RATE) / RATE
    tone = np.sin(2 * np.pi * 1000 * time).astype(np.float32)
    twice = resample(np.stack([tone, tone], axis=1), RATE, 2 * RATE)
    assert twice.shape == (2 * RATE, 2) and twice.dtype == np.float32
    expected = np.sin(2 * np.pi * 1000 * np.arange(2 * RATE) / (2 * RATE))
    np.testing.assert_allclose(twice[1000:-1000, 0], expected[1000:-1000], atol=1e-3)
    assert resample(tone, RATE, RATE) is tone
    with pytest.raises(AudioUsageError, match="from 8000 to 0 Hz"):
        resample(tone, RATE, 0)


def test_a_format_that_needs_pyav_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extra_formats, "is_available", lambda: False)
    (tmp_path / "a.amr").write_bytes(b"#!AMR\n" + bytes(64))
    with pytest.raises(UnreadableAudioError, match="needs PyAV") as caught:
        decode(tmp_path / "a.amr")
    assert caught.value.details["reason"] == "codec_missing"
    assert "sentinel-batch[formats]" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [
        ("a.amr", "libopencore_amrnb", 8000),
        ("a.m4a", "aac", 16000),
        ("a.g722", "g722", 16000),
        ("a.g722.wav", "g722", 16000),
    ],
)
def test_formats_through_pyav(tmp_path: Path, name: str, codec: str, rate: int) -> None:
    av = pytest.importorskip("av")
    speech = speak(3, rate, seed=5)
    path = tmp_path / name
    _write_through_pyav(av, path, codec, speech, rate)
    whole, found = decode(path)
    assert found == rate and abs(len(whole) - len(speech)) < 0.2 * rate
    np.testing.assert_array_equal(np.concatenate(list(read_blocks(path, block_seconds=0.3))), whole)
    strength = np.abs(np.fft.rfft(whole[: 2 * rate, 0]))[:2000], np.abs(np.fft.rfft(speech[: 2 * rate]))[:2000]
    assert np.corrcoef(*strength)[0, 1] > 0.8


def _write_through_pyav(av: object, path: Path, codec: str, speech: np.ndarray, rate: int) -> None:
    container = {".m4a": "mp4", ".wav": "wav", ".g722": "g722", ".amr": "amr"}[path.suffix]
    with av.open(str(path), "w", format=container) as output:  # type: ignore[attr-defined]
        stream = output.add_stream(codec, rate=rate, layout="mono")
        pcm = (speech * 32767).astype(np.int16)[None]
        frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")  # type: ignore[attr-defined]
        frame.sample_rate = rate
        cut = av.AudioResampler(  # type: ignore[attr-defined]
            format=stream.format.name, layout="mono", rate=rate, frame_size=stream.codec_context.frame_size or 320
        )
        for piece in [*cut.resample(frame), *cut.resample(None), None]:
            output.mux(stream.encode(piece))
