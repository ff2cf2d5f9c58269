"""The commands of ``audio``: the contract of every command, input order, partial failure, exit codes."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import soundfile
from conftest import Call
from onnx_networks import write_card, write_network
from recording_samples import measure_once
from speech_samples import speak
from voice_samples import embed_once

from audio_batch.decoding import decode, hash_file
from audio_batch.spoof import scorer
from audio_batch.verdict import Splice, Verdict
from sentinel_batch.cli.documentation import list_commands
from tests.sentinel_batch.cli.test_imports import HEAVY, _loaded_after

ROOT = Path(__file__).parents[3]
INBOX = ROOT / "data" / "sample" / "recordings"
BUNDLED = ROOT / "audio_batch" / "samples"

WORKING: dict[str, list[str]] = {
    "demo": [],
    "run": ["calls", "--workers", "0", "--manifest", "manifest.csv", "--policy", "wire_transfer"],
    "validate": ["human.wav"],
    "score": ["human.wav", "synthetic.wav"],
    "features": ["human.wav", "--out", "features.parquet", "--families", "energy"],
    "voice enroll": ["anna", "clips", "--enrollments", "store", "--replace"],
    "voice verify": ["human.wav", "--enrollment-id", "anna", "--enrollments", "store"],
    "voice forget": ["anna", "--enrollments", "store"],
    "voice list": ["--enrollments", "store"],
    "voice duplicates": ["--enrollments", "store"],
    "voice key": ["key"],
    "route": ["human.wav", "--policy", "voice_only"],
    "policies": [],
    "sar": ["synthetic.wav", "--out", "sar"],
    "scorer train": [
        "--manifest",
        "labels.csv",
        "--out",
        "model",
        "--as-recorded",
        "--draws",
        "1",
        "--force",
    ],
    "scorer evaluate": ["--manifest", "labels.csv"],
    "scorer calibrate": ["--manifest", "labels.csv", "--out", "model", "--force"],
    "models add": ["net.onnx", "--card", "card.toml", "--models", "models", "--replace"],
    "models list": ["--models", "models"],
    "models show": ["roughness", "--models", "models"],
    "models remove": ["roughness", "--models", "models"],
}
"""Arguments with which each command succeeds in the folder of the fixture."""

FAILING: dict[str, tuple[list[str], int, str]] = {
    "demo": (["garbage.wav"], 1, "unreadable_audio"),
    "run": (["nowhere"], 4, "no_input"),
    "validate": (["nowhere.wav"], 4, "no_input"),
    "score": (["human.wav", "--raw", "mp9"], 2, "audio_usage"),
    "features": (["human.wav", "--out", "features.csv"], 2, "usage"),
    "voice enroll": (["bert", "human.wav", "--enrollments", "store"], 1, "enrollment"),
    "voice verify": (["nowhere.wav", "--enrollment-id", "anna", "--enrollments", "store"], 4, "unreadable_audio"),
    "voice forget": (["nobody", "--enrollments", "store"], 1, "enrollment"),
    "voice list": (["--enrollments", "store", "--key-file", "nowhere"], 2, "audio_usage"),
    "voice duplicates": (["--enrollments", "nowhere"], 1, "enrollment"),
    "voice key": (["human.wav"], 2, "audio_usage"),
    "route": ([], 2, "usage"),
    "policies": (["--unknown"], 2, "usage"),
    "sar": (["--verdict", "nowhere.json", "--out", "sar"], 2, "usage"),
    "scorer train": (["--manifest", "nowhere.csv", "--out", "model"], 2, "audio_usage"),
    "scorer evaluate": (["--manifest", "labels.csv", "--model", "nowhere"], 1, "model"),
    "scorer calibrate": (["--manifest", "labels.csv", "--out", "calls"], 2, "usage"),
    "models add": (["human.wav", "--card", "card.toml", "--models", "models"], 1, "model"),
    "models list": (["--unknown"], 2, "usage"),
    "models show": (["other", "--models", "models"], 2, "audio_usage"),
    "models remove": (["../clips", "--models", "models"], 2, "audio_usage"),
}
"""Arguments with which each command fails, its exit code and the error's code."""


@pytest.fixture(scope="session")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from audio_batch import add_model, enroll

    folder = tmp_path_factory.mktemp("audio") / "desk é 1"
    (folder / "calls").mkdir(parents=True)
    human, synthetic = (decode(INBOX / f"call-{n}.wav")[0][: 5 * 8000, 0] for n in ("0101", "0105"))
    write(folder / "human.wav", human)
    write(folder / "synthetic.wav", synthetic)
    (folder / "clips").mkdir()
    spoken, rate = decode(BUNDLED / "customer-enrollment.wav")
    for number, part in enumerate(np.array_split(spoken[:, 0], 3)):
        soundfile.write(folder / "clips" / f"{number}.wav", part, rate, subtype="PCM_16")
    (folder / "garbage.wav").write_bytes(b"<html>not found</html>" * 40)
    shutil.copy(folder / "human.wav", folder / "calls" / "a.wav")
    shutil.copy(folder / "synthetic.wav", folder / "calls" / "b.wav")
    facts = "caller_number,amount,new_beneficiary,destination_country,customer_risk,enrollment_id"
    rows = ["human.wav,+2348021298948,100,false,NG,0.1,", "b.wav,+2348021298948,200000,true,IR,0.9,anna"]
    (folder / "manifest.csv").write_text("\n".join([f"file,{facts}", *rows, rows[0].replace("human", "a")]) + "\n")
    write_labels(folder, human, synthetic)
    enroll("anna", sorted((folder / "clips").iterdir()), store=folder / "store")
    network = write_network(folder / "net.onnx")
    add_model(network, card=write_card(folder / "card.toml", network), store=folder / "models")
    return folder


