"""The page's charts: each with its compiled drawing, a sentence that says the same, and its data as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import altair as alt
import polars as pl
import vl_convert

from sentinel_batch.reporting.charts import (
    MAX_DAYS,
    MAX_SUSPECTS,
    chart_heatmap,
    chart_scatter,
    chart_severity,
    chart_timeline,
)
from sentinel_batch.reporting.document import count_severities
from sentinel_batch.reporting.score_chart import LABEL_WORDS, chart_scores, count_scores
from sentinel_batch.reporting.text import visible

if TYPE_CHECKING:
    from sentinel_batch.reporting.collection import Report

_TABLE_ROWS = 50


@dataclass(frozen=True)
class Figure:
    """A chart of the page.

    Parameters
    ----------
    name
        Its id in the page.
    title, summary
        Heading, and what the chart shows in a sentence.
    spec
        Vega specification.
    columns, rows
        Its data, for those who cannot see it.
    note
        What the table leaves out, if anything.
    """

    name: str
    title: str
    summary: str
    spec: dict[str, Any]
    columns: list[str]
    rows: list[list[str]]
    note: str = ""


def draw_figures(report: Report) -> list[Figure]:
    """Draw the charts that the report has data for."""
    figures = []
    if not report.alerts.is_empty():
        figures.append(_severity(report))
    if not report.hours.is_empty():
        figures.append(_heatmap(report))
    if not report.alerts.is_empty() or not report.others.is_empty():
        figures.append(_scatter(report))
    if not report.activity.is_empty():
        figures.append(_timeline(report))
    return figures


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
            _compile(chart_scores(recordings)),
            ["Score", "Label", "Recordings"],
            [
                [f"{c['low']:.2f} – {c['high']:.2f}", LABEL_WORDS.get(c["label"], "–"), f"{c['recordings']:,}"]
                for c in counts.to_dicts()
            ],
        )
    ]


def _severity(report: Report) -> Figure:
    counts = count_severities(report.alerts)
    mildness = {severity: place for place, severity in enumerate(counts)}
    by_rule = report.alerts.group_by("alert_severity", "detection_rule").len("n")
    by_rule = by_rule.sort("detection_rule", pl.col("alert_severity").replace_strict(mildness, default=len(mildness)))
    return Figure(
        "severity",
        "Alerts by severity and rule",
        "Alerts: " + ", ".join(f"{count['alerts']} {severity}" for severity, count in counts.items()) + ".",
        _compile(chart_severity(_seen(report.alerts, "detection_rule"))),
        ["Rule", "Severity", "Alerts"],
        [[visible(r["detection_rule"] or "–"), r["alert_severity"], f"{r['n']:,}"] for r in by_rule.to_dicts()],
    )


def _heatmap(report: Report) -> Figure:
    hours = report.hours
    busiest = hours.sort("calls", "local_date", "local_hour", descending=[True, False, False]).row(0, named=True)
    silent = hours.filter(pl.col("calls") == 0).height
    days = hours.group_by("local_date").agg(
        pl.col("calls").sum().alias("total"),
        pl.col("local_hour").sort_by("calls", "local_hour", descending=[True, False]).first().alias("peak"),
        (pl.col("calls") == 0).sum().alias("silent"),
    )
    days = days.sort("local_date").tail(MAX_DAYS)
    left_out = hours["local_date"].n_unique() - days.height
    return Figure(
        "heatmap",
        f"Calls by hour of day and day ({report.timezone})",
        f"The busiest hour is {busiest['local_date']} {busiest['local_hour']:02}:00 with {busiest['calls']:,} calls; "
        f"{silent:,} of {hours.height:,} hours have none (×)."
        + (f" The latest {days.height} days; {left_out:,} earlier days are not drawn." if left_out else ""),
        _compile(chart_heatmap(hours)),
        ["Day", "Calls", "Busiest hour", "Hours without calls"],
        [[str(d["local_date"]), f"{d['total']:,}", f"{d['peak']:02}:00", str(d["silent"])] for d in days.to_dicts()],
    )


def _scatter(report: Report) -> Figure:
    columns = ["suspect_number", "alert_severity", "unique_destinations", "avg_duration_seconds"]
    alerts = report.shown.select(columns)
    points = alerts
    if not report.others.is_empty():
        busiest = report.others.rename({"caller_number": "suspect_number"})
        busiest = busiest.with_columns(pl.lit(None, dtype=pl.String).alias("alert_severity"))
        points = pl.concat([alerts, busiest.select(columns).cast(alerts.schema)])
    others = report.others.height
    points = points.drop_nulls(["unique_destinations", "avg_duration_seconds"])
    rows = [
        [
            visible(p["suspect_number"] or "–"),
            p["alert_severity"] or "no alert",
            f"{p['unique_destinations']:,}",
            f"{p['avg_duration_seconds']:,.2f}",
        ]
        for p in points.head(_TABLE_ROWS).to_dicts()
    ]
    told = (
        f"{alerts.height:,} alerts, by the figures of their window, and the {others:,} busiest other callers"
        if alerts.height
        else f"The {others:,} busiest callers, none with an alert"
    )
    return Figure(
        "scatter",
        "Unique destinations against average duration",
        f"{told}, by those of their busiest day (UTC). Dashed: the boundary of "
        "SDHF_001, more than 50 destinations and under 3 s; shaded: its severity zones.",
        _compile(chart_scatter(_seen(points, "suspect_number"))),
        ["Caller", "Severity", "Unique destinations", "Average (s)"],
        rows,
        f"{len(rows):,} of {points.height:,} callers." if points.height > len(rows) else "",
    )


def _timeline(report: Report) -> Figure:
    totals = report.activity.group_by("suspect_number", "alert_severity", maintain_order=True).agg(
        pl.col("calls").sum().alias("total"),
        pl.col("start").sort_by("calls", descending=True, maintain_order=True).first().alias("peak"),
        pl.col("calls").max().alias("most"),
        pl.col("start").min().alias("first"),
        pl.col("end").max().alias("last"),
    )
    suspects = report.shown["suspect_number"].n_unique()
    return Figure(
        "timeline",
        f"Suspects' activity ({report.timezone})",
        f"Calls over the period of the {totals.height} worst of {suspects:,} suspects, worst first."
        if suspects > MAX_SUSPECTS
        else f"Calls over the period of every suspect ({suspects}), worst first.",
        _compile(chart_timeline(_seen(report.activity, "suspect_number"))),
        ["Suspect", "Severity", "Calls", "From", "To", "Busiest from", "Calls then"],
        [
            [
                visible(t["suspect_number"]),
                t["alert_severity"],
                f"{t['total']:,}",
                *(f"{t[name]:%Y-%m-%d %H:%M}" for name in ("first", "last", "peak")),
                f"{t['most']:,}",
            ]
            for t in totals.to_dicts()
        ],
    )


def _seen(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    return frame.with_columns(pl.col(column).map_elements(visible, return_dtype=pl.String))


def _compile(chart: alt.Chart | alt.LayerChart) -> dict[str, Any]:
    """Vega, so that the page needs no Vega-Lite compiler, and follows the width of its box."""
    wanted = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
    known = vl_convert.get_vegalite_versions()
    config = {
        "background": None,
        "font": "system-ui, sans-serif",
        "view": {"stroke": None},
        "axis": {
            "labelFontSize": 12,
            "titleFontSize": 12,
            "titleFontWeight": "normal",
            "domain": False,
            "ticks": False,
            "labelPadding": 6,
        },
        "legend": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal"},
        "autosize": {"type": "fit-x", "contains": "padding"},
    }
    spec = chart.properties(width="container").to_dict()
    spec["config"] = config
    compiled: dict[str, Any] = vl_convert.vegalite_to_vega(spec, vl_version=wanted if wanted in known else known[-1])
    compiled.pop("$schema", None)
    return compiled
