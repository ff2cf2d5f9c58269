"""The report's part on recordings: what it says, and how it looks in a browser."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest
import recording_samples
from recording_samples import HOSTILE_NAME, write_recording

from sentinel_batch.desk import open_desk
from sentinel_batch.lake import Lake
from sentinel_batch.recordings import analyse_recordings, with_call_times
from sentinel_batch.reporting import ReportFiles, chart_scores, write_report
from sentinel_batch.reporting.document import load_schema
from sentinel_batch.reporting.recording_page import clock, prepare_drill_downs, say
from sentinel_batch.reporting.recordings import choose_worst, describe_recording
from sentinel_batch.schema import RECORDINGS
from sentinel_batch.window import now
from tests.sentinel_batch.reporting.pages import requested, visit
from tests.sentinel_batch.reporting.report_lake import GENERATED_AT

SUSPECT = "+2348035550000"


@pytest.fixture(scope="module")
def heard(make_lake: Callable[..., Lake], tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with alerts and six recordings, one of the worst suspect and one with a hostile name."""
    lake, inbox = make_lake(), tmp_path_factory.mktemp("audio")
    names = (HOSTILE_NAME, "a 0.93.wav", "b 0.12.wav", "abstain 0.88.wav", "c 0.5.wav")
    for seed, name in enumerate(names):
        write_recording(inbox / name, seed=seed)
    (inbox / "broken.wav").write_bytes(b"x")
    for name in ("one.siren7", "two.siren7", "<b>.notes"):
        (inbox / name).write_bytes(b"\x01" * 40)
    (inbox / "m.csv").write_text(
        f"file,caller_number,call_time\na 0.93.wav,{SUSPECT},2026-01-22 13:30\nb 0.12.wav,,2026-01-21T12:00:00Z\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("audio_batch.spoof.score", recording_samples.score_by_name)
        patch.setattr("audio_batch.batch.running._count_workers", lambda _: 0)
        analyse_recordings(inbox, lake=open_desk(lake, region="NG"), manifest=inbox / "m.csv", policy="voice_only")
    return lake


@pytest.fixture(scope="module")
def files(heard: Lake, out: Callable[[], Path]) -> ReportFiles:
    return write_report(lake=open_desk(heard, timezone="Africa/Lagos"), out=out())


@pytest.fixture(scope="module")
def document(files: ReportFiles) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(files.json.read_text())
    return found


def test_the_document_fits_its_schema(document: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(load_schema()).validate(document)
    assert document["schema_version"] == "1.6"
    broken = json.loads(json.dumps(document))
    broken["recordings"]["items"][0]["score"] = 1.5
    with pytest.raises(jsonschema.ValidationError, match=r"1\.5"):
        jsonschema.validate(broken, load_schema())


def test_files_that_were_not_read_are_named(document: dict[str, Any], files: ReportFiles) -> None:
    unread = {group["kind"]: group for group in document["recordings"]["unread"]}
    assert list(unread) == [".siren7", ".notes"]
    assert unread[".siren7"]["files"] == 2 and unread[".siren7"]["examples"] == ["one.siren7", "two.siren7"]
    page = files.html.read_text()
    assert "2 × <bdi>.siren7</bdi>" in page and "G.722.1" in page
    assert "&lt;b&gt;.notes" in page and "<b>.notes" not in page


def test_the_funnel_adds_up(document: dict[str, Any]) -> None:
    heard = document["recordings"]
    assert heard["funnel"] == {"received": 6, "valid": 5, "scored": 4, "abstained": 1, "failed": 1}
    assert heard["abstained_by_reason"] == [{"reason": "too_little_speech", "recordings": 1}]
    assert [row["recordings"] for row in heard["failed_by_reason"]] == [1]
    assert heard["by_label"] == {"likely_synthetic": 2, "uncertain": 2, "likely_real": 1}
    assert sum(row["recordings"] for row in heard["scores"]) == 5
    assert [item["score"] for item in heard["items"]] == [0.95, 0.93, 0.88, 0.5, 0.12, None]


def test_an_item_carries_its_evidence(document: dict[str, Any]) -> None:
    item = document["recordings"]["items"][1]
    assert [segment["start"] for segment in item["worst_segments"]] == [1.0, 2.0, 0.0]
    assert item["route"]["action"] == "BLOCK"
    assert item["route"]["decisive_rule"] == item["route"]["rules_fired"][0]["id"]
    (line,) = item["timeline"]
    assert len(line["scores"]) == 240
    assert (line["scores"][0], line["scores"][60], line["scores"][239]) == (0.465, 0.93, 0.279)
    assert item["verification"] is None
    assert item["quality"]["speech_seconds"] > 2


def test_a_suspect_whose_recordings_are_synthetic_is_one_finding(document: dict[str, Any]) -> None:
    (found,) = document["recordings"]["joint_findings"]
    assert (found["suspect_number"], found["alert_ids"], found["paths"]) == (SUSPECT, [100], ["a 0.93.wav"])


def test_a_report_of_a_period_has_the_calls_in_it(heard: Lake, out: Callable[[], Path]) -> None:
    """One call of the manifest lies on 22 January, one before it; the others have no time, and were analysed today."""
    recent = write_report(lake=open_desk(heard, timezone="Africa/Lagos"), out=out(), since="2026-01-22T00:00:00Z")
    found = json.loads(recent.json.read_text())["recordings"]
    jsonschema.Draft202012Validator(load_schema()).validate(json.loads(recent.json.read_text()))
    assert found["total"] == 5 and "b 0.12.wav" not in {item["path"] for item in found["items"]}
    assert found["outside"] == {"recordings": 1, "likely_synthetic": 0}
    assert "1 recording was analysed since the period began whose calls lie outside it." in recent.html.read_text()
    (item,) = (item for item in found["items"] if item["path"] == "a 0.93.wav")
    assert item["call_time"] == "2026-01-22T12:30:00Z"
    assert "2026-01-22 12:30:00 UTC" in recent.html.read_text()
    earlier = write_report(
        lake=open_desk(heard, timezone="UTC"), out=out(), since="2026-01-20T00:00:00Z", until="2026-01-21T23:00:00Z"
    )
    paths = {item["path"] for item in json.loads(earlier.json.read_text())["recordings"]["items"]}
    assert "b 0.12.wav" in paths and "a 0.93.wav" not in paths


def test_a_report_has_nothing_that_came_after_it(heard: Lake, out: Callable[[], Path]) -> None:
    old = write_report(lake=open_desk(heard, timezone="UTC"), out=out(), generated_at=GENERATED_AT)
    kept = json.loads(old.json.read_text())["recordings"]["total"]
    assert kept == (0 if now() > GENERATED_AT else 6)


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        ('{"call_time": "2026-01-22T13:30:00+01:00"}', "2026-01-22 12:30:00"),
        ('{"call_time": "2026-01-22 13:30"}', "2026-01-22 12:30:00"),
        ('{"call_time": "soon", "started_at": "2026-01-22t13:30:00z"}', "2026-01-22 13:30:00"),
        ('{"timestamp": "2026-01-22"}', None),
        ('{"call_time": "9999-12-31T23:59:59-14:00"}', None),
        ('{"call_time": 7}', None),
        ("[]", None),
        (None, None),
    ],
)
def test_the_time_of_a_call_is_read_from_the_manifest(context: str | None, expected: str | None) -> None:
    frame = pl.DataFrame({"context": [context]}, schema={"context": pl.String})
    (found,) = with_call_times(frame, "Africa/Lagos")["call_time"]
    assert (None if found is None else f"{found:%Y-%m-%d %H:%M:%S}") == expected


