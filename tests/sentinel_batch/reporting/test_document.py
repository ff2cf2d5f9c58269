"""What the report says, and that its files are whole, small and reproducible."""

from __future__ import annotations

import base64
import hashlib
import html as html_module
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest

from sentinel_batch.desk import open_desk
from sentinel_batch.errors import LakeNotFoundError, UsageError
from sentinel_batch.lake import Lake
from sentinel_batch.reporting import ReportFiles, output, write_report
from sentinel_batch.reporting.document import load_schema
from sentinel_batch.reporting.text import clip, visible
from tests.sentinel_batch.reporting.report_lake import (
    BEGIN,
    GENERATED_AT,
    HOSTILE,
    alert,
    call,
    ingest,
    mixed_alerts,
    rows,
    run_row,
)


@pytest.fixture(scope="module")
def files(lake: Lake, out: Callable[[], Path]) -> ReportFiles:
    return write(lake, out())


def write(lake: Lake, folder: Path, **options: Any) -> ReportFiles:
    desk = open_desk(lake, timezone=options.pop("timezone", "Africa/Lagos"))
    return write_report(**{"lake": desk, "out": folder, "generated_at": GENERATED_AT, **options})


def read(files: ReportFiles) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files.json.read_text(encoding="utf-8"))
    jsonschema.validate(document, load_schema(), cls=jsonschema.Draft202012Validator)
    return document


def evidence_of(document: dict[str, Any], alert_id: int) -> dict[str, Any]:
    found: dict[str, Any] = next(a for a in document["alerts"] if a["id"] == alert_id)["evidence"]
    return found


def test_schema_is_valid_and_strict(files: ReportFiles) -> None:
    jsonschema.Draft202012Validator.check_schema(load_schema())
    document = read(files)
    document["surprise"] = 1
    with pytest.raises(jsonschema.ValidationError, match="surprise"):
        jsonschema.validate(document, load_schema())


def test_merged_alerts_are_left_out_and_suppressed_ones_counted_apart(files: ReportFiles) -> None:
    document = read(files)
    assert (document["alerts_total"], document["alerts_suppressed"]) == (12, 1)
    assert [a["id"] for a in document["suppressed"]] == [112]
    assert sum(count["alerts"] for count in document["by_severity"].values()) == 12
    assert document["by_severity"]["CRITICAL"] == {"alerts": 2, "unreviewed": 2}
    assert document["alerts_unreviewed"] == 9


def test_alerts_are_worst_first(files: ReportFiles) -> None:
    severities = [a["alert_severity"] for a in read(files)["alerts"]]
    assert severities == sorted(severities, key=["CRITICAL", "HIGH", "MEDIUM", "LOW"].index)


def test_every_input_row_is_accounted_for_and_lost_ingests_do_not_count(files: ReportFiles) -> None:
    quality = read(files)["quality"]
    assert quality["files"] == 2
    assert quality["identity_holds"] is True
    assert quality["records_refused"] == 12
    parts = ("records_inserted", "duplicates_skipped", "records_rejected", "records_refused")
    assert quality["records_processed"] == sum(quality[part] for part in parts)
    assert quality["rejects_by_reason"] == [
        {"reason": "caller is anonymous", "records": 2},
        {"reason": "implausible time", "records": 2},
    ]


