"""The page's charts: what each shows in a sentence, its geometry, and its data as a table where it is none itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from sentinel_batch.reporting.cell_map import draw_map
from sentinel_batch.reporting.document import count_severities
from sentinel_batch.reporting.marks import LABEL_WORDS, MAX_DAYS, MAX_SUSPECTS, count_scores
from sentinel_batch.reporting.plane import draw_bars, draw_scatter
from sentinel_batch.reporting.strips import Strip, draw_strips
from sentinel_batch.reporting.text import visible
from sentinel_batch.schema import SEVERITIES
from sentinel_batch.severity import severity_rank

if TYPE_CHECKING:
    from sentinel_batch.reporting.collection import Report

MAX_RULES = 40
"""Rules that have a row of their own, those with the worst alerts."""

MAX_PLACES = 30
"""Rows of the table of places, those with most alerts; the map has them all."""

_TABLE_ROWS = 50
_HOURS = ("00", "06", "12", "18", "24")
_WORST_FIRST = tuple(reversed(SEVERITIES))


@dataclass(frozen=True)
class Figure:
    """A chart of the page.

    Parameters
    ----------
    name
        Its id in the page.
    title, summary
        Heading, and what the chart shows in a sentence.
    shape
        The macro of ``figures.html.j2`` that draws it: ``matrix``, ``strips``, ``plane`` or ``map``.
    drawing
        What that macro takes.
    columns, rows
        Its data, for those who cannot see it; nothing where the chart is a table itself.
    note
        What the table leaves out, if anything.
    """

    name: str
    title: str
    summary: str
    shape: str
    drawing: dict[str, Any]
    columns: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    note: str = ""


def draw_figures(report: Report) -> list[Figure]:
    """Draw the charts that the report has data for."""
    figures: list[Figure | None] = []
    if not report.alerts.is_empty():
        figures += [_rules(report), _places(report)]
    if not report.hours.is_empty():
        figures.append(_hours(report))
    if not report.activity.is_empty():
        figures.append(_timeline(report))
    if not report.alerts.is_empty() or not report.others.is_empty():
        figures.append(_scatter(report))
    return [figure for figure in figures if figure is not None]


def draw_scores(report: Report) -> list[Figure]:
    """Draw the chart of the recordings' scores, if there are any."""
    recordings = report.voices.recordings.drop_nulls("score")
    if recordings.is_empty():
        return []
    counts = count_scores(recordings)
    labels = ", ".join(f"{int((recordings['label'] == label).sum()):,} {words}" for label, words in LABEL_WORDS.items())
    return [
        Figure(
            "scores",
            "Scores of the recordings",
            f"0 is human, 1 is synthetic. {recordings.height:,} recordings have a score: {labels}.",
            "plane",
            draw_bars(counts, list(LABEL_WORDS), "Score: 0 human … 1 synthetic", "Recordings"),
            ["Score", "Label", "Recordings"],
            [
                [f"{c['low']:.2f} – {c['high']:.2f}", LABEL_WORDS.get(c["label"], "–"), f"{c['recordings']:,}"]
                for c in counts.to_dicts()
            ],
        )
    ]


def _rules(report: Report) -> Figure:
    """One row a rule: twenty names need twenty lines."""
    counts = report.alerts.group_by("detection_rule", "alert_severity").len("n")
    by_rule: dict[str | None, dict[str, int]] = {}
    for rule, severity, n in counts.iter_rows():
        by_rule.setdefault(rule, {})[severity] = n
    ordered = sorted(by_rule, key=lambda rule: ([-by_rule[rule].get(s, 0) for s in _WORST_FIRST], rule or ""))
    most = max(sum(by_rule[rule].values()) for rule in ordered)
    rows = [
        {
            "rule": visible(rule or "–"),
            "counts": [{"severity": severity, "alerts": by_rule[rule].get(severity, 0)} for severity in _WORST_FIRST],
            "total": sum(by_rule[rule].values()),
        }
        for rule in ordered[:MAX_RULES]
    ]
    told = ", ".join(f"{count['alerts']:,} {severity}" for severity, count in count_severities(report.alerts).items())
    left_out = f" {len(ordered) - MAX_RULES} more rules are in report.json." if len(ordered) > MAX_RULES else ""
    return Figure(
        "severity",
        "Alerts by rule and severity",
        f"{told}. A number leads to its alerts.{left_out}",
        "matrix",
        {"severities": list(_WORST_FIRST), "rows": rows, "most": most},
    )