def test_without_recordings_there_is_no_section(lake: Lake, out: Callable[[], Path]) -> None:
    files = write_report(lake=open_desk(lake, timezone="UTC"), out=out(), generated_at=GENERATED_AT)
    empty = json.loads(files.json.read_text())
    jsonschema.Draft202012Validator(load_schema()).validate(empty)
    assert empty["recordings"]["total"] == 0
    assert 'id="recordings"' not in files.html.read_text()


def test_the_same_lake_gives_the_same_bytes(heard: Lake, out: Callable[[], Path]) -> None:
    moment = now()
    one, two = (write_report(lake=open_desk(heard, timezone="UTC"), out=out(), generated_at=moment) for _ in range(2))
    assert one.html.read_bytes() == two.html.read_bytes()
    assert one.json.read_bytes() == two.json.read_bytes()


def test_worst_segments_do_not_overlap() -> None:
    spans = [(0, 4, 0.5), (2, 6, 0.9), (4, 8, 0.8), (6, 10, 0.7), (20, 24, 0.1)]
    segments = [{"channel": 0, "role": None, "start": a, "end": b, "score": s} for a, b, s in spans]
    segments.append({"channel": 1, "role": "agent", "start": 2, "end": 6, "score": 0.85})
    found = [(s["channel"], s["start"]) for s in choose_worst(segments)]
    assert found == [(0, 2), (1, 2), (0, 6)]