def test_refused_files_count_even_when_their_run_brought_nothing(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    lake.append("runs", rows("runs", [run_row("run-1", "ingest", counts='{"records_refused": 7}')]))
    quality = read(write(lake, tmp_path))["quality"]
    assert (quality["records_processed"], quality["records_refused"], quality["identity_holds"]) == (7, 7, True)


def test_rows_that_do_not_add_up_are_said(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    calls = [call(BEGIN, "+2348030000001", "+2348030000002", 60, "a.csv", 2)]
    lake.append("ingests", rows("ingests", [ingest("a.csv", calls, records_processed=99)]))
    lake.append("call_records", rows("call_records", calls), commit_id="in-a.csv")
    written = write(lake, tmp_path)
    assert read(written)["quality"]["identity_holds"] is False
    assert "do not add up" in written.html.read_text(encoding="utf-8")


def test_gaps_are_whole_hours_without_calls(files: ReportFiles) -> None:
    assert read(files)["quality"]["gaps"] == [
        {"since": "2026-01-23T02:00:00Z", "until": "2026-01-23T04:00:00Z", "hours": 2}
    ]


def test_hours_are_local_and_add_up(files: ReportFiles, lake: Lake) -> None:
    document = read(files)
    hours = {(h["local_date"], h["local_hour"]): h["calls"] for h in document["calls_by_hour"]}
    assert len(hours) == 40
    assert hours["2026-01-23", 3] == 0
    assert (
        sum(hours.values())
        == document["volume"]["calls"]
        == lake.snapshot().scan("call_records").select(pl.len()).collect().item()
    )


def test_evidence_is_that_of_the_window(files: ReportFiles, lake: Lake) -> None:
    document = read(files)
    for row in document["alerts"]:
        evidence = row["evidence"]
        start, end = (datetime.fromisoformat(row[name]) for name in ("window_start", "window_end"))
        calls = (
            lake.snapshot()
            .scan("call_records")
            .filter(pl.col("caller_number") == row["suspect_number"])
            .filter((pl.col("call_timestamp") > start) & (pl.col("call_timestamp") <= end))
            .sort("call_timestamp")
            .collect()
        )
        figures = evidence["figures"]
        assert figures["calls"] == calls.height == sum(evidence["calls_by_time"]["counts"])
        assert figures["callees"] == calls["callee_number"].n_unique() == row["unique_destinations"]
        assert figures["average"] == pytest.approx(calls["duration_seconds"].mean(), abs=1e-4)
        assert len(evidence["calls_by_time"]["counts"]) == 24
        assert [c["callee_number"] for c in evidence["first_calls"]] == calls["callee_number"].head(3).to_list()
        assert [c["callee_number"] for c in evidence["last_calls"]] == calls["callee_number"].tail(3).to_list()
        source = {"source_file": "cdr_2026-01-23.csv.gz", "first_line": calls["source_line"].min()}
        assert source.items() <= evidence["sources"][0].items()


def test_only_committed_history_is_shown(files: ReportFiles) -> None:
    notes = [event["note"] for event in evidence_of(read(files), 100)["events"]]
    assert notes == ["seen before"]


def test_long_windows_are_counted_in_48_parts(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    calls = [
        call(BEGIN + timedelta(hours=h), "+2348030000001", f"+23480400000{h:02}", 1, "a.csv", h + 2) for h in range(90)
    ]
    lake.append("call_records", rows("call_records", calls))
    week = alert(1, "+2348030000001", "LOW", BEGIN - timedelta(seconds=1), window_end=BEGIN + timedelta(days=7))
    lake.append("fraud_alerts", rows("fraud_alerts", [week]))
    times = evidence_of(read(write(lake, tmp_path)), 1)["calls_by_time"]
    assert (len(times["counts"]), sum(times["counts"])) == (48, 90)
    assert times["bucket_seconds"] == pytest.approx(7 * 86400 / 48, abs=1)


def test_alert_whose_calls_are_gone_still_appears(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    lake.append(
        "call_records", rows("call_records", [call(BEGIN + timedelta(hours=3), "+2348030000009", "+1", 1, "a", 1)])
    )
    lost = alert(1, "+2348030000001", "LOW", BEGIN, window_start=None, window_end=None, parameters="not json")
    lake.append("fraud_alerts", rows("fraud_alerts", [lost]))
    document = read(write(lake, tmp_path))
    assert evidence_of(document, 1)["figures"] is None
    assert document["alerts"][0]["parameters"] == {}


def test_alerts_of_the_period_are_those_that_overlap_it(lake: Lake, out: Callable[[], Path]) -> None:
    early = read(write(lake, out(), since=BEGIN, until=BEGIN + timedelta(minutes=30)))
    assert {a["id"] for a in early["alerts"]} == {100, 106}
    none = read(write(lake, out(), since=BEGIN - timedelta(days=2), until="2026-01-21T23:00:00Z"))
    assert (none["alerts"], none["volume"]) == ([], {"calls": 0, "callers": 0})
    assert none["detection"]["complete"] is False


def test_period_of_a_run(lake: Lake, out: Callable[[], Path]) -> None:
    detect = read(write(lake, out(), run_id="run-detect"))
    assert detect["run_id"] == "run-detect"
    assert detect["detection"]["complete"] is True
    ingested = read(write(lake, out(), run_id="run-ingest"))
    assert ingested["period"]["includes_since"] is True
    assert ingested["quality"]["files"] == 2


def test_part_that_detection_never_saw_is_said(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    moments = [BEGIN, BEGIN + timedelta(hours=9)]
    lake.append("call_records", rows("call_records", [call(m, "+2348030000001", "+1", 9, "a", 1) for m in moments]))
    page = write(lake, tmp_path).html.read_text(encoding="utf-8")
    assert "No recorded run covers any of it" in page
    runs = [
        run_row("run-1", "detect", since=BEGIN, until=BEGIN + timedelta(hours=2)),
        run_row("run-2", "nightly", since=BEGIN + timedelta(hours=1), until=BEGIN + timedelta(hours=4)),
        run_row("run-4", "detect", since=BEGIN, until=BEGIN + timedelta(hours=9), parameters='{"configured": false}'),
        run_row("run-3", "detect", since=BEGIN, until=BEGIN + timedelta(hours=9), outcome="failed"),
    ]
    lake.append("runs", rows("runs", runs))
    written = write(lake, tmp_path)
    assert read(written)["detection"]["examined"] == [
        {"since": "2026-01-22T00:00:00Z", "until": "2026-01-22T04:00:00Z"}
    ]
    under_way = read(write(lake, tmp_path / "now", examined_by="run-9"))["detection"]
    assert (under_way["complete"], under_way["runs"][0]) == (True, "run-9")
    assert "It has examined 22 Jan 01:00 – 05:00; elsewhere" in written.html.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"run_id": "nope"}, "no run 'nope'"),
        ({"run_id": "run-detect", "since": "24h"}, "together with since or until"),
        ({"since": "2026-01-23", "until": "2026-01-22"}, "period is empty"),
        ({"timezone": "Mars/Olympus"}, "'Mars/Olympus' is not allowed; expected an IANA time zone"),
        ({"max_alerts": -1}, "max_alerts = -1"),
    ],
)
def test_wrong_requests_are_explained(lake: Lake, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        write(lake, tmp_path, **options)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_unknown_run_names_the_latest(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        write(lake, tmp_path, run_id="nope")
    assert "run-detect, run-ingest" in caught.value.hint


def test_run_without_a_period(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    lake.append("runs", rows("runs", [run_row("run-review", "review")]))
    with pytest.raises(UsageError, match=r"'run-review' \(review\) examined no period"):
        write(lake, tmp_path / "out", run_id="run-review")


def test_missing_lake_and_folder_that_is_a_file(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(LakeNotFoundError, match="no lake at"):
        write_report(lake=open_desk(tmp_path / "none", timezone="UTC"), out=tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        write(lake, tmp_path / "file" / "out")


def test_the_desk_says_where_reports_go(lake: Lake, tmp_path: Path) -> None:
    desk = open_desk(lake, reports=tmp_path / "of the desk")
    assert write_report(lake=desk, generated_at=GENERATED_AT).html == tmp_path / "of the desk" / "report.html"
    assert write_report(lake=desk, out=tmp_path / "b", generated_at=GENERATED_AT).html.parent == tmp_path / "b"


def test_lake_without_calls(tmp_path: Path) -> None:
    written = write(Lake.create(tmp_path / "lake"), tmp_path)
    document = read(written)
    assert document["period"] is None
    assert "The lake holds no calls" in written.html.read_text(encoding="utf-8")


def test_same_lake_gives_the_same_bytes(lake: Lake, out: Callable[[], Path]) -> None:
    first, second = write(lake, out()), write(lake, out())
    for name in ("html", "json", "alerts"):
        assert getattr(first, name).read_bytes() == getattr(second, name).read_bytes(), name


def test_alerts_file_has_every_alert(make_lake: Callable[..., Lake], out: Callable[[], Path]) -> None:
    written = write(make_lake(30, calls=200), out(), max_alerts=5)
    assert (written.alerts_total, written.alerts_shown) == (28, 5)
    table = pl.read_parquet(written.alerts)
    assert table.height == 28
    assert {"id", "suspect_number", "alert_severity", "first_seen", "run_id"} <= set(table.columns)
    page = written.html.read_text(encoding="utf-8")
    assert "5 of 28 alerts" in page
    assert len(read(written)["alerts"]) == 5


def test_five_hundred_alerts_fit_into_two_megabytes(make_lake: Callable[..., Lake], out: Callable[[], Path]) -> None:
    written = write(make_lake(502, calls=2000), out())
    assert written.alerts_shown == 500
    assert written.html.stat().st_size <= 2_000_000
    evidence = json.loads(block(written.html.read_text(encoding="utf-8"), "evidence"))
    assert len(evidence["alerts"]) == 500


def test_endless_notes_do_not_make_the_page_too_large(tmp_path: Path) -> None:
    lake = Lake.create(tmp_path / "lake")
    lake.append(
        "call_records", rows("call_records", [call(BEGIN + timedelta(hours=1), "+2348030000001", "+1", 1, "f", 1)])
    )
    made = mixed_alerts(502)
    for row in made:
        row |= {
            "reviewer_notes": "<&é" * 5000,
            "evidence_summary": "<&é" * 5000,
            "parameters": json.dumps({"k": "<" * 900}),
        }
    lake.append("fraud_alerts", rows("fraud_alerts", made))
    assert write(lake, tmp_path).html.stat().st_size <= 3_000_000


def test_failed_write_leaves_the_old_report(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = write(lake, tmp_path).json.read_bytes()

    def fail(path: Path, text: str) -> None:
        path.write_text(text[:100])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(output, "_write_text", fail)
    with pytest.raises(Exception, match="is full"):
        write(lake, tmp_path, generated_at=datetime(2030, 1, 1, tzinfo=UTC))
    assert (tmp_path / "report.json").read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["alerts.parquet", "report.html", "report.json"]


def test_policy_allows_exactly_the_page_s_own_scripts_and_styles(files: ReportFiles) -> None:
    page = files.html.read_text(encoding="utf-8")
    match = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)
    assert match is not None
    policy = html_module.unescape(match[1])
    assert "unsafe" not in policy and "http" not in policy and "default-src 'none'" in policy
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    styles = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    allowed = {
        "'sha256-" + base64.b64encode(hashlib.sha256(t.encode()).digest()).decode() + "'" for t in scripts + styles
    }
    assert (len(scripts), len(styles)) == (1, 1)
    assert set(re.findall(r"'sha256-[^']+'", policy)) == allowed
    assert not re.search(r"<(link|img|iframe|object|embed|base)\b|\sstyle=", page.replace(scripts[0], ""))


def test_hostile_text_is_escaped(make_lake: Callable[..., Lake], out: Callable[[], Path]) -> None:
    written = write(make_lake(hostile=True), out())
    page = written.html.read_text(encoding="utf-8")
    for text in ("<script>alert", "<img src=x", "<svg onload", "<b id=owned", "\u202e"):
        assert text not in page, text
    assert page.lower().count("</script") == page.lower().count("<script") == 4
    assert read(written)["alerts"][0]["reviewer_notes"] in (HOSTILE["note"], None)


@pytest.mark.parametrize(
    ("text", "seen"),
    [("+234", "+234"), ("a\x00b", "a\\u0000b"), ("\u202ecod", "\\u202ecod"), ("é 中", "é 中"), ("a\nb", "a\\u000ab")],
)
def test_hidden_characters_become_visible(text: str, seen: str) -> None:
    assert visible(text) == seen


def test_clip_keeps_both_ends() -> None:
    assert clip("abc", 3) == "abc"
    assert clip("a" * 50 + "z" * 50, 20) == "a" * 12 + "…" + "z" * 7


def block(page: str, name: str) -> str:
    match = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert match is not None
    return match[1]
