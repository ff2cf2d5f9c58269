"""The report as one HTML page that needs no network and runs no code but its own."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sentinel_batch.reporting.box_picture import read_styles
from sentinel_batch.reporting.bundle import vega_bundle
from sentinel_batch.reporting.charts import SEVERITY_ICONS
from sentinel_batch.reporting.figures import draw_figures, draw_scores
from sentinel_batch.reporting.recording_page import clock, prepare_drill_downs, say
from sentinel_batch.reporting.score_chart import LABEL_ICONS, LABEL_WORDS
from sentinel_batch.reporting.text import clip, visible
from sentinel_batch.schema import SEVERITIES

if TYPE_CHECKING:
    from sentinel_batch.reporting.collection import Report

NOTE_LENGTH = 200
"""Characters of a note or file name that the page shows; the JSON document has them whole."""

EVIDENCE_BYTES = 400_000
"""Drill-downs of the worst alerts fill that much of the page, and the others refer to the JSON document: with the Vega
bundle (0.9 MB) and 500 rows the page stays below 2 MB whatever the notes and file names are."""

_SHOWN_GAPS = 12
_SHOWN_REASONS = 12


def render_page(report: Report, document: dict[str, Any]) -> str:
    """Return the report's page.

    Every value goes through Jinja's escaping or into JSON blocks without ``<``; scripts and styles are allowed by hash
    only, so text that did slip through could not run.

    Parameters
    ----------
    report
        The content.
    document
        The same, as :func:`sentinel_batch.reporting.document.build_document` gives it.
    """
    figures, voice_figures = draw_figures(report), draw_scores(report)
    styles, bundle, program = read_styles() + _asset("report.css"), vega_bundle(), _asset("report.js")
    scripts = [text for text in (bundle if figures or voice_figures else "", program) if text]
    page = _environment(report.timezone).get_template("report.html.j2")
    return page.render(
        doc=document,
        policy=_policy(styles, scripts),
        styles=Markup(styles),  # noqa: S704 - our own files
        scripts=[Markup(text) for text in scripts],  # noqa: S704 - our own file and the Vega bundle
        figures=figures,
        voice_figures=voice_figures,
        specs=_block({figure.name: figure.spec for figure in [*figures, *voice_figures]}),
        box_pictures=report.boxes.draw(),
        pictures=[case["picture"] for case in report.investigation.cases],
        shown_cases={case["case_id"] for case in report.investigation.cases},
        drill_downs=prepare_drill_downs(document["recordings"], report.voices.recordings),
        label_icons=LABEL_ICONS,
        label_words=LABEL_WORDS,
        evidence=_evidence(document["alerts"], report.timezone),
        icons=SEVERITY_ICONS,
        severities=list(reversed(SEVERITIES)),
        shown_gaps=_SHOWN_GAPS,
        shown_reasons=_SHOWN_REASONS,
        several_rules=len({row["detection_rule"] for row in document["by_rule"]}) > 1,
    )


def _environment(timezone: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("sentinel_batch.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=lambda value: "–" if value is None else f"{value:,}",
        decimals=lambda value: "–" if value is None else f"{value:,.2f}",
        visible=lambda value: visible(value or "–"),
        clip=lambda value: clip(visible(value or ""), NOTE_LENGTH),
        local=lambda value: _clock(value, timezone, "%Y-%m-%d %H:%M"),
        utc=lambda value: _clock(value, "UTC", "%Y-%m-%d %H:%M"),
        say=say,
        clock=clock,
        span=lambda value: _span(value["since"], value["until"], timezone),
        spoken=lambda value: _clock(value, timezone, "%a %-d %b %Y, %H:%M"),
        spoken_utc=lambda value: _clock(value, "UTC", "%a %-d %b %Y, %H:%M"),
    )
    return environment


def _clock(text: str | None, timezone: str, form: str) -> str:
    if text is None:
        return "–"
    return datetime.fromisoformat(text).astimezone(UTC if timezone == "UTC" else ZoneInfo(timezone)).strftime(form)


def _span(since: str, until: str, timezone: str) -> str:
    """Two times, with the second one's day only where it differs."""
    begin, end = (_clock(value, timezone, "%-d %b %H:%M") for value in (since, until))
    same_day = begin.rsplit(" ", 1)[0] == end.rsplit(" ", 1)[0]
    return f"{begin} – {end.rsplit(' ', 1)[1] if same_day else end}"


