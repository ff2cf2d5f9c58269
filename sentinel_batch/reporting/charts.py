"""The charts of the report and of notebooks: a frame in, an Altair chart out.

Strength is drawn as opacity and text takes its colour from the page, so that one chart serves light, dark and paper.
"""

from __future__ import annotations

from typing import Any, cast

import altair as alt
import polars as pl

from sentinel_batch.reporting.marks import MAX_DAYS, MAX_SUSPECTS, SEVERITY_ICONS
from sentinel_batch.schema import SEVERITIES
from sentinel_batch.severity import severity_rank

SEVERITY_COLOURS = {"CRITICAL": "#d92d20", "HIGH": "#d4620a", "MEDIUM": "#a67c00", "LOW": "#3f7fbf"}
"""Each has a contrast of at least 3:1 against the light and the dark page."""

SEVERITY_SHAPES = {"CRITICAL": "diamond", "HIGH": "triangle-up", "MEDIUM": "square", "LOW": "circle"}

_OTHERS = "no alert"
_OTHERS_COLOUR = "#85888f"
_CALLS_COLOUR = "#2f6fb3"
_WORST_FIRST = list(reversed(SEVERITIES))
_CLOCK = "utchours(datum.value) ? utcFormat(datum.value, '%H:%M') : utcFormat(datum.value, '%a %d %b')"
_DURATION_TICKS = [0, 1, 2, 3, 10, 30, 100, 300, 1000, 3000, 10000]
_DESTINATION_TICKS = [1, 10, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 100000]


def chart_severity(alerts: pl.DataFrame) -> alt.LayerChart:
    """Draw the number of alerts by severity, and by rule where there are several.

    Parameters
    ----------
    alerts
        Alerts or findings: columns ``alert_severity`` and ``detection_rule``, one row each.

    Returns
    -------
    altair.LayerChart
        Horizontal bars with their numbers: a bar for each severity, worst first; or, where there are several rules, a
        bar for each rule, in the colours of its severities, and as high as it takes for all names.
    """
    counts = alerts.group_by("alert_severity", "detection_rule").len("alerts").sort("alert_severity", "detection_rule")
    by_rule = counts["detection_rule"].n_unique() > 1
    bar = "detection_rule" if by_rule else "alert_severity"
    totals = counts.group_by(bar).agg(pl.col("alerts").sum()).sort("alerts", bar, descending=[True, False])
    order = totals[bar].to_list() if by_rule else _WORST_FIRST
    widest = max([1, *totals["alerts"].to_list()])
    place = alt.Y(f"{bar}:N", title=None, sort=order, scale=alt.Scale(domain=order))
    length = alt.X("alerts:Q", title="Alerts", axis=_count_axis(widest), scale=alt.Scale(domain=[0, widest * 1.1]))
    mildness = {severity: nth for nth, severity in enumerate(_WORST_FIRST)}
    worst = pl.col("alert_severity").replace_strict(mildness, default=len(mildness), return_dtype=pl.Int64)
    bars = (
        alt.Chart(counts.with_columns(worst=worst))
        .mark_bar(cornerRadiusEnd=0 if by_rule else 2, height={"band": 0.72})
        .encode(
            y=place,
            x=length,
            color=_severity_colour(),
            order="worst:Q",
            tooltip=[
                alt.Tooltip("alert_severity:N", title="Severity"),
                alt.Tooltip("detection_rule:N", title="Rule"),
                alt.Tooltip("alerts:Q", title="Alerts", format=",d"),
            ],
        )
    )
    words = (
        alt.Chart(totals)
        .mark_text(align="left", dx=5, fontSize=12)
        .encode(y=place, x=length, text=alt.Text("alerts:Q", format=",d"))
    )
    return cast(
        "alt.LayerChart", alt.layer(bars, words).properties(height=max(96, 24 * len(order)) if by_rule else 168)
    )


