"""Boxes in the report and in notebooks: strips, network, callees in common, loss."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import polars as pl
import pytest
from box_samples import BOX, NEW_SIMS, plan_network

from sentinel_batch.boxes import BoxFile, get_box, get_boxes, record_boxes
from sentinel_batch.config import Config
from sentinel_batch.desk import Desk
from sentinel_batch.lake import Lake
from sentinel_batch.reporting import chart_box, write_report
from sentinel_batch.reporting.document import load_schema
from sentinel_batch.reporting.drill_downs import prepare_evidence
from sentinel_batch.reporting.evidence import end_windows

HOSTILE = "<b>KAN007</b>"


def record(folder: Path, *, cell: str = "KAN007") -> Desk:
    """Return the desk of a lake whose one box is recorded; ``cell`` is where all its SIMs call from."""
    lake = plan_network(cell).save(folder)
    desk = Desk(Config(lake=lake.path, box_callees=10))
    record_boxes(desk)
    return desk


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return record(tmp_path_factory.mktemp("boxes") / "lake")


@pytest.fixture
def box(desk: Desk) -> BoxFile:
    return get_box(1, lake=desk)


def test_a_box_knows_its_days_common_callees_and_loss(desk: Desk, box: BoxFile) -> None:
    calls = Lake.open(desk.config.lake).snapshot().read("call_records")
    members = box.members["number"].to_list()
    mine = calls.filter(calls["caller_number"].is_in(members))
    assert box.days["calls"].sum() == mine.height
    assert set(box.days["cell"]) == {"KAN007"}
    assert (
        box.days.filter(box.days["number"] == NEW_SIMS[0])["local_date"].min() == sorted(mine["local_date"].unique())[6]
    )
    callee, sims, made = box.common_callees.row(0)
    theirs = mine.filter(mine["callee_number"] == callee)
    assert (sims, made) == (theirs["caller_number"].n_unique(), theirs.height)
    assert box.common_callees["members"].min() == 2
    assert box.loss == pytest.approx(box.box["minutes"] * (24.4 - 3.9), abs=0.01)


def test_of_a_long_life_the_last_days_are_told(desk: Desk, box: BoxFile) -> None:
    last = box.box["last_day"]
    [told] = get_boxes([1], lake=desk, newest_days=4)
    assert told.days.equals(box.days.filter(pl.col("local_date") > last - timedelta(days=4)))
    at_work = box.members.filter(pl.col("last_day") > last - timedelta(days=4))["number"].to_list()
    assert told.members["number"].to_list() == at_work
    # Two SIMs have gone by then; what they did is no longer told, though the box still counts them.
    assert (len(at_work), box.members.height) == (8, 10)
    assert (told.box, told.loss) == (box.box, box.loss)
    [whole] = get_boxes([1], lake=desk, newest_days=400)
    assert whole.days.equals(box.days) and whole.members.equals(box.members)
    picture = chart_box(told)
    assert picture.strips is not None
    assert {row["number"] for row in picture.strips["rows"]} == set(at_work)


def test_of_a_long_window_the_end_is_told() -> None:
    end = datetime(2026, 6, 1, tzinfo=UTC)
    starts = [end - timedelta(days=days) for days in (1, 28, 29, 400)]
    alerts = pl.DataFrame({"window_start": [*starts, None], "window_end": [end] * 5})
    told = [None if start is None else (end - start).days for start in end_windows(alerts)["window_start"]]
    assert told == [1, 28, 28, 28, None]
    nothing = dict.fromkeys(("evidence", "rule_version", "run_id", "disposition", "reviewer_notes"))
    row = {"id": 1, "parameters": {}, "rule_evidence": {}, "window_start": starts[3].isoformat(), **nothing}
    shown = prepare_evidence([{**row, "window_end": end.isoformat()}], "UTC")["alerts"][1]["w"]
    assert shown == ["2026-05-04 00:00:00", "2026-06-01 00:00:00"]


def test_a_strip_begins_and_ends_with_its_sim(box: BoxFile) -> None:
    picture = chart_box(box)
    assert picture.strips is not None
    assert picture.network is not None
    days = {row["number"]: len(row["slots"]) for row in picture.strips["rows"]}
    assert (days[BOX[0]], days[BOX[4]], days[NEW_SIMS[0]]) == (6, 10, 4)
    assert picture.strips["rows"][-1]["number"] in NEW_SIMS
    assert picture.strips["cells"] == [{"colour": "c0", "name": "KAN007"}]
    assert {node["number"] for node in picture.network["nodes"]} == {*BOX, *NEW_SIMS}
    assert any("common one-way callees" in edge["title"] for edge in picture.network["edges"])
    assert picture == chart_box(box)


def test_a_box_without_cells_or_traces_is_drawn_as_far_as_it_goes(box: BoxFile) -> None:
    unknown = chart_box(replace(box, days=box.days.with_columns(cell=pl.lit(None, pl.String))))
    assert unknown.strips is not None
    assert unknown.strips["cells"] == [{"colour": "none", "name": "cell unknown"}]
    assert chart_box(replace(box, days=box.days.clear())).strips is None
    assert 'class="strips"' not in chart_box(replace(box, days=box.days.clear())).to_html()


def test_the_report_shows_boxes_and_strangers_words_stay_words(tmp_path: Path) -> None:
    desk = record(tmp_path / "lake", cell=HOSTILE)
    write_report(out=tmp_path / "out", lake=desk)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    document = json.loads((tmp_path / "out" / "report.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, load_schema())
    assert document["boxes_total"] == 1
    assert document["boxes"][0]["days"][0]["cell"] == HOSTILE
    assert 'id="box-1"' in page
    assert "&gt;" not in page[page.index("<style>") : page.index("</style>")]
    assert page.count('class="strips"') == 1
    assert HOSTILE not in page
    assert HOSTILE not in chart_box(get_box(1, lake=desk))._repr_html_()