def test_damaged_documents_in_a_row_are_left_out() -> None:
    row = dict.fromkeys(RECORDINGS.columns) | {
        "reasons": "{",
        "issues": '{"a": 1}',
        "decision": "[]",
        "action": "ALLOW",
    }
    item = describe_recording(row, [], drawn=True)
    assert (item["reasons"], item["issues"], item["timeline"], item["route"]["rules_fired"]) == ([], [], [], [])


def test_splices_stand_on_the_page_with_their_place_and_damaged_ones_do_not() -> None:
    splice = {"channel": 0, "role": None, "start": 61, "end": 66.0, "strength": 1.4, "why": "unlike \u202ethe rest"}
    known = {"recording_id": 1, "path": "a.wav", "duration": 90.0, "status": "scored", "is_valid": True}
    row = dict.fromkeys(RECORDINGS.columns) | known
    row["splices"] = json.dumps([splice, 3, {"start": "1", "end": 2}])
    item = describe_recording(row, [], drawn=True)
    assert item["splices"] == [splice]
    pictures = pl.DataFrame(
        {"recording_id": [1], "picture": [None]}, schema={"recording_id": pl.Int64, "picture": pl.String}
    )
    drawn = prepare_drill_downs({"items": [item]}, pictures)[1]
    (moved,) = (block for block in drawn["facts"] if block["title"] == "What moved the score")
    (place, words) = moved["rows"][0]
    assert place == "✂ 1:01.0 – 1:06.0"
    assert words.startswith("Looks inserted: unlike ") and "\u202e" not in words


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (0, "0:00.0"), (62.54, "1:02.5"), (59.96, "1:00.0"), (3661.2, "1:01:01.2")]
)
def test_clock(seconds: float | None, text: str) -> None:
    assert clock(seconds) == text


def test_codes_are_words() -> None:
    assert (say("low_snr"), say("brand_new"), say(None)) == ("too much noise", "brand new", "–")


def test_chart_of_scores() -> None:
    frame = pl.DataFrame({"score": [0.0, 0.049, 0.05, 1.0, None], "label": ["likely_real"] * 3 + ["uncertain", None]})
    spec = chart_scores(frame).to_dict()
    (rows,) = spec["datasets"].values()
    assert [(row["low"], row["recordings"]) for row in rows] == [(0.0, 2), (0.05, 1), (0.95, 1)]
    assert "0 human … 1 synthetic" in json.dumps(spec, ensure_ascii=False)


# -- in a browser -------------------------------------------------------------------------------------------------


def open_all(browser: Any) -> None:
    browser.execute_script("document.querySelectorAll('#voices > tbody th button').forEach(button => button.click())")


@pytest.mark.browser
def test_recordings_are_drawn_without_errors_and_without_network(browser: Any, files: ReportFiles) -> None:
    visit(browser, files.html)
    assert not browser.find_element("css selector", "#voices .why").is_displayed()
    open_all(browser)
    assert browser.execute_script("return document.querySelectorAll('#chart-scores rect').length") >= 5
    sizes = "return [...document.querySelectorAll('.hearing img')].map(i => [i.naturalWidth, i.naturalHeight])"
    assert browser.execute_script(sizes) == [[240, 48]] * 5
    assert browser.get_log("browser") == []
    assert {url.split("#")[0] for url in requested(browser)} == {files.html.as_uri()}