def _places(report: Report) -> Figure | None:
    """Suspects at the cell that they called from most: on a map, or in a table if nobody knows where cells are."""
    alerts = report.shown.group_by("suspect_number").agg(
        pl.len().alias("alerts"), pl.col("alert_severity").sort_by(severity_rank()).last().alias("severity")
    )
    told = alerts.join(report.cells, on="suspect_number")
    if told.is_empty():
        return None
    known = told.drop_nulls("latitude")
    # Cells that the list knows one by one stay apart; those that it knows by a common beginning are one place.
    places = _sum_places(known, ["place", "latitude", "longitude"]).rename({"place": "name"})
    drawing = draw_map(
        places.with_columns(pl.col("name").map_elements(visible, return_dtype=pl.String)), _box_places(report)
    )
    rows = places if drawing is not None else _sum_places(told, ["cell"]).rename({"cell": "name"})
    return Figure(
        "places",
        "Where suspects call from" if drawing is not None else "Cells that suspects call from",
        _tell_places(alerts, told, known, drawing is not None),
        "map" if drawing is not None else "table",
        drawing or {},
        ["Place" if drawing is not None else "Cell", "Alerts", "Suspects", "Worst"],
        [
            [visible(p["name"]), f"{p['alerts']:,}", f"{p['suspects']:,}", p["severity"] or "–"]
            for p in rows.head(MAX_PLACES).to_dicts()
        ],
        f"{MAX_PLACES} of {rows.height:,}, those with most alerts." if rows.height > MAX_PLACES else "",
    )


