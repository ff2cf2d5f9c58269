"""Recordings are read to their end: MP3 without an index, AMR with pauses, G.726, Speex, other containers."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from damaged_audio import RATE, encode
from speech_samples import speak
from streamed_audio import make_noise

from audio_batch.decoding import RawFormat, assume_raw, decode, probe, read_blocks, survey_mpeg
from audio_batch.decoding.composed_file import ComposedFile
from audio_batch.validation import validate

SPEECH = speak(5, RATE, seed=31)
FIXTURES = Path(__file__).parents[2] / "fixtures" / "audio"
HOLD = np.zeros(10 * RATE, np.float32)


def encode_through_pyav(container: str, codec: str, signal: np.ndarray, *, rate: int = RATE, **settings: Any) -> bytes:
    """Encode into something that cannot seek, as a pipe; ``bit_rate`` is set on the stream, the rest are options."""
    av = pytest.importorskip("av")

    class Pipe:
        content = b""

        def write(self, piece: bytes) -> int:
            self.content += bytes(piece)
            return len(piece)

    pipe, bit_rate = Pipe(), settings.pop("bit_rate", None)
    with av.open(pipe, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="mono", options=settings)
        if bit_rate:
            stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray((signal * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        cut = av.AudioResampler(
            format=stream.format.name, layout="mono", rate=rate, frame_size=stream.codec_context.frame_size or 320
        )
        for piece in [*cut.resample(frame), *cut.resample(None), None]:
            output.mux(stream.encode(piece))
    return pipe.content


VARIABLE = {"flags": "+qscale", "global_quality": str(5 * 118)}


@pytest.mark.parametrize("container", ["mp3", "wav"])
@pytest.mark.parametrize("settings", [VARIABLE, {}], ids=["variable", "constant"])
@pytest.mark.parametrize("order", ["speech-hold", "hold-speech"])
def test_mp3_without_an_index_is_read_to_its_end(
    tmp_path: Path, container: str, settings: dict[str, str], order: str
) -> None:
    parts = [SPEECH, HOLD] if order == "speech-hold" else [HOLD, SPEECH]
    path = tmp_path / f"a.{container}"
    path.write_bytes(encode_through_pyav(container, "libmp3lame", np.concatenate(parts), **settings))
    signal, rate = decode(path)
    assert rate == RATE and len(signal) / RATE == pytest.approx(15, abs=0.3)
    assert probe(path).frames == len(signal)
    np.testing.assert_array_equal(np.concatenate(list(read_blocks(path, block_seconds=0.7))), signal)
    last = signal[-3 * RATE :]
    assert (np.abs(last).max() > 0.05) == (order == "hold-speech")
    result = validate(path)
    assert not {"truncated", "corrupt"} & set(result.codes)
    assert result.properties is not None and result.properties.format == container


def test_mp3_files_that_were_appended_are_read_to_the_end_of_the_last(tmp_path: Path) -> None:
    one = encode(SPEECH, "MP3", "MPEG_LAYER_III")
    tag = b"ID3\x04\0\0\0\0\0\x0a" + bytes(10)
    (tmp_path / "a.mp3").write_bytes(one + tag + one)
    signal, _ = decode(tmp_path / "a.mp3")
    assert len(signal) / RATE == pytest.approx(10, abs=0.5)
    assert not {"truncated", "corrupt"} & set(validate(tmp_path / "a.mp3").codes)


def test_mp3_with_an_index_keeps_its_samples(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(encode(SPEECH, "MP3", "MPEG_LAYER_III"))
    reference, _ = sf.read(tmp_path / "a.mp3", dtype="float32")
    np.testing.assert_allclose(decode(tmp_path / "a.mp3")[0][:, 0], reference, atol=1e-6)


@pytest.mark.parametrize("share", [0.3, 0.7, 0.95])
def test_a_cut_mp3_in_wav_is_cut_off(tmp_path: Path, share: float) -> None:
    whole = encode_through_pyav("mp3", "libmp3lame", SPEECH)
    stream = whole[survey_mpeg(io.BytesIO(whole), 0, len(whole)).first :]
    form = b"U\0\1\0" + RATE.to_bytes(4, "little") + (2000).to_bytes(4, "little") + b"\1\0\0\0\x0c\0" + bytes(12)
    head = b"WAVEfmt " + len(form).to_bytes(4, "little") + form + b"data" + len(stream).to_bytes(4, "little")
    data = b"RIFF" + (len(head) + len(stream)).to_bytes(4, "little") + head + stream
    (tmp_path / "whole.wav").write_bytes(data)
    (tmp_path / "cut.wav").write_bytes(data[: int(len(data) * share)])
    assert "truncated" not in validate(tmp_path / "whole.wav").codes
    assert "truncated" in validate(tmp_path / "cut.wav").codes


@pytest.mark.parametrize(("container", "suffix"), [("amr", "amr"), ("3gp", "3gp")])
def test_amr_with_compressed_pauses(tmp_path: Path, container: str, suffix: str) -> None:
    signal = np.concatenate([SPEECH, make_noise(5, 1e-4), SPEECH])
    path = tmp_path / f"a.{suffix}"
    if container == "3gp":
        _write_to_file(path, signal)
    else:
        path.write_bytes(encode_through_pyav(container, "libopencore_amrnb", signal, dtx="1"))
    assert path.stat().st_size < 12_000  # the pause takes next to nothing
    result = validate(path)
    assert result.is_valid and not {"corrupt", "truncated"} & set(result.codes)
    decoded, _ = decode(path)
    assert len(decoded) / RATE == pytest.approx(15, abs=0.1)
    assert np.abs(decoded[6 * RATE : 9 * RATE]).max() < 0.02 < np.abs(decoded[11 * RATE :]).max()
    assert abs((probe(path).frames or 0) - len(decoded)) < 400


def _write_to_file(path: Path, signal: np.ndarray) -> None:
    """Write AMR into 3GP, whose index cannot be written into a pipe."""
    av = pytest.importorskip("av")
    with av.open(str(path), "w", format="3gp") as output:
        stream = output.add_stream("libopencore_amrnb", rate=RATE, layout="mono", options={"dtx": "1"})
        frame = av.AudioFrame.from_ndarray((signal * 32767).astype(np.int16)[None], format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE, 0
        cut = av.AudioResampler(format="s16", layout="mono", rate=RATE, frame_size=160)
        for piece in [*cut.resample(frame), *cut.resample(None), None]:
            output.mux(stream.encode(piece))


G726 = {"g726-24": "G723_24", "g726-32": "G721_32", "g726-40": "G723_40"}


def encode_g726(signal: np.ndarray, subtype: str) -> bytes:
    """Return G.726 without a header: the samples of an AU file."""
    data = encode(signal.astype(np.float32), "AU", subtype)
    return data[int.from_bytes(data[4:8]) :]


@pytest.mark.parametrize("suffix", G726)
def test_g726_of_a_switch(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"call.{suffix}"
    path.write_bytes(encode_g726(SPEECH, G726[suffix]))
    signal, rate = decode(path)
    assert rate == RATE and np.corrcoef(signal[: len(SPEECH), 0], SPEECH)[0, 1] > 0.95
    assert probe(path).format == "raw"
    result = validate(path)
    assert result.is_valid and "raw_assumed" in result.codes


@pytest.mark.parametrize("signal", [SPEECH, make_noise(3), np.sin(np.arange(3 * RATE) * 0.788) * 0.3])
@pytest.mark.parametrize("suffix", ["g726-16", "g726-24", "g726-40"])
def test_g726_of_asterisk_holds_32_kbit_whatever_its_suffix_says(
    tmp_path: Path, suffix: str, signal: np.ndarray
) -> None:
    pytest.importorskip("av")
    path = tmp_path / f"call.{suffix}"
    path.write_bytes(encode_g726(signal, "G721_32"))
    assert assume_raw(path) == RawFormat("g726_32")
    decoded, _ = decode(path)
    assert len(decoded) == pytest.approx(len(signal), abs=120)
    assert np.corrcoef(decoded[: len(signal), 0], signal)[0, 1] > 0.95
    assert any("g726_32" in issue.message for issue in validate(path).issues if issue.code == "raw_assumed")


def test_g726_that_holds_16_kbit_is_read_so(tmp_path: Path) -> None:
    path = tmp_path / "call.g726-16"
    path.write_bytes(encode_through_pyav("g726le", "g726le", SPEECH, bit_rate=16000))
    assert assume_raw(path) == RawFormat("g726_16")
    signal, _ = decode(path)
    assert len(signal) == pytest.approx(len(SPEECH), abs=120)
    assert np.corrcoef(signal[: len(SPEECH), 0], SPEECH)[0, 1] > 0.9


def test_g721_in_wav_is_not_handed_to_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audio_batch.decoding.opening._open_extra", None)
    path = tmp_path / "a.wav"
    path.write_bytes(encode(SPEECH, "WAV", "G721_32"))
    signal, _ = decode(path)
    assert np.corrcoef(signal[: len(SPEECH), 0], SPEECH)[0, 1] > 0.95
    assert validate(path).is_valid


def test_a_voc_file_of_ffmpeg(tmp_path: Path) -> None:
    (tmp_path / "a.voc").write_bytes(encode_through_pyav("voc", "pcm_u8", SPEECH))
    assert len(decode(tmp_path / "a.voc")[0]) == pytest.approx(len(SPEECH), abs=120)
    assert validate(tmp_path / "a.voc").is_valid


def test_speex_of_a_switch(tmp_path: Path) -> None:
    """The fixture is what speexenc 1.2.1 made of two seconds of the generated speech; FFmpeg has no encoder."""
    pytest.importorskip("av")
    path = tmp_path / "call.spx"
    path.write_bytes((FIXTURES / "speech.spx").read_bytes())
    signal, rate = decode(path)
    assert rate == RATE and len(signal) == pytest.approx(2 * RATE, abs=400)
    spectra = [np.abs(np.fft.rfft(part[: 2 * RATE - 400])) for part in (signal[:, 0], speak(2, RATE, seed=31))]
    assert np.corrcoef(*spectra)[0, 1] > 0.8
    assert not {"truncated", "corrupt", "wrong_suffix"} & set(validate(path).codes)
    path.write_bytes(path.read_bytes()[:2000])
    assert "truncated" in validate(path).codes


@pytest.mark.parametrize(
    ("suffix", "rate"), [("sln", 8000), ("sln12", 12000), ("sln44", 44100), ("sln48", 48000), ("sln192", 192000)]
)
def test_signed_linear_of_a_switch(tmp_path: Path, suffix: str, rate: int) -> None:
    (tmp_path / f"a.{suffix}").write_bytes((SPEECH * 32767).astype("<i2").tobytes())
    signal, found = decode(tmp_path / f"a.{suffix}")
    assert (found, len(signal)) == (rate, len(SPEECH))


def test_a_composed_file_reads_as_its_parts_joined(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(range(200)))
    with (tmp_path / "a").open("rb") as file:
        composed = ComposedFile(b"head", file, 50, 120)
        whole = b"head" + bytes(range(50, 120))
        assert composed.read() == whole and composed.read(1) == b""
        for start in (0, 2, 4, 30, 73):
            composed.seek(start)
            assert composed.read(7) == whole[start : start + 7] and composed.tell() == min(len(whole), start + 7)
        assert composed.seek(-5, 2) == len(whole) - 5 and composed.read(99) == whole[-5:]
