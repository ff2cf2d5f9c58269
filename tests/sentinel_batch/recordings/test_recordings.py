"""Recordings in the lake: once each, whatever was killed, joined with the alerts."""

from __future__ import annotations

import base64
import json
import os
import struct
import time
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import recording_samples
from recording_samples import write_recording

from sentinel_batch.errors import NoInputError, UsageError
from sentinel_batch.lake import Lake
from sentinel_batch.maintenance import maintain
from sentinel_batch.recordings import (
    RecordingsResult,
    analyse_recordings,
    list_joint_findings,
    list_recordings,
    read_features,
    read_segments,
)
from sentinel_batch.recordings.pictures import COLUMNS, ROWS, encode_png, measure_spectrogram
from sentinel_batch.recordings.shaping import sort_worst
from sentinel_batch.schema import AUDIO_FEATURES, AUDIO_SEGMENTS, RECORDINGS, RUNS, TABLES, polars_schema

fake_scorer = recording_samples.fake_scorer
VOLATILE = ["run_id", "batch_id", "analysed_at", "latency_ms", "processing_seconds"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five recordings: synthetic, real, abstained, unreadable, and one with a hostile name."""
    inbox = tmp_path / "audio é"
    for seed, name in enumerate(("sub/a 0.93.wav", "b 0.12.wav", "abstain 0.88.wav", recording_samples.HOSTILE_NAME)):
        write_recording(inbox / name, seed=seed)
    (inbox / "broken.wav").write_bytes(b"<html>not here</html>")
    return inbox


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return tmp_path / "lake"


def analyse(folder: Path, lake: Path, **options: Any) -> RecordingsResult:
    return analyse_recordings(folder, lake=lake, **{"policy": "voice_only", **options})


def rows(name: str, lake: Path) -> pl.DataFrame:
    return Lake.open(lake).snapshot().read(name)


def tables(lake: Path) -> dict[str, pl.DataFrame]:
    """What readers see, without ids of runs and clock times."""
    found = {"recordings": list_recordings(lake), "segments": read_segments(lake), "features": read_features(lake)}
    return {name: frame.drop(VOLATILE, strict=False) for name, frame in found.items()}


@pytest.mark.usefixtures("fake_scorer")
def test_a_folder_becomes_rows_of_three_tables(folder: Path, lake: Path) -> None:
    result = analyse(folder, lake)
    assert (result.status, result.stored, result.known) == ("partial", 5, 0)
    assert result.count("status") == {"abstained": 1, "failed": 1, "scored": 3}
    assert result.count("label") == {"likely_real": 1, "likely_synthetic": 2, "uncertain": 1}
    assert [row["path"] for row in result.failed] == ["broken.wav"]
    found = list_recordings(lake)
    assert found["path"].to_list() == [
        recording_samples.HOSTILE_NAME, "sub/a 0.93.wav", "abstain 0.88.wav", "b 0.12.wav", "broken.wav",
    ]  # fmt: skip
    worst = found.row(0, named=True)
    assert (worst["score"], worst["action"], worst["model_version"]) == (0.95, "BLOCK", "fake-1")
    assert json.loads(worst["reasons"])[0]["human_low"] is None
    segments = read_segments(lake, recording_ids=[worst["recording_id"]])
    assert segments["start"].to_list() == [0.0, 1.0, 2.0, 3.0]
    assert segments["score"].max() == worst["worst_score"] == 0.95
    features = read_features(lake, recording_ids=[worst["recording_id"]])
    assert features["feature"].n_unique() > 100
    assert features.select(AUDIO_FEATURES.key).is_duplicated().sum() == 0
    assert features["value"].is_finite().all()
    for table in (RECORDINGS, AUDIO_SEGMENTS, AUDIO_FEATURES):
        assert rows(table.name, lake).select(table.key).is_unique().all()


@pytest.mark.usefixtures("fake_scorer")
def test_documents_are_json_and_the_run_is_recorded(folder: Path, lake: Path) -> None:
    result = analyse(folder, lake)
    document = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert document["by_action"]["BLOCK"] >= 2
    assert [row["score"] for row in document["recordings"]][:2] == [0.95, 0.93]
    run = rows(RUNS.name, lake).row(0, named=True)
    assert (run["run_id"], run["command"], run["outcome"]) == (result.run_id, "audio", "done")
    assert json.loads(run["counts"])["stored"] == 5
    for row in list_recordings(lake).iter_rows(named=True):
        for name in ("issues", "reasons", "notices", "decision", "missing_inputs", "issue_codes"):
            assert row[name] is None or json.loads(row[name]) is not None


def test_the_same_folder_twice_adds_nothing_and_scores_nothing(
    folder: Path, lake: Path, fake_scorer: list[str]
) -> None:
    analyse(folder, lake)
    before, scored = tables(lake), len(fake_scorer)
    again = analyse(folder, lake)
    assert (again.stored, again.known, again.recordings.height) == (0, 5, 5)
    assert len(fake_scorer) == scored == 4
    assert all(frame.equals(before[name]) for name, frame in tables(lake).items())


def test_maintain_removes_results_that_nobody_used_for_a_week(folder: Path, lake: Path, fake_scorer: list[str]) -> None:
    analyse(folder, lake)
    analyse(folder, lake, policy="wire_transfer")
    kept = lake / "audio_checkpoints"
    before = sorted(kept.rglob("*.json"))
    for path in before:
        os.utime(path, (time.time() - 8 * 86400,) * 2)
    analyse(folder, lake)
    scored = len(fake_scorer)
    assert maintain(lake, dry_run=True).results_removed == len(before) // 2 == 4
    assert sorted(kept.rglob("*.json")) == before
    assert maintain(lake).results_removed == 4
    assert maintain(lake).to_dict()["results_removed"] == 0
    analyse(folder, lake)
    assert len(fake_scorer) == scored
    analyse(folder, lake, policy="wire_transfer")
    assert len(fake_scorer) == scored + 4


@pytest.mark.usefixtures("fake_scorer")
def test_only_what_is_new_or_asked_differently_is_added(folder: Path, lake: Path, tmp_path: Path) -> None:
    analyse(folder, lake)
    write_recording(folder / "new 0.5.wav", seed=9)
    assert analyse(folder, lake).stored == 1
    write_recording(folder / "broken.wav", seed=10).rename(folder / "broken 0.3.wav")
    assert analyse(folder, lake).stored == 1
    stricter = analyse(folder, lake, policy="wire_transfer")
    assert stricter.stored == stricter.recordings.height == 6
    manifest = tmp_path / "m.csv"
    manifest.write_text("file,amount\nb 0.12.wav,5\n")
    assert analyse(folder, lake, manifest=manifest, policy="wire_transfer").stored == 1
    latest = list_recordings(lake)
    assert latest.select("path", "sha256").is_unique().all()
    assert set(latest.filter(pl.col("status") != "failed")["policy"]) == {"wire_transfer"}
    assert list_recordings(lake, superseded=True).height == 5 + 1 + 1 + 6 + 1


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], dict[str, pl.DataFrame]]:
    """Return the tables of ``folder``, whose content is the same in every test, from a run that nothing disturbs."""

    @cache
    def calm() -> dict[str, pl.DataFrame]:
        return tables(lake)

    def read(folder: Path) -> dict[str, pl.DataFrame]:
        if not lake.exists():
            analyse(folder, lake)
        return calm()

    lake = tmp_path_factory.mktemp("calm") / "lake"
    return read


@pytest.mark.usefixtures("fake_scorer")
@pytest.mark.parametrize("table", ["audio_segments", "audio_features", "recordings", "runs"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_killed_run_leaves_nothing_half_visible(
    folder: Path,
    lake: Path,
    monkeypatch: pytest.MonkeyPatch,
    undisturbed: Callable[[Path], dict[str, pl.DataFrame]],
    table: str,
    after: bool,
) -> None:
    real = Lake.append

    def killed(self: Lake, name: str, frame: pl.DataFrame, **options: Any) -> None:
        if name != table or after:
            real(self, name, frame, **options)
        if name == table:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Lake, "append", killed)
        with pytest.raises(KeyboardInterrupt):
            analyse(folder, lake)
    committed = table == "runs" or (table == "recordings" and after)
    assert list_recordings(lake).height == (5 if committed else 0)
    assert read_segments(lake).is_empty() != committed
    analyse(folder, lake)
    calm = undisturbed(folder)
    assert all(frame.equals(calm[name]) for name, frame in tables(lake).items())
    assert rows("audio_segments", lake).height == calm["segments"].height


@pytest.mark.usefixtures("fake_scorer")
def test_numbers_of_the_manifest_are_normalised(folder: Path, lake: Path, tmp_path: Path) -> None:
    manifest = tmp_path / "m.csv"
    manifest.write_text(
        "file,call id,caller,callee_number\nb 0.12.wav,c-1,0803 123 4567,\nsub/a 0.93.wav,c-2,n/a,+23480\n"
    )
    analyse(folder, lake, manifest=manifest)
    row = list_recordings(lake, number="+2348031234567").row(0, named=True)
    assert (row["path"], row["call_id"], row["callee_number"]) == ("b 0.12.wav", "c-1", None)
    other = list_recordings(lake, label="likely_synthetic").filter(pl.col("call_id") == "c-2").row(0, named=True)
    assert (other["caller_number"], other["callee_number"]) == (None, "+23480")


def alert(number: int, suspect: str, severity: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "suspect_number": suspect, "alert_severity": severity, "status": "open", **more}


@pytest.mark.usefixtures("fake_scorer")
def test_a_suspect_with_synthetic_recordings_is_one_finding(folder: Path, lake: Path, tmp_path: Path) -> None:
    box, quiet, real, hidden = "+2348031234567", "+2348031234568", "+2348031234569", "+2348031234570"
    manifest = tmp_path / "m.csv"
    manifest.write_text(
        f'file,call_id,caller_number\nsub/a 0.93.wav,c-1,0803 123 4567\n"{recording_samples.HOSTILE_NAME}",c-2,\n'
        f"b 0.12.wav,,{real}\n"
    )
    analyse(folder, lake, manifest=manifest)
    opened = Lake.open(lake)
    alerts = [
        alert(1, box, "MEDIUM"), alert(2, box, "CRITICAL"), alert(3, quiet, "CRITICAL"), alert(4, real, "CRITICAL"),
        alert(5, box, "LOW", status="merged", merged_into=1), alert(6, hidden, "HIGH", status="suppressed"),
    ]  # fmt: skip
    opened.append("fraud_alerts", pl.DataFrame(alerts, schema=polars_schema(TABLES["fraud_alerts"].columns)))
    day = {"call_timestamp": pl.datetime(2026, 1, 20, time_zone="UTC"), "call_date": pl.date(2026, 1, 20)}
    calls = [{"caller_number": box, "call_id": c} for c in ("c-1", "c-2")]
    call_schema = polars_schema(TABLES["call_records"].columns)
    opened.append("call_records", pl.DataFrame(calls, schema=call_schema).with_columns(**day).cast(call_schema))
    found = list_joint_findings(lake)
    assert found.to_dicts() == [
        {
            "suspect_number": box,
            "alert_severity": "CRITICAL",
            "alert_ids": [2, 1],
            "recordings": 2,
            "recording_ids": list_recordings(lake, label="likely_synthetic")["recording_id"].to_list(),
            "paths": [recording_samples.HOSTILE_NAME, "sub/a 0.93.wav"],
            "worst_score": 0.95,
            "matched_by": ["number", "call_id"],
        }
    ]


@pytest.mark.usefixtures("fake_scorer")
def test_errors_say_what_is_allowed(folder: Path, lake: Path, tmp_path: Path) -> None:
    with pytest.raises(NoInputError, match="There is no folder of recordings"):
        analyse(tmp_path / "none", lake)
    with pytest.raises(UsageError, match="voice_onyl") as caught:
        analyse(folder, lake, policy="voice_onyl")
    assert caught.value.hint
    analyse(tmp_path, lake, policy=None)
    with pytest.raises(UsageError, match="label = 'fake' is not allowed; allowed: likely_synthetic"):
        list_recordings(lake, label="fake")
    with pytest.raises(UsageError, match="status = 'x'"):
        list_recordings(lake, status="x")
    with pytest.raises(UsageError, match="limit = -1 is negative"):
        list_recordings(lake, limit=-1)


def test_an_empty_folder_is_fine(tmp_path: Path, lake: Path) -> None:
    (tmp_path / "empty").mkdir()
    result = analyse(tmp_path / "empty", lake)
    assert (result.status, result.stored) == ("no_input", 0)
    assert list_recordings(lake).is_empty()


# -- pictures -----------------------------------------------------------------------------------------------------


def decode_png(text: str) -> np.ndarray:
    """Read back a picture of 16 shades, by the rules of the format."""
    data = base64.b64decode(text)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    place, chunks = 8, {}
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        name, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        assert struct.unpack(">I", data[place + 8 + length : place + 12 + length])[0] == zlib.crc32(name + body)
        chunks[name], place = body, place + 12 + length
    width, height, depth, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    assert (depth, kind, len(chunks[b"PLTE"])) == (4, 3, 48)
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width // 2)
    assert not lines[:, 0].any()
    return np.stack([lines[:, 1:] >> 4, lines[:, 1:] & 15], axis=2).reshape(height, width)


def test_png_round_trip() -> None:
    image = np.random.default_rng(1).integers(0, 16, (ROWS, COLUMNS)).astype(np.uint8)
    assert np.array_equal(decode_png(encode_png(image)), image)
    assert len(encode_png(image)) < 8_100


@pytest.mark.parametrize(("rate", "seconds"), [(8000, 3.0), (16000, 0.4), (44100, 130.0)])
def test_a_tone_stands_where_it_sounds(tmp_path: Path, rate: int, seconds: float) -> None:
    """1 kHz in the first half, 3 kHz in the second; the length crosses a block of the reader in one case."""
    import soundfile

    time = np.arange(int(rate * seconds)) / rate
    tone = 0.5 * np.sin(2 * np.pi * np.where(time < seconds / 2, 1000, 3000) * time)
    soundfile.write(tmp_path / "t.wav", np.stack([np.zeros_like(tone), tone], 1), rate)
    image = measure_spectrogram(tmp_path / "t.wav", channel=1, sampling_rate=rate, seconds=seconds)
    assert image.shape == (ROWS, COLUMNS)
    top = min(8000, rate / 2)
    loudest = top * (ROWS - 0.5 - image.argmax(axis=0)) / ROWS
    assert abs(np.median(loudest[: COLUMNS // 3]) - 1000) <= top / ROWS
    assert abs(np.median(loudest[-COLUMNS // 3 :]) - 3000) <= top / ROWS
    silent = measure_spectrogram(tmp_path / "t.wav", channel=0, sampling_rate=rate, seconds=seconds)
    assert silent.max() == 0


@pytest.mark.usefixtures("fake_scorer")
def test_pictures_are_small_and_only_of_the_worst(folder: Path, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sentinel_batch.recordings.pictures.draw_pictures.__kwdefaults__", {"limit": 2})
    analyse(folder, lake)
    found = list_recordings(lake)
    assert found["picture"].is_not_null().to_list() == [True, True, False, False, False]
    for text in found["picture"].drop_nulls():
        picture = json.loads(text)
        assert len(picture["png"]) <= 6_200
        assert decode_png(picture["png"]).max() == 15
        assert (picture["channel"], picture["seconds"], picture["top_hz"]) == (0, 4.0, 4000.0)


@pytest.mark.usefixtures("fake_scorer")
def test_a_recording_that_is_gone_has_no_picture(folder: Path, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentinel_batch.recordings import pictures

    real = pictures.measure_spectrogram

    def remove(path: Path, **options: Any) -> np.ndarray:
        path.unlink()
        return real(path, **options)

    monkeypatch.setattr(pictures, "measure_spectrogram", remove)
    assert analyse(folder, lake).stored == 5
    assert list_recordings(lake)["picture"].null_count() == 5


def test_a_spliced_call_stands_before_those_that_only_score_higher() -> None:
    rows = [
        ("failed.wav", None, None, None),
        ("honest.wav", "likely_real", 0.2, "[]"),
        ("spliced.wav", "likely_real", 0.1, '[{"start": 21.0, "end": 29.0}]'),
        ("unsure.wav", "uncertain", 0.5, None),
        ("synthetic.wav", "likely_synthetic", 0.9, "[]"),
    ]
    frame = pl.DataFrame(rows, schema=["path", "label", "score", "splices"], orient="row")
    frame = frame.with_columns(pl.col("path").alias("recording_id"))
    worst = ["synthetic.wav", "spliced.wav", "unsure.wav", "honest.wav", "failed.wav"]
    assert sort_worst(frame)["path"].to_list() == worst
