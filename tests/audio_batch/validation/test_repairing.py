"""Repair: a new file and a sidecar, the original untouched, nothing done that changes the evidence."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from speech_samples import speak

from audio_batch.decoding import decode, hash_file
from audio_batch.errors import AudioUsageError, UnreadableAudioError
from audio_batch.validation import repair

RATE = 8000


@pytest.fixture
def stereo(tmp_path: Path) -> Path:
    """Two parties, the first with an offset of 0.05."""
    path = tmp_path / "in" / "call.wav"
    path.parent.mkdir()
    left, right = speak(3, RATE, seed=1) * 0.5 + 0.05, speak(3, RATE, seed=2)
    sf.write(path, np.stack([left, right], axis=1), RATE)
    return path


def test_the_parties_get_files_of_their_own(stereo: Path, tmp_path: Path) -> None:
    before, original = hash_file(stereo), decode(stereo)[0]
    done = repair(stereo, tmp_path / "out")
    assert [step["step"] for step in done.steps] == ["remove_dc", "split_channels"]
    assert hash_file(stereo) == before and done.sha256 == before[0]
    for file in done.files:
        signal, rate = decode(file.path)
        assert rate == RATE and signal.shape == (len(original), 1)
        expected = original[:, file.channel] - original[:, file.channel].mean(dtype=np.float64)
        np.testing.assert_allclose(signal[:, 0], expected, atol=2**-23)


def test_the_sidecar_names_the_original_and_every_step(stereo: Path, tmp_path: Path) -> None:
    done = repair(stereo, tmp_path / "out", sampling_rate=16000)
    document = json.loads(Path(str(done.sidecar)).read_text())
    assert document["sha256"] == hash_file(stereo)[0]
    assert document["steps"][0]["offsets"][0] == pytest.approx(0.05, abs=2e-3)
    assert document["steps"][2] == {"step": "resample", "from": 8000, "to": 16000, "method": "soxr HQ"}
    assert [hash_file(file["path"])[0] for file in document["files"]] == [file["sha256"] for file in document["files"]]
    assert decode(document["files"][0]["path"])[1] == 16000


def test_level_length_and_silence_stay_as_they_are(tmp_path: Path) -> None:
    signal = np.concatenate([np.zeros(RATE), speak(2, RATE, seed=3) * 0.01 + 0.02, np.zeros(RATE)]).astype(np.float32)
    sf.write(tmp_path / "a.wav", signal, RATE, subtype="FLOAT")
    done = repair(tmp_path / "a.wav", tmp_path / "out")
    repaired, _ = decode(done.files[0].path)
    assert len(repaired) == len(signal)
    np.testing.assert_allclose(repaired[:, 0], signal - np.float32(signal.mean(dtype=np.float64)), atol=2**-22)


def test_nothing_to_do_writes_nothing(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", speak(2, RATE, seed=4), RATE)
    done = repair(tmp_path / "a.wav", tmp_path / "out")
    assert done.steps == () and done.files == () and done.sidecar is None
    assert not (tmp_path / "out").exists()


def test_resampling_in_blocks_is_resampling_at_once(tmp_path: Path) -> None:
    import soxr

    speech = speak(70, RATE, seed=5)
    sf.write(tmp_path / "a.wav", speech, RATE, subtype="FLOAT")
    done = repair(tmp_path / "a.wav", tmp_path / "out", remove_dc=False, sampling_rate=16000)
    np.testing.assert_allclose(decode(done.files[0].path)[0][:, 0], soxr.resample(speech, RATE, 16000), atol=1e-4)


def test_samples_beyond_full_scale_are_kept(tmp_path: Path) -> None:
    sf.write(tmp_path / "a.wav", speak(2, RATE, seed=6) * 4, RATE, subtype="FLOAT")
    done = repair(tmp_path / "a.wav", tmp_path / "out", sampling_rate=16000)
    assert done.files[0].path.endswith(".wav")
    assert np.abs(decode(done.files[0].path)[0]).max() > 1.5


def test_nothing_is_overwritten(stereo: Path, tmp_path: Path) -> None:
    repair(stereo, tmp_path / "out")
    held = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(AudioUsageError, match="is there already and is not overwritten"):
        repair(stereo, tmp_path / "out")
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == held


def test_a_link_in_the_folder_is_not_followed(stereo: Path, tmp_path: Path) -> None:
    name = f"call-{hash_file(stereo)[0][:12]}-channel0.flac"
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / name).symlink_to(tmp_path / "elsewhere.flac")
    with pytest.raises(AudioUsageError, match="not overwritten"):
        repair(stereo, tmp_path / "out")
    assert not (tmp_path / "elsewhere.flac").exists()


@pytest.mark.parametrize(
    "name", ["..\\..\\x.wav", "a\nb.wav", "-rf.wav", "\x1b[31m.wav", "%2e%2e%2fx.wav", "é" * 60 + ".wav"]
)
def test_hostile_names_stay_in_the_folder(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    sf.write(folder / "plain", speak(2, RATE, seed=7) + 0.05, RATE, format="WAV")
    (folder / "plain").rename(folder / name)
    repair(folder / name, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"in", "out"}
    for path in (tmp_path / "out").iterdir():
        assert path.name.isascii() and path.name.isprintable() and not path.name.startswith("-")


def test_what_cannot_be_repaired_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    bad = speak(2, RATE, seed=8) + np.float32(0.05)
    bad[5] = np.nan
    sf.write(tmp_path / "nan.wav", bad, RATE, subtype="FLOAT")
    with pytest.raises(UnreadableAudioError, match="NaN or infinite"):
        repair(tmp_path / "nan.wav", tmp_path / "out")
    sf.write(tmp_path / "none.wav", bad[:0], RATE)
    with pytest.raises(UnreadableAudioError, match="holds no audio"):
        repair(tmp_path / "none.wav", tmp_path / "out")
    with pytest.raises(AudioUsageError, match="sampling rate 4000 is not allowed; allowed: 8000 to 192000 Hz"):
        repair(tmp_path / "nan.wav", tmp_path / "out", sampling_rate=4000)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("folder", ["file/below", "file"])
def test_a_folder_that_cannot_be_written_is_said(stereo: Path, tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(AudioUsageError, match=r"The copies cannot be written to .*file") as caught:
        repair(stereo, tmp_path / folder)
    assert "Name a folder" in caught.value.hint


def test_a_disk_that_runs_full_leaves_no_copy(stereo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("soundfile.SoundFile.write", fail)
    with pytest.raises(AudioUsageError, match="No space left on device"):
        repair(stereo, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
