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


def test_nothing_is_new_where_there_was_no_night(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    ingest([desk.receive("a.csv", 0)], lake=desk.lake, config=desk.config)
    assert report(desk, tmp_path / "out")["news"] is None