def _sum_places(suspects: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    found = suspects.group_by(keys).agg(
        pl.col("alerts").sum(), pl.len().alias("suspects"), pl.col("severity").sort_by(severity_rank("severity")).last()
    )
    return found.sort("alerts", *keys, descending=[True, *[False] * len(keys)])


def _tell_places(alerts: pl.DataFrame, told: pl.DataFrame, known: pl.DataFrame, drawn: bool) -> str:
    shown, advice = known if drawn else told, 'give the list of cells: [rules.GEO_IMPOSSIBLE] locations = "cells.csv"'
    count = f"{shown['alerts'].sum():,} alerts of {shown.height:,} suspects, each at the cell that it called from most."
    silent = alerts.height - told.height
    absent = f" {silent:,} suspects called from no cell that the records name." if silent else ""
    if not drawn:
        return f"{count} Where these cells are is not known: for a map, {advice}.{absent}"
    lost = told.height - known.height
    unknown = f" The list of locations does not know the cells of {lost:,} more suspects: {advice}." if lost else ""
    return f"{count} Larger is more, the colour is the worst severity; squares are boxes.{unknown}{absent}"


def _box_places(report: Report) -> pl.DataFrame:
    """Boxes at the place of the cell that they used most, if one of their SIMs is on the map from that cell."""
    places = {row["cell"]: (row["latitude"], row["longitude"]) for row in report.cells.iter_rows(named=True)}
    rows = [
        {"box_id": box["box_id"], "members": box["member_count"], "latitude": place[0], "longitude": place[1]}
        for box in (found.box for found in report.boxes.found)
        if (place := places.get(box["top_cell"], (None, None)))[0] is not None
    ]
    kinds = {"box_id": pl.Int64, "members": pl.Int64, "latitude": pl.Float64, "longitude": pl.Float64}
    return pl.DataFrame(rows, schema=kinds)


def _hours(report: Report) -> Figure:
    hours = report.hours
    busiest = hours.sort("calls", "local_date", "local_hour", descending=[True, False, False]).row(0, named=True)
    silent = hours.filter(pl.col("calls") == 0).height
    days = hours["local_date"].unique().sort()
    shown = days.tail(MAX_DAYS).to_list()
    by_day: dict[date, list[tuple[int, int]]] = {day: [] for day in shown}
    for day, hour, calls in hours.sort("local_date", "local_hour").iter_rows():
        if day in by_day:
            by_day[day].append((hour, calls))
    left_out = len(days) - len(shown)
    return Figure(
        "heatmap",
        "Calls by day and hour",
        f"Stronger is more: the busiest hour is {busiest['local_date']:%a %-d %b} {busiest['local_hour']:02}:00 with "
        f"{busiest['calls']:,} calls. {_tell_silence(silent, hours.height)}"
        + (f" The latest {len(shown)} days; {left_out:,} earlier days are not drawn." if left_out else ""),
        "strips",
        draw_strips("Day", "Calls", 24, _HOURS, [_draw_day(day, hours) for day, hours in by_day.items()]),
    )


def _tell_silence(silent: int, hours: int) -> str:
    return f"{silent:,} of {hours:,} hours have no call (a line)." if silent else "No hour is without calls."


def _draw_day(day: date, hours: list[tuple[int, int]]) -> Strip:
    slots = [(hour, calls, f"{hour:02}:00") for hour, calls in hours]
    return Strip(f"{day:%a %d %b}", slots, f"{sum(calls for _, calls in hours):,}")


def _timeline(report: Report) -> Figure:
    activity = report.activity
    begin, end = activity["start"].min(), activity["end"].max()
    step = (activity["end"] - activity["start"]).min()
    if not (isinstance(begin, datetime) and isinstance(end, datetime) and isinstance(step, timedelta)):
        raise TypeError("the activity of suspects has no times")
    rows = [
        _draw_suspect(number, calls, begin, step)
        for (number,), calls in activity.partition_by("suspect_number", as_dict=True, maintain_order=True).items()
    ]
    suspects = report.shown["suspect_number"].n_unique()
    length = -(-(end - begin) // step)
    return Figure(
        "timeline",
        "When suspects called",
        f"The {len(rows)} worst of {suspects:,} suspects, worst first; stronger is more."
        if suspects > MAX_SUSPECTS
        else f"Every suspect ({suspects}), worst first; stronger is more.",
        "strips",
        draw_strips("Suspect", "Calls", length, list(_tell_ends(begin, begin + length * step)), rows),
    )


def _draw_suspect(number: str, calls: pl.DataFrame, begin: datetime, step: timedelta) -> Strip:
    slots = [
        ((row["start"] - begin) // step, row["calls"], f"{row['start']:%a %d %b %H:%M}")
        for row in calls.iter_rows(named=True)
    ]
    return Strip(visible(number), slots, f"{calls['calls'].sum():,}", calls["alert_severity"][0])


def _tell_ends(begin: datetime, end: datetime) -> Iterable[str]:
    form = "%d %b" if end - begin > timedelta(days=4) else "%d %b %H:%M"
    return (f"{begin + (end - begin) * part / 4:{form}}" for part in range(5))


def _scatter(report: Report) -> Figure:
    columns = ["suspect_number", "alert_severity", "unique_destinations", "avg_duration_seconds"]
    alerts = report.shown.select(columns)
    points = alerts
    if not report.others.is_empty():
        busiest = report.others.rename({"caller_number": "suspect_number"})
        busiest = busiest.with_columns(pl.lit(None, dtype=pl.String).alias("alert_severity"))
        points = pl.concat([alerts, busiest.select(columns).cast(alerts.schema)])
    others = report.others.height
    points = points.drop_nulls(["unique_destinations", "avg_duration_seconds"]).with_columns(
        pl.col("suspect_number").fill_null("–").map_elements(visible, return_dtype=pl.String)
    )
    rows = [
        [
            p["suspect_number"], p["alert_severity"] or "no alert", f"{p['unique_destinations']:,}",
            f"{p['avg_duration_seconds']:,.2f}",
        ]
        for p in points.head(_TABLE_ROWS).to_dicts()
    ]  # fmt: skip
    told = (
        f"{alerts.height:,} alerts, by the figures of their window, and the {others:,} busiest other callers (×)"
        if alerts.height
        else f"The {others:,} busiest callers, none with an alert"
    )
    return Figure(
        "scatter",
        "Unique destinations against average duration",
        f"{told}, by those of their busiest day. Dashed: the boundary of SDHF_001, more than 50 destinations and under "
        "3 s; shaded: its severity zones.",
        "plane",
        draw_scatter(points),
        ["Caller", "Severity", "Unique destinations", "Average (s)"],
        rows,
        f"{len(rows):,} of {points.height:,} callers." if points.height > len(rows) else "",
    )
