"""How the sample recordings were made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from speech_samples import speak

from research.sample_recordings import BUNDLED, INBOX, cut_short, scale, take_turns, write_telephone


def test_speech_is_brought_to_the_level_of_a_telephone_and_silence_stays() -> None:
    loud = scale(speak(3, 16000, seed=1) * np.float32(0.1))
    assert 20 * np.log10(np.sqrt(np.mean(loud**2))) == pytest.approx(-26.0, abs=0.1)
    assert not scale(np.zeros(100, np.float32)).any()


def test_a_call_has_a_party_on_each_channel_one_after_the_other(tmp_path: Path) -> None:
    agent, customer = speak(2, 16000, seed=2), speak(3, 16000, seed=3)
    call = take_turns(agent, customer)
    levels = [np.abs(half).mean(axis=0) for half in (call[: len(agent)], call[-len(customer) :])]
    assert levels[0][0] > 5 * levels[0][1] and levels[1][1] > 5 * levels[1][0]
    write_telephone(tmp_path / "call.wav", call, "ULAW")
    written = soundfile.info(tmp_path / "call.wav")
    assert (written.samplerate, written.channels, written.subtype) == (8000, 2, "ULAW")


def test_a_cut_file_still_declares_its_whole_length(tmp_path: Path) -> None:
    write_telephone(tmp_path / "call.wav", speak(2, 16000, seed=4), "ULAW")
    whole = (tmp_path / "call.wav").read_bytes()
    cut_short(tmp_path / "call.wav", 0.6)
    assert (tmp_path / "call.wav").read_bytes() == whole[: int(len(whole) * 0.6)]


def test_every_shipped_sample_is_one_that_the_script_names() -> None:
    script = Path(__file__).parents[2].joinpath("research", "sample_recordings.py").read_text("utf-8")
    files = [path for folder in (INBOX, BUNDLED) for path in folder.iterdir()]
    samples = [path.name for path in files if path.suffix in {".wav", ".flac", ".opus"}]
    assert len(samples) == 15 and all(f'"{name}"' in script for name in samples)
