"""Recordings as the page shows them: words for codes, times as clocks, the score over time as bars."""

from __future__ import annotations

import json
import re
from itertools import groupby
from typing import Any

import polars as pl

from sentinel_batch.reporting.recordings import BINS
from sentinel_batch.reporting.text import clip, visible

DRILL_DOWN_BYTES = 250_000
"""Drill-downs of the worst recordings fill that much of the page; the others are in the JSON document only."""

STRIP_HEIGHT = 40

WORDS = {
    "too_little_speech": "too little speech",
    "low_snr": "too much noise",
    "out_of_domain": "unlike anything the model knows",
    "invalid_recording": "the recording is damaged",
    "not_audio": "not an audio file",
    "not_opened": "could not be opened",
    "worker_lost": "the decoder crashed",
    "timed_out": "took too long",
    "out_of_memory": "too large for the memory",
    "unexpected": "a defect of the voice engine",
}
"""Codes of the voice engine in words; others are shown with spaces for underscores."""

_TEXT_LENGTH = 200
_BASE64 = re.compile(r"[A-Za-z0-9+/]+=*")


def say(code: str | None) -> str:
    """Return a code in words."""
    return visible(WORDS.get(code or "", (code or "–").replace("_", " ")))


def clock(seconds: float | None) -> str:
    """Return a time within a recording, such as ``1:02.5``."""
    if seconds is None:
        return "–"
    tenths = round(seconds * 10)
    hours, rest = divmod(tenths, 36000)
    minutes, rest = divmod(rest, 600)
    ending = f"{rest // 10:02}.{rest % 10}"
    return f"{hours}:{minutes:02}:{ending}" if hours else f"{minutes}:{ending}"


def prepare_drill_downs(section: dict[str, Any], recordings: pl.DataFrame) -> dict[str, dict[str, Any]]:
    """Return recording id to what its drill-down draws, worst first, as far as it fits on the page.

    Parameters
    ----------
    section
        ``recordings`` of the JSON document.
    recordings
        Rows of table ``recordings``, for their pictures.
    """
    pictures = dict(recordings.select("recording_id", "picture").iter_rows())
    prepared: dict[str, dict[str, Any]] = {}
    size = 0
    for item in section["items"]:
        if item["timeline"] is None:
            break
        picture = _read_picture(pictures.get(item["recording_id"]))
        drawn = {"picture": picture, "strips": [_strip(line) for line in item["timeline"]], "facts": _facts(item)}
        size += len(json.dumps(drawn)) * 2
        if size > DRILL_DOWN_BYTES:
            break
        prepared[item["recording_id"]] = drawn
    return prepared


def _read_picture(text: str | None) -> dict[str, Any] | None:
    try:
        picture = json.loads(text or "null")
    except ValueError:
        return None
    if not isinstance(picture, dict) or not _BASE64.fullmatch(str(picture.get("png"))):
        return None
    return {"png": picture["png"], "channel": int(picture["channel"]), "top": f"{picture['top_hz'] / 1000:g} kHz"}


def _strip(line: dict[str, Any]) -> dict[str, Any]:
    """Bars of equal neighbours joined; x and width in steps, y from the top."""
    bars, place = [], 0
    for score, group in groupby(line["scores"]):
        width = len(list(group))
        if score is not None:
            height = max(1.0, round(score * STRIP_HEIGHT, 1))
            band = "hot" if score >= 0.7 else "warm" if score >= 0.4 else "cool"
            bars.append(
                {"x": place, "width": width, "y": round(STRIP_HEIGHT - height, 1), "height": height, "band": band}
            )
        place += width
    known = [score for score in line["scores"] if score is not None]
    return {
        "name": _channel(line["channel"], line["role"]),
        "bars": bars,
        "top": f"{max(known, default=0):.2f}",
        "width": BINS,
        "height": STRIP_HEIGHT,
    }


def _channel(channel: int, role: str | None) -> str:
    return f"channel {channel}" + (f" ({visible(role)})" if role else "")


def _spoken_time(text: str | None) -> str:
    return "–" if text is None else f"{text[:19].replace('T', ' ')} UTC"


def _facts(item: dict[str, Any]) -> list[dict[str, Any]]:
    """The blocks of a drill-down: title and rows of two texts."""
    blocks = [
        ("What moved the score", "wide", _reasons(item)),
        ("Worst segments", "", _segments(item)),
        ("Route", "", _route(item["route"])),
        ("Quality", "", _quality(item)),
        ("Verification", "", _verification(item["verification"])),
        ("Where it comes from", "wide", _origin(item)),
    ]
    return [
        {"title": title, "width": width, "rows": [[k, clip(v, _TEXT_LENGTH)] for k, v in rows]}
        for title, width, rows in blocks
        if rows
    ]