def write(path: Path, signal: np.ndarray, subtype: str = "ULAW") -> Path:
    soundfile.write(path, signal, 8000, format="WAV", subtype=subtype)
    return path


def write_labels(folder: Path, human: np.ndarray, synthetic: np.ndarray) -> None:
    lines = ["path,label,speaker,attack_family"]
    (folder / "labelled").mkdir()
    for number in range(4):
        write(folder / "labelled" / f"h{number}.wav", human[number * 4000 : number * 4000 + 24000])
        made = speak(3, 8000, number) if number % 2 else synthetic[number * 4000 : number * 4000 + 24000]
        write(folder / "labelled" / f"s{number}.wav", made)
        lines += [f"labelled/h{number}.wav,human,h{number},", f"labelled/s{number}.wav,synthetic,,f{number % 2}"]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")


@pytest.fixture
def desk(_desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own with recordings, labels, a manifest, and ``anna`` enrolled; it is the current one."""
    target = tmp_path / "desk"
    shutil.copytree(_desk, target)
    for name in ("SENTINEL_VOICEPRINT_KEY", "AUDIO_BATCH_VOICEPRINT_KEY", "AUDIO_BATCH_VOICEPRINT_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    return target


@cache
def score_once(path: str, sha256: str, **options: object) -> Verdict:
    """Score a recording that many commands are about; by content, because each test has files of its own."""
    return scorer.score(path, **options)  # type: ignore[arg-type]


@pytest.fixture
def audio(call: Call, desk: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run a command of ``audio`` in ``desk``."""

    def score(path: str, *, channel_roles: Mapping[int, str] | None = None, **options: object) -> Verdict:
        if channel_roles or options.get("model"):
            return scorer.score(path, channel_roles=channel_roles, **options)  # type: ignore[arg-type]
        return score_once(str(path), hash_file(path)[0], **options)

    embed_once(monkeypatch)
    monkeypatch.setattr("audio_batch.batch.stages.measure_worst", measure_once)
    monkeypatch.setattr("audio_batch.spoof.score", score)
    monkeypatch.setattr("audio_batch.spoof.evaluation.score", score)
    monkeypatch.chdir(desk)
    return lambda *words, env=None: call("audio", *words, env=env)


@pytest.fixture
def anew(_desk: Path, desk: Path) -> Callable[[], None]:
    """Undo what a command did to ``desk``."""

    def undo() -> None:
        for name in ("model", "models", "store"):
            shutil.rmtree(desk / name, ignore_errors=True)
        shutil.copytree(_desk / "models", desk / "models")
        (desk / "key").unlink(missing_ok=True)
        shutil.copytree(_desk / "store", desk / "store")

    return undo


def test_every_command_is_covered() -> None:
    names = {name.removeprefix("audio ") for name in list_commands() if name.startswith("audio ")}
    assert set(WORKING) == set(FAILING) == names


@pytest.mark.parametrize("name", WORKING)
def test_common_options_stand_before_or_after_the_name(name: str, audio: Call, anew: Callable[[], None]) -> None:
    common = ["--lake", "lake", "--quiet", "--color", "never", "--lock-timeout", "5", "--json"]
    before = audio(*common, *name.split(), *WORKING[name])
    assert before.code == 0, before.stdout + before.stderr
    assert before.document["schema_version"] == 1
    assert before.document["status"] == "success"
    assert before.stderr == ""
    anew()
    after = audio(*name.split(), *WORKING[name], *common)
    assert after.code == 0, after.stdout + after.stderr
    assert after.document.keys() == before.document.keys()


@pytest.mark.parametrize("name", WORKING)
def test_text_goes_to_stdout_and_has_no_colour(name: str, audio: Call) -> None:
    done = audio(*name.split(), *WORKING[name], "--lake", "lake")
    assert done.code == 0, done.stderr
    assert done.stdout.strip()
    assert "\x1b" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", FAILING)
def test_a_failure_is_one_document_and_its_exit_code(name: str, audio: Call) -> None:
    arguments, code, error_code = FAILING[name]
    failed = audio(*name.split(), *arguments, "--lake", "lake", "--json")
    assert failed.code == code, failed.stdout
    assert failed.document["status"] == "error"
    assert failed.document["error"]["code"] == error_code
    assert failed.document["error"]["message"]
    assert failed.document["error"]["hint"]
    assert failed.stderr == ""
    spoken = audio(*name.split(), *arguments, "--lake", "lake")
    assert (spoken.code, spoken.stdout) == (code, "")
    assert spoken.stderr.startswith("Error: ")
    assert "Hint: " in spoken.stderr


@pytest.mark.parametrize("name", WORKING)
def test_help_is_printed_and_an_unknown_option_refused(name: str, audio: Call) -> None:
    assert "--lock-timeout" in audio(*name.split(), "--help").stdout
    refused = audio(*name.split(), "--no-such-option", "--json")
    assert refused.code == 2
    assert "--no-such-option" in refused.document["error"]["message"]


OLD_NAMES = {
    "enroll": "voice enroll",
    "verify": "voice verify",
    "forget": "voice forget",
    "enrollments": "voice list",
    "duplicates": "voice duplicates",
    "key": "voice key",
    "train": "scorer train",
    "evaluate": "scorer evaluate",
    "calibrate": "scorer calibrate",
}


@pytest.mark.parametrize("old", OLD_NAMES)
def test_an_old_name_has_the_options_of_the_new_one_and_is_not_listed(old: str, audio: Call) -> None:
    new = OLD_NAMES[old]
    assert f"audio {old}" not in list_commands()
    assert re.search(rf"^  {old}\b", audio("--help").stdout, re.MULTILINE) is None
    assert audio(old, "--help").stdout.splitlines()[2:] == audio(*new.split(), "--help").stdout.splitlines()[2:]


@pytest.mark.parametrize("old", ["enrollments", "forget", "key"])
def test_an_old_name_does_what_the_new_one_does_and_says_its_name(
    old: str, audio: Call, anew: Callable[[], None]
) -> None:
    new = OLD_NAMES[old]
    done = audio(old, *WORKING[new], "--json")
    assert f"audio {old} is now: sentinel-batch audio {new}." in done.stderr
    anew()
    assert done.document == audio(*new.split(), *WORKING[new], "--json").document


@pytest.mark.parametrize("name", ["score", "run", "route", "voice list"])
def test_help_loads_nothing_heavy(name: str) -> None:
    words = ["audio", *name.split(), "--help"]
    code = f"from sentinel_batch.cli.application import app\napp({words}, standalone_mode=False)"
    assert _loaded_after(code) & HEAVY == set()


# -- score -------------------------------------------------------------------------------------------------------


def test_scores_stand_in_the_order_of_the_input(audio: Call) -> None:
    names = ["synthetic.wav", "garbage.wav", "human.wav", "nowhere.wav", "calls/b.wav", "human.wav"]
    done = audio("score", *names, "--json")
    assert done.code == 3
    assert done.document["status"] == "partial"
    entries = done.document["recordings"]
    assert [entry["path"] for entry in entries] == names
    assert [entry["score"] is None for entry in entries] == [False, True, False, True, False, False]
    assert entries[0]["score"] == entries[4]["score"] > entries[2]["score"] == entries[5]["score"]
    assert all(entry.keys() == entries[0].keys() for entry in entries)
    assert entries[1]["error"]["message"]
    assert entries[1]["label"] is None
    assert entries[3]["error"]["code"] == "missing"
    assert entries[0]["error"] is None
    for key in ("label", "confidence", "latency_ms", "session_id", "model_version", "segments", "reasons"):
        assert entries[0][key]


def test_splices_are_told_in_json_and_beside_the_score_and_route_asks_for_a_step_up(
    audio: Call, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    span = Splice(0, None, 61.0, 66.0, 1.4, "unlike the rest of the call in voice and line")

    def find(path: str, **options: object) -> Verdict:
        return replace(score_once(str(path), hash_file(path)[0], **options), splices=(span,))

    assert audio("score", "human.wav", "--json").document["recordings"][0]["splices"] == []
    monkeypatch.setattr("audio_batch.spoof.score", find)
    done = audio("score", "human.wav", "--json")
    assert done.document["recordings"][0]["splices"] == [asdict(span)]
    assert "spliced? 61-66 s" in audio("score", "human.wav").stdout
    (desk / "verdict.json").write_text(json.dumps(done.document))
    assert "spliced_speech" in audio("route", "--verdict", "verdict.json", "--json").stdout


def test_nothing_that_can_be_scored_is_a_failure_with_a_document(audio: Call) -> None:
    done = audio("score", "garbage.wav", "--json")
    assert done.code == 1
    assert done.document["status"] == "failed"
    assert done.document["recordings"][0]["error"]["code"] != "unexpected"
    assert "garbage.wav" in audio("score", "garbage.wav").stderr


def test_a_defect_costs_one_recording(audio: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(path: str, **options: object) -> object:
        if path == "human.wav":
            raise ZeroDivisionError("the sky\x1b[31m fell")
        return scorer.score(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr("audio_batch.spoof.score", explode)
    done = audio("score", "human.wav", "synthetic.wav", "--json")
    assert done.code == 3
    assert done.document["recordings"][0]["error"]["message"] == "ZeroDivisionError: the sky\x1b[31m fell"
    assert done.document["recordings"][1]["score"] is not None
    assert "\x1b" not in audio("score", "human.wav").stderr


def test_folders_and_globs_are_sorted_and_links_out_are_not_followed(audio: Call, desk: Path) -> None:
    (desk / "calls" / "c.wav").symlink_to(desk / "human.wav")
    done = audio("score", "calls", "[hs]*.wav", "--json")
    assert done.code == 3
    assert [entry["path"] for entry in done.document["recordings"]] == [
        "calls/a.wav",
        "calls/b.wav",
        "calls/c.wav",
        "human.wav",
        "synthetic.wav",
    ]
    assert done.document["recordings"][2]["error"]["code"] == "not_opened"


@pytest.mark.parametrize("command", ["validate", "score"])
def test_samples_beyond_all_measure_are_told_in_words_and_not_by_numpy(
    command: str, audio: Call, desk: Path, recwarn: pytest.WarningsRecorder
) -> None:
    loud = decode(desk / "human.wav")[0] * np.float32(1e37)
    loud[5000:5100] = np.nan
    soundfile.write(desk / "loud.wav", loud, 8000, subtype="FLOAT")
    (entry,) = audio(command, "loud.wav", "--json").document["recordings"]
    assert entry["is_valid"] is False
    assert not [warning for warning in recwarn if issubclass(warning.category, RuntimeWarning)]


@pytest.mark.parametrize("words", [("validate",), ("score",), ("run", "--workers", "0", "--lake", "lake")])
def test_no_name_of_a_file_begins_a_line_of_its_own(words: tuple[str, ...], audio: Call, desk: Path) -> None:
    folder = desk / "odd"
    (folder / "more").mkdir(parents=True)
    shutil.copy(desk / "human.wav", folder / "a\nforged: valid.wav")
    (folder / "b\nforged: valid.wav").write_bytes(b"no sound")
    (folder / "more" / "c\nforged.siren7").write_bytes(bytes(40))
    done = audio(words[0], "odd", *words[1:])
    lines = (done.stdout + done.stderr).splitlines()
    assert not [line for line in lines if line.lstrip().startswith("forged")]
    assert [name for name in ("a", "b", "c") if f"{name}\\x0aforged" in done.stdout + done.stderr] == ["a", "b", "c"]


def test_a_file_with_the_signs_of_a_glob_is_found(audio: Call, desk: Path) -> None:
    shutil.copy(desk / "human.wav", desk / "[1].wav")
    assert audio("score", "[1].wav", "--json").code == 0


def test_a_damaged_recording_keeps_its_score_and_loses_its_label(audio: Call) -> None:
    (entry,) = audio("score", INBOX / "call-0109.wav", "--json").document["recordings"]
    assert 0 < entry["score"] < 1
    assert (entry["label"], entry["abstention"]) == ("uncertain", "invalid_recording")
    assert entry["issues"] == ["truncated"]
    assert entry["is_valid"] is False


def test_silence_is_an_abstention_and_no_error(audio: Call) -> None:
    done = audio("score", INBOX / "call-0110.wav", "--json")
    (entry,) = done.document["recordings"]
    assert done.code == 0
    assert (entry["label"], entry["error"]) == ("uncertain", None)
    assert entry["abstention"] == "too_little_speech"


def test_parties_are_named(audio: Call) -> None:
    roles = "left=agent,right=customer"
    done = audio("score", INBOX / "call-0104.wav", "--channel-role", roles, "--session-id", "s-1", "--json")
    (entry,) = done.document["recordings"]
    assert {segment["role"] for segment in entry["segments"]} == {"agent", "customer"}
    assert entry["session_id"] == "s-1"


def test_one_session_is_one_recording(audio: Call) -> None:
    refused = audio("score", "human.wav", "synthetic.wav", "--session-id", "s-1", "--json")
    assert refused.code == 2
    assert "not 2" in refused.document["error"]["message"]


def test_a_raw_file_is_declared(audio: Call, desk: Path) -> None:
    soundfile.write(desk / "call.bin", decode(desk / "human.wav")[0], 8000, format="RAW", subtype="ULAW")
    assert audio("score", "call.bin", "--raw", "ulaw,8000,1", "--json").code == 0


@pytest.mark.parametrize(
    ("option", "value", "code"), [("--model", "nowhere", "model"), ("--profile", "nowhere", "audio_usage")]
)
def test_a_wrong_option_is_no_fault_of_the_recordings(option: str, value: str, code: str, audio: Call) -> None:
    failed = audio("score", "human.wav", option, value, "--json")
    assert failed.document["error"]["code"] == code
    assert "nowhere" in failed.document["error"]["message"]


# -- validate, features ------------------------------------------------------------------------------------------


def test_an_invalid_recording_exits_with_1(audio: Call) -> None:
    done = audio("validate", "human.wav", INBOX / "call-0109.wav", "garbage.wav", "--json")
    assert done.code == 1
    assert (done.document["valid"], done.document["invalid"]) == (1, 2)
    assert done.document["recordings"][1]["codes"] == ["truncated"]
    assert "truncated" in audio("validate", INBOX / "call-0109.wav").stdout


def test_strict_takes_warnings_for_errors(audio: Call) -> None:
    assert audio("validate", INBOX / "call-0111.wav").code == 0
    assert audio("validate", INBOX / "call-0111.wav", "--strict").code == 1


def test_a_repair_writes_copies_and_leaves_the_original(audio: Call, desk: Path) -> None:
    before = (INBOX / "call-0104.wav").read_bytes()
    words = ["validate", INBOX / "call-0104.wav", "--auto-fix", "--out", "fixed", "--resample", "16000", "--json"]
    done = audio(*words)
    assert done.code == 0
    (entry,) = done.document["recordings"]
    assert [step["step"] for step in entry["repair"]["steps"]] == ["split_channels", "resample"]
    assert len(list((desk / "fixed").iterdir())) == 3
    assert (INBOX / "call-0104.wav").read_bytes() == before
    again = audio(*words)
    assert again.code == 3
    assert "is not overwritten" in again.document["recordings"][0]["repair_error"]["message"]


def test_a_rate_needs_a_repair(audio: Call) -> None:
    for option, value in (("--resample", "16000"), ("--out", "fixed")):
        error = audio("validate", "human.wav", option, value, "--json").document["error"]
        assert "--auto-fix" in error["message"] and f"--auto-fix {option} {value}" in error["hint"]


def test_auto_fix_writes_beside_the_recording_and_takes_no_word_for_a_folder(audio: Call, desk: Path) -> None:
    shutil.copy(INBOX / "call-0104.wav", desk / "two.wav")
    before = hash_file(desk / "two.wav")
    done = audio("validate", "--auto-fix", "two.wav", "--strict", "--json")
    [entry] = done.document["recordings"]
    assert entry["repair_error"] is None
    names = {Path(file["path"]).name for file in entry["repair"]["files"]}
    assert names == {"two-fixed-channel0.flac", "two-fixed-channel1.flac"}
    assert {path.name for path in desk.glob("two*")} == {"two.wav", "two-fixed.repair.json", *names}
    assert hash_file(desk / "two.wav") == before
    again = audio("validate", "--auto-fix", "two.wav", "--json").document["recordings"][0]
    assert "is there already" in again["repair_error"]["message"]


def test_features_are_one_row_per_segment(audio: Call, desk: Path) -> None:
    done = audio("features", "human.wav", "garbage.wav", INBOX / "call-0110.wav", "--out", "sub/f.parquet", "--json")
    assert done.code == 3
    table = pl.read_parquet(desk / "sub" / "f.parquet")
    assert table.height == done.document["rows"] == done.document["recordings"][0]["segments"] > 0
    assert done.document["recordings"][1]["error"]["message"]
    assert done.document["recordings"][2]["segments"] == 0
    assert table.width == done.document["features"] + 9
    assert set(table["path"]) == {"human.wav"}


@pytest.mark.parametrize(
    "words", [("features", "human.wav", "--families", "energy"), ("run", "calls", "--lake", "lake")]
)
def test_tables_that_cannot_be_written_are_told_and_leave_what_was_there(
    words: tuple[str, ...], audio: Call, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(frame: pl.DataFrame, path: Path) -> None:
        Path(path).write_bytes(b"half a")
        raise pl.exceptions.ComputeError("parquet: underlying IO error: No space left on device (os error 28)")

    folder, out = (desk, "out.parquet") if words[0] == "features" else (desk / "tables", "tables")
    target = folder / ("out.parquet" if words[0] == "features" else "recordings.parquet")
    one_process = [] if words[0] == "features" else ["--workers", "0"]
    audio(*words, *one_process, "--out", out)
    target.write_bytes(b"yesterday's")
    with monkeypatch.context() as patch:
        patch.setattr(pl.DataFrame, "write_parquet", fill)
        error = audio(*words, *one_process, "--out", out, "--json").document["error"]
    assert "is full" in error["message"]
    assert target.read_bytes() == b"yesterday's"
    assert [path.name for path in target.parent.iterdir() if path.suffix == ".part"] == []
    assert "cannot be made" in audio(*words, *one_process, "--out", "human.wav/x.parquet").stderr


def test_no_features_no_file(audio: Call, desk: Path) -> None:
    assert audio("features", "garbage.wav", "--out", "f.parquet").code == 1
    assert not (desk / "f.parquet").exists()


def test_an_unknown_family_is_refused(audio: Call) -> None:
    refused = audio("features", "human.wav", "--out", "f.parquet", "--families", "energy,magic", "--json")
    assert refused.code == 2
    assert "'magic'" in refused.document["error"]["message"]


# -- voices ------------------------------------------------------------------------------------------------------


def test_a_voice_is_enrolled_verified_and_forgotten(audio: Call, desk: Path) -> None:
    made = audio("voice", "enroll", "C-1", "clips", "--lake", "lake", "--json").document["enrollment"]
    assert made["encrypted"] is False
    assert stat.S_IMODE((desk / "lake" / "voiceprints").stat().st_mode) == 0o700
    words = ["--enrollment-id", "C-1", "--lake", "lake", "--json"]
    own, other = (audio("voice", "verify", name, *words).document for name in ("human.wav", "synthetic.wav"))
    assert (own["verified"], own["enrollment_id"]) == (True, "C-1")
    assert (other["verified"], other["confidence"] < 0.5) == (False, True)
    assert audio("voice", "forget", "C-1", "--lake", "lake").code == 0
    assert audio("voice", "verify", "human.wav", *words).document["error"]["code"] == "enrollment"


def test_a_synthetic_voice_is_enrolled_only_by_force(audio: Call) -> None:
    words = ("voice", "enroll", "dora", "clips", BUNDLED / "call-synthetic.wav", "--enrollments", "store", "--json")
    refused = audio(*words)
    assert refused.code == 1
    assert "call-synthetic.wav': score 0.9" in refused.document["error"]["message"]
    assert "--force" in refused.document["error"]["hint"]
    alone = audio("voice", "enroll", "dora", BUNDLED / "call-synthetic.wav", "--enrollments", "store", "--force")
    assert alone.code == 0 and "1 clip" in alone.stdout


def test_two_accounts_with_one_voice_are_found(audio: Call) -> None:
    assert audio("voice", "enroll", "carla", "clips", "--enrollments", "store").code == 0
    found = audio("voice", "duplicates", "--enrollments", "store", "--json").document
    assert found["duplicates"][0]["enrollment_ids"] == ["anna", "carla"]


def test_a_key_encrypts_and_comes_from_a_file_or_the_environment(audio: Call, desk: Path) -> None:
    pytest.importorskip("cryptography")
    assert audio("voice", "key", "key").code == 0
    secret = (desk / "key").read_text().strip()
    assert stat.S_IMODE((desk / "key").stat().st_mode) == 0o600
    words = ["--enrollments", "sealed", "--json"]
    made = audio("voice", "enroll", "anna", "clips", *words, "--key-file", "key")
    assert made.document["enrollment"]["encrypted"] is True
    assert secret not in made.stdout
    assert audio("voice", "list", *words, env={"SENTINEL_VOICEPRINT_KEY": secret}).document["count"] == 1
    refused = audio("voice", "list", *words)
    assert refused.code == 1
    assert "is encrypted" in refused.document["error"]["message"]
    bad = audio("voice", "list", *words, env={"SENTINEL_VOICEPRINT_KEY": "secret text"})
    assert bad.code == 2
    assert "secret text" not in bad.stdout


def test_a_taken_id_is_kept(audio: Call) -> None:
    refused = audio("voice", "enroll", "anna", "clips", "--enrollments", "store", "--json")
    assert refused.code == 1
    assert "is enrolled already" in refused.document["error"]["message"]


# -- route, sar --------------------------------------------------------------------------------------------------


def test_the_manifest_is_the_context_and_options_win(audio: Call) -> None:
    words = ["route", "human.wav", "--manifest", "manifest.csv", "--json"]
    first = audio(*words).document
    assert (first["action"], first["missing_inputs"]) == ("ALLOW", [])
    second = audio(*words, "--destination-country", "IR", "--context", "customer_risk=0.9").document
    assert {factor["id"] for factor in second["multipliers"]} == {"watched_country", "risky_customer"}
    assert second["composite_risk"] > first["composite_risk"]


def test_what_is_missing_is_named(audio: Call) -> None:
    done = audio("route", "human.wav", "--transaction-amount", "5", "--json").document
    assert set(done["missing_inputs"]) == {"new_beneficiary", "destination_country", "customer_risk"}
    assert "Missing  customer_risk" in audio("route", "human.wav", "--transaction-amount", "5").stdout


@pytest.mark.parametrize(
    ("bound", "code"), [(None, 0), ("ALLOW", 24), ("require-callback", 24), ("BLOCK", 24)], ids=str
)
def test_an_action_ends_the_command_only_when_asked(bound: str | None, code: int, audio: Call) -> None:
    words = ["--fail-on-action", bound] if bound else []
    assert audio("route", "calls/b.wav", "--manifest", "manifest.csv", *words).code == code


def test_a_milder_action_does_not_end_it(audio: Call) -> None:
    words = ["route", "human.wav", "--manifest", "manifest.csv", "--fail-on-action"]
    assert audio(*words, "REQUIRE_STEP_UP").code == 0
    refused = audio(*words, "PANIC", "--json")
    assert refused.code == 2
    assert "ESCALATE_TO_HUMAN" in refused.document["error"]["hint"]


def test_a_printed_verdict_gives_the_same_decision(audio: Call, desk: Path) -> None:
    (desk / "verdict.json").write_text(audio("score", "synthetic.wav", "--json").stdout)
    ignored = ("latency_ms", "verdict", "input_hashes", "scorer")
    words = ["--policy", "voice_only", "--enrollment-id", "anna", "--enrollments", "store", "--json"]
    scored = audio("route", "synthetic.wav", *words).document
    read = audio("route", "--verdict", "verdict.json", *words).document
    assert {k: v for k, v in read.items() if k not in ignored} == {k: v for k, v in scored.items() if k not in ignored}
    assert read["input_hashes"] == scored["input_hashes"]
    assert (read["scorer"], scored["scorer"]) == ("given", "local")
    assert read["verification"]["verified"] is False


DAMAGE: dict[str, tuple[Callable[[dict], object], str]] = {
    "two": (lambda d: {**d, "recordings": d["recordings"] * 2}, "holds 2 verdicts"),
    "none": (lambda d: {"recordings": []}, "holds 0 verdicts"),
    "score": (lambda d: _with(d, score=2), "score = 2; expected a number from 0 to 1, or null"),
    "text": (lambda d: _with(d, confidence="high"), "confidence = 'high'"),
    "truth": (lambda d: _with(d, score=True), "score = True"),
    "label": (lambda d: _with(d, label="fake"), "label = 'fake'"),
    "labels": (lambda d: _with(d, label=["fake"]), "label = ['fake']"),
    "segments": (lambda d: _with(d, segments=[1]), "segments that are not a list of objects"),
    "segment": (lambda d: _with(d, segments=[{"channel": -1}]), "segments.channel = -1"),
    "error": (lambda d: _with(d, error={"code": "missing"}), "holds an error"),
    "empty": (lambda d: {}, "path = None"),
    "list": (lambda d: [d], "is not a JSON object"),
}


def _with(document: dict, **fields: object) -> dict:
    return {**document, "recordings": [{**document["recordings"][0], **fields}]}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_verdict_that_is_none_is_refused(kind: str, audio: Call, desk: Path) -> None:
    damage, message = DAMAGE[kind]
    document = audio("score", "human.wav", "--json").document
    (desk / "verdict.json").write_text(json.dumps(damage(document)))
    refused = audio("route", "--verdict", "verdict.json", "--json")
    assert refused.code == 2
    assert message in refused.document["error"]["message"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[" * 100_000, b'{"score": 1'])
def test_a_verdict_that_is_not_json_is_refused(content: bytes, audio: Call, desk: Path) -> None:
    (desk / "verdict.json").write_bytes(content)
    refused = audio("route", "--verdict", "verdict.json", "--json")
    assert refused.code == 2
    assert "is not JSON" in refused.document["error"]["message"]


def test_a_context_without_a_value_is_refused(audio: Call) -> None:
    refused = audio("route", "human.wav", "--context", "new_device", "--json")
    assert refused.code == 2
    assert "KEY=VALUE" in refused.document["error"]["message"]


def test_the_audit_trail_grows_by_a_line(audio: Call, desk: Path) -> None:
    for _ in range(2):
        done = audio("route", "human.wav", "--policy", "voice_only", "--save-audit", "audit.jsonl", "--json")
        assert done.code == 0
    lines = [json.loads(line) for line in (desk / "audit.jsonl").read_text().splitlines()]
    assert [line["action"] for line in lines] == [done.document["action"]] * 2
    assert lines[0]["time"]


def test_a_report_is_drafted_and_not_filed(audio: Call, desk: Path) -> None:
    words = ["sar", "calls/b.wav", "--manifest", "manifest.csv", "--decision", "review", "--reason", "Sounded odd."]
    done = audio(*words, "--out", "sar", "--enrollments", "store", "--json")
    assert done.code == 0
    assert (done.document["status"], done.document["state"]) == ("success", "draft")
    assert done.document["decision"] == "review"
    folder = Path(done.document["folder"])
    names = {path.name for path in (desk / folder).iterdir()}
    assert {"sar.json", "narrative.txt", "fincen.xml", "goaml.xml", "evidence.json", "verification.json"} <= names
    assert "Sounded odd." in (desk / folder / "narrative.txt").read_text()


# -- run, train, demo --------------------------------------------------------------------------------------------


def test_a_folder_goes_into_the_lake_once(audio: Call, desk: Path) -> None:
    shutil.copy(desk / "garbage.wav", desk / "calls" / "z.wav")
    words = ["run", *WORKING["run"], "--enrollments", "store", "--lake", "lake"]
    done = audio(*words, "--out", "tables", "--json")
    assert done.code == 3
    assert done.document["status"] == "partial"
    assert [row["path"] for row in done.document["recordings"]] == ["b.wav", "a.wav", "z.wav"]
    assert [row["action"] for row in done.document["recordings"]][:2] == ["BLOCK", "ALLOW"]
    assert done.document["stored"] == 3
    assert pl.read_parquet(desk / "tables" / "recordings.parquet").height == 3
    assert pl.read_parquet(desk / "tables" / "audio_segments.parquet").height > 2
    again = audio(*words)
    assert again.code == 3
    assert "0 new in the lake" in again.stdout
    assert "z.wav" in again.stderr


def test_an_empty_folder_is_no_input(audio: Call, desk: Path) -> None:
    (desk / "empty").mkdir()
    done = audio("run", "empty", "--workers", "0", "--lake", "lake", "--json")
    assert done.code == 4
    assert done.document["status"] == "no_input"


def test_a_model_is_trained_and_used(audio: Call, desk: Path) -> None:
    assert audio("scorer", "train", *WORKING["scorer train"]).code == 0
    assert (desk / "model" / "model.json").is_file()
    (entry,) = audio("score", "human.wav", "--model", "model", "--json").document["recordings"]
    assert entry["model_version"] == "model"
    assert (
        audio("scorer", "calibrate", "--manifest", "labels.csv", "--model", "model", "--out", "better", "--force").code
        == 0
    )
    evaluation = audio("scorer", "evaluate", "--manifest", "labels.csv", "--model", "better", "--json").document
    assert evaluation["model_version"] == "better"
    assert evaluation["figures"][0]["name"] == "all"
    assert (evaluation["figures"][0]["humans"], evaluation["figures"][0]["synthetics"]) == (4, 4)
    assert evaluation["figures"][0]["eer_high"] > 0.5
    said = audio("scorer", "evaluate", "--manifest", "labels.csv", "--model", "better").stderr
    assert "4 human and 4 synthetic recordings show little" in said
    refused = audio("scorer", "train", "--manifest", "labels.csv", "--out", "another", "--json").document["error"]
    assert "at least 20 of each class" in refused["message"] and "--force" in refused["hint"]


def test_an_evaluation_lists_what_it_could_not_score(audio: Call, desk: Path) -> None:
    with (desk / "labels.csv").open("a") as file:
        file.write("garbage.wav,human,x,\n")
    done = audio("scorer", "evaluate", "--manifest", "labels.csv", "--json")
    assert done.code == 3
    assert done.document["failed"][0]["path"].endswith("garbage.wav")


def test_the_demo_goes_all_the_way(audio: Call, desk: Path) -> None:
    done = audio("demo", "--out", "drafts", "--json")
    person, machine = done.document["recordings"]
    assert (person["detection"]["label"], person["verification"]["verified"]) == ("likely_real", True)
    assert (person["routing"]["action"], person["sar"]) == ("ALLOW", None)
    assert (machine["detection"]["label"], machine["verification"]["verified"]) == ("likely_synthetic", False)
    assert machine["routing"]["action"] == "BLOCK"
    assert machine["sar"]["status"] == "draft"
    assert machine["sar"]["case_id"] in [path.name for path in (desk / "drafts").iterdir()]


def test_the_demo_tells_a_story_in_words(audio: Call) -> None:
    done = audio("demo", env={"COLUMNS": "80"})
    steps = re.findall(r"^   (Detect|Verify|Route|Report) +(.*)$", done.stdout, re.MULTILINE)
    assert [step for step, _ in steps] == ["Detect", "Verify", "Route", "Report"] * 2
    said = dict(steps[4:])
    assert "likely_synthetic" in said["Detect"] and said["Route"].startswith("BLOCK")
    assert said["Verify"].startswith("no, as demo-customer") and said["Report"].startswith("draft DRAFT-")
    assert max(map(len, done.stdout.splitlines())) <= 80 and "audio demo --json" in done.stderr


def test_the_demo_takes_a_recording(audio: Call) -> None:
    words = ["demo", "human.wav", "--enrollment-id", "anna", "--enrollments", "store", "--session-id", "s-1"]
    (found,) = audio(*words, "--sar", "never", "--json").document["recordings"]
    assert (found["verification"]["verified"], found["verification"]["session_id"]) == (True, "s-1")
    assert (found["routing"]["session_id"], found["sar"]) == ("s-1", None)
    (alone,) = audio("demo", "human.wav", "--sar", "always", "--json").document["recordings"]
    assert alone["verification"] is None
    assert alone["sar"]["status"] == "draft"


# -- the sample recordings ---------------------------------------------------------------------------------------


def test_the_manifest_names_the_sample_recordings() -> None:
    rows = list(csv.DictReader((INBOX / "manifest.csv").open(encoding="utf-8")))
    files = {path.name for path in INBOX.iterdir()} - {"manifest.csv", "ATTRIBUTION.md"}
    assert {row["file"] for row in rows} == files
    truth = json.loads((INBOX.parent / "truth.json").read_text(encoding="utf-8"))
    suspects = {number for numbers in truth.values() for number in numbers}
    assert len({row["caller_number"] for row in rows} & suspects) == 3


@pytest.mark.parametrize("page", [INBOX / "ATTRIBUTION.md", BUNDLED / "ATTRIBUTION.md"], ids=["inbox", "demo"])
def test_every_sample_is_attributed_and_no_prompt_was_trained_on(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    named = {re.findall(r"`([^`]+)`", line)[0] for line in lines}
    assert named == {path.name for path in page.parent.iterdir() if path.suffix not in (".md", ".csv")}
    trained = (ROOT / "research" / "corpus" / "human.csv").read_text(encoding="utf-8")
    ids = [row["clip_id"] for row in csv.DictReader(io.StringIO(trained))]
    for line in (line for line in lines if "prompt" in line):
        language = {"Spanish": "es", "French": "fr"}.get(next(iter(re.findall("Spanish|French", line)), ""), "en")
        for prompt in re.findall(r"`([^`]+)`", line.split("|")[3]):
            taken = re.compile(rf"asterisk-{language}/.*-{prompt}-\d+$")
            assert not [name for name in ids if taken.match(name)], prompt
    assert any(re.match(r"asterisk-en/.*-demo-echotest-\d+$", name) for name in ids), "the pattern finds nothing"


def test_progress_is_drawn_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    from audio_batch.batch import Progress
    from sentinel_batch.cli.audio.run import _follow

    drawn: list[tuple[str, float]] = []
    assert _follow(None) is None
    show = _follow(SimpleNamespace(tell=lambda *state: drawn.append(state)))  # type: ignore[arg-type]
    assert show is not None
    show(Progress(2, 5, 0, 0, 3.0, 3725.0, "a.wav", 0.37))
    assert drawn == [("2 of 5 recordings", 0.37)]
    assert not sys.stderr.isatty()


@pytest.mark.parametrize("command", ["validate", "score", "run"])
def test_what_a_folder_holds_and_is_not_read_is_named(audio: Call, desk: Path, command: str) -> None:
    (desk / "calls" / "b.wav").unlink()
    for number in range(4):
        (desk / "calls" / f"{number}.siren7").write_bytes(bytes(40))
    words = [command, "calls", *(["--workers", "0"] if command == "run" else [])]
    [group] = audio(*words, "--json").document["unread"]
    assert (group["kind"], group["files"]) == (".siren7", 4)
    assert group["examples"] == ["0.siren7", "1.siren7", "2.siren7"]
    shown = " ".join(audio(*words).stdout.split())
    assert "Not read: 4 × .siren7 (0.siren7, 1.siren7, 2.siren7 and 1 more): G.722.1 (Siren 7)" in shown


def test_a_folder_without_recordings_says_what_it_holds(audio: Call, desk: Path) -> None:
    (desk / "other").mkdir()
    (desk / "other" / "call.g719").write_bytes(bytes(40))
    error = audio("score", "other", "--json").document["error"]
    assert error["code"] == "no_input" and "1 × .g719 (G.719" in error["hint"]
    assert "file convert CALL.g719 CALL.sln48" in error["hint"]