def _evidence(alerts: list[dict[str, Any]], timezone: str) -> Any:
    """The drill-downs, worst alert first, as far as they fit; parameters, mostly the same, are kept once."""
    kept: dict[int, dict[str, Any]] = {}
    parameters: list[dict[str, str]] = []
    size = 0
    for row in alerts:
        known = {visible(str(key)): clip(visible(str(value)), NOTE_LENGTH) for key, value in row["parameters"].items()}
        if known not in parameters:
            parameters.append(known)
        compact = {"p": parameters.index(known), **_compact(row, timezone)}
        size += len(_block(compact).encode())
        if size > EVIDENCE_BYTES:
            break
        kept[row["id"]] = compact
    return _block({"alerts": kept, "parameters": parameters})


def _compact(row: dict[str, Any], timezone: str) -> dict[str, Any]:
    """What a drill-down shows, ready to print, under short names: 500 of them must stay small."""
    evidence = row["evidence"] or {}

    def second(value: str | None) -> str:
        return _clock(value, timezone, "%Y-%m-%d %H:%M:%S")

    def calls(name: str) -> list[list[Any]]:
        return [
            [second(call["call_timestamp"])[5:], visible(call["callee_number"]), call["duration_seconds"]]
            for call in evidence.get(name, [])
        ]

    return {
        "w": [second(row["window_start"]), second(row["window_end"])],
        "u": [_clock(row[name], "UTC", "%Y-%m-%d %H:%M:%S") for name in ("window_start", "window_end")],
        "g": evidence.get("figures"),
        "h": evidence.get("calls_by_time"),
        "c": [[visible(item["callee_number"]), item["calls"]] for item in evidence.get("top_callees", [])],
        "a": calls("first_calls"),
        "z": calls("last_calls"),
        "s": [
            [
                clip(visible(item["source_file"] or "–"), NOTE_LENGTH),
                item["first_line"],
                item["last_line"],
                item["calls"],
            ]
            for item in evidence.get("sources", [])
        ],
        "f": evidence.get("source_files", 0),
        "e": [
            [
                second(event["at"])[:16],
                visible(event["event"] or ""),
                visible(event["actor"] or ""),
                clip(visible(event["note"] or ""), NOTE_LENGTH),
            ]
            for event in evidence.get("events", [])
        ],
        "k": _figures(row["rule_evidence"]),
        "v": visible(row["rule_version"] or "–"),
        "r": visible(row["run_id"] or "–"),
        "d": visible(row["disposition"] or ""),
        "n": clip(visible(row["reviewer_notes"] or ""), NOTE_LENGTH),
    }


def _figures(evidence: dict[str, Any]) -> list[list[str]]:
    """The rule's own figures, as words; rows of details are in the JSON document."""
    # How the severity came about, too: loss, probability and what they give.
    flat = {**evidence, **(evidence.get("severity") or {})}
    plain = {name: value for name, value in flat.items() if not isinstance(value, dict | list)}
    return [
        [
            visible(name.replace("_", " ")),
            clip(visible(f"{value:,}" if isinstance(value, int | float) else str(value)), NOTE_LENGTH),
        ]
        for name, value in list(plain.items())[:_SHOWN_REASONS]
    ]


def _policy(styles: str, scripts: list[str]) -> str:
    allowed = " ".join(_hash(text) for text in scripts)
    return (
        f"default-src 'none'; script-src {allowed}; style-src {_hash(styles)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def _block(value: Any) -> Any:
    """JSON that cannot end the script element that it stands in."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - escaped just above


def _asset(name: str) -> str:
    return files("sentinel_batch.reporting").joinpath("templates", name).read_text(encoding="utf-8").strip()
