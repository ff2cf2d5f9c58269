"""The report as one HTML page that needs no network and runs no code but its own."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sentinel_batch.numbers import code_of_region, prefix_of_region
from sentinel_batch.reporting.box_picture import read_styles
from sentinel_batch.reporting.compiled import find_compiled
from sentinel_batch.reporting.drill_downs import NOTE_LENGTH, pack_calls, prepare_evidence
from sentinel_batch.reporting.figures import draw_figures, draw_scores
from sentinel_batch.reporting.head import prepare_head
from sentinel_batch.reporting.marks import LABEL_ICONS, LABEL_WORDS, SEVERITY_ICONS
from sentinel_batch.reporting.recording_page import clock, prepare_drill_downs, say
from sentinel_batch.reporting.text import clip, tell, tell_number, tell_time, visible
from sentinel_batch.schema import SEVERITIES

if TYPE_CHECKING:
    from sentinel_batch.reporting.collection import Report

MESSAGE_LENGTH = 600
"""Characters of an error message that the page shows."""

_SHOWN_GAPS = 12
_SHOWN_REASONS = 12
_HEADING = re.compile(r'<h2 id="([^"]+)"([^>]*)>(.*?)</h2>')


def render_page(report: Report, document: dict[str, Any]) -> str:
    """Return the report's page.

    Every value goes through Jinja's escaping or into JSON blocks without ``<``; the script and the style sheet are
    allowed by hash only, so text that did slip through could not run.

    Parameters
    ----------
    report
        The content.
    document
        The same, as :func:`sentinel_batch.reporting.document.build_document` gives it.
    """
    styles, program = (
        read_styles() + read_asset("report.css") + read_asset("night.css") + _page_headers(document, report.timezone),
        read_asset("report.js"),
    )
    page = make_environment(report.timezone).get_template("report.html.j2")
    return page.render(
        doc=document,
        policy=write_policy(styles, [program]),
        styles=Markup(styles),  # noqa: S704 - our own files
        program=Markup(program),  # noqa: S704 - our own file
        figures=draw_figures(report),
        voice_figures=draw_scores(report),
        box_pictures=report.boxes.draw(),
        pictures=[case["picture"] for case in report.investigation.cases],
        shown_cases={case["case_id"] for case in report.investigation.cases},
        shown_boxes={box["box_id"] for box in document["boxes"]},
        alerted={alert["suspect_number"] for alert in document["alerts"]},
        groups=report.groups,
        alerts_of=Counter((kind, group[kind]) for group in report.groups.values() for kind in ("box", "case")),
        drill_downs=prepare_drill_downs(document["recordings"], report.voices.recordings),
        label_icons=LABEL_ICONS,
        label_words=LABEL_WORDS,
        evidence=_block(prepare_evidence(document["alerts"], report.timezone)),
        calls=_block(pack_calls(report.calls, report.shown["id"].to_list(), report.timezone)),
        dialling=_block(_dialling(report.region)),
        icons=SEVERITY_ICONS,
        severities=list(reversed(SEVERITIES)),
        shown_gaps=_SHOWN_GAPS,
        shown_reasons=_SHOWN_REASONS,
        **prepare_head(document),
    )


def make_environment(timezone: str) -> Environment:
    """Return the templates, with the filters that write values for people; times are in an IANA zone."""
    environment = Environment(
        loader=PackageLoader("sentinel_batch.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        bytecode_cache=find_compiled(),
    )
    environment.filters.update(
        number=tell_number,
        decimals=lambda value: "–" if value is None else f"{value:,.2f}",
        visible=lambda value: visible(value or "–"),
        clip=lambda value: clip(visible(value or ""), NOTE_LENGTH),
        clip_long=lambda value: clip(visible(value or ""), MESSAGE_LENGTH),
        tell=lambda value: tell(value or "", timezone),
        without=lambda value, subject: value.removeprefix(f"{subject} "),
        local=lambda value: tell_time(value, timezone, "%Y-%m-%d %H:%M"),
        day=lambda value: tell_time(value, timezone, "%Y-%m-%d"),
        say=say,
        clock=clock,
        span=lambda value: _span(value["since"], value["until"], timezone),
        spoken=lambda value: tell_time(value, timezone, "%a %-d %b %Y, %H:%M"),
        sections=list_sections,
    )
    return environment


def list_sections(body: str) -> list[dict[str, Any]]:
    """Return ``id`` and ``title`` of the sections of a page, for its table of contents; hidden headings are none."""
    return [
        {"id": name, "title": Markup(title)}  # noqa: S704 - cut out of what was escaped before
        for name, attributes, title in _HEADING.findall(body)
        if "quiet" not in attributes
    ]


def _span(since: str, until: str, timezone: str) -> str:
    """Two times, with the second one's day only where it differs."""
    begin, end = (tell_time(value, timezone, "%-d %b %H:%M") for value in (since, until))
    same_day = begin.rsplit(" ", 1)[0] == end.rsplit(" ", 1)[0]
    return f"{begin} – {end.rsplit(' ', 1)[1] if same_day else end}"


def _page_headers(document: dict[str, Any], timezone: str) -> str:
    """What stands above every printed page; a style sheet, so only dates and the zone's name go into it."""
    period = document["period"]
    days = "no calls" if period is None else _span(period["since"], period["until"], timezone)
    zone = re.sub(r"[^\w/+-]", "", timezone)
    return f'\n@page {{ @top-left {{ content: "Fraud alerts, {days} ({zone})"; font: 8pt sans-serif; color: #333; }} }}'


def _dialling(region: str) -> dict[str, str]:
    """How numbers are dialled at home: country code and national prefix, for a search that takes either form."""
    return {"code": code_of_region(region), "prefix": prefix_of_region(region)}


def write_policy(styles: str, scripts: list[str]) -> str:
    """Return the Content Security Policy of a page: its own styles and scripts by hash, nothing else."""
    allowed = " ".join(_hash(text) for text in scripts) or "'none'"
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


def read_asset(name: str) -> str:
    """Return a file that goes into pages as it is."""
    return files("sentinel_batch.reporting").joinpath("templates", name).read_text(encoding="utf-8").strip()
