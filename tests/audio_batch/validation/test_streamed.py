"""Recordings that are whole are not called broken, whatever their writer left in the header; cut ones are."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from damaged_audio import RATE, encode
from speech_samples import speak
from streamed_audio import WAV_LENGTHS, make_streamed, stream_wav

from audio_batch.assessment import withhold_label
from audio_batch.decoding import decode
from audio_batch.decoding.open_lengths import is_open
from audio_batch.validation import validate
from audio_batch.verdict import Verdict

OPEN = {"data_size_unset", "data_size_zero"}
SPEECH = speak(4, RATE, seed=21)
STREAMED = make_streamed(SPEECH)


@pytest.mark.parametrize("name", STREAMED)
def test_a_streamed_file_is_whole(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(STREAMED[name])
    result = validate(tmp_path / name)
    assert result.is_valid, result.issues
    assert [(issue.level, issue.code in OPEN) for issue in result.issues] == [("warning", True)]
    signal, rate = decode(tmp_path / name)
    assert rate == RATE and abs(len(signal) - len(SPEECH)) < 320
    assert np.corrcoef(signal[: len(SPEECH), 0], SPEECH[: len(signal)])[0, 1] > 0.9


@pytest.mark.parametrize("share", [0.001, 0.01, 0.3, 0.6, 0.95])
@pytest.mark.parametrize("suffix", ["wav", "aiff", "au", "caf", "w64", "rf64"])
def test_an_honest_length_with_bytes_missing_is_cut_off(tmp_path: Path, suffix: str, share: float) -> None:
    data = encode(np.tile(SPEECH, 20), {"wav": "WAV"}.get(suffix, suffix.upper()))
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(data[: max(200, int(len(data) * share))])
    result = validate(path)
    assert "truncated" in result.codes and not result.is_valid and not OPEN & set(result.codes)


def test_an_empty_chunk_before_other_chunks_is_empty(tmp_path: Path) -> None:
    notes = b"LIST" + (26).to_bytes(4, "little") + b"INFOISFT\x0e\0\0\0Lavf62.12.102\0"
    data = stream_wav(encode(SPEECH[:0]) + notes, 0, 36 + len(notes))
    (tmp_path / "a.wav").write_bytes(data)
    result = validate(tmp_path / "a.wav")
    assert "no_audio" in result.codes and not OPEN & set(result.codes)


def test_the_label_stays_when_speech_goes_through_a_pipe(tmp_path: Path) -> None:
    verdict = Verdict("a", "0", 0.95, "likely_synthetic", 0.9, 1.0, "s", "m", 4.0, 4.0, "narrowband", None)
    (tmp_path / "a.wav").write_bytes(encode(SPEECH))
    (tmp_path / "piped.wav").write_bytes(STREAMED["sox.wav"])
    labels = {withhold_label(verdict, validate(tmp_path / name)).label for name in ("a.wav", "piped.wav")}
    assert labels == {"likely_synthetic"}


@pytest.mark.parametrize("length", WAV_LENGTHS.values())
def test_placeholders_are_open_whatever_the_size(length: int) -> None:
    for present in (100, 10**6, 10**9):
        assert is_open(length, present, 32, 16000)


def test_a_length_that_could_be_honest_is_not_open() -> None:
    assert not is_open(10**6, 10**6, 32, 16000)
    assert not is_open(10**6, 5, 32, 16000)
    assert not is_open(0, 0, 32)
    assert not is_open(86_400 * 16000 + 1, 10**8, 32, 16000)  # a day of which two hours are there
    assert is_open(86_400 * 16000 + 1, 10**6, 32, 16000)
    assert not is_open(0xF0000000, 10**5, 32)  # nothing is known of how long it would last
    assert is_open(-1, 10, 64) and is_open((1 << 64) - 1, 10, 64) and is_open((1 << 63) - 25, 10, 64)


_COMMANDS = {
    "sox.wav": "sox -t raw -r 8000 -e signed -b 16 -c 1 - -t wav -",
    "sox-gsm.wav": "sox -t raw -r 8000 -e signed -b 16 -c 1 - -e gsm -t wav -",
    "sox-24.wav": "sox -t raw -r 8000 -e signed -b 16 -c 1 - -b 24 -t wav -",
    "sox.aiff": "sox -t raw -r 8000 -e signed -b 16 -c 1 - -t aiff -",
    "sox.au": "sox -t raw -r 8000 -e signed -b 16 -c 1 - -t au -",
    "sox.caf": "sox -t raw -r 8000 -e signed -b 16 -c 1 - -t caf -",
    "sox.w64": "sox -t raw -r 8000 -e signed -b 16 -c 1 - -t w64 -",
    "lame.mp3": "lame --quiet -r -s 8 --bitwidth 16 -m m -V5 - -",
    "espeak.wav": "espeak-ng --stdout --stdin",
}


@pytest.mark.parametrize("name", _COMMANDS)
def test_what_real_writers_leave(tmp_path: Path, name: str) -> None:
    command = _COMMANDS[name].split()
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {command[0]}; its form is built byte by byte above")
    given = (SPEECH * 32767).astype("<i2").tobytes()
    text = b"The recording of this call was written into a pipe, and nobody could go back to the header."
    done = subprocess.run(command, input=text if name == "espeak.wav" else given, capture_output=True, check=True)
    if not done.stdout:
        pytest.skip(f"this {command[0]} was built without the format")
    (tmp_path / name).write_bytes(done.stdout)
    result = validate(tmp_path / name)
    assert result.is_valid, result.issues
    assert result.quality is not None and result.quality.duration > 3.9