def chart_heatmap(calls: pl.DataFrame) -> alt.LayerChart:
    """Draw calls by hour of day and day.

    Parameters
    ----------
    calls
        Columns ``local_date`` (date) and ``local_hour`` (0 to 23). With a column ``calls`` each row is one hour and
        0 means that the hour was examined and had no call; without it each row is one call record.

    Returns
    -------
    altair.LayerChart
        One cell an hour, stronger with more calls; hours without calls carry a cross. The latest 62 days at most.
    """
    if "calls" not in calls.columns:
        calls = calls.group_by("local_date", "local_hour").len("calls")
    days = calls["local_date"].unique().sort().tail(MAX_DAYS)
    cells = (
        calls.filter(pl.col("local_date").is_in(days.implode()))
        .sort("local_date", "local_hour")
        .select(
            pl.col("local_date").dt.strftime("%a %d %b %Y").alias("day"), pl.col("local_hour").alias("hour"), "calls"
        )
    )
    order = cells["day"].unique(maintain_order=True).to_list()
    base = alt.Chart(cells).encode(
        x=alt.X(
            "hour:O",
            title="Hour of day",
            scale=alt.Scale(domain=list(range(24))),
            axis=alt.Axis(labelAngle=0, values=list(range(0, 24, 3))),
        ),
        y=alt.Y("day:O", title=None, sort=order),
        tooltip=[
            alt.Tooltip("day:N", title="Day"),
            alt.Tooltip("hour:O", title="Hour"),
            alt.Tooltip("calls:Q", title="Calls", format=",d"),
        ],
    )
    most = max([1, *cells["calls"].to_list()])
    strength = alt.Opacity(
        "calls:Q",
        title="Calls",
        scale=alt.Scale(domain=[0, most], range=[0.06, 1.0]),
        legend=_strength_legend(most, _CALLS_COLOUR),
    )
    squares = base.mark_rect(color=_CALLS_COLOUR, cornerRadius=1).encode(opacity=strength)
    crosses = base.transform_filter("datum.calls === 0").mark_text(text="×", fontSize=11)
    height = max(96, min(22 * len(order), 14 * MAX_DAYS))
    return cast("alt.LayerChart", alt.layer(squares, crosses).properties(height=height))


def chart_scatter(
    figures: pl.DataFrame, *, min_unique_destinations: int = 50, max_avg_duration: float = 3.0
) -> alt.LayerChart:
    """Draw unique destinations against average duration, with the rule's boundary and the severity zones.

    Parameters
    ----------
    figures
        Alerts, findings or callers: ``suspect_number`` (or ``caller_number``), ``unique_destinations``,
        ``avg_duration_seconds`` (seconds) and, where there is an alert, ``alert_severity``.
    min_unique_destinations, max_avg_duration
        The rule's boundary (calls, seconds): a suspect has more of the one and less of the other.

    Returns
    -------
    altair.LayerChart
        Points over zones; both axes symmetric-logarithmic. The zones are the severity ladder of SDHF_001.
    """
    points = _scatter_points(figures)
    width = max([400.0, *(1.25 * v for v in points["unique_destinations"].to_list())])
    height = max([10.0, *(1.25 * v for v in points["avg_duration_seconds"].to_list())])
    x = alt.X(
        "unique_destinations:Q",
        title="Unique destinations",
        scale=alt.Scale(type="symlog", constant=5, domain=[0, width], nice=False),
        axis=alt.Axis(values=[v for v in _DESTINATION_TICKS if v <= width], format=",d", grid=False, labelOverlap=True),
    )
    y = alt.Y(
        "avg_duration_seconds:Q",
        title="Average duration (s)",
        scale=alt.Scale(type="symlog", domain=[0, height], nice=False),
        axis=alt.Axis(values=[v for v in _DURATION_TICKS if v <= height], format=",d", grid=False, labelOverlap=True),
    )
    shown = [*_WORST_FIRST, _OTHERS]
    dots = (
        alt.Chart(points)
        .mark_point(filled=True, size=62, opacity=0.85)
        .encode(
            x=x,
            y=y,
            color=alt.Color(
                "severity:N",
                title=None,
                scale=_point_colours(),
                legend=alt.Legend(orient="bottom", columns=3, symbolOpacity=1),
            ),
            shape=alt.Shape(
                "severity:N",
                title=None,
                scale=alt.Scale(domain=shown, range=[*(SEVERITY_SHAPES[s] for s in _WORST_FIRST), "cross"]),
            ),
            tooltip=[
                alt.Tooltip("number:N", title="Caller"),
                alt.Tooltip("severity:N", title="Severity"),
                alt.Tooltip("unique_destinations:Q", title="Unique destinations", format=",d"),
                alt.Tooltip("avg_duration_seconds:Q", title="Average (s)", format=",.2f"),
            ],
        )
    )
    zones = _severity_zones(x, y, min_unique_destinations, max_avg_duration, width)
    return cast("alt.LayerChart", alt.layer(*zones, dots).properties(height=360))


