"""From an event to its result, with the real scorer."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import audio_batch
from audio_batch.errors import AudioUsageError
from audio_batch.events import Event, EventError, Judging, Recordings, VoiceHandler, parse_event

SAMPLES = Path(audio_batch.__file__).parent / "samples"


def make_event(audio: str, kind: str = "voice_check", **fields: Any) -> Event:
    return parse_event(json.dumps({"event_id": "e-1", "event_type": kind, "audio_path": audio} | fields))


@pytest.fixture(scope="module")
def voices(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = tmp_path_factory.mktemp("voices")
    audio_batch.enroll("ada", [SAMPLES / "customer-enrollment.wav"], store=store, force=True)
    return store


@pytest.fixture(scope="module")
def drafts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("drafts")


@pytest.fixture(scope="module")
def handler(voices: Path, drafts: Path) -> Iterator[VoiceHandler]:
    judging = Judging({"login": "voice_only"}, store=voices, sar_drafts=drafts)
    with VoiceHandler(Recordings(SAMPLES), judging) as made:
        yield made


def test_a_synthetic_voice_is_blocked_by_the_policy_of_its_type(handler: VoiceHandler) -> None:
    event = make_event("call-synthetic.wav", "transaction_verification", customer_id="C1", colour="blue")
    result = json.loads(handler(event))
    assert result["status"] == "processed"
    assert result["deepfake"]["label"] == "likely_synthetic"
    assert result["decision"]["policy"] == "wire_transfer"
    assert result["decision"]["action"] == "BLOCK"
    assert result["customer_id"] == "C1"
    assert result["event"]["colour"] == "blue"
    assert result["mfa"] is result["sar"] is result["error"] is None
    scored = audio_batch.score(SAMPLES / "call-synthetic.wav")
    assert result["deepfake"]["score"] == scored.score


def test_the_consumer_may_route_a_type_by_another_policy(handler: VoiceHandler) -> None:
    result = handler.judge(make_event("call-human.wav", "login"))
    assert result["decision"]["policy"] == "voice_only"
    assert result["decision"]["action"] == "ALLOW"


def test_a_voice_is_verified_where_the_event_names_one(handler: VoiceHandler) -> None:
    known = handler.judge(make_event("call-human.wav", enrollment_id="ada"))["mfa"]
    assert known.keys() == {
        "verified", "enrollment_id", "confidence", "log_likelihood_ratio", "channel_match", "reasons",
    }  # fmt: skip
    assert known["enrollment_id"] == "ada"
    unknown = handler.judge(make_event("call-human.wav", enrollment_id="nobody"))
    assert unknown["mfa"]["verified"] is False
    assert unknown["error"]["stage"] == "verify"


def test_silence_is_processed_with_its_abstention_and_goes_to_a_human(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(8000, np.float32), 8000, subtype="ULAW")
    with VoiceHandler(Recordings(tmp_path), Judging(sar_drafts=tmp_path / "drafts")) as handler:
        result = handler.judge(make_event("silence.wav", sar=True))
    assert (result["status"], result["error"]) == ("processed", None)
    assert (result["deepfake"]["score"], result["deepfake"]["label"]) == (None, "uncertain")
    assert result["deepfake"]["abstention"] == "too_little_speech"
    assert result["decision"]["action"] == "ESCALATE_TO_HUMAN"


def test_what_cannot_be_decoded_goes_to_a_human(tmp_path: Path) -> None:
    (tmp_path / "noise.wav").write_bytes(b"RIFF" + os.urandom(200))
    with VoiceHandler(Recordings(tmp_path)) as handler:
        result = handler.judge(make_event("noise.wav"))
    assert result["status"] == "unreadable"
    assert result["deepfake"] is None
    assert result["decision"]["action"] == "ESCALATE_TO_HUMAN"
    assert result["error"]["stage"] == "validate"


def test_a_report_is_drafted_only_where_both_sides_ask_for_it(handler: VoiceHandler, drafts: Path) -> None:
    assert handler.judge(make_event("call-synthetic.wav"))["sar"] is None
    assert list(drafts.iterdir()) == []
    with VoiceHandler(Recordings(SAMPLES)) as without:
        assert without.judge(make_event("call-synthetic.wav", sar=True))["sar"] is None
    report = handler.judge(make_event("call-synthetic.wav", sar=True, enrollment_id="ada"))["sar"]
    assert report["status"] == "draft"
    folder = drafts / report["case_id"]
    written = json.loads((folder / "sar.json").read_text())
    assert written["case_id"] == report["case_id"]
    assert json.loads((folder / "verification.json").read_text())["enrollment_id"] == "ada"


@pytest.mark.parametrize(
    ("audio", "reason", "permanent"),
    [
        ("../samples/../__init__.py", "path_not_allowed", True),
        ("/etc/passwd", "path_not_allowed", True),
        ("outside.wav", "path_not_allowed", True),
        ("loop.wav", "path_not_allowed", True),
        ("later.wav", "recording_missing", False),
        (".", "recording_missing", False),
        ("pipe.wav", "recording_missing", False),
    ],
)
def test_only_files_below_the_folder_are_read(audio: str, reason: str, permanent: bool, tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "outside.wav").symlink_to(SAMPLES / "call-human.wav")
    (folder / "loop.wav").symlink_to("loop.wav")
    os.mkfifo(folder / "pipe.wav")
    with pytest.raises(EventError) as caught, Recordings(folder).open(make_event(audio)):
        pass
    assert (caught.value.reason, caught.value.permanent) == (reason, permanent)


def test_without_a_folder_no_file_is_read_and_without_a_host_no_address() -> None:
    with pytest.raises(EventError, match="no folder of recordings"), Recordings().open(make_event("a.wav")):
        pass
    event = make_event("", audio_url="https://records.example/a.wav")
    with pytest.raises(EventError, match="allowed: none"), Recordings().open(event):
        pass


def test_an_enrollment_without_voiceprints_is_refused() -> None:
    with VoiceHandler(Recordings(SAMPLES)) as handler, pytest.raises(EventError, match="no folder of voiceprints"):
        handler.judge(make_event("call-human.wav", enrollment_id="ada"))


def test_a_worker_that_dies_is_a_try_that_failed_and_the_next_one_works(handler: VoiceHandler) -> None:
    handler.judge(make_event("call-human.wav"))
    [worker] = handler._workers
    assert worker.process is not None
    os.kill(worker.process.pid, signal.SIGKILL)
    worker.process.wait()
    with pytest.raises(EventError) as caught:
        handler.judge(make_event("call-human.wav"))
    assert (caught.value.reason, caught.value.permanent) == ("worker_lost", False)
    assert handler.judge(make_event("call-human.wav"))["status"] == "processed"


def test_policies_that_do_not_exist_are_refused_before_any_event() -> None:
    with pytest.raises(AudioUsageError, match="no type of event 'logn'"):
        VoiceHandler(Recordings(), Judging({"logn": "voice_only"}))
    with pytest.raises(AudioUsageError):
        VoiceHandler(Recordings(), Judging({"login": "nothing"}))
