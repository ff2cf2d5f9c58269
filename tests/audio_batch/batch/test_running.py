"""A folder of recordings to tables: bad files, names, manifests, options."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_batch.batch import VOLATILE_COLUMNS, Progress, run, scan_folder
from audio_batch.batch.measurement import WORST_SEGMENTS, read_spans
from audio_batch.errors import AudioUsageError, EnrollmentError
from audio_batch.verdict import SegmentScore, Verification
from tests.audio_batch.batch.batch_samples import find_row, write_recording


def test_one_row_per_recording_in_the_order_of_the_names(inbox: Path) -> None:
    result = run(inbox, workers=0)
    assert result.recordings["path"].to_list() == ["a.wav", "b.wav", "deep/er/c.WAV", "line\nbreak.wav", "é ü.wav"]
    assert result.recordings["status"].unique().to_list() == ["scored"]
    assert result.segments["path"].to_list() == [p for p in result.recordings["path"] for _ in range(4)]
    assert result.features.height == WORST_SEGMENTS * 5 and result.features["start"].to_list()[:3] == [1.0, 2.0, 3.0]
    row = find_row(result, "a.wav")
    assert row["worst_start"] == 3.0 and row["sampling_rate"] == 8000 and row["error_code"] is None


def test_volatile_columns_are_columns(inbox: Path) -> None:
    assert set(VOLATILE_COLUMNS) <= set(run(inbox, workers=0, with_features=False).recordings.columns)


def test_a_damaged_recording_keeps_its_score_without_a_label(inbox: Path) -> None:
    whole = write_recording(inbox / "cut.wav", 30).read_bytes()
    (inbox / "cut.wav").write_bytes(whole[: len(whole) // 2])
    row = find_row(run(inbox, workers=0, with_features=False), "cut.wav")
    assert row["is_valid"] is False and "truncated" in row["issue_codes"]
    assert (row["status"], row["label"], row["abstention"]) == ("abstained", "uncertain", "invalid_recording")
    assert row["score"] is not None


def test_links_are_not_followed_out_of_the_folder(inbox: Path, tmp_path: Path) -> None:
    secret = write_recording(tmp_path / "elsewhere" / "secret.wav", 40)
    (inbox / "out.wav").symlink_to(secret)
    (inbox / "folder").symlink_to(secret.parent)
    (inbox / "loop").symlink_to(inbox)
    (inbox / "within.wav").symlink_to(inbox / "a.wav")
    (inbox / "gone.wav").symlink_to(inbox / "nothing.wav")
    result = run(inbox, workers=0, with_features=False)
    assert "leads out of the folder" in find_row(result, "out.wav")["error_message"]
    assert find_row(result, "out.wav")["sha256"] is None
    assert "cannot be read" in find_row(result, "gone.wav")["error_message"]
    assert find_row(result, "within.wav")["sha256"] == find_row(result, "a.wav")["sha256"]
    assert result.recordings.height == 8


@pytest.mark.parametrize("workers", [0, 2])
def test_hostile_names(tmp_path: Path, workers: int) -> None:
    names = [b"\xff\xfe.wav", b"-rf.wav", b"$(touch x).wav", b"\x1b[2J.wav", b"a" * 200 + b".wav", b"'\";--.wav"]
    for number, name in enumerate(names):
        write_recording(tmp_path / "plain.wav", number).rename(tmp_path / os.fsdecode(name))
    result = run(tmp_path, workers=workers, with_features=False)
    assert result.recordings["status"].to_list() == ["scored"] * len(names)
    assert "\\xff\\xfe.wav" in result.recordings["path"].to_list()[-1].replace("udcff", "xff").replace("udcfe", "xfe")
    json.dumps(result.to_dict()).encode()


def test_an_empty_folder_has_empty_tables_with_all_columns(tmp_path: Path, inbox: Path) -> None:
    (tmp_path / "nothing").mkdir()
    empty, full = run(tmp_path / "nothing"), run(inbox, workers=0, with_features=False)
    assert empty.recordings.schema == full.recordings.schema and empty.recordings.height == 0
    assert empty.segments.schema == full.segments.schema
    assert empty.to_dict() == {"recordings": [], "segments": [], "features": [], "unread": []}


def test_to_dict_is_json_without_nan(inbox: Path) -> None:
    document = run(inbox, workers=0, policy="voice_only").to_dict()
    json.dumps(document, allow_nan=False)
    assert document["recordings"][0]["decision"]["action"] == document["recordings"][0]["action"]
    assert isinstance(document["recordings"][0]["issues"], list)


def test_manifest_policy_and_roles_reach_the_row(inbox: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "calls.csv"
    manifest.write_text("file,call_id,amount,enrollment_id\na.wav,C1,250000,anna\ndeep/er/c.WAV,C2,5,\n")
    options = {"policy": "wire_transfer", "channel_roles": "left=customer", "with_features": False}
    result = run(inbox, manifest=manifest, workers=0, **options)  # type: ignore[arg-type]
    row = find_row(result, "a.wav")
    assert row["call_id"] == "C1" and json.loads(row["context"])["amount"] == "250000"
    assert row["policy"] == "wire_transfer" and row["action"] and row["decisive_rule"]
    assert find_row(result, "b.wav")["missing_inputs"] and find_row(result, "b.wav")["context"] is None
    assert set(result.segments["role"]) == {"customer"} and row["verified"] is None


def test_verification_is_asked_where_the_manifest_names_a_voice(
    inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def verify(path: str, enrollment_id: str, *, verdict: object, channel: int | None, **_: object) -> Verification:
        if enrollment_id == "nobody":
            raise EnrollmentError("Nobody is enrolled as 'nobody'")
        return Verification(path, True, enrollment_id, 0.97, "s", 3.5, 0.8, True, 0.1, (f"channel {channel}",))

    monkeypatch.setattr("audio_batch.speaker.verify", verify)
    write_recording(inbox / "two.wav", 50, channels=2)
    manifest = tmp_path / "calls.csv"
    manifest.write_text("file,enrollment_id\na.wav,anna\nb.wav,nobody\ntwo.wav,anna\n")
    roles = {0: "agent", 1: "customer"}
    store = tmp_path / "voices"
    result = run(inbox, manifest=manifest, store=store, workers=0, channel_roles=roles, with_features=False)
    row, unknown, two = (find_row(result, name) for name in ("a.wav", "b.wav", "two.wav"))
    assert row["verified"] is True and row["log_likelihood_ratio"] == 3.5 and row["enrollment_id"] == "anna"
    assert unknown["error_stage"] == "verify" and "Nobody is enrolled" in unknown["error_message"]
    assert unknown["status"] == "scored" and unknown["score"] is not None
    # A policy that asks for no verification must not let a call through whose verification has failed.
    lenient = run(inbox, manifest=manifest, store=store, workers=0, policy="voice_only", with_features=False)
    decided = find_row(lenient, "b.wav")
    assert decided["action"] != "ALLOW" and "verification" in decided["missing_inputs"]
    assert two["verification_reasons"] == ["channel 1"] and row["verification_reasons"] == ["channel None"]


def test_progress_counts_and_estimates(inbox: Path, tmp_path: Path) -> None:
    write_recording(inbox / "boom.wav", 9)
    states: list[Progress] = []
    options = {"progress": states.append, "checkpoint_dir": tmp_path / "kept", "with_features": False}
    run(inbox, workers=1, **options)  # type: ignore[arg-type]
    assert [state.done for state in states] == [1, 2, 3, 4, 5, 6] and {state.total for state in states} == {6}
    assert states[-1].failed == 1 and states[-1].eta_seconds == 0 and states[0].eta_seconds > 0
    states.clear()
    run(inbox, workers=0, **options)  # type: ignore[arg-type]
    assert states[-1].resumed == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": -1}, "workers is -1; allowed: 0"),
        ({"seconds_per_minute": 0}, "seconds_per_minute is 0; allowed: a positive number"),
        ({"policy": "nonsense"}, "nonsense"),
        ({"profile": "nonsense"}, "profile 'nonsense' is not known"),
        ({"channel_roles": "left"}, "'left' is not of the form"),
        ({"manifest": "nowhere.csv"}, "nowhere.csv"),
        ({"model": "nowhere.onnx"}, "model 'nowhere.onnx' cannot be read"),
    ],
)
def test_wrong_options_are_refused_before_any_work(inbox: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(AudioUsageError, match=message):
        run(inbox, **options)  # type: ignore[arg-type]


def test_wrong_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AudioUsageError, match="is not a folder"):
        run(tmp_path / "missing")
    (tmp_path / "file").write_text("")
    (tmp_path / "inbox").mkdir()
    with pytest.raises(AudioUsageError, match=r"checkpoint folder .* cannot be written"):
        run(tmp_path / "inbox", checkpoint_dir=tmp_path / "file" / "below")


def test_sizes_and_sorting_of_discovery(inbox: Path) -> None:
    found = scan_folder(inbox).recordings
    assert [recording.name for recording in found] == sorted(r.name for r in found)
    assert all(recording.size == Path(recording.path).stat().st_size for recording in found)


ASTERISK = (
    *(
        "alaw",
        "al",
        "alw",
        "au",
        "g722",
        "g726-16",
        "g726-24",
        "g726-32",
        "g726-40",
        "g729",
        "gsm",
        "ogg",
        "opus",
        "pcm",
    ),
    *(
        "raw",
        "sln",
        "sln12",
        "sln16",
        "sln24",
        "sln32",
        "sln44",
        "sln48",
        "sln96",
        "sln192",
        "spx",
        "ulaw",
        "ul",
        "ulw",
    ),
    *("mu", "vox", "wav", "wav16", "wav49", "WAV", "mp3"),
)
"""What ``core show file formats`` lists, but for those that are told as not read."""


def test_recordings_of_a_switch_are_found_by_its_suffixes(tmp_path: Path) -> None:
    for suffix in ASTERISK:
        (tmp_path / f"call-{suffix}.{suffix}").write_bytes(b"x")
    found = scan_folder(tmp_path)
    assert len(found.recordings) == len(ASTERISK) and found.unread == ()


def test_what_is_not_read_is_counted_and_named(tmp_path: Path) -> None:
    wav = write_recording(tmp_path / "a.wav", 1).read_bytes()
    (tmp_path / "deep").mkdir()
    for number in range(5):
        (tmp_path / "deep" / f"{number}.SIREN7").write_bytes(bytes(40))
    (tmp_path / "call.rec").write_bytes(wav)
    (tmp_path / "call.unheard-of").write_bytes(bytes(100))
    (tmp_path / "CALL").write_bytes(b"\x07")
    (tmp_path / "elsewhere").symlink_to(tmp_path.parent)
    (tmp_path / "manifest.csv").write_text("file,call_id\na.wav,C1\n")
    (tmp_path / os.fsdecode(b"\xff.zip")).write_bytes(b"PK")
    (tmp_path / "kept").mkdir()
    options = {"manifest": tmp_path / "manifest.csv", "checkpoint_dir": tmp_path / "kept", "with_features": False}
    result = run(tmp_path, workers=0, **options)  # type: ignore[arg-type]
    assert (
        result.recordings["path"].to_list() == ["a.wav"] and run(tmp_path, workers=0, **options).recordings.height == 1
    )  # type: ignore[arg-type]
    unread = {group.kind: group for group in result.unread}
    assert list(unread) == [".siren7", ".rec", ".unheard-of", ".zip", "linked folder", "no suffix"]
    assert unread[".siren7"].files == 5
    assert unread[".siren7"].examples == ("deep/0.SIREN7", "deep/1.SIREN7", "deep/2.SIREN7")
    assert "file convert CALL.siren7 CALL.wav16" in unread[".siren7"].needed
    assert "the first one is wav" in unread[".rec"].needed
    assert "--raw FORMAT" in unread[".unheard-of"].needed and unread[".zip"].examples == ("\\udcff.zip",)
    assert "is not entered" in unread["linked folder"].needed
    json.dumps(result.to_dict()).encode()


def test_a_link_is_not_looked_into(tmp_path: Path) -> None:
    secret = write_recording(tmp_path / "elsewhere" / "secret.wav", 2)
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / "link.rec").symlink_to(secret)
    assert "the first one" not in scan_folder(tmp_path / "inbox").unread[0].needed


def test_spans_are_read_across_blocks(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, np.random.default_rng(3).uniform(-0.5, 0.5, (130 * 8000, 2)), 8000)
    signal, _ = soundfile.read(path, dtype="float32")
    segments = [SegmentScore(1, None, 58.0, 62.5, 1, 0.5), SegmentScore(0, None, 119.9, 124.0, 1, 0.5)]
    for span, segment in zip(read_spans(str(path), segments, 8000), segments, strict=True):
        expected = signal[round(segment.start * 8000) : round(segment.end * 8000), segment.channel]
        np.testing.assert_array_equal(span, expected)