@pytest.mark.browser
def test_hostile_names_stay_text(browser: Any, files: ReportFiles) -> None:
    visit(browser, files.html)
    open_all(browser)
    text = browser.find_element("id", "voices").text
    assert HOSTILE_NAME in text
    assert "speaks for <b>synthetic</b>" in text
    assert browser.execute_script("return document.querySelectorAll('[onerror], #voices b, img[src=x]').length") == 0
    page = browser.find_element("tag name", "main").text
    for words in ("0 = human to 1 = synthetic", SUSPECT, "too little speech", "fake-1", "SHA-256", "critical_risk"):
        assert words in page, words


@pytest.mark.browser
def test_sound_and_score_have_the_same_time_axis(browser: Any, files: ReportFiles) -> None:
    visit(browser, files.html)
    open_all(browser)
    edges = (
        "return [...document.querySelectorAll('.hearing')].map(f => [...f.querySelectorAll('img, svg, .ends')]"
        ".map(e => [e.getBoundingClientRect().left, e.getBoundingClientRect().right].map(Math.round).join()))"
    )
    for figure in browser.execute_script(edges):
        assert len(figure) == 3
        assert len(set(figure)) == 1


@pytest.mark.browser
@pytest.mark.parametrize("width", [360, 768, 1280])
def test_recordings_never_scroll_the_page_sideways(browser: Any, files: ReportFiles, width: int) -> None:
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        visit(browser, files.html)
        open_all(browser)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def fill(browser: Any, control: str, value: str) -> None:
    script = "const c = document.getElementById(arguments[0]); c.value = arguments[1]; c.dispatchEvent(new Event("
    event = "'input'" if control == "v-text" else "'change'"
    browser.execute_script(f"{script}{event}))", control, value)


def read_count(browser: Any) -> str:
    return str(browser.find_element("id", "v-count").text)


def listed(browser: Any) -> list[str]:
    script = (
        "return [...document.querySelectorAll('#voices > tbody:not([hidden])')].map(b => b.rows[0].cells[3].innerText)"
    )
    return [text.split(" ")[0] for text in browser.execute_script(script)]


@pytest.mark.browser
def test_recordings_are_filtered_and_the_view_can_be_sent(browser: Any, files: ReportFiles) -> None:
    visit(browser, files.html, "#severity=CRITICAL")
    assert read_count(browser) == "6 recordings"
    fill(browser, "v-label", "likely_synthetic")
    assert len(listed(browser)) == 2 and read_count(browser) == "2 of 6 recordings"
    for typed in (f"0{SUSPECT[4:]}", "0803 555 0000", SUSPECT[-7:]):
        fill(browser, "v-text", typed)
        assert listed(browser) == ["a"], typed
    browser.find_element("css selector", "#voices > tbody:not([hidden]) button").click()
    fragment = browser.execute_script("return location.hash")
    assert fragment.startswith(f"#severity=CRITICAL&label=likely_synthetic&rq={SUSPECT[-7:]}&heard=")
    visit(browser, files.html, fragment)
    assert listed(browser) == ["a"] and browser.find_element("css selector", "#voices .open .why").is_displayed()
    assert browser.find_element("id", "f-severity").get_attribute("value") == "CRITICAL"
    fill(browser, "v-text", "no such thing")
    assert browser.find_element("id", "v-nothing").is_displayed() and read_count(browser) == "0 of 6 recordings"
    browser.find_element("id", "v-reset").click()
    assert browser.execute_script("return location.hash") == "#severity=CRITICAL" and len(listed(browser)) == 6
    fill(browser, "v-label", "none")
    assert listed(browser) == ["broken.wav"]
    fill(browser, "v-channel", "wideband")
    assert listed(browser) == []


@pytest.mark.browser
def test_a_wrong_view_falls_back(browser: Any, files: ReportFiles) -> None:
    visit(browser, files.html, "#label=<b>&channel=nine&rq=%F0%9F&heard=none,,x")
    assert browser.find_element("id", "v-label").get_attribute("value") == "" and browser.get_log("browser") == []
    visit(browser, files.html, "#label=uncertain")
    browser.execute_script("location.hash = '#alerts'")
    assert len(listed(browser)) == 2


@pytest.mark.browser
def test_paper_shows_the_evidence(browser: Any, files: ReportFiles) -> None:
    visit(browser, files.html)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert all(row.is_displayed() for row in browser.find_elements("css selector", "#voices .why"))
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