def _segments(item: dict[str, Any]) -> list[list[str]]:
    several = (item["channels"] or 1) > 1
    return [
        [
            f"{clock(s['start'])} – {clock(s['end'])}",
            f"score {s['score']:.2f}" + (f", {_channel(s['channel'], s['role'])}" if several else ""),
        ]
        for s in item["worst_segments"]
    ]


def _reasons(item: dict[str, Any]) -> list[list[str]]:
    rows = [
        [f"{'▲ synthetic' if r['contribution'] > 0 else '▼ human'} {r['contribution']:+.2f}", visible(str(r["text"]))]
        for r in item["reasons"]
        if isinstance(r.get("contribution"), int | float)
    ]
    rows += [
        [f"✂ {clock(s['start'])} – {clock(s['end'])}", visible(f"Looks inserted: {s.get('why')}")]
        for s in item["splices"]
    ]
    rows += [["Note", visible(str(notice))] for notice in item["notices"]]
    if item["abstention"]:
        rows.insert(0, ["No label", say(item["abstention"])])
    if item["error_code"]:
        rows.insert(0, ["Failed", f"{say(item['error_code'])}: {visible(item['error_message'] or '')}"])
    return rows


def _quality(item: dict[str, Any]) -> list[list[str]]:
    known = item["quality"]
    shown = [
        ("Speech", "speech_seconds", "{:.1f} s"),
        ("Silence", "silence_share", "{:.0%}"),
        ("Signal to noise", "snr_db", "{:.0f} dB"),
        ("Level", "level_dbfs", "{:.0f} dBFS"),
        ("Clipped", "clipping_ratio", "{:.2%}"),
        ("DC offset", "dc_offset", "{:+.3f}"),
        ("Bandwidth", "bandwidth_hz", "{:,.0f} Hz"),
        ("Digital silence", "zero_run_share", "{:.1%}"),
    ]
    rows = [[name, form.format(known[key])] for name, key, form in shown if known.get(key) is not None]
    return rows + [[say(str(i.get("code"))), visible(str(i.get("message")))] for i in item["issues"]]


def _verification(found: dict[str, Any] | None) -> list[list[str]]:
    if found is None:
        return [["Voiceprint", "none to compare with"]]
    verdict = "not checked" if found["verified"] is None else "✓ verified" if found["verified"] else "✗ not verified"
    rows = [["Voiceprint", visible(found["enrollment_id"])], ["Outcome", verdict]]
    if found["confidence"] is not None:
        rows.append(["Same speaker", f"{found['confidence']:.2f} (log-likelihood ratio {_signed(found)})"])
        rows.append(["Same channel", "yes" if found["channel_match"] else "no: less certain"])
    return rows + [["Reason", visible(str(reason))] for reason in found["reasons"]]


def _signed(found: dict[str, Any]) -> str:
    ratio = found["log_likelihood_ratio"]
    return "–" if ratio is None else f"{ratio:+.1f}"


def _route(route: dict[str, Any] | None) -> list[list[str]]:
    if route is None:
        return [["Policy", "none: not routed"]]
    risk = "–" if route["composite_risk"] is None else f"{route['composite_risk']:.2f}"
    rows = [
        ["Action", visible(route["action"])],
        *_rules(route),
        ["Composite risk", risk],
        ["Policy", visible(f"{route['policy']} {route['policy_version']}")],
    ]
    if route["missing_inputs"]:
        rows.append(["Missing", visible(", ".join(map(str, route["missing_inputs"])))])
    return rows


def _rules(route: dict[str, Any]) -> list[list[str]]:
    """The rule that decided, then the others that fired."""
    fired = sorted(route["rules_fired"], key=lambda rule: bool(rule["id"] != route["decisive_rule"]))
    return [
        ["Rule" if place == 0 else "Fired too", visible(f"{rule['id']}: {rule['reason']}")]
        for place, rule in enumerate(fired)
    ]


def _origin(item: dict[str, Any]) -> list[list[str]]:
    rate = "–" if item["sampling_rate"] is None else f"{item['sampling_rate']:,} Hz, {item['channels']} ch"
    rows = [
        ["File", visible(item["path"])],
        ["SHA-256", item["sha256"] or "–"],
        ["Format", visible(f"{item['format'] or '–'} {item['codec'] or ''}, {rate}")],
        ["Model", visible(f"{item['model_version'] or '–'}, {item['channel_class'] or '–'}")],
        ["Model's SHA-256", visible(item["model_sha256"] or "–")],
        ["Session", visible(item["session_id"] or "–")],
        ["Call", visible(item["call_id"] or "–")],
        ["Call time", _spoken_time(item["call_time"])],
        ["Called", visible(item["callee_number"] or "–")],
        ["Run", visible(item["run_id"] or "–")],
    ]
    return [row for row in rows if row[1] != "–"]
