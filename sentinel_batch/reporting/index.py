"""``index.html`` of the folder of reports: every night, what it brought, and where its report is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from batch_base.files import replaced_file
from sentinel_batch.lake import full_disk_reported
from sentinel_batch.reporting.archive import read_archive
from sentinel_batch.reporting.nights import PastNight
from sentinel_batch.reporting.page import make_environment, read_asset, write_policy
from sentinel_batch.reporting.text import tell_time
from sentinel_batch.schema import SEVERITIES

INDEX = "index.html"
DATA = "nights.json"
_LISTED = 400
_DRAWN = 60
_FEWEST = 20
_HEIGHT, _STEP = 60.0, 10.0

Row = dict[str, Any]


@dataclass(frozen=True)
class Trend:
    """One figure over the nights, as bars.

    Parameters
    ----------
    title
        What it is.
    summary
        The same in a sentence.
    bars
        Rectangles: ``x``, ``y``, ``height`` and ``name`` (the class that gives the colour).
    width
        Of the drawing.
    """

    title: str
    summary: str
    bars: list[Row]
    width: float


def write_index(reports: Path, nights: Sequence[PastNight], lake: str, timezone: str) -> Path:
    """Write ``index.html`` and ``nights.json``, the newest night first, and return the page.

    Parameters
    ----------
    reports
        The folder of the reports. Nights of other lakes that lie in it are listed, too.
    nights
        The history of the lake, oldest first.
    lake
        What the lake is called.
    timezone
        IANA zone of the times that are shown.
    """
    rows = _list_nights(nights, read_archive(reports), lake)
    styles = read_asset("report.css") + read_asset("index.css")
    page = make_environment(timezone).get_template("index.html.j2")
    text = page.render(
        nights=[{**row, "label": label} for row, label in zip(rows, _label(rows, timezone), strict=True)][:_LISTED],
        total=len(rows),
        lakes=sorted({row["lake"] for row in rows}),
        trends=_draw(rows[:_DRAWN][::-1]),
        severities=list(reversed(SEVERITIES)),
        timezone=timezone,
        styles=Markup(styles),  # noqa: S704 - our own files
        policy=write_policy(styles, []),
        height=_HEIGHT,
    )
    # One row a line: to indent a year of nights takes ten times as long.
    listed = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    document = f'{{"schema_version": "1.0", "nights": [\n{listed}\n]}}\n'
    for name, content in ((DATA, document), (INDEX, text)):
        with full_disk_reported(reports), replaced_file(reports / name, mode=0o644) as draft:
            draft.write_text(content, encoding="utf-8", newline="\n")
    return reports / INDEX


def _list_nights(nights: Sequence[PastNight], archive: dict[str, Row], lake: str) -> list[Row]:
    """Nights of the history and of the folders, each once; what a folder says of a night is said last."""
    rows = {past.run_id: _describe(past, lake) for past in nights}
    for name, facts in archive.items():
        night = facts.get("night") or {}
        known = rows.get(facts["run_id"], {})
        rows[facts["run_id"]] = {
            "run_id": facts["run_id"],
            "lake": facts.get("lake", lake),
            "started_at": night.get("started_at") or known.get("started_at"),
            "outcome": night.get("outcome") or known.get("outcome"),
            "quiet": bool(night.get("quiet")),
            "folder": name,
            "page": facts.get("page"),
            "troubles": len(night.get("troubles") or []),
            "figures": {**known.get("figures", {}), **(night.get("figures") or {})},
        }
    return sorted(rows.values(), key=lambda row: (str(row["started_at"]), row["run_id"]), reverse=True)


def _label(rows: Sequence[Row], timezone: str) -> list[str]:
    """Return the local times of nights: with seconds where two began in one minute, and the run if need be."""
    shown = [tell_time(row["started_at"], timezone, "%Y-%m-%d %H:%M") for row in rows]
    finer = [tell_time(row["started_at"], timezone, "%Y-%m-%d %H:%M:%S") for row in rows]
    minutes, seconds = Counter(shown), Counter(finer)
    return [
        short if minutes[short] == 1 else long if seconds[long] == 1 else f"{long} ({row['folder'] or row['run_id']})"
        for row, short, long in zip(rows, shown, finer, strict=True)
    ]


def _describe(past: PastNight, lake: str) -> Row:
    return {
        "run_id": past.run_id,
        "lake": lake,
        "started_at": past.started_at.isoformat(),
        "outcome": past.outcome,
        "quiet": past.good and not past.examined,
        "folder": None,
        "page": None,
        "troubles": 0,
        "figures": past.figures,
    }


def _draw(rows: Sequence[Row]) -> list[Trend]:
    severe = list(SEVERITIES)
    new = [[float(row["figures"].get("new", {}).get(name, 0)) for name in severe] for row in rows]
    single: list[tuple[str, str, Callable[[Row], float]]] = [
        ("Alerts that grew", "LOW", lambda f: float(f.get("alerts_grown", 0))),
        ("Calls taken", "LOW", lambda f: float(f.get("records_inserted", 0))),
        ("Rows rejected", "MEDIUM", lambda f: float(f.get("records_rejected", 0))),
        ("Files lost", "CRITICAL", lambda f: float(f.get("files_lost", 0))),
        ("Seconds", "LOW", lambda f: float(f.get("seconds", 0))),
    ]
    trends = [_stack("New alerts by severity", severe, new)]
    return trends + [_stack(title, [name], [[take(row["figures"])] for row in rows]) for title, name, take in single]


def _stack(title: str, names: Sequence[str], columns: Sequence[Sequence[float]]) -> Trend:
    totals = [sum(column) for column in columns] or [0.0]
    scale = _HEIGHT / max([*totals, 1.0])
    bars = []
    for place, column in enumerate(columns):
        top = _HEIGHT
        for name, value in zip(names, column, strict=True):
            if value:
                top -= value * scale
                bars.append({"x": place * _STEP, "y": round(top, 2), "height": round(value * scale, 2), "name": name})
    summary = f"The last night {totals[-1]:,.0f}; most {max(totals):,.0f}; {len(columns)} nights."
    return Trend(title, summary, bars, max(len(columns), _FEWEST) * _STEP)
