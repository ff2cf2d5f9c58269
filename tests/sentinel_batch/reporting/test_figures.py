"""The page's charts as geometry: small, crowded and empty nights."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from sentinel_batch.config import Config
from sentinel_batch.desk import open_desk
from sentinel_batch.lake import Lake
from sentinel_batch.reporting import write_report
from sentinel_batch.reporting.cell_map import WIDTH, draw_map
from sentinel_batch.reporting.marks import MAX_SUSPECTS
from sentinel_batch.reporting.plane import draw_bars, draw_scatter
from sentinel_batch.reporting.strips import LEVELS, Strip, draw_strips
from sentinel_batch.schema import SEVERITIES
from tests.sentinel_batch.reporting.report_lake import BEGIN, GENERATED_AT, alert, call, fill, rows

LAGOS, KANO = (6.6, 3.35), (12.0, 8.5)


def points(count: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "suspect_number": [f"+{nth}" for nth in range(count)],
            "alert_severity": [[*SEVERITIES, None][nth % 5] for nth in range(count)],
            "unique_destinations": [nth * 40 for nth in range(count)],
            "avg_duration_seconds": [nth * 1.7 for nth in range(count)],
        },
        schema_overrides={
            "alert_severity": pl.String,
            "unique_destinations": pl.Int64,
            "avg_duration_seconds": pl.Float64,
        },
    )


@pytest.mark.parametrize("count", [0, 1, 500])
def test_every_point_lies_inside_and_the_worst_are_drawn_last(count: int) -> None:
    drawn = draw_scatter(points(count))
    assert len(drawn["points"]) == count
    for point in drawn["points"]:
        x, y = map(float, re.match(r"M(\S+) (\S+)m", point["shape"]).groups())  # type: ignore[union-attr]
        assert drawn["left"] <= x <= drawn["right"] and drawn["top"] <= y <= drawn["floor"]
    kinds = [point["kind"] for point in drawn["points"]]
    assert kinds == sorted(kinds, key=["other", *SEVERITIES].index)


def test_bars_of_one_place_stand_on_each_other() -> None:
    counts = pl.DataFrame(
        {"low": [0.0, 0.0, 0.95], "high": [0.05, 0.05, 1.0], "label": ["a", "b", "a"], "recordings": [3, 1, 2]}
    )
    drawn = draw_bars(counts, ["a", "b"], "Score", "Recordings")
    below, above, other = drawn["bars"]
    assert above["y"] + above["height"] == pytest.approx(below["y"])
    assert above["y"] == pytest.approx(drawn["top"])
    assert below["height"] == pytest.approx(3 * above["height"])
    assert other["x"] + other["width"] <= drawn["right"]


def test_the_busiest_slot_is_strongest_and_silence_is_no_call() -> None:
    slots = [(0, 0, "00:00"), (1, 1, "01:00"), (2, 99, "02:00")]
    marks = draw_strips("Day", "Calls", 24, ["00", "24"], [Strip("Mon", slots, "100")])["rows"][0]["marks"]
    assert [mark["level"] for mark in marks] == [0, 1, LEVELS]
    assert marks[2]["title"] == "02:00: 99"


def places(*spots: tuple[str, tuple[float, float], int]) -> pl.DataFrame:
    made = [
        {"name": name, "latitude": at[0], "longitude": at[1], "alerts": n, "suspects": 1, "severity": "HIGH"}
        for name, at, n in spots
    ]
    kinds = {
        "name": pl.String,
        "latitude": pl.Float64,
        "longitude": pl.Float64,
        "alerts": pl.Int64,
        "suspects": pl.Int64,
    }
    return pl.DataFrame(made, schema={**kinds, "severity": pl.String})


def boxes(*spots: tuple[int, tuple[float, float]]) -> pl.DataFrame:
    made = [{"box_id": box_id, "members": 8, "latitude": at[0], "longitude": at[1]} for box_id, at in spots]
    kinds = {"box_id": pl.Int64, "members": pl.Int64, "latitude": pl.Float64, "longitude": pl.Float64}
    return pl.DataFrame(made, schema=kinds)


def test_the_map_shows_the_country_and_larger_places_with_more_alerts() -> None:
    drawn = draw_map(places(("LOS", LAGOS, 40), ("KAN", KANO, 10)), boxes((1, LAGOS), (2, LAGOS)))
    assert drawn is not None
    assert "Nigeria" in {country["name"] for country in drawn["land"]}
    lagos, kano = drawn["places"]
    assert (lagos["name"], lagos["size"]) == ("LOS", 2 * kano["size"])
    assert lagos["x"] < kano["x"] and lagos["y"] > kano["y"]  # South-west of it.
    assert all(0 < place["x"] < WIDTH and 0 < place["y"] < drawn["height"] for place in drawn["places"])
    assert [box["x"] - lagos["x"] for box in drawn["boxes"]] == [0, pytest.approx(13)]


def test_a_map_of_one_place_or_of_the_whole_world_holds() -> None:
    for spots in ([("A", LAGOS, 1)], [("A", (78.0, -170.0), 1), ("B", (-55.0, 179.0), 3)]):
        drawn = draw_map(places(*spots), boxes())
        assert drawn is not None and len(drawn["places"]) == len(spots)
        assert sum(len(country["shape"]) for country in drawn["land"]) < 700_000
    assert draw_map(places(), boxes()) is None


def test_names_on_the_map_do_not_lie_on_each_other() -> None:
    crowd = [(f"C{nth}", (6.5 + nth / 1000, 3.3), 5) for nth in range(30)]
    drawn = draw_map(places(*crowd, ("KAN", KANO, 1)), boxes())
    assert drawn is not None
    assert [place["name"] for place in drawn["places"] if place["name"]] == ["C0", "KAN"]


def crowded(lake: Lake, *, cells: bool) -> Lake:
    """Sixty days, twenty rules, five hundred suspects."""
    made = [
        alert(
            nth + 1, f"+23480355{nth:05d}", SEVERITIES[nth % 4], BEGIN - timedelta(days=nth % 60),
            detection_rule=f"SOME_RULE_WITH_A_LONG_NAME_{nth % 20:02}",
        )
        for nth in range(500)
    ]  # fmt: skip
    calls = [
        call(row["window_start"] + timedelta(hours=h), row["suspect_number"], f"+2349{h}", 9, "f.csv", h)
        | {"location_code": ["LOS0001", "KAN0002", "XYZ1"][row["id"] % 3] if cells else None}
        for row in made
        for h in (1, 5)
    ]
    lake.append("call_records", rows("call_records", calls))
    lake.append("fraud_alerts", rows("fraud_alerts", made))
    return lake


def write(lake: Lake, out: Path) -> str:
    desk = open_desk(lake, timezone="Africa/Lagos")
    return write_report(lake=desk, out=out, generated_at=GENERATED_AT).html.read_text("utf-8")


def test_a_crowded_night_has_a_row_for_every_rule_and_day(tmp_path: Path) -> None:
    page = write(crowded(Lake.create(tmp_path / "lake"), cells=True), tmp_path)
    matrix = page[page.index('id="chart-severity"') : page.index("</table>", page.index('id="chart-severity"'))]
    assert matrix.count('<th scope="row">') == 20
    days = page[page.index('id="chart-heatmap"') : page.index("</table>", page.index('id="chart-heatmap"'))]
    assert days.count('<th scope="row">') == 60
    assert f"{BEGIN.date() - timedelta(days=59):%a %d %b}" in days
    suspects = page[page.index('id="chart-timeline"') : page.index("</table>", page.index('id="chart-timeline"'))]
    assert suspects.count('<th scope="row">') == MAX_SUSPECTS
    assert page.count('class="dot ') == 500
    assert len(page.encode()) < 3_000_000


def test_cells_in_no_list_make_a_table_and_no_cells_nothing(tmp_path: Path) -> None:
    mapped = write(crowded(Lake.create(tmp_path / "a"), cells=True), tmp_path)
    assert '<svg class="map" id="chart-places"' in mapped
    assert "does not know the cells of 167 more suspects" in mapped
    nowhere = tmp_path / "none.csv"
    nowhere.write_text("location_code,latitude,longitude\nZ,1,2\n")
    config = Config(rules={"GEO_IMPOSSIBLE": {"locations": str(nowhere)}})
    desk = open_desk(Lake.open(tmp_path / "a"), config)
    page = write_report(lake=desk, out=tmp_path, generated_at=GENERATED_AT).html.read_text("utf-8")
    assert "Cells that suspects call from" in page and 'class="map"' not in page
    assert re.search(r"<bdi>LOS0001</bdi></th><td>16\d</td>", page)
    assert 'id="chart-places"' not in write(crowded(Lake.create(tmp_path / "b"), cells=False), tmp_path)


def test_a_lake_without_anything_has_no_chart(tmp_path: Path) -> None:
    page = write(Lake.create(tmp_path / "lake"), tmp_path)
    assert '<figure class="chart' not in page and "No alerts in this period" in page


def test_calls_without_alerts_have_their_hours_and_busiest_callers(tmp_path: Path) -> None:
    lake = fill(Lake.create(tmp_path / "lake"), [])
    page = write(lake, tmp_path)
    names = ("severity", "places", "heatmap", "timeline", "scatter")
    assert [name for name in names if f'id="chart-{name}"' in page] == ["heatmap", "scatter"]