def chart_timeline(calls: pl.DataFrame) -> alt.Chart:
    """Draw when each suspect called: one row a suspect, stronger with more calls.

    Parameters
    ----------
    calls
        Either call records (``caller_number``, ``call_timestamp``), drawn in UTC by the hour, busiest callers first; or
        prepared rows, worst suspect first: ``suspect_number``, ``alert_severity``, ``start`` and ``end`` (wall-clock
        times without a zone), ``calls``.

    Returns
    -------
    altair.Chart
        At most 20 suspects.
    """
    if "start" not in calls.columns:
        calls = _calls_by_hour(calls)
    worst = calls["suspect_number"].unique(maintain_order=True).head(MAX_SUSPECTS).to_list()
    icon = pl.col("alert_severity").replace_strict(SEVERITY_ICONS, default="", return_dtype=pl.String)
    rows = calls.filter(pl.col("suspect_number").is_in(worst)).with_columns(
        pl.concat_str("suspect_number", icon, separator="  ").alias("label"),
        pl.col("start").dt.replace_time_zone("UTC"),
        pl.col("end").dt.replace_time_zone("UTC"),
        pl.col("start").dt.strftime("%a %d %b %H:%M").alias("from"),
    )
    wall_clock = alt.Scale(type="utc")
    most = max([1, *rows["calls"].to_list()])
    chart = (
        alt.Chart(rows)
        .mark_rect(height={"band": 0.78})
        .encode(
            x=alt.X(
                "start:T", title=None, scale=wall_clock, axis=alt.Axis(labelExpr=_CLOCK, labelOverlap=True, tickCount=8)
            ),
            x2="end:T",
            y=alt.Y("label:N", title=None, sort=rows["label"].unique(maintain_order=True).to_list()),
            color=_severity_colour() if rows["alert_severity"].null_count() == 0 else alt.value(_CALLS_COLOUR),
            opacity=alt.Opacity(
                "calls:Q",
                title="Calls",
                scale=alt.Scale(domain=[0, most], range=[0.3, 1.0]),
                legend=_strength_legend(most, _OTHERS_COLOUR),
            ),
            tooltip=[
                alt.Tooltip("suspect_number:N", title="Suspect"),
                alt.Tooltip("alert_severity:N", title="Severity"),
                alt.Tooltip("from:N", title="From"),
                alt.Tooltip("calls:Q", title="Calls", format=",d"),
            ],
        )
        .properties(height=max(96, 20 * len(worst)))
    )
    return cast("alt.Chart", chart)


def _severity_colour() -> Any:
    colours = [SEVERITY_COLOURS[severity] for severity in _WORST_FIRST]
    return alt.Color("alert_severity:N", legend=None, scale=alt.Scale(domain=_WORST_FIRST, range=colours))


