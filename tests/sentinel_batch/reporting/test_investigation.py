"""Queue, cases and scorecard of the report."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import polars as pl
import pytest

from sentinel_batch.alerts import list_alerts, review_alerts
from sentinel_batch.cases import build_cases, get_case
from sentinel_batch.desk import open_desk
from sentinel_batch.lake import Lake
from sentinel_batch.reporting import write_report
from sentinel_batch.reporting.document import load_schema
from sentinel_batch.reporting.investigation import draw_case
from sentinel_batch.reporting.network import draw_network
from tests.sentinel_batch.cases.case_samples import BOX, Book, accuse, everybody_else

NOW = datetime(2026, 2, 1, tzinfo=UTC)
IMEI = "356938035643809"
HOSTILE = "LOS</title><script>alert(1)</script>"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """One box of four SIMs in a cell with a hostile name, one verdict given."""
    book = Book()
    everybody_else(book)
    for number in BOX:
        book.add(number, cell=HOSTILE, imei=IMEI)
    made = book.save(tmp_path / "lake")
    accuse(made, *BOX, evidence=json.dumps({"in_out_call_ratio": 0.01, "details": [{"victim": "x"}]}))
    build_cases(lake=made)
    first = list_alerts(lake=made)["id"][0]
    review_alerts(first, disposition="false-positive", notes="<b>our own</b> dialler", lake=made)
    return made


def report(lake: Lake, out: Path) -> tuple[dict[str, Any], str]:
    files = write_report(lake=open_desk(lake, timezone="Africa/Lagos"), out=out, generated_at=NOW)
    return json.loads(files.json.read_text("utf-8")), files.html.read_text("utf-8")


def test_the_document_has_queue_cases_and_scorecard(lake: Lake, tmp_path: Path) -> None:
    document, _ = report(lake, tmp_path / "out")
    jsonschema.validate(document, load_schema())
    assert (document["queue_total"], document["queue"][0]["rank"]) == (3, 1)
    assert document["queue"][0]["case_id"] == 1
    assert (document["suspects_total"], document["suspects"][0]["kind"]) == (3, "number")
    assert all([alert["id"] for alert in suspect["alerts"]] == suspect["alert_ids"] for suspect in document["suspects"])
    [case] = document["cases"]
    assert [member["number"] for member in case["members"]] == BOX
    assert {"same_handset", "same_site"} <= {kind["kind"] for kind in case["kinds"]}
    [card] = document["scorecard"]
    assert (card["detection_rule"], card["alerts"], card["false_positives"]) == ("SDHF_001", 4, 1)
    assert document["false_positive_reasons"][0]["alerts"] == 1
    assert document["alerts"][0]["rule_evidence"]["in_out_call_ratio"] == 0.01


def test_the_page_shows_them_and_strangers_words_stay_words(lake: Lake, tmp_path: Path) -> None:
    _, page = report(lake, tmp_path / "out")
    for words in ("Look at these first", 'id="case-1"', 'class="network"', "How right the rules have been"):
        assert words in page
    assert page.count("<circle cx=") == len(BOX)
    assert HOSTILE not in page
    assert "<b>our own</b>" not in page
    assert "&lt;b&gt;our own&lt;/b&gt; dialler" in page


def test_equal_lakes_give_equal_pictures(lake: Lake) -> None:
    found = get_case(1, lake=lake)
    picture = draw_case(found)
    assert picture == draw_case(found)
    assert picture is not None
    assert [node["number"] for node in picture["nodes"]] == BOX
    assert len(picture["edges"]) == 6
    for node in picture["nodes"]:
        assert 0 <= node["x"] <= picture["width"]
        assert 0 <= node["y"] <= picture["height"]


def test_a_case_without_links_has_no_picture() -> None:
    members = pl.DataFrame({"number": ["a"], "severity": ["LOW"], "minutes": [1.0]})
    pairs = pl.DataFrame(schema={"number_a": pl.String, "number_b": pl.String, "strength": pl.Float64})
    assert draw_network(members, pairs, {}) is None


def test_a_lake_without_alerts_shows_none_of_it(tmp_path: Path) -> None:
    book = Book()
    everybody_else(book)
    document, page = report(book.save(tmp_path / "lake"), tmp_path / "out")
    assert (document["queue"], document["cases"], document["scorecard"]) == ([], [], [])
    for words in ("Look at these first", 'id="cases"', "How right the rules have been"):
        assert words not in page
