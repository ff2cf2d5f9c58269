"""Decoding once: the same samples, and no more memory than allowed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from audio_speech import speak

from audio_batch.batch.analysis import analyse
from audio_batch.batch.settings import make_settings
from audio_batch.batch.tasks import Task
from audio_batch.decoding import RawFormat, decode, keep_samples, kept_samples, open_reader, read_blocks, sndfile
from audio_batch.errors import UnreadableAudioError

RATE = 8000


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Frames of every read that reached the decoder."""
    frames: list[int] = []
    real = sndfile.SndfileReader.read

    def read(self: sndfile.SndfileReader, wanted: int) -> np.ndarray:
        found = real(self, wanted)
        frames.append(len(found))
        return found

    monkeypatch.setattr(sndfile.SndfileReader, "read", read)
    return frames


def write(path: Path, seconds: float = 3.0, **options: str) -> Path:
    signal = np.stack([speak(seconds, RATE, 1), speak(seconds, RATE, 2)], axis=1)
    soundfile.write(path, signal, RATE, **options)
    return path


@pytest.mark.parametrize("name", ["a.wav", "a.opus", "a.flac"])
def test_what_was_decoded_once_is_read_again_as_it_was(tmp_path: Path, decoded: list[int], name: str) -> None:
    path = write(tmp_path / name, format="OGG", subtype="OPUS") if name == "a.opus" else write(tmp_path / name)
    expected, rate = decode(path)
    decoded.clear()
    with keep_samples(path):
        blocks = list(read_blocks(path, block_seconds=0.7))
        once = sum(decoded)
        again, _ = decode(path)
        odd = list(read_blocks(path, block_seconds=1 / 3))
    assert once == sum(decoded) == len(expected)
    for found in (np.concatenate(blocks), again, np.concatenate(odd)):
        np.testing.assert_array_equal(found, expected)
    again[:] = 0
    decode(path)
    assert sum(decoded) == 2 * len(expected) and rate == RATE


def test_samples_cannot_be_changed_for_the_next_reader(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav")
    expected, _ = decode(path)
    with keep_samples(path):
        decode(path)
        for _ in range(2):
            reader = open_reader(path)
            first = reader.read(100)
            np.testing.assert_array_equal(first, expected[:100])
            first[:] = 7


def test_only_whole_recordings_of_this_name_and_form_are_kept(
    tmp_path: Path, decoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = write(tmp_path / "a.wav"), write(tmp_path / "b.wav")
    length = len(decode(path)[0])
    decoded.clear()
    with keep_samples(path):
        next(iter(read_blocks(path, block_seconds=1)))
        decode(path)
        assert sum(decoded) == RATE + length
        decode(other)
        decode(path, raw=RawFormat("ulaw", RATE, 1))
        assert sum(decoded) > RATE + 2 * length
    monkeypatch.setattr(kept_samples, "KEPT_BYTES", length * 2 * 4 - 1)
    decoded.clear()
    with keep_samples(path):
        decode(path)
        decode(path)
    assert sum(decoded) == 2 * length


def test_damage_is_met_by_every_reader(tmp_path: Path) -> None:
    path = write(tmp_path / "a.flac", 20.0)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 4000] = bytes(4000)
    path.write_bytes(data)
    with keep_samples(path):
        for _ in range(2):
            with pytest.raises(UnreadableAudioError):
                decode(path)


def test_the_chain_of_a_batch_decodes_once(tmp_path: Path, decoded: list[int]) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, speak(12.0, RATE, 5), RATE)
    settings = make_settings(
        store=None, policy=None, checkpoint_dir=None, channel_roles=None, model=None, profile="telephone",
        with_features=True,
    )  # fmt: skip
    result = analyse(Task(str(path), path.name, path.stat().st_size, {}), settings)
    assert result["recording"]["score"] is not None and len(result["features"]) == 3
    assert sum(decoded) == 12 * RATE