def _count_axis(most: int) -> Any:
    return alt.Axis(format=",d", tickMinStep=1, tickCount=min(5, most + 1))


def _strength_legend(most: int, colour: str) -> Any:
    return alt.Legend(
        orient="bottom",
        values=sorted({0, most // 4, most // 2, most}),
        symbolType="square",
        symbolSize=180,
        symbolFillColor=colour,
        symbolStrokeWidth=0,
        format=",d",
    )


def _scatter_points(figures: pl.DataFrame) -> pl.DataFrame:
    number = "suspect_number" if "suspect_number" in figures.columns else "caller_number"
    known = "alert_severity" in figures.columns
    severity = pl.col("alert_severity").fill_null(_OTHERS) if known else pl.lit(_OTHERS)
    points = figures.select(
        pl.col(number).alias("number"), severity.alias("severity"), "unique_destinations", "avg_duration_seconds"
    )
    # The worst are drawn last, on top.
    return points.sort(severity_rank("severity"), "unique_destinations", "number")


def _severity_zones(x: Any, y: Any, destinations: int, duration: float, width: float) -> list[Any]:
    """Rectangles of the ladder, mildest first so that a worse one covers it, then the boundary and its words."""
    corners = [
        ("LOW", destinations, duration),
        ("MEDIUM", 75, duration),
        ("MEDIUM", destinations, 1.0),
        ("HIGH", 100, 2.0),
        ("CRITICAL", 200, 1.5),
    ]
    boxes = pl.DataFrame(
        {
            "colour": SEVERITY_COLOURS[severity],
            "left": float(max(left, destinations)),
            "right": width,
            "bottom": 0.0,
            "top": min(top, duration),
        }
        for severity, left, top in corners
    )
    zones = (
        alt.Chart(boxes)
        .mark_rect(opacity=0.14)
        .encode(
            x=_like(x, "left:Q"),
            x2="right:Q",
            y=_like(y, "bottom:Q"),
            y2="top:Q",
            fill=alt.Fill("colour:N", scale=None),
        )
    )
    edge = pl.DataFrame(
        {"x": [float(destinations)] * 2 + [width], "y": [0.0, duration, duration], "order": [0, 1, 2]},
    )
    boundary = (
        alt.Chart(edge)
        .mark_line(color=_OTHERS_COLOUR, strokeDash=[4, 3], strokeWidth=1.5)
        .encode(x=_like(x, "x:Q"), y=_like(y, "y:Q"), order="order:O")
    )
    words = pl.DataFrame({"x": [width], "y": [duration], "text": [f"more than {destinations}, under {duration:g} s"]})
    label = (
        alt.Chart(words)
        .mark_text(align="right", baseline="bottom", dy=-4, fontSize=11)
        .encode(x=_like(x, "x:Q"), y=_like(y, "y:Q"), text="text:N")
    )
    return [zones, boundary, label]


def _like(channel: Any, shorthand: str) -> Any:
    """The same axis and scale, for another column."""
    other = channel.copy()
    other.shorthand = shorthand
    return other


def _point_colours() -> Any:
    colours = [*(SEVERITY_COLOURS[severity] for severity in _WORST_FIRST), _OTHERS_COLOUR]
    return alt.Scale(domain=[*_WORST_FIRST, _OTHERS], range=colours)


def _calls_by_hour(records: pl.DataFrame) -> pl.DataFrame:
    start = pl.col("call_timestamp").dt.convert_time_zone("UTC").dt.replace_time_zone(None).dt.truncate("1h")
    return (
        records.group_by(pl.col("caller_number").alias("suspect_number"), start.alias("start"))
        .len("calls")
        .with_columns(
            pl.col("start").dt.offset_by("1h").alias("end"),
            pl.lit(None, dtype=pl.String).alias("alert_severity"),
            pl.col("calls").sum().over("suspect_number").alias("total"),
        )
        .sort("total", "suspect_number", "start", descending=[True, False, False])
    )
