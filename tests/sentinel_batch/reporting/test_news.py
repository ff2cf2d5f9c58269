"""New, grown, still open: told from the history of alerts and nights."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from sentinel_batch.errors import UsageError
from sentinel_batch.ingestion import ingest
from sentinel_batch.reporting import PastNight, write_report
from sentinel_batch.reporting.document import load_schema
from sentinel_batch.reporting.news import find_baseline
from sentinel_batch.reporting.nights import compare_nights
from tests.sentinel_batch.nightly.nights import clock_at, night_of
from tests.sentinel_batch.nightly.test_nightly import NOON, SUSPECTS, Desk

DAY = timedelta(days=1)


def past(name: str, *, examined: bool = True, good: bool = True, days: int = 0, **figures: Any) -> PastNight:
    start = NOON + days * DAY
    until = start + DAY if examined else start
    return PastNight(name, start, start, "done" if good else "failed", since=start, until=until, figures=figures)


@pytest.mark.parametrize(
    ("nights", "run_id", "under_way", "baseline"),
    [
        ("", None, True, None),
        ("a", None, True, "a"),
        ("ab", None, False, "a"),  # a report by hand tells the news of the last night
        ("a", None, False, None),
        ("abq", None, False, "a"),  # nothing came in after b: its news stay news
        ("abf", None, True, "b"),  # f failed and told nobody
        ("abc", "b", False, "a"),
        ("abc", "nobody", False, "b"),
    ],
)
def test_news_are_measured_from_the_night_before(
    nights: str, run_id: str | None, under_way: bool, baseline: str | None
) -> None:
    history = [past(name, examined=name != "q", good=name != "f") for name in nights]
    found = find_baseline(history, run_id, under_way)
    assert (None if found is None else found.run_id) == baseline


def test_nights_of_a_day_are_added_up_and_days_are_local() -> None:
    late = NOON.replace(hour=23, minute=30)  # the next day in Lagos
    history = [past("a", records_inserted=5), past("b", records_inserted=7, new={"HIGH": 2}), past("f", good=False)]
    found = compare_nights({"records_inserted": 1}, late, history, "Africa/Lagos")
    assert found["tonight"]["date"] == "2026-01-21" and found["tonight"]["records_inserted"] == 1
    assert found["day_before"]["records_inserted"] == 12 and found["day_before"]["new"]["HIGH"] == 2
    assert found["week_before"] is None
    assert compare_nights({}, late + 6 * DAY, history, "Africa/Lagos")["week_before"]["date"] == "2026-01-20"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """Two nights: in the second one suspect goes on and one is new; then a file is refused by hand."""
    desk = Desk(tmp_path_factory.mktemp("news"))
    desk.receive("a.csv", 0)
    desk.receive("c.csv", 2)
    with clock_at(night_of(NOON)):
        desk.night()
    desk.receive("a2.csv", 0, at=NOON + timedelta(hours=1), calls=70)
    desk.receive("b.csv", 1, at=NOON + DAY)
    with clock_at(night_of(NOON, 1)):
        desk.night()
    return desk


def report(desk: Desk, out: Path, **options: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(
        write_report(lake=desk.lake, config=desk.config, out=out, **options).json.read_text()
    )
    jsonschema.validate(document, load_schema())
    return document


def test_a_report_by_hand_tells_the_news_of_the_last_night(desk: Desk, tmp_path: Path) -> None:
    document = report(desk, tmp_path)
    news = document["news"]
    assert [row["suspect"] for row in news["new"]] == [SUSPECTS[1]]
    assert [row["suspect"] for row in news["grown"]] == [SUSPECTS[0]]
    assert news["grown"][0]["calls"] == {"before": 60, "after": 130}
    # What is told of it are tonight's figures, not the evidence of the first night.
    assert news["grown"][0]["reason"] == (
        "SDHF_001: 60 → 130 calls, 60 → 70 numbers called, last call 2026-01-20 14:09 UTC"
    )
    assert [row["suspect"] for row in news["open"]] == [SUSPECTS[2]]
    assert news["by_severity"]["MEDIUM"]["new"] == 1
    assert document["night"] is None and document["comparison"] is None and document["lost_files"] == []


def test_the_report_of_a_run_that_was_a_night_tells_that_night(desk: Desk, tmp_path: Path) -> None:
    first, second = desk.nights()["run_id"]
    document = report(desk, tmp_path, run_id=second)
    assert {Path(file["path"]).name for file in document["night"]["files"]} >= {"a2.csv", "b.csv"}
    assert document["comparison"]["tonight"]["alerts_grown"] == 1
    assert document["comparison"]["day_before"]["records_inserted"] == 122
    assert report(desk, tmp_path, run_id=first)["news"]["since"] is None
    with pytest.raises(UsageError):
        report(desk, tmp_path, run_id="nobody")


def test_a_file_that_was_refused_by_hand_is_lost_until_it_is_taken(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    good = desk.receive("a.csv", 0)
    ingest([good], lake=desk.lake, config=desk.config)
    bad = tmp_path / "bad.csv"
    bad.write_bytes(bytes(range(256)) * 40)
    ingest([bad], lake=desk.lake, config=desk.config)
    document = report(desk, tmp_path / "out")
    assert [Path(file["path"]).name for file in document["lost_files"]] == ["bad.csv"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "1 file was lost" in page and "✓ Every input row" not in page and "ingest --dry-run" in page
    bad.write_text(good.read_text().replace(SUSPECTS[0], SUSPECTS[1]))
    ingest([bad], lake=desk.lake, config=desk.config)
    assert report(desk, tmp_path / "out")["lost_files"] == []


def test_a_file_refused_by_hand_is_told_with_day_and_a_command_for_every_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path)
    ingest([desk.receive("a.csv", 0)], lake=desk.lake, config=desk.config)
    (tmp_path / "bad.csv").write_bytes(b"x,y\n1,2\n")
    monkeypatch.chdir(tmp_path)
    with clock_at(night_of(NOON)):
        ingest(["bad.csv"], lake=desk.lake, config=desk.config)
    with clock_at(night_of(NOON, 1)):
        night = desk.night()
    assert night.report is not None
    [lost] = json.loads(night.report.json.read_text())["lost_files"]
    assert lost["path"] == str(tmp_path / "bad.csv")
    assert lost["reason"].startswith("Refused by hand on 2026-01-21 03:00 (Africa/Lagos): line 1: no dialect fits")
    assert (
        lost["command"] == f"sentinel-batch ingest --dry-run -- {tmp_path / 'bad.csv'}"
        and "bad.csv" not in lost["hint"]
    )
    (tmp_path / "bad.csv").write_text((desk.inbox / "a.csv").read_text().replace(SUSPECTS[0], SUSPECTS[1]))
    ingest(["bad.csv"], lake=desk.lake, config=desk.config)
    assert report(desk, tmp_path / "out")["lost_files"] == []


def test_the_page_says_whether_it_counts_suspects_or_alerts(desk: Desk, tmp_path: Path) -> None:
    report(desk, tmp_path)
    page = " ".join((tmp_path / "report.html").read_text().split())
    assert ">New suspects <" in page and ">Suspects that grew <" in page and "Still open: 1 suspect of this" in page
    assert "1 new alert, 3 open in all" in page


def test_new_alerts_of_known_suspects_are_no_new_suspects() -> None:
    from sentinel_batch.reporting.page import make_environment

    counts = {"new": 0, "grown": 1, "open": 0}
    news = {"since": None, "counts": counts, "new": [], "grown": [], "open": [], "open_elsewhere": 0}
    news["by_severity"] = {"LOW": {"new": 2, "open": 3}}
    page = make_environment("UTC").get_template("news.html.j2")
    text = page.render(doc={"news": news, "night": None, "comparison": None}, beside=[])
    assert "No new suspect: the 2 new alerts are of suspects that were known." in text


def test_nothing_is_new_where_there_was_no_night(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    ingest([desk.receive("a.csv", 0)], lake=desk.lake, config=desk.config)
    assert report(desk, tmp_path / "out")["news"] is None
