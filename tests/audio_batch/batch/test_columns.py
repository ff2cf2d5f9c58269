"""A recording's row: described once, filled by the stages, composed in one place."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from audio_batch import validation
from audio_batch.batch import run
from audio_batch.batch.columns import FEATURE_COLUMNS, RECORDING_COLUMNS, SEGMENT_COLUMNS, TEXT
from audio_batch.batch.composition import compose, describe_task
from audio_batch.batch.stages import Failure, Findings, Identity, Part
from audio_batch.batch.tables import build_tables
from audio_batch.batch.tasks import Task
from audio_batch.routing import route
from audio_batch.verdict import Reason, SegmentScore, Splice, Verdict, Verification
from sentinel_batch.schema import AUDIO_FEATURES, AUDIO_SEGMENTS, RECORDINGS
from tests.audio_batch.batch.batch_samples import write_recording

FAILURE_COLUMNS = {"error_code", "error_stage", "error_message"}
SEGMENTS = (SegmentScore(0, "agent", 0.0, 4.0, 3.0, 0.2), SegmentScore(1, "customer", 2.0, 6.0, 3.5, 0.9))
SPLICE = Splice(1, "customer", 61.0, 66.0, 1.4, "unlike the rest of the call in voice and line")
REASON = Reason("pitch", 1.0, 0.5, 2.0, 0.3, "Pitch is even.")


@pytest.fixture
def findings(tmp_path: Path) -> Findings:
    """What the stages find when all of them have something to say."""
    verdict = Verdict(
        "a.wav", "ab", 0.9, "uncertain", 0.8, 5.0, "s", "m-1", 6.0, 5.5, "narrowband", None, SEGMENTS, (REASON,),
        ("A notice.",), splices=(SPLICE,),
    )  # fmt: skip
    verification = Verification("a.wav", True, "anna", 0.9, "s", 2.0, 0.8, True, 0.9, ("voice_match",))
    checked = validation.validate(str(write_recording(tmp_path / "a.wav", 1)))
    return Findings(
        validation=Part(checked, Failure("validate", "odd", "It is odd.")),
        verdict=Part(verdict),
        enrollment_id="anna",
        verification=Part(verification),
        decision=Part(route(verdict, verification, {"amount": 5}, "wire_transfer")),
        features=Part([{"channel": 1, "values": {}}]),
        scorer="local",
        scorer_fallback="remote_busy: 429",
    )


def compose_row(findings: Findings, failure: Failure | None = None) -> dict[str, Any]:
    task = Task("/x/a.wav", "a.wav", 10, {"call_id": 7, "amount": 5})
    return compose(describe_task(task, Identity("ab", 10, "key")), findings, failure)["recording"]


def test_the_stages_fill_every_column_and_no_other(findings: Findings) -> None:
    row = compose_row(findings) | {"processing_seconds": 1.0, "resumed": False}
    assert set(row) == set(RECORDING_COLUMNS)
    assert [name for name, value in row.items() if value is None] == ["abstention"]
    json.dumps(row)


def test_columns_carry_what_their_stage_found(findings: Findings) -> None:
    row = compose_row(findings)
    assert (row["path"], row["sha256"], row["file_size"], row["call_id"]) == ("a.wav", "ab", 10, "7")
    assert (row["format"], row["sampling_rate"], row["channels"], row["is_valid"]) == ("wav", 8000, 1, True)
    assert row["quality_level_dbfs"] == findings.validation.value.quality.level_dbfs  # type: ignore[union-attr]
    assert (row["status"], row["score"], row["scored_seconds"], row["segment_count"]) == ("scored", 0.9, 6.0, 2)
    assert [row[f"worst_{name}"] for name in ("channel", "start", "end", "score")] == [1, 2.0, 6.0, 0.9]
    assert (row["enrollment_id"], row["verification_confidence"]) == ("anna", 0.9)
    assert row["decision"]["action"] == row["action"] and row["policy"] == "wire_transfer"


def test_the_first_failure_stands_in_the_row(findings: Findings) -> None:
    assert [compose_row(findings)[name] for name in ("error_stage", "error_code")] == ["validate", "odd"]
    lost = compose_row(findings, Failure("worker", "worker_lost", "It died."))
    assert (lost["error_stage"], lost["error_message"]) == ("worker", "It died.")
    assert FAILURE_COLUMNS.isdisjoint(compose_row(Findings()))
    unverified, unrouted = (Failure(stage, "a", "") for stage in ("verify", "route"))
    later = Findings(verification=Part(failure=unverified), decision=Part(failure=unrouted))
    assert compose_row(later)["error_stage"] == "verify"


def test_nothing_found_is_a_failed_recording() -> None:
    row = compose_row(Findings())
    assert (row["status"], row["segment_count"]) == ("failed", 0)
    assert set(row) < set(RECORDING_COLUMNS)


def test_schemas_of_batch_and_lake_follow_from_the_description(tmp_path: Path) -> None:
    tables = run(tmp_path)
    assert tables.recordings.columns == list(RECORDING_COLUMNS)
    assert tables.segments.columns == list(SEGMENT_COLUMNS)
    assert tables.features.columns == list(FEATURE_COLUMNS)
    own = {"recording_id", "run_id", "batch_id", "analysed_at", "caller_number", "callee_number", "picture"}
    assert [name for name in RECORDINGS.columns if name not in own] == [n for n in RECORDING_COLUMNS if n != "resumed"]
    assert set(AUDIO_SEGMENTS.columns) - {"recording_id", "batch_id"} == set(SEGMENT_COLUMNS) - {"path", "sha256"}
    added = {"recording_id", "batch_id", "feature", "value"}
    assert set(AUDIO_FEATURES.columns) - added == set(FEATURE_COLUMNS) - {"path", "sha256", "sampling_rate"}


def test_a_new_column_is_one_line(findings: Findings, monkeypatch: pytest.MonkeyPatch) -> None:
    from audio_batch.batch import columns

    monkeypatch.setitem(columns.PROPERTIES, "sha256", TEXT)
    monkeypatch.setitem(columns.ANSWER, "path", TEXT)
    row = compose_row(findings)
    assert (row["sha256"], row["path"]) == (findings.validation.value.properties.sha256, "a.wav")  # type: ignore[union-attr]


def test_documents_are_stored_as_json_and_lists_as_lists(findings: Findings) -> None:
    recording = compose_row(findings) | {"processing_seconds": 1.0, "resumed": False}
    row = build_tables([{"recording": recording, "segments": [], "features": []}]).recordings.row(0, named=True)
    assert json.loads(row["reasons"])[0]["feature"] == "pitch"
    assert json.loads(row["splices"]) == [asdict(SPLICE)]
    assert json.loads(row["context"]) == {"call_id": 7, "amount": 5}
    assert row["notices"] == ["A notice."] and row["verification_reasons"] == ["voice_match"]


def test_the_description_and_the_lakes_schema_load_neither_polars_nor_numpy() -> None:
    program = "import sys, sentinel_batch.schema; print(sorted({'numpy', 'polars', 'pyarrow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
